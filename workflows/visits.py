"""Visits: which technician comes when. A window is offered only when somebody with the skills arrives within it for certain.

A technician's day is a route: it begins at his base when his hours begin, and goes from visit to visit. A visit is put
between two that are promised already, so that neither of them moves. He loads what he needs at his centre before his
hours begin, and his way home is his own.

No road map is needed: a way is the great-circle distance, made longer and driven slowly (the constants below), so that
the plan errs on the late side. Because such ways keep the triangle inequality, a visit that is cancelled never makes the
next one late.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from math import ceil
from typing import Final
from zoneinfo import ZoneInfo

from workflows.dates import (
    Dates,
    Interval,
    NoDates,
    Place,
    Visit,
    Why,
    Work,
    days_ahead,
    distance_km,
    effort_km,
    fullest,
    not_before,
    pick,
    shift_of,
)

WINDOW_H: Final = 2
_HOURS: Final = tuple((time(hour), time(hour + WINDOW_H)) for hour in range(0, 24 - WINDOW_H, WINDOW_H))
# Assumptions about ways: streets are longer than the great circle, towns are slow, and a door has to be found.
DETOUR: Final = 1.4
SPEED_KMH: Final = 30.0
ACCESS: Final = timedelta(minutes=10)
# Nobody is sent farther from his base than this.
REACH: Final = timedelta(hours=2)
_GRID: Final = timedelta(minutes=5)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stop:
    """A visit that is promised already: from setting out until it is done, when he arrives, and where."""

    during: Interval
    arrives_at: datetime
    place: Place


@dataclass(frozen=True, slots=True)
class Technician:
    """A technician: skills, where the day begins, working hours by weekday (0 is Monday), promised visits in any order."""

    technician_id: int
    skills: frozenset[str]
    base: Place
    hours: Mapping[int, tuple[time, time]]
    stops: Sequence[Stop]


@dataclass(frozen=True, slots=True)
class Crew:
    """The technicians of one centre, in its time zone, and its distance.

    From `ready_at` on all parts that they load there have come; None when they cannot be had at this centre.
    """

    centre_id: int
    time_zone: str
    technicians: Sequence[Technician]
    ready_at: datetime | None
    distance_km: float


@dataclass(frozen=True, slots=True)
class _Route:
    """One day of a technician: his hours, and what is promised within them in order of time."""

    technician: Technician
    shift: Interval
    stops: Sequence[Stop]


@dataclass(frozen=True, slots=True)
class _Plan:
    """A visit that would fit: who, when, in which window, and how long his way there is."""

    technician_id: int
    during: Interval
    arrives_at: datetime
    window: Interval

    @property
    def way(self) -> timedelta:
        return self.arrives_at - self.during.start_at


def way_between(here: Place, there: Place) -> timedelta:
    """Return how long a technician is on the way from one place to another in whole minutes, finding the door included.

    >>> way_between(Place(37.544, 127.056), Place(37.556, 126.909)) == timedelta(minutes=47)
    True
    """
    way_km = DETOUR * distance_km(here.latitude, here.longitude, there.latitude, there.longitude)
    return ACCESS + timedelta(minutes=ceil(way_km / SPEED_KMH * 60))


def find_visits(work: Work, place: Place | None, crews: Sequence[Crew], now: datetime) -> Dates | NoDates:
    """Find the windows to offer.

    Parameters
    ----------
    work : Work
        Time, skills and parts.
    place : Place or None
        Where the device is; None when nobody knows.
    crews : sequence of Crew
        Candidates; the nearest one that has the parts soon, the skills and three dates is taken.
    now : datetime
        Aware.
    """
    if place is None:
        return NoDates("no_place")
    ready = [(crew, crew.ready_at) for crew in crews if crew.ready_at is not None]
    if not ready:
        return NoDates("no_part", work.part_nos)
    able = {
        crew.centre_id: [technician for technician in crew.technicians if _can_go(technician, work, place)]
        for crew, _ in ready
    }
    if not any(able.values()):
        return NoDates("no_technician")
    return fullest(
        Dates(
            crew.centre_id,
            _options(work, place, able[crew.centre_id], ZoneInfo(crew.time_zone), not_before(ready_at, now)),
        )
        for crew, ready_at in sorted(
            ready, key=lambda pair: (effort_km(pair[0].distance_km, pair[1], now), pair[0].centre_id)
        )
        if able[crew.centre_id]
    )


def _can_go(technician: Technician, work: Work, place: Place) -> bool:
    return work.skills <= technician.skills and way_between(technician.base, place) <= REACH


def _options(
    work: Work, place: Place, technicians: Sequence[Technician], zone: ZoneInfo, first_at: datetime
) -> list[Visit]:
    days = (list(_plans(work, place, technicians, day, zone, first_at)) for day in days_ahead(first_at, zone))
    return [_visit(plan, place, why) for plan, why in pick(days, lambda plan: plan.window.start_at, zone)]


def _visit(plan: _Plan, place: Place, why: Why) -> Visit:
    return Visit(plan.technician_id, plan.during, plan.arrives_at, plan.window, place, why)


def _plans(
    work: Work, place: Place, technicians: Sequence[Technician], day: date, zone: ZoneInfo, first_at: datetime
) -> Iterator[_Plan]:
    """Each window of a day in which somebody can arrive, with whoever has the shortest way."""
    routes = [
        _route(technician, shift)
        for technician in technicians
        if (shift := shift_of(technician.hours, day, zone)) is not None
    ]
    for window in _windows(day, zone):
        if window.start_at < first_at:
            continue
        plans = [plan for route in routes if (plan := _plan(work, place, route, window)) is not None]
        if plans:
            yield min(plans, key=lambda plan: (plan.way, plan.technician_id))


def _route(technician: Technician, shift: Interval) -> _Route:
    stops = (stop for stop in technician.stops if stop.during.overlaps(shift))
    return _Route(technician, shift, sorted(stops, key=_setting_out))


def _windows(day: date, zone: ZoneInfo) -> Iterator[Interval]:
    """08-10, 10-12 and so on, as clocks in the zone show them; the last one of a day ends at ten in the evening."""
    for first, last in _HOURS:
        begins_at, ends_at = (datetime.combine(day, hour, zone).astimezone(UTC) for hour in (first, last))
        yield Interval(begins_at, ends_at)


def has_a_window(begins: time, ends: time) -> bool:
    """Whether working hours contain a whole window, without which nobody could be promised anything.

    >>> has_a_window(time(9), time(12)), has_a_window(time(9), time(11))
    (True, False)
    """
    return any(begins <= first and last <= ends for first, last in _HOURS)


def _plan(work: Work, place: Place, route: _Route, window: Interval) -> _Plan | None:
    """Put a visit into a technician's day so that he arrives as early in the window as he can; None when he cannot."""
    technician, shift = route.technician, route.shift
    if window.start_at < shift.start_at or window.end_at > shift.end_at:
        return None
    for before, after in pairwise([None, *route.stops, None]):
        if after is not None and after.during.start_at <= window.start_at:
            continue
        way = way_between(before.place if before else technician.base, place)
        free_at = max(shift.start_at, before.during.end_at) if before else shift.start_at
        arrives_at = _on_grid(max(window.start_at, free_at + way))
        done_at = arrives_at + timedelta(minutes=work.minutes)
        if arrives_at >= window.end_at or done_at > shift.end_at:
            return None
        if after is None or _reaches(done_at, place, after):
            return _Plan(technician.technician_id, Interval(arrives_at - way, done_at), arrives_at, window)
    return None


def _reaches(done_at: datetime, place: Place, after: Stop) -> bool:
    """Whether who is done here then is at the next visit when he was planned to be, and has not set out for it yet."""
    return done_at <= after.during.start_at and done_at + way_between(place, after.place) <= after.arrives_at


def _on_grid(at: datetime) -> datetime:
    """Return the next instant whose minutes can be divided by five."""
    return at + (_EPOCH - at) % _GRID


def fits(visit: Visit, stops: Sequence[Stop]) -> bool:
    """Whether a planned visit still fits into a route that may have changed since it was planned.

    Parameters
    ----------
    visit : Visit
        As it was planned.
    stops : sequence of Stop
        What is promised of the same technician by now, in any order, without the visit itself.
    """
    before = max((s for s in stops if s.during.start_at < visit.during.start_at), key=_setting_out, default=None)
    after = min((s for s in stops if s.during.start_at >= visit.during.start_at), key=_setting_out, default=None)
    here = Stop(visit.during, visit.arrives_at, visit.place)
    is_reached = before is None or _reaches(before.during.end_at, before.place, here)
    return is_reached and (after is None or _reaches(visit.during.end_at, visit.place, after))


def _setting_out(stop: Stop) -> datetime:
    return stop.during.start_at
