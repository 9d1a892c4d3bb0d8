"""Recorded data, published as if its devices were alive."""
