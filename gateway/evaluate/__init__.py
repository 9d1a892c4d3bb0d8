"""Diagnosis measured on public data: each set is one module here, found by its function `evaluate`, run by production's engine."""
