"""The doctor: looks a setup over, and says of each point whether it is well, what was found, and the next move."""
