"""Invariants: what must hold after every event, each a function whose name says it.

Each returns a SELECT of one text column: one row, in words, for each place where it does not hold. `%(now)s` is the
virtual time, `%(patience)s` what a clock may be late by, and `%(looked_before)s` the first transaction whose rows the
last look may not have seen. They know the tables, and nothing of the code that fills them.
"""
