"""An invariant: a function that gives a SELECT, and whose name is the sentence that must hold."""

from collections.abc import Callable
from typing import LiteralString

Invariant = Callable[[], LiteralString]


def sentence(invariant: Invariant) -> str:
    """Return an invariant's name as it is read.

    >>> from gateway.rehearsal.invariants.promises import an_offer_ends_in_time
    >>> sentence(an_offer_ends_in_time)
    'an offer ends in time'
    """
    return invariant.__name__.replace("_", " ")
