"""A diagnosis as it was stored: ranked hypotheses with what speaks for and against each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class Evidence:
    """One symptom that speaks for a hypothesis.

    `element` counts from 1 and is 0 where the monitor watches the whole; `value` and `threshold` are in `unit`.
    """

    title: str
    symptom_id: int | None = None
    monitor: str = ""
    element: int = 0
    element_name: str = ""
    since_at: datetime | None = None
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    text_value: str | None = None


@dataclass(frozen=True, slots=True)
class CounterEvidence:
    """One thing that speaks against a hypothesis: a symptom that is `missing`, or one that it leaves `unexplained`."""

    title: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One fault that the symptoms may come from; `probability` is 0 to 1."""

    fault: str
    title: str
    probability: float
    evidence_for: tuple[Evidence, ...] = ()
    evidence_against: tuple[CounterEvidence, ...] = ()


_HYPOTHESES: Final = TypeAdapter(tuple[Hypothesis, ...])


def hypotheses_of(stored: object) -> tuple[Hypothesis, ...]:
    """Read the stored JSON of a diagnosis, best hypothesis first.

    Raises
    ------
    pydantic.ValidationError
        The row does not hold what a diagnosis holds.
    """
    return _HYPOTHESES.validate_python(stored)
