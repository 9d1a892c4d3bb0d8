"""Unplanned visits: a place where there is one, and otherwise a reason that is true."""

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflows.routing_cases import plans, problems, travel_of
from workflows.routing import Call, Plan, Problem, Shift, can_be_kept, check, empty_plan
from workflows.unplanned import Unplanned, complete, hopeless, reason_of, reasons

STREET = travel_of([(0, 0), (10, 0), (20, 0)])
GAS = frozenset({"gas"})


def reason(call: Call, shift: Shift = Shift(7, 0, 0, 100), not_before: int = 0) -> str:  # noqa: B008
    return reason_of(Problem([call], [shift], STREET, not_before), Plan(((),)), 0)


def test_each_reason_is_told() -> None:
    assert reason(Call(1, 1, 0, 30, 5), not_before=31) == "window_past"
    assert reason(Call(1, 1, 0, 100, 5, GAS)) == "no_skill"
    assert reason(Call(1, 1, 0, 100, 5, load=2), Shift(7, 0, 0, 100, capacity=1)) == "too_much"
    assert reason(Call(1, 1, 0, 9, 5)) == "none_reaches_it"
    assert reason(Call(1, 1, 90, 100, 11)) == "none_reaches_it"
    assert reason(Call(1, 1, 0, 100, 5)) == "has_a_place"


def test_a_shift_that_is_full_is_told_from_one_that_is_not() -> None:
    calls = [Call(1, 1, 10, 10, 80), Call(2, 2, 30, 40, 5)]
    problem = Problem(calls, [Shift(7, 0, 0, 100)], STREET)
    assert list(reasons(problem, Plan(((0,),)))) == [Unplanned(1, "shifts_are_full")]


def test_promised_visits_are_put_in_first() -> None:
    calls = [Call(1, 1, 10, 10, 80), Call(2, 2, 30, 40, 5, is_promised=True)]
    problem = Problem(calls, [Shift(7, 0, 0, 100)], STREET)
    assert complete(problem, empty_plan(problem)) == Plan(((1,),))


def test_those_whom_nobody_can_visit_are_known_before_anybody_searches() -> None:
    problem = Problem([Call(1, 1, 0, 9, 5), Call(2, 2, 0, 100, 5)], [Shift(7, 0, 0, 100)], STREET)
    assert hopeless(problem) == [0]


@given(st.data())
def test_what_is_put_in_breaks_nothing_and_takes_nobody_out(data: st.DataObject) -> None:
    problem = data.draw(problems())
    whole = complete(problem, empty_plan(problem))
    assert all(can_be_kept(problem, *day) for day in zip(problem.shifts, whole.routes, strict=True))
    assert not [breach for breach in check(problem, whole).breaches if breach.kind != "left_out"]
    assert not set(hopeless(problem)) & whole.planned
    again = complete(problem, whole)
    assert whole.planned <= again.planned


@settings(max_examples=60)
@given(st.data())
def test_every_reason_is_true(data: st.DataObject) -> None:
    problem = data.draw(problems(most_calls=4, most_shifts=2))
    plan = complete(problem, empty_plan(problem))
    for unplanned in reasons(problem, plan):
        call = problem.calls[unplanned.call]
        able = [shift for shift in problem.shifts if call.skills <= shift.skills]
        alone = [shift for shift in able if can_be_kept(problem, shift, [unplanned.call])]
        match unplanned.reason:
            case "window_past":
                assert call.latest < problem.not_before
            case "no_skill":
                assert not able
            case "too_much":
                assert able
                assert all(call.load > shift.capacity for shift in able)
            case "none_reaches_it":
                assert able
                assert not alone
            case "shifts_are_full":
                assert alone
                assert not any(
                    can_be_kept(problem, shift, order)
                    for shift, route in zip(problem.shifts, plan.routes, strict=True)
                    for order in permutations([*route, unplanned.call])
                    if tuple(stop for stop in order if stop != unplanned.call) == route
                )
            case "has_a_place":
                raise AssertionError("what has a place was put there")


@given(st.data())
def test_reasons_name_exactly_those_that_nobody_visits(data: st.DataObject) -> None:
    problem = data.draw(problems())
    plan = data.draw(plans(problem))
    assert {unplanned.call for unplanned in reasons(problem, plan)} == set(range(len(problem.calls))) - plan.planned
