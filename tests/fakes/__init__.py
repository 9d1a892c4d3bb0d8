"""Adapters that stand in for what a test cannot have."""
