"""Unplanned visits: a place in a plan for those that still have one, and for each of the others the reason why not.

A reason is proved, not guessed: every technician with the skills is asked, alone first, then in the day that he has.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from workflows.routing import Plan, Problem, Shift, can_be_kept

Reason = Literal["no_skill", "window_past", "too_much", "none_reaches_it", "shifts_are_full", "has_a_place"]


@dataclass(frozen=True, slots=True)
class Unplanned:
    """A visit that nobody makes, and why.

    no_skill: nobody has all its skills. window_past: it would have had to begin before now. too_much: nobody can carry
    its load. none_reaches_it: nobody with the skills would be there in its window and done within his hours, even with
    nothing else to do. shifts_are_full: somebody would, were it not for the visits that he makes in this plan.
    has_a_place: the plan has room for it, and whoever made the plan did not see it.
    """

    call: int
    reason: Reason


def complete(
    problem: Problem, plan: Plan, *, only: Sequence[int] | None = None, is_time_left: Callable[[], bool] = lambda: True
) -> Plan:
    """Put visits that nobody makes where they make the ways longer by least, one after the other; what fits nowhere stays out.

    Promised visits come first, then those whose window ends first. `is_time_left` is asked before each of them: once it
    says no, the others stay out.
    """
    routes = list(plan.routes)
    wanted = range(len(problem.calls)) if only is None else only
    planned = plan.planned
    missing = [call for call in wanted if call not in planned]
    for call in sorted(
        missing, key=lambda call: (not problem.calls[call].is_promised, problem.calls[call].latest, call)
    ):
        if not is_time_left():
            break
        for who, at in _places(problem, routes, call):
            route = (*routes[who][:at], call, *routes[who][at:])
            if can_be_kept(problem, problem.shifts[who], route):
                routes[who] = route
                break
    return Plan(tuple(routes))


def _places(problem: Problem, routes: Sequence[Sequence[int]], call: int) -> Iterator[tuple[int, int]]:
    """Return technicians with the skills and positions in their days, in the order of the added length."""
    lengths, here = problem.travel.lengths, problem.calls[call].point
    found: list[tuple[int, int, int]] = []
    for who, (shift, route) in enumerate(zip(problem.shifts, routes, strict=True)):
        if not problem.calls[call].skills <= shift.skills:
            continue
        points = [shift.base, *(problem.calls[stop].point for stop in route)]
        for at, before in enumerate(points):
            after = points[at + 1] if at + 1 < len(points) else shift.base if shift.returns else None
            added = int(lengths[before, here])
            if after is not None:
                added += int(lengths[here, after]) - (int(lengths[before, after]) if route else 0)
            found.append((added, who, at))
    return ((who, at) for _, who, at in sorted(found))


def reasons(problem: Problem, plan: Plan) -> Iterator[Unplanned]:
    """Say of each visit that nobody makes why nobody does, one after the other as they are asked for."""
    planned = plan.planned
    return (
        Unplanned(call, reason_of(problem, plan, call)) for call in range(len(problem.calls)) if call not in planned
    )


def reason_of(problem: Problem, plan: Plan, position: int) -> Reason:
    """Say why a visit has no place in a plan; of several reasons the one that would remain if the later ones were mended."""
    call = problem.calls[position]
    if call.latest < problem.not_before:
        return "window_past"
    able = [shift for shift in problem.shifts if call.skills <= shift.skills]
    if not able:
        return "no_skill"
    if all(call.load > shift.capacity for shift in able):
        return "too_much"
    if not any(_goes_alone(problem, shift, position) for shift in able):
        return "none_reaches_it"
    return "has_a_place" if position in complete(problem, plan, only=[position]).planned else "shifts_are_full"


def _goes_alone(problem: Problem, shift: Shift, position: int) -> bool:
    return can_be_kept(problem, shift, [position])


def hopeless(problem: Problem) -> list[int]:
    """Return the visits that no plan can contain, so that no solver is asked for them."""
    return [
        call
        for call in range(len(problem.calls))
        if not any(_goes_alone(problem, shift, call) for shift in problem.shifts)
    ]
