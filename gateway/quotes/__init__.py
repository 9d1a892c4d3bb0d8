"""Who pays what, written down and answered."""
