"""Workflows: what follows from a diagnosis, and what may happen to a request. Pure: values in, values out."""
