"""Dates offered, moved, missed, displaced and done."""
