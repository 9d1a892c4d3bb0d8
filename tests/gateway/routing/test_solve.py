"""Solving within a limit: with the real solver, and with solvers that hang, lie, babble and break."""

import os
import random
import sys
import time
from pathlib import Path

import pytest

from gateway.routing.solve import MOST_CALLS, Solved, is_better, solve
from gateway.routing.split import pieces, solve_all
from tests.workflows.routing_cases import SKILLS, travel_of
from workflows.routing import Account, Call, Plan, Problem, Shift, check, empty_plan, length_of
from workflows.unplanned import complete

# What starting and killing a process may take on a machine that is busy with all the other tests.
BUSY_S = 6.0
LIMIT_S = 1.5


def street(count: int = 4) -> Problem:
    """One technician; the visits lie along a street, and are numbered so that their order is their order."""
    calls = [Call(10 + number, number + 1, 0, 100_000, 5, is_promised=True) for number in range(count)]
    return Problem(calls, [Shift(7, 0, 0, 100_000)], travel_of([(0, 0), *((10 * n, 0) for n in range(1, count + 1))]))


def town(calls: int, technicians: int, seed: int) -> Problem:
    """A town with windows of two hours and skills, in which there is a place for nearly everybody."""
    chance = random.Random(seed)
    places = [(chance.randrange(600), chance.randrange(600)) for _ in range(calls + technicians)]
    day = [8 * 3600 + 7200 * number for number in range(5)]
    return Problem(
        [
            Call(
                number,
                number,
                begins := chance.choice(day),
                begins + 7200,
                1800,
                frozenset({chance.choice(SKILLS)}),
                is_promised=True,
            )
            for number in range(calls)
        ],
        [
            Shift(900 + number, calls + number, 8 * 3600, 18 * 3600, frozenset(chance.sample(SKILLS, 2)))
            for number in range(technicians)
        ],
        travel_of(places),
    )


def worst(problem: Problem) -> Plan:
    return Plan((tuple(reversed(range(len(problem.calls)))),))


def fake(manner: str, *words: str) -> list[str]:
    return [sys.executable, "-m", "tests.fakes.solver", manner, *words]


def ask(manner: str, *words: str, limit_s: float = LIMIT_S) -> Solved:
    problem = street()
    began_s = time.monotonic()
    solved = solve(problem, worst(problem), limit_s=limit_s, command=fake(manner, *words))
    assert time.monotonic() - began_s < limit_s + BUSY_S
    assert check(problem, solved.plan).is_kept
    return solved


def test_a_solver_that_hangs_is_killed_and_the_best_plan_it_told_is_kept() -> None:
    solved = ask("tells_and_hangs", limit_s=5.0)
    assert solved.ended == "killed"
    assert solved.plan == Plan(((0, 1, 2, 3),))
    assert solved.better == 1


def test_a_solver_that_hangs_without_a_word_leaves_the_plan_that_was_there() -> None:
    solved = ask("says_nothing_and_hangs")
    assert (solved.ended, solved.plan, solved.better) == ("killed", worst(street()), 0)


def test_a_solver_that_ends_its_output_and_stays_is_killed_too() -> None:
    solved = ask("closes_its_mouth_and_stays", limit_s=5.0)
    assert (solved.ended, solved.plan) == ("killed", Plan(((0, 1, 2, 3),)))


def test_what_a_solver_has_started_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    assert ask("hangs_with_a_child", str(file), limit_s=5.0).ended == "killed"
    child = int(file.read_text())
    until_s = time.monotonic() + BUSY_S
    while time.monotonic() < until_s and _lives(child):
        time.sleep(0.05)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended and that nobody has waited for yet is no more than an entry.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_solver_that_lies_is_not_believed() -> None:
    solved = ask("lies", limit_s=10.0)
    assert (solved.ended, solved.plan, solved.better) == ("by_itself", worst(street()), 0)
    assert solved.refused == 3


def test_a_solver_that_babbles_is_not_understood_and_does_no_harm() -> None:
    solved = ask("babbles", limit_s=10.0)
    assert (solved.ended, solved.plan) == ("by_itself", worst(street()))
    assert solved.refused == 4


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    assert ask("never_ends_its_line").ended == "killed"


def test_a_solver_that_breaks_is_told_of_and_what_it_found_before_is_kept() -> None:
    solved = ask("breaks", limit_s=10.0)
    assert (solved.ended, solved.words) == ("broken", "ran out of everything")
    assert solved.plan == Plan(((0, 1, 2, 3),))


def test_pyvrp_finds_the_shortest_way_and_stops_when_nothing_better_comes() -> None:
    problem = street(6)
    solved = solve(problem, Plan(((5, 0, 4, 1, 3, 2),)), limit_s=20.0, patience=200)
    assert (solved.ended, solved.refused) == ("by_itself", 0)
    assert solved.plan == Plan(((0, 1, 2, 3, 4, 5),))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pyvrp_keeps_skills_windows_and_shifts_and_is_never_worse_than_insertion(seed: int) -> None:
    problem = town(24, 5, seed)
    before = check(problem, complete(problem, empty_plan(problem)))
    solved = solve(problem, empty_plan(problem), limit_s=20.0, patience=1500)
    assert solved.ended == "by_itself", solved.words
    assert solved.refused == 0
    account = check(problem, solved.plan)
    assert not [breach for breach in account.breaches if breach.kind != "left_out"]
    assert (len(account.left_out), account.length) <= (len(before.left_out), before.length) or (
        len(account.left_out) < len(before.left_out)
    )


def test_a_plan_that_cannot_be_kept_is_no_beginning() -> None:
    problem = Problem([Call(1, 1, 0, 100, 5), Call(2, 2, 0, 15, 5)], [Shift(7, 0, 0, 100)], street().travel)
    solved = solve(problem, Plan(((0, 1),)), limit_s=1.0, command=fake("breaks"))
    assert solved.account.is_kept


def test_too_many_visits_and_too_short_a_limit_are_refused() -> None:
    many = street(MOST_CALLS + 1)
    with pytest.raises(ValueError, match="split"):
        solve(many, empty_plan(many), limit_s=5.0)
    with pytest.raises(ValueError, match="too short"):
        solve(street(), empty_plan(street()), limit_s=0.2)


def test_pieces_of_a_large_problem_have_every_visit_and_every_technician_once() -> None:
    problem = town(90, 20, 4)
    plan = complete(problem, empty_plan(problem))
    parts = pieces(problem, plan, 30)
    assert len(parts) > 2
    assert sorted(call for piece in parts for call in piece.calls) == list(range(90))
    assert sorted(who for piece in parts for who in piece.shifts) == list(range(20))
    assert all(len(piece.calls) <= 30 for piece in parts)


def test_a_large_problem_of_which_little_is_planned_yet_is_not_searched_in_too_large_a_piece() -> None:
    problem = town(90, 20, 4)
    begun = complete(problem, empty_plan(problem), only=range(10))
    parts = pieces(problem, begun, 30)
    assert all(len(piece.calls) <= 30 for piece in parts)
    assert begun.planned <= {call for piece in parts for call in piece.calls}
    assert sorted(who for piece in parts for who in piece.shifts) == list(range(20))


def test_a_large_problem_with_room_for_few_of_its_visits_is_answered() -> None:
    problem = town(MOST_CALLS + 50, 3, 6)
    solved = solve_all(problem, empty_plan(problem), limit_s=4.0, patience=50)
    assert not [breach for breach in check(problem, solved.plan).breaches if breach.kind != "left_out"]
    assert len(problem.calls) / 2 < len(solved.account.left_out) < len(problem.calls)


def test_a_large_problem_is_solved_in_pieces_and_comes_out_whole() -> None:
    problem = town(60, 14, 5)
    before = complete(problem, empty_plan(problem))
    solved = solve_all(problem, before, limit_s=40.0, patience=300, most_calls=25)
    assert not [breach for breach in check(problem, solved.plan).breaches if breach.kind != "left_out"]
    assert solved.plan.planned >= before.planned
    assert solved.plan.planned > before.planned or length_of(problem, solved.plan) < length_of(problem, before)


def test_more_visits_are_better_than_fewer_units_of_length() -> None:
    assert is_better(Account(90, []), Account(50, [1]))
    assert is_better(Account(50, [1]), Account(90, [1]))
    assert not is_better(Account(50, [1]), Account(50, [1]))
