"""Dates: which part, bay and time to offer together. A date is offered only when its part is there and its bay is free.

Vehicles are dropped off within the centre's opening hours. Three dates on different days, the soonest first, each with
the reason why it is shown; or the reason why there is none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import asin, cos, radians, sin, sqrt
from typing import Final, Literal
from zoneinfo import ZoneInfo

HORIZON_DAYS: Final = 28
DATES_SHOWN: Final = 3
# A date needs a night's notice: the owner has to plan, the workshop to prepare.
NOTICE: Final = timedelta(hours=18)
# Offered dates stay held this long.
OFFER_LASTS: Final = timedelta(hours=48)
_GRID: Final = timedelta(minutes=30)

Why = Literal["soonest", "other_day", "other_time"]
NoneWhy = Literal["no_part", "no_bay", "no_time"]


@dataclass(frozen=True, slots=True)
class Interval:
    """From `start_at` up to, not including, `end_at`; aware, UTC."""

    start_at: datetime
    end_at: datetime

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two share an instant."""
        return self.start_at < other.end_at and other.start_at < self.end_at


@dataclass(frozen=True, slots=True)
class Bay:
    """A bay with its skills and the times at which it is taken."""

    bay_id: int
    skills: frozenset[str]
    taken: Sequence[Interval]


@dataclass(frozen=True, slots=True)
class Centre:
    """A service centre: opening hours by weekday (0 is Monday) in its own time zone, bays, free stock, distance."""

    centre_id: int
    time_zone: str
    hours: Mapping[int, tuple[time, time]]
    bays: Sequence[Bay]
    free_parts: Mapping[str, int]
    distance_km: float


@dataclass(frozen=True, slots=True)
class Work:
    """What has to be done: minutes in a bay with these skills, and these parts."""

    minutes: int
    skills: frozenset[str]
    part_nos: Sequence[str]


@dataclass(frozen=True, slots=True)
class DateOption:
    """One date to offer: bay and time, and why it is shown."""

    bay_id: int
    during: Interval
    why: Why


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates at one centre, best first; the parts are in its stock now."""

    centre_id: int
    options: Sequence[DateOption]


@dataclass(frozen=True, slots=True)
class NoDates:
    """Why nothing can be offered; `missing` names the parts that no centre has."""

    why: NoneWhy
    missing: Sequence[str] = ()


def find_dates(work: Work, centres: Sequence[Centre], now: datetime) -> Dates | NoDates:
    """Find the dates to offer.

    Parameters
    ----------
    work : Work
        Time, skills and parts.
    centres : sequence of Centre
        Candidates; the nearest one that has the parts, a bay with the skills and three dates is taken.
    now : datetime
        Aware.
    """
    stocked = [centre for centre in centres if all(centre.free_parts.get(part, 0) > 0 for part in work.part_nos)]
    if not stocked:
        missing = [part for part in work.part_nos if all(centre.free_parts.get(part, 0) < 1 for centre in centres)]
        return NoDates("no_part", missing or list(work.part_nos))
    skilled = [centre for centre in stocked if any(work.skills <= bay.skills for bay in centre.bays)]
    if not skilled:
        return NoDates("no_bay")
    found = [
        Dates(centre.centre_id, _options(work, centre, now))
        for centre in sorted(skilled, key=lambda centre: (centre.distance_km, centre.centre_id))
    ]
    full = max(found, key=lambda dates: len(dates.options))
    return full if full.options else NoDates("no_time")


def _options(work: Work, centre: Centre, now: datetime) -> list[DateOption]:
    """Return the soonest slot, another day's at another time of day, and another day's."""
    chosen: list[DateOption] = []
    for day in _days(centre, now):
        slots = list(_slots(work, centre, day, now + NOTICE))
        if not slots:
            continue
        if not chosen:
            chosen.append(DateOption(*slots[0], "soonest"))
        elif len(chosen) == 1:
            zone = ZoneInfo(centre.time_zone)
            first_hour = chosen[0].during.start_at.astimezone(zone).hour
            other_half = [slot for slot in slots if (slot[1].start_at.astimezone(zone).hour < 12) != (first_hour < 12)]
            chosen.append(
                DateOption(*other_half[0], "other_time") if other_half else DateOption(*slots[0], "other_day")
            )
        else:
            chosen.append(DateOption(*slots[0], "other_day"))
        if len(chosen) == DATES_SHOWN:
            break
    return chosen


def _days(centre: Centre, now: datetime) -> Iterator[date]:
    today = now.astimezone(ZoneInfo(centre.time_zone)).date()
    return (today + timedelta(days=ahead) for ahead in range(HORIZON_DAYS))


def _slots(work: Work, centre: Centre, day: date, not_before: datetime) -> Iterator[tuple[int, Interval]]:
    """Free slots of a day in order of time, on the half hour, with the first bay that is free."""
    hours = centre.hours.get(day.weekday())
    if hours is None:
        return
    zone = ZoneInfo(centre.time_zone)
    opens, closes = (datetime.combine(day, hour, zone).astimezone(ZoneInfo("UTC")) for hour in hours)
    length = timedelta(minutes=work.minutes)
    start = opens
    while start + length <= closes:
        slot = Interval(start, start + length)
        if start >= not_before:
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
