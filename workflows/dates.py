"""Dates: which part, bay and time to offer together. A date is offered only when its part will be there and its bay is free.

What can be moved is dropped off within the centre's opening hours. Three dates on different days, the soonest first,
each with the reason why it is shown; or the reason why there is none. Where somebody has to come, `workflows.visits`
finds the dates.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import asin, cos, radians, sin, sqrt
from typing import Final, Literal, TypeVar
from zoneinfo import ZoneInfo

HORIZON_DAYS: Final = 28
DATES_SHOWN: Final = 3
# A date needs a night's notice: the owner has to plan, the workshop to prepare.
NOTICE: Final = timedelta(hours=18)
# Offered dates stay held this long.
OFFER_LASTS: Final = timedelta(hours=48)
# A part that has yet to come is there the evening before: who looks in the afternoon can still turn to another source.
MARGIN: Final = timedelta(hours=16)
# A day's wait for a part is as bad as so much farther a way.
_KM_FOR_A_DAY: Final = 25.0
_GRID: Final = timedelta(minutes=30)
_NOON: Final = 12

Slot = TypeVar("Slot")
Why = Literal["soonest", "other_day", "other_time"]
NoneWhy = Literal["no_part", "no_bay", "no_time", "no_technician", "no_place"]


@dataclass(frozen=True, slots=True)
class Interval:
    """From `start_at` up to, not including, `end_at`; aware, UTC."""

    start_at: datetime
    end_at: datetime

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two share an instant."""
        return self.start_at < other.end_at and other.start_at < self.end_at


@dataclass(frozen=True, slots=True)
class Place:
    """A place on Earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Bay:
    """A bay with its skills and the times at which it is taken."""

    bay_id: int
    skills: frozenset[str]
    taken: Sequence[Interval]


@dataclass(frozen=True, slots=True)
class Centre:
    """A service centre: opening hours by weekday (0 is Monday) in its own time zone, bays, distance.

    From `ready_at` on all parts of the work are there; None when they cannot be had at this centre.
    """

    centre_id: int
    time_zone: str
    hours: Mapping[int, tuple[time, time]]
    bays: Sequence[Bay]
    ready_at: datetime | None
    distance_km: float


@dataclass(frozen=True, slots=True)
class Work:
    """What has to be done: minutes in a bay or by a technician with these skills, and these parts."""

    minutes: int
    skills: frozenset[str]
    part_nos: Sequence[str]


@dataclass(frozen=True, slots=True)
class DropOff:
    """A date at a bay, and why it is shown."""

    bay_id: int
    during: Interval
    why: Why


@dataclass(frozen=True, slots=True)
class Visit:
    """A date at the owner's: who comes, when he sets out and is done, when he arrives, and what the owner is told.

    `during` begins when he sets out from where he is before; `window` are the two hours in which he arrives.
    """

    technician_id: int
    during: Interval
    arrives_at: datetime
    window: Interval
    place: Place
    why: Why


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates of one centre, best first; the parts are there before each of them."""

    centre_id: int
    options: Sequence[DropOff | Visit]


@dataclass(frozen=True, slots=True)
class NoDates:
    """Why nothing can be offered; `missing` names the parts that no centre can have."""

    why: NoneWhy
    missing: Sequence[str] = ()


def find_dates(work: Work, centres: Sequence[Centre], now: datetime) -> Dates | NoDates:
    """Find the dates to offer.

    Parameters
    ----------
    work : Work
        Time, skills and parts.
    centres : sequence of Centre
        Candidates; the nearest one that has the parts soon, a bay with the skills and three dates is taken.
    now : datetime
        Aware.
    """
    ready = [(centre, centre.ready_at) for centre in centres if centre.ready_at is not None]
    if not ready:
        return NoDates("no_part", work.part_nos)
    skilled = [(centre, at) for centre, at in ready if any(work.skills <= bay.skills for bay in centre.bays)]
    if not skilled:
        return NoDates("no_bay")
    return fullest(
        Dates(centre.centre_id, _options(work, centre, not_before(ready_at, now)))
        for centre, ready_at in sorted(
            skilled, key=lambda pair: (effort_km(pair[0].distance_km, pair[1], now), pair[0].centre_id)
        )
    )


def not_before(ready_at: datetime, now: datetime) -> datetime:
    """Return when the first date may begin: after a night's notice, and a night after the last part has come."""
    return max(now + NOTICE, ready_at + MARGIN)


def effort_km(way_km: float, ready_at: datetime, now: datetime) -> float:
    """Return how bad a centre is, in km: its distance, and the days for which its parts keep the owner waiting.

    >>> at = datetime(2026, 3, 2)
    >>> effort_km(5.0, at, at), effort_km(5.0, at + timedelta(days=4, hours=2), at)
    (5.0, 105.0)
    """
    return way_km + _KM_FOR_A_DAY * ((not_before(ready_at, now) - now - NOTICE) / timedelta(days=1))


def fullest(found: Iterable[Dates]) -> Dates | NoDates:
    """Return the first of those with the most dates."""
    best: Dates | None = None
    for dates in found:
        if best is None or len(dates.options) > len(best.options):
            best = dates
        if len(best.options) == DATES_SHOWN:
            break
    return best if best is not None and best.options else NoDates("no_time")


def pick(
    days: Iterable[Sequence[Slot]], begins_at: Callable[[Slot], datetime], zone: ZoneInfo
) -> list[tuple[Slot, Why]]:
    """Return the soonest slot, another day's at another time of day, and another day's.

    Parameters
    ----------
    days : iterable of sequence of Slot
        The slots of each day in order; days without a slot may be among them.
    begins_at : callable
        When a slot begins, for the owner.
    zone : ZoneInfo
        In which morning and afternoon are told apart.
    """
    chosen: list[tuple[Slot, Why]] = []
    for slots in days:
        if not slots:
            continue
        if not chosen:
            chosen.append((slots[0], "soonest"))
        elif len(chosen) == 1:
            is_early = begins_at(chosen[0][0]).astimezone(zone).hour < _NOON
            other_half = [slot for slot in slots if (begins_at(slot).astimezone(zone).hour < _NOON) != is_early]
            chosen.append((other_half[0], "other_time") if other_half else (slots[0], "other_day"))
        else:
            chosen.append((slots[0], "other_day"))
        if len(chosen) == DATES_SHOWN:
            break
    return chosen


def days_ahead(first_at: datetime, zone: ZoneInfo) -> Iterator[date]:
    """Return the days in which dates are looked for, the first one's first, as they are called in a time zone."""
    first = first_at.astimezone(zone).date()
    return (first + timedelta(days=ahead) for ahead in range(HORIZON_DAYS))


def shift_of(hours: Mapping[int, tuple[time, time]], day: date, zone: ZoneInfo) -> Interval | None:
    """Return from when to when it is open, or worked, on a day; None on a day off."""
    if (local := hours.get(day.weekday())) is None:
        return None
    begins_at, ends_at = (datetime.combine(day, hour, zone).astimezone(ZoneInfo("UTC")) for hour in local)
    return Interval(begins_at, ends_at)


def _options(work: Work, centre: Centre, first_at: datetime) -> list[DropOff]:
    zone = ZoneInfo(centre.time_zone)
    days = (list(_slots(work, centre, day, first_at)) for day in days_ahead(first_at, zone))
    return [DropOff(bay_id, during, why) for (bay_id, during), why in pick(days, lambda slot: slot[1].start_at, zone)]


def _slots(work: Work, centre: Centre, day: date, first_at: datetime) -> Iterator[tuple[int, Interval]]:
    """Free slots of a day in order of time, on the half hour, with the first bay that is free."""
    opening = shift_of(centre.hours, day, ZoneInfo(centre.time_zone))
    if opening is None:
        return
    length = timedelta(minutes=work.minutes)
    start = opening.start_at
    while start + length <= opening.end_at:
        slot = Interval(start, start + length)
        if start >= first_at:
            for bay in centre.bays:
                if work.skills <= bay.skills and not any(slot.overlaps(taken) for taken in bay.taken):
                    yield bay.bay_id, slot
                    break
        start += _GRID


def distance_km(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Great-circle distance between two places in degrees, in km (haversine, mean Earth radius 6371 km).

    >>> round(distance_km(37.5665, 126.9780, 35.1796, 129.0756))
    325
    """
    phi_a, phi_b = radians(latitude_a), radians(latitude_b)
    half = sin((phi_b - phi_a) / 2) ** 2 + cos(phi_a) * cos(phi_b) * sin(radians(longitude_b - longitude_a) / 2) ** 2
    return 2 * 6371.0 * asin(sqrt(half))
