"""What is done to the desk: one module each, found by its name. It has `TIMES` and `run(asked)`, which gives its ledgers."""
