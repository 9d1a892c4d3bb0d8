"""Cordeau's format: the same problem as in VRPLIB's, and what is wrong with a file is named with its line and value."""

from pathlib import Path

import numpy as np
import pytest

from gateway.routing.cordeau import is_cordeau
from gateway.routing.instance import solution_text
from gateway.routing.vetting import InstanceError
from tests.gateway.routing.instances import CORDEAU, SITE_DEPENDENT, capacitated, read, solomon
from workflows.routing import NO_LIMIT, Plan, check


def test_the_format_is_known_by_the_content_not_by_the_name() -> None:
    assert is_cordeau(CORDEAU)
    assert is_cordeau("\n\n  7\t2 48 4\n")
    assert not any(is_cordeau(text) for text in (SITE_DEPENDENT, capacitated(), solomon(), "", "7\n"))


def test_both_formats_of_a_problem_are_one_problem(tmp_path: Path) -> None:
    ours, vrplib = read(tmp_path, CORDEAU, "pr01"), read(tmp_path, SITE_DEPENDENT, "two.vrp")
    assert (ours.name, ours.kind, ours.convention, ours.has_kinds) == ("pr01", "SDVRPTW", "exact", True)
    assert ours.problem.calls == vrplib.problem.calls
    assert ours.problem.shifts == vrplib.problem.shifts
    assert (ours.problem.travel.lengths == vrplib.problem.travel.lengths).all()
    assert np.allclose(ours.ways, vrplib.ways)
    assert solution_text(ours, Plan(((), (2, 3))), 12.5) == "Route #1:\nRoute #2: 3 4\nCost 12.500\n"


def test_there_are_so_many_vehicles_of_each_type_and_types_are_counted_from_the_left(tmp_path: Path) -> None:
    problem = read(tmp_path, CORDEAU.replace("7 1 4 2", "7 3 4 2")).problem
    assert [shift.capacity for shift in problem.shifts] == [10, 10, 10, 20, 20, 20]
    first, second = Plan(((0,), (), (), (), (), ())), Plan(((), (), (), (0,), (), ()))
    assert check(problem, first).is_kept
    assert [breach.kind for breach in check(problem, second).breaches] == ["skill"]


def test_a_code_that_names_two_types_lets_either_of_them_come(tmp_path: Path) -> None:
    problem = read(tmp_path, CORDEAU.replace("1 2 1 2 0 900", "1 1 3 0 900")).problem
    assert problem.calls == read(tmp_path, CORDEAU).problem.calls


def test_without_types_all_vehicles_are_alike_and_without_windows_it_is_always_time(tmp_path: Path) -> None:
    alike = read(tmp_path, "4 2 1 1\n0 0\n0 0 0 0 0 0 0 0 100\n1 3 4 5 1 1 1 1 0 90\n")
    assert (alike.kind, alike.convention, alike.has_kinds) == ("VRPTW", "exact", False)
    # One vehicle a client is enough.
    assert [(shift.capacity, shift.longest, shift.ends) for shift in alike.problem.shifts] == [
        (NO_LIMIT, NO_LIMIT, 100_000)
    ]
    bare = read(tmp_path, "0 2 1 1\n100 7\n0 0 0 0 0 0 0\n1 3 4 5 1 1 1 1\n")
    assert (bare.kind, check(bare.problem, Plan(((0,),))).length) == ("VRP", 10_000)
    unlike = read(tmp_path, "3 1 1 2\n0 5\n90 7\n0 0 0 0 0 0 0\n1 3 4 5 1 1 2 1 2\n")
    assert [(shift.capacity, shift.longest) for shift in unlike.problem.shifts] == [(5, NO_LIMIT), (7, 90_000)]
    # Who goes matters, though everybody may go everywhere.
    assert unlike.has_kinds


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("7 1 4 2", "6 1 4 2", r":1: type 6 is MDVRPTW, with several depots; read are types 0 \(VRP\), 3"),
        ("7 1 4 2", "1 1 4 2", r":1: type 1 is PVRP, with several days"),
        ("7 1 4 2", "9 1 4 2", r":1: 9 as the type of the problem is wrong"),
        ("7 1 4 2", "7 1 4", r":1: '7 1 4' has 3 values, and should have 4"),
        ("7 1 4 2", "7 0 4 2", r":1: 0 as the number of vehicles \(m\) is wrong"),
        ("7 1 4 2", "7 1 -4 2", r":1: -4 as the number of clients \(n\) is wrong: 1 to 1000"),
        ("7 1 4 2", "7 1 99999 2", r":1: 99999 as the number of clients"),
        ("7 1 4 2", "7 1 4.5 2", r":1: 4.5 as a count is wrong"),
        ("7 1 4 2", "7 900 4 2", r":1: 1800 as m times t vehicles is wrong"),
        ("7 1 4 2", "4 1 4 2", r":1: 2 as the number of vehicle types \(t\) is wrong"),
        ("7 1 4 2", "7 1 5 2", r":8: there are 8 lines of numbers; 9 are announced: .* 5 of clients"),
        ("7 1 4 2", "7 1 3 2", r":8: there are 8 lines of numbers; 7 are announced"),
        ("500 10", "500", r":2: '500' has 1 values, and should have 2"),
        ("500 10", "-1 10", r":2: -1.0 as the longest duration"),
        ("500 10", "500 1.5", r":2: 1.5 as the most that a vehicle carries"),
        (
            "0 0 0 0 0 0 0 0 1000\n",
            "",
            r"there are 7 lines of numbers; 8 are announced: the first, 2 of vehicles, the depot",
        ),
        ("0 0 0 0 0 0 0 0 1000", "9 0 0 0 0 0 0 0 1000", r":4: 9.0 as the number of a node is wrong: 0 comes next"),
        ("1 10 0 5 1 1 1 2", "1 10 0 5 -1 1 1 2", r":5: -1.0 as the demand \(q\) is wrong"),
        ("1 10 0 5 1 1 1 2", "1 10 0 5 1.5 1 1 2", r":5: 1.5 as the demand \(q\) is wrong"),
        ("1 10 0 5 1 1 1 2", "1 10 0 -5 1 1 1 2", r":5: -5.0 as the service time"),
        ("1 10 0 5 1 1 1 2", "1 10 0 5 1 2 1 2", r":5: 2.0 as the number of visits \(f\) is wrong"),
        (
            "1 10 0 5 1 1 1 2",
            "1 10 0 5 1 1 1 4",
            r":5: 4.0 as a combination is wrong: with 2 vehicle types it is 1 to 3",
        ),
        ("1 10 0 5 1 1 1 2", "1 10 0 5 1 1 1 0", r":5: 0.0 as a combination is wrong"),
        ("1 10 0 5 1 1 1 2", "1 10 0 5 1 1 0", r":5: client 1 names no vehicle type"),
        ("1 10 0 5 1 1 1 2", "1 10 0 5 1 1 -1", r":5: -1.0 as a, the number of combinations"),
        ("1 10 0 5 1 1 1 2", "1 10 0 5 1 1 2 2", r":5: .* has 10 values; with a = 2 it has 11"),
        ("1 10 0 5 1 1 1 2 0 900", "1 10 0 5", r":5: '1 10 0 5' has 4 values; a node has i x y d q f a"),
        ("1 10 0 5", "1 ten 0 5", r":5: 'ten' is not a number"),
        ("1 10 0 5", "1 1e30 0 5", r":5: 1e30 is no number to plan with"),
        ("2 0 900\n2 20", "2 901 900\n2 20", r":5: a window from 901 to 900 has no time in it"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_line_and_value(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in CORDEAU
    with pytest.raises(InstanceError, match=words):
        read(tmp_path, CORDEAU.replace(old, new, 1))


@pytest.mark.parametrize("share", range(1, 20))
def test_a_file_that_was_cut_off_anywhere_is_refused(tmp_path: Path, share: int) -> None:
    cut = CORDEAU[: len(CORDEAU) * share // 20]
    with pytest.raises(InstanceError):
        read(tmp_path, cut)
