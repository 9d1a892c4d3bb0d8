"""Replanning: the promised visits of a centre's day as a problem, and what a better plan of it would change.

What owners were told stays: each visit keeps its window, its centre and the skills that it needs. What may change is who
comes, in which order, and when within the window. A plan is worth a change only when everything that is promised now is
promised afterwards, and people drive markedly less, or somebody is visited whom nobody could visit before.

Arrivals lie on a grid of five minutes, as offered ones do: a way is made as long as it takes until the next instant of
the grid, so that what the solver reckons with is what is written down.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workflows.dates import Interval, Place, distance_km
from workflows.routing import Call, Plan, Problem, Shift, Travel, can_be_kept, length_of, plan_of, timetable
from workflows.ways import DETOUR, ways_min

_GRID_S: Final = 300
# Less than this is not worth that people learn a new route: so many metres, and so much of the day's driving.
LEAST_SAVED_M: Final = 2_000
LEAST_SAVED_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Promised:
    """A visit that an owner has been told of, or may still choose: who was to come when, and what he needs for it.

    `during` lasts from setting out until the work is done; `window` is what the owner was told.
    """

    booking_id: int
    request_id: int
    device_id: int
    technician_id: int
    during: Interval
    arrives_at: datetime
    window: Interval
    place: Place
    skills: frozenset[str]


@dataclass(frozen=True, slots=True)
class Person:
    """A technician who works on that day: where and when his day begins, until when, and what he can do."""

    technician_id: int
    base: Place
    shift: Interval
    skills: frozenset[str]


@dataclass(frozen=True, slots=True)
class Move:
    """A visit with its new technician and times."""

    promised: Promised
    technician_id: int
    during: Interval
    arrives_at: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """A day as a problem, with the plan that stands: visits that nobody of the people there can keep are left out of it."""

    problem: Problem
    standing: Plan
    visits: Sequence[Promised]
    people: Sequence[Person]


@dataclass(frozen=True, slots=True)
class Gain:
    """What a new plan comes to beside the standing one: metres driven, and visits that get somebody to make them."""

    before_m: int
    after_m: int
    rescued: int

    @property
    def is_worth_it(self) -> bool:
        """Whether the change is worth it."""
        saved_m = self.before_m - self.after_m
        return self.rescued > 0 or saved_m >= max(LEAST_SAVED_M, LEAST_SAVED_SHARE * self.before_m)


Measure = Callable[[Sequence[Place]], tuple[NDArray[np.int64], NDArray[np.int64]]]


def great_circle(places: Sequence[Place]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return metres and seconds between places, `[from, to]`, by the ways that dates are offered with."""
    latitudes = np.array([place.latitude for place in places], dtype=np.float64)
    longitudes = np.array([place.longitude for place in places], dtype=np.float64)
    here, there = (index.ravel() for index in np.indices((len(places), len(places))))
    minutes = ways_min(latitudes[here], longitudes[here], latitudes[there], longitudes[there])
    metres = [
        [round(1000 * DETOUR * distance_km(a.latitude, a.longitude, b.latitude, b.longitude)) for b in places]
        for a in places
    ]
    shape = (len(places), len(places))
    return np.array(metres, dtype=np.int64).reshape(shape), (minutes * 60).reshape(shape)


def day_of(
    visits: Sequence[Promised], people: Sequence[Person], not_before: datetime, measure: Measure = great_circle
) -> Day:
    """Return a day as a problem.

    Parameters
    ----------
    visits : sequence of Promised
        All that is promised of these people on that day, and what was promised of others who are not there.
    people : sequence of Person
        Those who may be planned anew.
    not_before : datetime
        Nobody is sent before.
    measure : callable
        Ways between places.
    """
    metres, seconds = measure([*(visit.place for visit in visits), *(person.base for person in people)])
    lasts = [_seconds(visit.during.end_at) - _seconds(visit.arrives_at) for visit in visits] + [0] * len(people)
    after = np.array(lasts, dtype=np.int64)[:, None]
    durations = -(-(after + seconds) // _GRID_S) * _GRID_S - after
    # From a point to itself there is no way; two visits in one house are two points.
    np.fill_diagonal(durations, 0)
    problem = Problem(
        [
            Call(
                visit.booking_id,
                position,
                _up(_seconds(visit.window.start_at)),
                _seconds(visit.window.end_at) - 1,
                lasts[position],
                visit.skills,
                is_promised=True,
            )
            for position, visit in enumerate(visits)
        ],
        [
            Shift(
                person.technician_id,
                len(visits) + position,
                _up(_seconds(person.shift.start_at)),
                _seconds(person.shift.end_at),
                person.skills,
            )
            for position, person in enumerate(people)
        ],
        Travel(metres, durations),
        _up(_seconds(not_before)),
    )
    return Day(problem, _standing(problem, visits), visits, people)


def _standing(problem: Problem, visits: Sequence[Promised]) -> Plan:
    """Return the plan as it stands, without the visits of people who are not there; a day that cannot be kept is empty."""
    known = {shift.technician_id for shift in problem.shifts}
    routes: dict[int, list[int]] = {}
    for visit in sorted(visits, key=lambda visit: visit.arrives_at):
        if visit.technician_id in known:
            routes.setdefault(visit.technician_id, []).append(visit.booking_id)
    plan = plan_of(problem, routes)
    return Plan(
        tuple(
            route if can_be_kept(problem, shift, route) else ()
            for shift, route in zip(problem.shifts, plan.routes, strict=True)
        )
    )


def gain_of(day: Day, plan: Plan) -> Gain | None:
    """Return what a plan that was checked would gain; None when it leaves somebody out who is visited now."""
    if not day.standing.planned <= plan.planned:
        return None
    return Gain(
        length_of(day.problem, day.standing),
        length_of(day.problem, plan),
        len(plan.planned) - len(day.standing.planned),
    )


def moves_of(day: Day, plan: Plan) -> list[Move]:
    """Return the visits that a plan changes, with their new technicians and times."""
    found: list[Move] = []
    for shift, route in zip(day.problem.shifts, plan.routes, strict=True):
        arrivals = timetable(day.problem, shift, route).arrives
        points = [shift.base, *(day.problem.calls[call].point for call in route)]
        for call, before, arrives_s in zip(route, points, arrivals, strict=False):
            visit, at = day.visits[call], datetime.fromtimestamp(arrives_s, UTC)
            place = day.people[before - len(day.visits)].base if before >= len(day.visits) else day.visits[before].place
            move = Move(visit, shift.technician_id, Interval(at - _way(place, visit.place), at + _work(visit)), at)
            if (move.technician_id, move.during, move.arrives_at) != (
                visit.technician_id,
                visit.during,
                visit.arrives_at,
            ):
                found.append(move)
    return found


def _way(here: Place, there: Place) -> timedelta:
    _, seconds = great_circle([here, there])
    return timedelta(seconds=int(seconds[0, 1]))


def _work(visit: Promised) -> timedelta:
    return visit.during.end_at - visit.arrives_at


def _seconds(at: datetime) -> int:
    return round(at.timestamp())


def _up(seconds: int) -> int:
    return -(-seconds // _GRID_S) * _GRID_S
