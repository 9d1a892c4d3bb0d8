"""Trust tests: a whole desk of real processes that is killed on purpose, and a ledger of what became of each reading.

``python -m tests.trust SCENARIO`` runs one, ``python -m tests.trust all`` all of them. The short versions are among the
tests; what they share is here: the desk, the street that sends, the strikes, and the ledger.
"""
