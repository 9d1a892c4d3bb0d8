"""Visits: which technician comes when. A window is offered only when somebody with the skills arrives within it for certain.

A technician's day is a route: it begins at his base when his hours begin, and goes from visit to visit. A visit is put
between two that are promised already, so that neither of them moves; `workflows.insertion` finds where. He loads what he
needs at his centre before his hours begin, and his way home is his own.

Because ways (`workflows.ways`) keep the triangle inequality, a visit that is cancelled never makes the next one late.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from workflows.dates import (
    ANY_DATE,
    HORIZON_DAYS,
    Dates,
    Exceptions,
    Interval,
    NoDates,
    Place,
    Visit,
    Why,
    Wish,
    Work,
    days_ahead,
    effort_km,
    fullest,
    not_before,
    pick,
)
from workflows.insertion import Plan, Stop, Technician, best_plans, reachable
from workflows.ways import way_between

__all__ = ["Crew", "Stop", "Technician", "find_replacement", "find_visits", "fits", "has_a_window", "way_between"]

WINDOW_H: Final = 2
_HOURS: Final = tuple((time(hour), time(hour + WINDOW_H)) for hour in range(0, 24 - WINDOW_H, WINDOW_H))
# Days are looked at so many at once: most find their dates among the first ones.
_DAYS_AT_ONCE: Final = 14


@dataclass(frozen=True, slots=True)
class Crew:
    """The technicians of one centre, in its time zone, and its distance.

    From `ready_at` on all parts that they load there have come; None when they cannot be had at this centre.
    `exceptions` are the days on which the centre is closed, or keeps other hours than its people usually work.
    """

    centre_id: int
    time_zone: str
    technicians: Sequence[Technician]
    ready_at: datetime | None
    distance_km: float
    exceptions: Exceptions = field(default_factory=dict[date, tuple[time, time] | None])


def find_visits(
    work: Work, place: Place | None, crews: Sequence[Crew], now: datetime, wish: Wish = ANY_DATE
) -> Dates | NoDates:
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
    wish : Wish
        What the owner asked for.
    """
    if place is None:
        return NoDates("no_place")
    ready = [(crew, crew.ready_at) for crew in crews if crew.ready_at is not None]
    if not ready:
        return NoDates("no_part", work.part_nos)
    able = {crew.centre_id: _able(crew, work, place) for crew, _ in ready}
    if not any(able.values()):
        return NoDates("no_technician")
    return fullest(
        Dates(crew.centre_id, _options(work, place, crew, able[crew.centre_id], not_before(ready_at, now), wish))
        for crew, ready_at in sorted(
            ready, key=lambda pair: (effort_km(pair[0].distance_km, pair[1], now), pair[0].centre_id)
        )
        if able[crew.centre_id]
    )


def find_replacement(work: Work, place: Place, crew: Crew, window: Interval, now: datetime) -> Visit | None:
    """Find who else of a centre can come within a window that is promised already; None when nobody can.

    The window may be near, or have begun: nobody sets out before he is asked to.

    Parameters
    ----------
    work : Work
        Time and skills; the parts are reserved.
    place : Place
        Where the visit is.
    crew : Crew
        The centre's technicians, without the visit that is to be replaced.
    window : Interval
        What the owner was promised.
    now : datetime
        Aware.
    """
    zone = ZoneInfo(crew.time_zone)
    day = window.start_at.astimezone(zone).date()
    people = [_from_now_on(person, now) for person in _able(crew, work, place)]
    ((*plans,),) = best_plans(work, place, people, [(day, [window])], crew.exceptions, zone) if people else ((),)
    return _visit(plans[0], place, "soonest") if plans and plans[0].during.start_at >= now else None


def _from_now_on(person: Technician, now: datetime) -> Technician:
    """Return somebody to whom the time up to now is gone: he is at his base, unless a visit of his is under way."""
    gone = Interval(now - timedelta(days=1), now)
    return replace(person, stops=[Stop(gone, gone.start_at, person.base), *person.stops])


def _able(crew: Crew, work: Work, place: Place) -> list[Technician]:
    """Those of a crew who have the skills and are near enough."""
    return reachable([person for person in crew.technicians if work.skills <= person.skills], place)


def _options(
    work: Work, place: Place, crew: Crew, people: Sequence[Technician], first_at: datetime, wish: Wish
) -> list[Visit]:
    zone = ZoneInfo(crew.time_zone)
    days = _plans(work, place, crew, people, zone, first_at, wish)
    chosen = pick(days, lambda plan: plan.window.start_at, zone, lambda plan: plan.added_min)
    return [_visit(plan, place, why) for plan, why in chosen]


def _visit(plan: Plan, place: Place, why: Why) -> Visit:
    return Visit(plan.technician_id, plan.during, plan.arrives_at, plan.window, place, why)


def _plans(
    work: Work, place: Place, crew: Crew, people: Sequence[Technician], zone: ZoneInfo, first_at: datetime, wish: Wish
) -> Iterator[Sequence[Plan]]:
    """The plans of each day that is far enough ahead and is wished for."""
    days = list(days_ahead(first_at, zone))
    for first in range(0, HORIZON_DAYS, _DAYS_AT_ONCE):
        some = [(day, list(_windows(day, zone))) for day in days[first : first + _DAYS_AT_ONCE]]
        for plans in best_plans(work, place, people, some, crew.exceptions, zone):
            yield [
                plan
                for plan in plans
                if plan.window.start_at >= first_at and wish.is_met_by(plan.window.start_at, zone)
            ]


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


def _reaches(done_at: datetime, place: Place, after: Stop) -> bool:
    """Whether who is done here then is at the next visit when he was planned to be, and has not set out for it yet."""
    return done_at <= after.during.start_at and done_at + way_between(place, after.place) <= after.arrives_at


def _setting_out(stop: Stop) -> datetime:
    return stop.during.start_at
