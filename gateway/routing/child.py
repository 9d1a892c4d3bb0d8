"""The solver's process: reads a task, searches with PyVRP, and writes each better plan as a line, until it is ended.

Skills are dimensions of load. Each skill that somebody lacks and a visit needs is a dimension of its own: a visit that
needs it delivers a fixed load there, a technician who lacks it has capacity 0 in it, one who has it as much as all
visits together need. (The load is 100: the price of a unit too much is bounded in PyVRP, and with 1 a wrong skill was
cheap. Gaps were four times as large.) A plan within all capacities is then a plan in which everybody can do his visits, and the search may pass
through plans that are not, at a price, as it does with weights. (Ways made impassable for those who lack the skill were
the other way to say it: with them PyVRP keeps searching within one round, where its own time limit is not looked at.)

A way home that does not count ends at a point that is no distance from anywhere. Visits are optional at a price above
any detour, promised ones above that, so that there is a plan to tell even where not all have a place.

The parent ends this process at its limit. Should the parent be gone, a timer of the kernel ends it a little later.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np
from pyvrp import (
    Client,
    Depot,
    IteratedLocalSearchCallbacks,
    IteratedLocalSearchParams,
    Location,
    ProblemData,
    Route,
    Solution,
    SolveParams,
    VehicleType,
    solve,
)

from gateway.routing.task import ENCODER, TASK, Better, problem_of
from workflows.routing import NO_LIMIT, Call, Problem, Shift

_SKILL_LOAD: Final = 100
# For so many rounds a worse plan is remembered as good enough: PyVRP's 300 are for more rounds than a short limit has.
_HISTORY: Final = 50
# The search lets others go first: who waits for dates, and the parent, who has to end in time, wait less.
_NICE: Final = 5
# What a parent that is gone leaves us at most.
_ORPHANED_S: Final = 5.0


class Teller(IteratedLocalSearchCallbacks):
    """Writes each better plan that PyVRP takes for feasible as one line."""

    def __init__(self, kinds: Sequence[Sequence[int]]) -> None:
        self._kinds = kinds

    def on_best(self, best: Solution) -> None:
        """Tell a plan."""
        if not best.is_feasible():
            return
        free = [list(members) for members in self._kinds]
        routes: list[list[int]] = [[] for members in self._kinds for _ in members]
        for route in best.routes():
            routes[free[route.vehicle_type()].pop(0)] = [stop.idx for stop in route if stop.is_client()]
        sys.stdout.buffer.write(ENCODER.encode(Better(routes)) + b"\n")
        sys.stdout.buffer.flush()


class Clock:
    """Says when to stop: at the task's end, or when nothing better has come for long."""

    def __init__(self, until_s: float, patience: int | None) -> None:
        self._until_s, self._patience = until_s, patience
        self._best: int | None = None
        self._idle = 0

    def __call__(self, best_cost: int) -> bool:
        """Whether the search ends now."""
        self._idle = self._idle + 1 if self._best is not None and best_cost >= self._best else 0
        self._best = best_cost
        return time.monotonic() >= self._until_s or (self._patience is not None and self._idle >= self._patience)


def kinds_of(shifts: Sequence[Shift]) -> list[list[int]]:
    """Return the positions of technicians whose days are the same in all but their names."""
    kinds: dict[tuple[object, ...], list[int]] = {}
    for position, day in enumerate(shifts):
        same = (day.base, day.begins, day.ends, day.skills, day.capacity, day.longest, day.returns)
        kinds.setdefault(same, []).append(position)
    return list(kinds.values())


def skills_that_matter(problem: Problem) -> list[str]:
    """Return the skills that some visit needs and some technician lacks."""
    needed = frozenset[str]().union(*(call.skills for call in problem.calls))
    return sorted(skill for skill in needed if any(skill not in shift.skills for shift in problem.shifts))


def data_of(problem: Problem, kinds: Sequence[Sequence[int]]) -> ProblemData:
    """Return a problem in PyVRP's terms; its last point is nowhere, where the days end that need no way home."""
    skills, nowhere = skills_that_matter(problem), len(problem.travel.lengths)
    shifts = [problem.shifts[members[0]] for members in kinds]
    bases = sorted({shift.base for shift in shifts} | {nowhere})
    prize = 4 * int(problem.travel.lengths.max(initial=0)) + 1
    lengths, durations = (
        np.pad(matrix, ((0, 1), (0, 1))) for matrix in (problem.travel.lengths, problem.travel.durations)
    )
    return ProblemData(
        [Location(0, 0) for _ in range(nowhere + 1)],
        [_client(call, skills, prize * (10 if call.is_promised else 1)) for call in problem.calls],
        [Depot(base) for base in bases],
        [
            _vehicle(problem, shift, len(members), skills, bases.index(shift.base), bases.index(nowhere))
            for shift, members in zip(shifts, kinds, strict=True)
        ],
        [cast("Any", lengths)],  # the library's type says that a matrix has one dimension
        [cast("Any", durations)],
    )


def _client(call: Call, skills: Sequence[str], prize: int) -> Client:
    return Client(
        call.point,
        delivery=[call.load, *(_SKILL_LOAD * (skill in call.skills) for skill in skills)],
        service_duration=call.lasts,
        tw_early=call.earliest,
        tw_late=call.latest,
        prize=prize,
        required=False,
    )


def _vehicle(problem: Problem, shift: Shift, count: int, skills: Sequence[str], base: int, nowhere: int) -> VehicleType:
    plenty = _SKILL_LOAD * len(problem.calls)
    return VehicleType(
        count,
        capacity=[min(shift.capacity, NO_LIMIT), *(plenty if skill in shift.skills else 0 for skill in skills)],
        start_depot=base,
        end_depot=base if shift.returns else nowhere,
        tw_early=max(shift.begins, problem.not_before),
        tw_late=shift.ends,
        shift_duration=min(shift.longest, NO_LIMIT),
    )


def start_of(data: ProblemData, kinds: Sequence[Sequence[int]], start: Sequence[Sequence[int]]) -> Solution:
    """Return the plan to begin with."""
    return Solution(
        data,
        [
            Route(data, list(start[member]), kind)
            for kind, members in enumerate(kinds)
            for member in members
            if start[member]
        ],
    )


def main() -> None:
    """Search until the task's end."""
    os.nice(_NICE)
    task = TASK.decode(sys.stdin.buffer.read())
    signal.setitimer(signal.ITIMER_REAL, max(0.0, task.until_s - time.monotonic()) + _ORPHANED_S)
    problem = problem_of(task)
    kinds = kinds_of(problem.shifts)
    data = data_of(problem, kinds)
    params = SolveParams(ils=IteratedLocalSearchParams(history_length=_HISTORY, callbacks=Teller(kinds)))
    start = start_of(data, kinds, task.start) if any(task.start) else None
    solve(
        data,
        Clock(task.until_s, task.patience),
        seed=task.seed,
        collect_stats=False,
        display=False,
        params=params,
        initial_solution=start,
    )


if __name__ == "__main__":
    main()
