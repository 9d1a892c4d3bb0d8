"""Storage: migrations, connections by role, and typed queries, one module per noun."""
