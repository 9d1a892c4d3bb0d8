"""A tenant's set-up from its file."""
