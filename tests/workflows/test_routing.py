"""Plans: timed and checked anew, against a second account of the same rules that is written the plain way."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.routing_cases import plans, problems, travel_of
from workflows.routing import (
    Call,
    Plan,
    Problem,
    Shift,
    Travel,
    can_be_kept,
    check,
    empty_plan,
    length_of,
    plan_of,
    timetable,
)

# A base at the origin, and visits 10 and 20 units along one street, each 5 long.
STREET = travel_of([(0, 0), (10, 0), (20, 0)])
NEAR, FAR = Call(1, 1, 0, 100, 5), Call(2, 2, 0, 100, 5)
DAY = Shift(7, 0, 0, 100)


def one(*calls: Call, shift: Shift = DAY, not_before: int = 0) -> Problem:
    return Problem(calls, [shift], STREET, not_before)


def kinds(problem: Problem, *route: int) -> list[str]:
    return [breach.kind for breach in check(problem, Plan((route,))).breaches]


def test_a_day_goes_from_visit_to_visit_and_waits_for_windows_to_open() -> None:
    late = Call(2, 2, 50, 60, 5)
    day = timetable(one(NEAR, late), DAY, [0, 1])
    assert (day.arrives, day.ends, day.length) == ((10, 50), 55, 20)
    assert day.duration == 30, "he sets out at 25 and is done at 55, without a wait"


def test_the_way_home_counts_for_those_who_return() -> None:
    home = Shift(7, 0, 0, 100, returns=True)
    day = timetable(one(NEAR, FAR, shift=home), home, [0, 1])
    assert (day.ends, day.length) == (50, 40)


def test_nobody_sets_out_before_now() -> None:
    assert timetable(one(NEAR, not_before=40), DAY, [0]).arrives == (50,)


def test_a_plan_that_keeps_every_rule_has_no_breach() -> None:
    account = check(one(NEAR, FAR), Plan(((0, 1),)))
    assert account.is_kept
    assert (account.length, account.left_out) == (20, [])


@pytest.mark.parametrize(
    ("problem", "route", "kind"),
    [
        (one(Call(1, 1, 0, 9, 5)), (0,), "window"),
        (one(Call(1, 1, 0, 100, 5, frozenset({"gas"}))), (0,), "skill"),
        (one(NEAR, shift=Shift(7, 0, 0, 14)), (0,), "shift"),
        (one(NEAR, shift=Shift(7, 0, 0, 24, returns=True)), (0,), "shift"),
        (one(Call(1, 1, 0, 100, 5, load=3), shift=Shift(7, 0, 0, 100, capacity=2)), (0,), "load"),
        (one(NEAR, shift=Shift(7, 0, 0, 100, longest=14)), (0,), "too_long"),
        (one(NEAR), (0, 0), "twice"),
        (one(Call(1, 1, 0, 100, 5, is_promised=True)), (), "left_out"),
        (one(NEAR), (1,), "unknown"),
        (one(NEAR), (-1,), "unknown"),
    ],
)
def test_each_rule_that_is_broken_is_named(problem: Problem, route: tuple[int, ...], kind: str) -> None:
    assert kinds(problem, *route) == [kind]


def test_a_plan_for_other_people_is_no_plan() -> None:
    assert [breach.kind for breach in check(one(NEAR), Plan(((), ()))).breaches] == ["routes"]


def test_a_visit_that_is_not_promised_may_be_left_out_and_is_counted() -> None:
    account = check(one(NEAR), empty_plan(one(NEAR)))
    assert account.is_kept
    assert account.left_out == [0]


@given(st.data())
def test_the_checker_agrees_with_a_second_one_that_tries_every_instant(data: st.DataObject) -> None:
    problem = data.draw(problems())
    plan = data.draw(plans(problem))
    account = check(problem, plan)
    counts = [sum(route.count(call) for route in plan.routes) for call in range(len(problem.calls))]
    is_kept = max(counts, default=0) <= 1 and all(
        count or not call.is_promised for count, call in zip(counts, problem.calls, strict=True)
    )
    is_kept &= all(_is_possible(problem, *day) for day in zip(problem.shifts, plan.routes, strict=True))
    assert account.is_kept == is_kept
    assert [call for call, count in enumerate(counts) if not count] == list(account.left_out)


def _is_possible(problem: Problem, shift: Shift, route: tuple[int, ...]) -> bool:
    """Set out at every instant of the day, and see whether one of them comes to a good end."""
    calls = [problem.calls[call] for call in route]
    if not calls:
        return True
    if any(call.skills - shift.skills for call in calls) or sum(call.load for call in calls) > shift.capacity:
        return False
    return any(
        _comes_to_a_good_end(problem, shift, calls, start)
        for start in range(max(shift.begins, problem.not_before), shift.ends + 1)
    )


def _comes_to_a_good_end(problem: Problem, shift: Shift, calls: list[Call], start: int) -> bool:
    at, point = start, shift.base
    for call in calls:
        at = max(at + int(problem.travel.durations[point, call.point]), call.earliest)
        if at > call.latest:
            return False
        at, point = at + call.lasts, call.point
    if shift.returns:
        at += int(problem.travel.durations[point, shift.base])
    return at <= shift.ends and at - start <= shift.longest


@given(st.data())
def test_a_plans_length_is_the_sum_of_its_ways(data: st.DataObject) -> None:
    problem = data.draw(problems())
    plan = data.draw(plans(problem))
    total = 0
    for shift, route in zip(problem.shifts, plan.routes, strict=True):
        points = [shift.base, *(problem.calls[call].point for call in route)]
        if route and shift.returns:
            points.append(shift.base)
        total += sum(int(problem.travel.lengths[a, b]) for a, b in itertools.pairwise(points))
    assert length_of(problem, plan) == total


def test_plans_are_told_by_names_too_and_strangers_are_refused() -> None:
    problem = one(NEAR, FAR)
    assert plan_of(problem, {7: [2, 1]}) == Plan(((1, 0),))
    with pytest.raises(LookupError, match="technician 8"):
        plan_of(problem, {8: [1]})


def test_ways_that_are_no_square_are_refused() -> None:
    with pytest.raises(ValueError, match="square"):
        Travel(np.zeros((2, 3), dtype=np.int64), np.zeros((2, 3), dtype=np.int64))


def test_a_single_day_can_be_asked_for() -> None:
    assert can_be_kept(one(NEAR, FAR), DAY, [1, 0])
    assert not can_be_kept(one(Call(1, 1, 0, 9, 5)), DAY, [0])
