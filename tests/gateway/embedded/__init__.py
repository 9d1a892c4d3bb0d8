"""Tests of the embedded parts, against the real programs."""
