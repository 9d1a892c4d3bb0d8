"""Routing: what a day's plan of visits is, when everybody arrives, and whether the plan may be believed.

A plan says which technician goes to which visits in which order. Who made it, and how, is not known here: every plan is
timed and checked anew, and nothing that a solver says of its own plan is taken on trust.

Times are whole units after an origin that the caller knows (seconds of a day at the desk, a file's own unit in a
published instance), ways are whole units of length (metres at the desk). A visit begins at the earliest instant that its
technician can be there within its window; waiting is allowed, being late is not. Whether the way home counts is said by
the technician: at the desk it is his own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

# More than this is more than a day, and more than any file holds: it stands for "no limit".
NO_LIMIT: Final = 2**40

BreachKind = Literal["routes", "unknown", "twice", "left_out", "skill", "window", "shift", "load", "too_long"]


@dataclass(frozen=True, slots=True)
class Travel:
    """Ways between all points: lengths and durations, `[from, to]`, whole units, both of the shape (points, points)."""

    lengths: NDArray[np.int64]
    durations: NDArray[np.int64]

    def __post_init__(self) -> None:
        shape = self.lengths.shape
        if len(shape) != 2 or shape[0] != shape[1] or self.durations.shape != shape:
            raise ValueError(
                f"ways between points are two square matrices of one size, not {shape} and {self.durations.shape}"
            )


@dataclass(frozen=True, slots=True)
class Call:
    """A visit to be made: at which point, from when to when it may begin, how long it lasts, and what it needs.

    `is_promised`: its owner has been told the window; a plan without it breaks a promise.
    """

    visit_id: int
    point: int
    earliest: int
    latest: int
    lasts: int
    skills: frozenset[str] = frozenset()
    load: int = 0
    is_promised: bool = False


@dataclass(frozen=True, slots=True)
class Shift:
    """A technician's day: from which point and when he sets out, until when, with which skills.

    `capacity` is how much he carries, `longest` how long his day may be from setting out to its end. With `returns` he is
    back at his base when his day ends, otherwise his last visit is done by then.
    """

    technician_id: int
    base: int
    begins: int
    ends: int
    skills: frozenset[str] = frozenset()
    capacity: int = NO_LIMIT
    longest: int = NO_LIMIT
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Visits, technicians and the ways between them; nothing can be planned to begin before `not_before`."""

    calls: Sequence[Call]
    shifts: Sequence[Shift]
    travel: Travel
    not_before: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """For each technician, in the problem's order, the visits he makes: positions in the problem's `calls`."""

    routes: tuple[tuple[int, ...], ...]

    @property
    def planned(self) -> frozenset[int]:
        """The positions of all visits that somebody makes."""
        return frozenset(call for route in self.routes for call in route)


@dataclass(frozen=True, slots=True)
class Timetable:
    """One technician's day as it comes out: when each visit begins, when the day ends, how long and how far it is."""

    arrives: tuple[int, ...]
    ends: int
    duration: int
    length: int


@dataclass(frozen=True, slots=True)
class Breach:
    """A way in which a plan cannot be kept: which rule, whose day, which visit, and in words with the values."""

    kind: BreachKind
    technician_id: int | None
    visit_id: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Account:
    """What a plan comes to: its total length, visits made and left out, and everything that is wrong with it."""

    length: int
    left_out: Sequence[int]
    breaches: Sequence[Breach] = field(default=())

    @property
    def is_kept(self) -> bool:
        """Whether the plan can be kept as it stands."""
        return not self.breaches


def empty_plan(problem: Problem) -> Plan:
    """Return the plan in which nobody goes anywhere."""
    return Plan(((),) * len(problem.shifts))


def timetable(problem: Problem, shift: Shift, route: Sequence[int]) -> Timetable:
    """Time a technician's route; whether he is in time is not judged here.

    He sets out as late as he can without ending later, so that the duration is the shortest of all days that end then.
    """
    lengths, durations = problem.travel.lengths, problem.travel.durations
    points = [shift.base, *(problem.calls[call].point for call in route)]
    if shift.returns:
        points.append(shift.base)
    at, arrives = max(shift.begins, problem.not_before), list[int]()
    for (here, there), call in zip(pairwise(points), [*route, None], strict=False):
        at += int(durations[here, there])
        if call is not None:
            at = max(at, problem.calls[call].earliest)
            arrives.append(at)
            at += problem.calls[call].lasts
    length = sum(int(lengths[here, there]) for here, there in pairwise(points)) if route else 0
    if not route:
        return Timetable((), shift.begins, 0, 0)
    return Timetable(tuple(arrives), at, at - _latest_start(problem, points, route, at), length)


def _latest_start(problem: Problem, points: Sequence[int], route: Sequence[int], ends: int) -> int:
    """Return when the technician has to set out at the latest so that his day ends at the same time."""
    durations = problem.travel.durations
    at = ends - (int(durations[points[-2], points[-1]]) if len(points) == len(route) + 2 else 0)
    for position in range(len(route) - 1, -1, -1):
        call = problem.calls[route[position]]
        at = min(at - call.lasts, max(call.latest, call.earliest))
        at -= int(durations[points[position], points[position + 1]])
    return at


def length_of(problem: Problem, plan: Plan) -> int:
    """Return how far all technicians go together."""
    return sum(
        timetable(problem, shift, route).length for shift, route in zip(problem.shifts, plan.routes, strict=True)
    )


def check(problem: Problem, plan: Plan) -> Account:
    """Hold a plan against everything that was asked, as if nobody had looked at it before.

    Parameters
    ----------
    problem : Problem
        What was asked.
    plan : Plan
        Any plan, from anywhere; it may name visits that do not exist.

    Returns
    -------
    Account
        With one breach for each rule that is broken, in the order of the plan.
    """
    if len(plan.routes) != len(problem.shifts):
        words = f"{len(plan.routes)} routes for {len(problem.shifts)} technicians"
        return Account(0, range(len(problem.calls)), (Breach("routes", None, None, words),))
    unknown = [call for route in plan.routes for call in route if not 0 <= call < len(problem.calls)]
    if unknown:
        words = f"there is no visit at position {unknown[0]} of {len(problem.calls)}"
        return Account(0, range(len(problem.calls)), (Breach("unknown", None, None, words),))
    breaches = [*_repeated(problem, plan)]
    for shift, route in zip(problem.shifts, plan.routes, strict=True):
        breaches.extend(day_breaches(problem, shift, route))
    planned = plan.planned
    left_out = [call for call in range(len(problem.calls)) if call not in planned]
    breaches.extend(
        Breach("left_out", None, call.visit_id, f"visit {call.visit_id} is promised, and nobody makes it")
        for call in (problem.calls[position] for position in left_out)
        if call.is_promised
    )
    return Account(length_of(problem, plan), left_out, tuple(breaches))


def _repeated(problem: Problem, plan: Plan) -> Iterator[Breach]:
    counts: dict[int, int] = {}
    for route in plan.routes:
        for call in route:
            counts[call] = counts.get(call, 0) + 1
    for call, count in counts.items():
        if count > 1:
            visit_id = problem.calls[call].visit_id
            yield Breach("twice", None, visit_id, f"visit {visit_id} is made {count} times")


def day_breaches(problem: Problem, shift: Shift, route: Sequence[int]) -> Iterator[Breach]:
    """Say what is wrong with one technician's day: skills, load, windows, hours."""
    who = shift.technician_id
    day = timetable(problem, shift, route)
    load = 0
    for call, arrives in zip((problem.calls[position] for position in route), day.arrives, strict=True):
        load += call.load
        if lacking := call.skills - shift.skills:
            words = f"technician {who} lacks {', '.join(sorted(lacking))} for visit {call.visit_id}"
            yield Breach("skill", who, call.visit_id, words)
        if arrives > call.latest:
            words = f"technician {who} is at visit {call.visit_id} at {arrives}, which has to begin by {call.latest}"
            yield Breach("window", who, call.visit_id, words)
    if not route:
        return
    if day.ends > shift.ends:
        yield Breach("shift", who, None, f"the day of technician {who} ends at {day.ends}, his hours at {shift.ends}")
    if load > shift.capacity:
        yield Breach("load", who, None, f"technician {who} would carry {load}, and can carry {shift.capacity}")
    if day.duration > shift.longest:
        words = f"the day of technician {who} lasts {day.duration}, and may last {shift.longest}"
        yield Breach("too_long", who, None, words)


def can_be_kept(problem: Problem, shift: Shift, route: Sequence[int]) -> bool:
    """Whether a technician can make these visits in this order."""
    return next(day_breaches(problem, shift, route), None) is None


def plan_of(problem: Problem, visits_by_technician: Mapping[int, Sequence[int]]) -> Plan:
    """Return the plan in which technicians make the visits with these ids, in this order.

    Raises
    ------
    LookupError
        A technician or a visit is not of the problem.
    """
    position = {call.visit_id: index for index, call in enumerate(problem.calls)}
    known = {shift.technician_id for shift in problem.shifts}
    if unknown := set(visits_by_technician) - known:
        raise LookupError(f"technician {min(unknown)} is not among those of the problem: {sorted(known)}")
    return Plan(
        tuple(
            tuple(position[visit_id] for visit_id in visits_by_technician.get(shift.technician_id, ()))
            for shift in problem.shifts
        )
    )
