"""Dates: which part, bay and time to offer together. A date is offered only when its part will be there and its bay is free.

What can be moved is dropped off within the centre's opening hours. Three dates on different days, the soonest first,
each with the reason why it is shown; or the reason why there is none. Where somebody has to come, `workflows.visits`
finds the dates.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
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
# So many days after the soonest are compared; to come a day later is worth so many minutes less of driving.
_DAYS_COMPARED: Final = 5
_DAY_IS_WORTH_MIN: Final = 15

Slot = TypeVar("Slot")
Why = Literal["soonest", "other_day", "other_time", "on_the_way"]
Half = Literal["any", "morning", "afternoon"]
# Days on which other hours hold than on their weekday; None: closed.
Exceptions = Mapping[date, tuple[time, time] | None]
NoneWhy = Literal["no_part", "unknown_part", "no_bay", "no_time", "no_technician", "no_place"]


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

    From `ready_at` on all parts of the work are there; None when they cannot be had at this centre. `exceptions` are the
    days on which it is closed, or opens at other hours.
    """

    centre_id: int
    time_zone: str
    hours: Mapping[int, tuple[time, time]]
    bays: Sequence[Bay]
    ready_at: datetime | None
    distance_km: float
    exceptions: Exceptions = field(default_factory=dict[date, tuple[time, time] | None])


@dataclass(frozen=True, slots=True)
class Work:
    """What has to be done: minutes in a bay or by a technician with these skills, and these parts."""

    minutes: int
    skills: frozenset[str]
    part_nos: Sequence[str]


@dataclass(frozen=True, slots=True)
class Wish:
    """What an owner asked for: not before a day, before an instant, on one weekday (0 is Monday), in one half of the day.

    `shown` are the beginnings of dates that he has seen already.
    """

    not_before: date | None = None
    before: datetime | None = None
    weekday: int | None = None
    half: Half = "any"
    shown: frozenset[datetime] = frozenset()

    def is_met_by(self, begins_at: datetime, zone: ZoneInfo) -> bool:
        """Whether a date that begins then is what was asked for, as days and hours are called in the zone."""
        local = begins_at.astimezone(zone)
        is_morning = local.hour < _NOON
        return (
            begins_at not in self.shown
            and (self.not_before is None or local.date() >= self.not_before)
            and (self.before is None or begins_at < self.before)
            and self.weekday in {None, local.weekday()}
            and (self.half == "any" or (self.half == "morning") == is_morning)
        )


ANY_DATE: Final = Wish()


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


def find_dates(work: Work, centres: Sequence[Centre], now: datetime, wish: Wish = ANY_DATE) -> Dates | NoDates:
    """Find the dates to offer.

    Parameters
    ----------
    work : Work
        Time, skills and parts.
    centres : sequence of Centre
        Candidates; the nearest one that has the parts soon, a bay with the skills and three dates is taken.
    now : datetime
        Aware.
    wish : Wish
        What the owner asked for.
    """
    ready = [(centre, centre.ready_at) for centre in centres if centre.ready_at is not None]
    if not ready:
        return NoDates("no_part", work.part_nos)
    skilled = [(centre, at) for centre, at in ready if any(work.skills <= bay.skills for bay in centre.bays)]
    if not skilled:
        return NoDates("no_bay")
    return fullest(
        Dates(centre.centre_id, _options(work, centre, not_before(ready_at, now), wish))
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
    days: Iterable[Sequence[Slot]],
    begins_at: Callable[[Slot], datetime],
    zone: ZoneInfo,
    cost_min: Callable[[Slot], int] = lambda _: 0,
) -> list[tuple[Slot, Why]]:
    """Return the soonest slot, one at another time of day, and one of another day: the latter two where they cost least.

    Parameters
    ----------
    days : iterable of sequence of Slot
        The slots of each day in order; days without a slot may be among them.
    begins_at : callable
        When a slot begins, for the owner.
    zone : ZoneInfo
        In which morning and afternoon are told apart.
    cost_min : callable
        How many minutes of driving a slot adds.
    """
    filled = (slots for slots in days if slots)
    if (first := next(filled, None)) is None:
        return []
    soonest = first[0]
    is_early = begins_at(soonest).astimezone(zone).hour < _NOON
    following = [slots for slots, _ in zip(filled, range(_DAYS_COMPARED), strict=False)]

    def best(slots: Sequence[Slot]) -> Slot:
        return min(slots, key=cost_min)

    def take(candidates: Sequence[tuple[Slot, Why]]) -> tuple[Slot, Why]:
        """Take the cheapest of the days that are left, and say that it was taken for its way if it is not the next one."""
        number = min(range(len(candidates)), key=lambda n: cost_min(candidates[n][0]) + n * _DAY_IS_WORTH_MIN)
        slot, why = candidates[number]
        del following[number]
        return slot, "on_the_way" if number else why

    chosen: list[tuple[Slot, Why]] = [(soonest, "soonest")]
    if following:
        halves = [[s for s in slots if (begins_at(s).astimezone(zone).hour < _NOON) != is_early] for slots in following]
        chosen.append(
            take(
                [
                    (best(half), "other_time") if half else (best(slots), "other_day")
                    for half, slots in zip(halves, following, strict=True)
                ]
            )
        )
    if following:
        chosen.append(take([(best(slots), "other_day") for slots in following]))
    return chosen


def days_ahead(first_at: datetime, zone: ZoneInfo) -> Iterator[date]:
    """Return the days in which dates are looked for, the first one's first, as they are called in a time zone."""
    first = first_at.astimezone(zone).date()
    return (first + timedelta(days=ahead) for ahead in range(HORIZON_DAYS))


def opening_of(
    hours: Mapping[int, tuple[time, time]], exceptions: Exceptions, day: date, zone: ZoneInfo
) -> Interval | None:
    """Return from when to when it is open on a day, by its exceptions first; None when it is closed."""
    local = exceptions[day] if day in exceptions else hours.get(day.weekday())
    if local is None:
        return None
    begins_at, ends_at = (datetime.combine(day, hour, zone).astimezone(UTC) for hour in local)
    return Interval(begins_at, ends_at)


def _options(work: Work, centre: Centre, first_at: datetime, wish: Wish) -> list[DropOff]:
    zone = ZoneInfo(centre.time_zone)
    days = (
        [slot for slot in _slots(work, centre, day, first_at) if wish.is_met_by(slot[1].start_at, zone)]
        for day in days_ahead(first_at, zone)
    )
    return [DropOff(bay_id, during, why) for (bay_id, during), why in pick(days, lambda slot: slot[1].start_at, zone)]


def _slots(work: Work, centre: Centre, day: date, first_at: datetime) -> Iterator[tuple[int, Interval]]:
    """Free slots of a day in order of time, on the half hour, with the first bay that is free."""
    opening = opening_of(centre.hours, centre.exceptions, day, ZoneInfo(centre.time_zone))
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
