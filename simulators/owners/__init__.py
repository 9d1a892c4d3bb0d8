"""Owners who read their mail and tap a date: early, late, twice, or never. They know mail and web pages, nothing else."""
