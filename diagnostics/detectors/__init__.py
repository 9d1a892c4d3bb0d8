"""Detectors: one file each, vectorised over devices; they say where a feature is wrong, well, or unknown."""
