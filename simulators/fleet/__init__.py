"""A fleet of simulated vehicles, each with its own connection, reporting to a real broker."""
