"""Reliability: how far a product's diagnoses are to be believed, as rows that a command makes and a receipt cites.

They hold for cases like those that they were made from, and promise nothing about others. A product of which no cases
are known has none: its probabilities stand as its tables give them.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases whose leading fault was said with about the same probability: how many, what was said, and what was so."""

    cases: int
    said: float
    was: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """What was learned from cases whose fault is known.

    Parameters
    ----------
    version : str
        Names these rows.
    made_of : str
        Which cases they are, in words.
    temperature : float
        Log-odds are divided by it: over one where the tables are too sure of themselves.
    coverage : float
        Share of cases whose label set shall hold the true fault.
    scores : tuple of float
        Nonconformity of the calibrated cases in rising order; none where no cases are known.
    held_out : float
        Share of cases kept apart whose label set did hold it.
    table : tuple of Bin
        Of the cases kept apart, by what was said.
    """

    version: str = "none"
    made_of: str = ""
    temperature: float = 1.0
    coverage: float = 0.9
    scores: tuple[float, ...] = ()
    held_out: float = 0.0
    table: tuple[Bin, ...] = ()


def repeated(counted: Sequence[tuple[float, int]]) -> tuple[float, ...]:
    """Return scores one by one that are written with how often each comes.

    >>> repeated([(0.1, 2), (0.3, 1)])
    (0.1, 0.1, 0.3)
    """
    return tuple(score for score, count in counted for _ in range(count))
