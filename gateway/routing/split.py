"""A large problem in pieces: neighbouring days are searched together, at most 150 visits at once, within one limit.

The pieces come out of a plan that is there already, so that each is a whole problem of its own: some technicians and all
visits that they make in it. Days are neighbours by the direction in which they lie from their base. What was left out of
the first plan goes with the piece whose middle is nearest, as long as that has room, and at the end everything is
inserted where there is room.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import atan2
from typing import Final

import numpy as np

from gateway.routing.solve import MOST_CALLS, SHORTEST_S, Solved, is_better, solve, sound
from gateway.routing.stretch import Stretch
from workflows.routing import Account, Plan, Problem, check
from workflows.unplanned import complete

# Checking a large plan and returning it.
_ENDING_CPU_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Piece:
    """Some technicians and visits of a problem, by their positions in it."""

    shifts: tuple[int, ...]
    calls: tuple[int, ...]


def solve_all(
    problem: Problem,
    start: Plan,
    *,
    limit_s: float,
    seed: int = 0,
    patience: int | None = None,
    most_calls: int = MOST_CALLS,
    on_better: Callable[[float, Account], None] | None = None,
    searches: int = 1,
    afterwards_cpu_s: float = 0.0,
    stretch: Stretch | None = None,
) -> Solved:
    """Return the best plan that is found within a limit, in pieces where there are more visits than are searched together.

    Parameters are those of `gateway.routing.solve.solve`; `most_calls` is the size of a piece. With less time than a solver
    needs to begin the answer is what insertion alone can do in it.
    """
    if limit_s < SHORTEST_S:
        return _inserted(problem, start, limit_s)
    stretch = stretch or Stretch()
    if len(problem.calls) <= most_calls:
        return solve(
            problem,
            start,
            limit_s=limit_s,
            seed=seed,
            patience=patience,
            on_better=on_better,
            searches=searches,
            afterwards_cpu_s=afterwards_cpu_s,
            stretch=stretch,
        )
    began_s = time.monotonic()
    stretch.look()
    # Of a limit this long the pieces' solvers end with their shares; ending is what comes after them all.
    limit_s -= stretch.ending_s(limit_s, idle_s=0.0, processor_s=_ENDING_CPU_S + afterwards_cpu_s)
    # Most of the time is for searching; what has no place by then gets one at the end, or from a solver.
    whole = complete(problem, start, is_time_left=lambda: time.monotonic() < began_s + limit_s / 2)
    account = check(problem, whole)
    better = refused = 0
    parts = pieces(problem, whole, most_calls)
    ended, words = "by_itself", ""
    for number, piece in enumerate(parts):
        left_s = limit_s - (time.monotonic() - began_s)
        share_s = left_s / (len(parts) - number)
        if share_s < SHORTEST_S:
            break
        if len(piece.calls) > MOST_CALLS:
            continue
        found = solve(
            _problem_of(problem, piece),
            _plan_of(whole, piece),
            limit_s=share_s,
            seed=seed,
            patience=patience,
            searches=searches,
            stretch=stretch,
        )
        better, refused = better + found.better, refused + found.refused
        ended, words = (found.ended, found.words) if found.ended != "by_itself" else (ended, words)
        candidate = _put_back(whole, piece, found.plan)
        found_account = check(problem, candidate)
        if is_better(found_account, account):
            whole, account = candidate, found_account
            if on_better is not None:
                on_better(time.monotonic() - began_s, account)
    whole = complete(problem, whole, is_time_left=lambda: time.monotonic() < began_s + limit_s)
    return Solved(whole, check(problem, whole), time.monotonic() - began_s, ended, better, refused, words)


def _inserted(problem: Problem, start: Plan, limit_s: float) -> Solved:
    """Return what insertion alone does within a limit."""
    began_s = time.monotonic()
    plan = complete(problem, sound(problem, start), is_time_left=lambda: time.monotonic() < began_s + limit_s)
    return Solved(plan, check(problem, plan), time.monotonic() - began_s, "no_time", 0, 0)


def pieces(problem: Problem, plan: Plan, most_calls: int) -> list[Piece]:
    """Divide a problem along the days of a plan; every technician and every visit of the plan is in exactly one piece.

    A single day with more visits than `most_calls` cannot be divided. What the plan leaves out goes with the nearest piece
    that has room; where none has any it is in no piece.
    """
    places = _places(problem)
    order = sorted(range(len(plan.routes)), key=lambda who: (_direction(problem, plan, places, who), who))
    groups: list[list[int]] = [[]]
    count = 0
    for who in order:
        if groups[-1] and count + len(plan.routes[who]) > most_calls:
            groups.append([])
            count = 0
        groups[-1].append(who)
        count += len(plan.routes[who])
    members = [[call for who in group for call in plan.routes[who]] for group in groups]
    planned = plan.planned
    for call in range(len(problem.calls)):
        if call not in planned:
            with_room = [number for number in range(len(groups)) if len(members[number]) < most_calls]
            if not with_room:
                break
            members[min(with_room, key=lambda number: _distance(problem, call, members[number]))].append(call)
    return [Piece(tuple(group), tuple(calls)) for group, calls in zip(groups, members, strict=True)]


def _places(problem: Problem) -> np.ndarray:
    """Return points on a flat map whose distances are about the lengths: classical scaling in two dimensions."""
    squared = problem.travel.lengths.astype(np.float64) ** 2
    squared = (squared + squared.T) / 2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    return vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0.0))


def _direction(problem: Problem, plan: Plan, places: np.ndarray, who: int) -> float:
    route, base = plan.routes[who], problem.shifts[who].base
    if not route:
        return 4.0
    middle = places[[problem.calls[call].point for call in route]].mean(axis=0) - places[base]
    return atan2(float(middle[1]), float(middle[0]))


def _distance(problem: Problem, call: int, members: Sequence[int]) -> float:
    if not members:
        return float("inf")
    points = [problem.calls[member].point for member in members]
    return float(problem.travel.lengths[problem.calls[call].point, points].mean())


def _problem_of(problem: Problem, piece: Piece) -> Problem:
    return Problem(
        [problem.calls[call] for call in piece.calls],
        [problem.shifts[who] for who in piece.shifts],
        problem.travel,
        problem.not_before,
    )


def _plan_of(plan: Plan, piece: Piece) -> Plan:
    position = {call: index for index, call in enumerate(piece.calls)}
    return Plan(tuple(tuple(position[call] for call in plan.routes[who]) for who in piece.shifts))


def _put_back(plan: Plan, piece: Piece, part: Plan) -> Plan:
    routes = list(plan.routes)
    for who, route in zip(piece.shifts, part.routes, strict=True):
        routes[who] = tuple(piece.calls[call] for call in route)
    return Plan(tuple(routes))
