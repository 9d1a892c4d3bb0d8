"""What can go wrong on the street: one tree of errors, each said in one readable paragraph."""


class SimulatorError(Exception):
    """A simulator cannot do what it was asked to; the message says what, which value, where, and the next move."""
