"""Tests of the evaluation on public data."""
