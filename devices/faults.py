"""Fault codes and their remedies: what can be wrong with a product, and what makes it well.

A fault is a state (IEC 60050-192); the event that begins it is a failure. Knows nothing of any one product.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Perceived severity after ITU-T X.733."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class FaultCode:
    """One fault that a product type can have.

    Parameters
    ----------
    code, title, owner_text : str
        Stable name; what a planner reads; what an owner reads (both gettext message ids).
    component : str
        The part of the product that has it; there is one open request per device and component.
    severity : Severity
        How bad it is when nothing is done.
    is_safety : bool
        A named human decides at once, and the owner is told at once.
    may_run_on : bool
        Whether the product may be used until the date.
    prior : float
        Share of this fault among the component's faults before any evidence, 0 to 1.
    shows : mapping of str to float
        Probability that the fault shows each symptom, by monitor name. A monitor that is not named speaks against it
        when it fires.
    """

    code: str
    title: str
    owner_text: str
    component: str
    severity: Severity
    is_safety: bool
    may_run_on: bool
    prior: float
    shows: Mapping[str, float]


class Fulfilment(StrEnum):
    """Where a remedy is done."""

    DROP_OFF = "drop_off"  # the owner brings the product to a service centre
    VISIT = "visit"  # a technician comes to the premises


@dataclass(frozen=True, slots=True)
class Remedy:
    """What makes a fault well: parts by number, skills that the bay or the technician must have, minutes of work.

    `fulfilment` says where it is done; it is None only where a fault has no automatic remedy. `why_none` says why there
    is none; then the request is a human's case.
    """

    fault: str
    title: str
    part_nos: tuple[str, ...] = ()
    skills: frozenset[str] = frozenset()
    minutes: int = 0
    why_none: str = ""
    fulfilment: Fulfilment | None = None
