"""Fitting: whether a promised time suffices for what has to be done by now; pure.

It knows the place, the skills and the minutes. Whether the part is there, and whether the way between two visits is long
enough, the database and `workflows.visits` see to.
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from devices.faults import Fulfilment, Remedy


class Misfit(StrEnum):
    """Why a promised time does not suffice."""

    PLACE = "place"  # somebody would come, and it has to be brought, or the other way round
    SKILLS = "skills"  # the bay or the technician cannot do it
    MINUTES = "minutes"  # the work takes longer


@dataclass(frozen=True, slots=True)
class Promised:
    """What a promised time is good for: a visit or a bay, with these skills, for so long."""

    is_visit: bool
    skills: Set[str]
    lasts: timedelta


def misfit(remedy: Remedy | None, promised: Promised) -> Misfit | None:
    """Return why a promised time does not suffice for a remedy; None when it does, or when nobody knows what has to be done.

    >>> worn = Remedy("brake_pads_worn", "", skills=frozenset({"hoist"}), minutes=90, fulfilment=Fulfilment.DROP_OFF)
    >>> misfit(worn, Promised(False, {"hoist"}, timedelta(minutes=120))) is None
    True
    >>> misfit(worn, Promised(False, {"hoist"}, timedelta(minutes=45)))
    <Misfit.MINUTES: 'minutes'>
    """
    if remedy is None or remedy.fulfilment is None:
        return None
    if (remedy.fulfilment is Fulfilment.VISIT) != promised.is_visit:
        return Misfit.PLACE
    if not remedy.skills <= promised.skills:
        return Misfit.SKILLS
    return Misfit.MINUTES if promised.lasts < timedelta(minutes=remedy.minutes) else None
