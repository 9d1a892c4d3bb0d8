"""Instances: what a file says is what is planned, and what is wrong with it is named with line and value."""

from pathlib import Path

import pytest

from gateway.routing.instance import read_best, read_instance, solution_text
from gateway.routing.report import best_of
from gateway.routing.vetting import InstanceError
from tests.gateway.routing.instances import SITE_DEPENDENT, capacitated, read, solomon
from workflows.routing import Plan, check


def test_a_file_of_solomon_s_is_read_in_tenths_that_are_cut_off(tmp_path: Path) -> None:
    instance = read(tmp_path, solomon(), "small.txt")
    problem = instance.problem
    assert (instance.name, instance.convention, instance.scale) == ("SMALL", "dimacs", 10)
    assert (len(problem.calls), len(problem.shifts)) == (8, 4)
    assert problem.shifts[0].capacity == 20
    assert problem.shifts[0].ends == 10_000
    assert problem.calls[0].visit_id == 1
    assert problem.calls[0].lasts == 100
    assert (problem.travel.lengths <= instance.ways * 10 + 1e-6).all()
    assert (problem.travel.lengths > instance.ways * 10 - 1).all()


def test_each_convention_rounds_its_own_way(tmp_path: Path) -> None:
    text = capacitated(((0, 0), (1, 1)))
    way = {
        convention: int(read(tmp_path, text, convention=convention).problem.travel.lengths[0, 1])
        for convention in ("dimacs", "exact", "round")
    }
    assert way == {"dimacs": 14, "exact": 1414, "round": 1}


def test_routes_without_windows_are_rounded_to_whole_units_and_there_are_vehicles_enough(tmp_path: Path) -> None:
    instance = read(tmp_path, capacitated())
    assert instance.convention == "round"
    assert len(instance.problem.shifts) == 3
    account = check(instance.problem, Plan(((0, 1), (2,), ())))
    assert account.is_kept
    assert account.length == 30
    assert instance.exact_cost(Plan(((0, 1), (2,), ()))) == pytest.approx(30.0)
    assert check(instance.problem, Plan(((0, 1, 2), (), ()))).breaches[0].kind == "load"


def test_who_may_visit_whom_becomes_skills(tmp_path: Path) -> None:
    instance = read(tmp_path, SITE_DEPENDENT)
    assert instance.convention == "exact"
    assert check(instance.problem, Plan(((0, 1), (2, 3)))).is_kept
    wrong = check(instance.problem, Plan(((2, 1), (0, 3)))).breaches
    assert [(breach.kind, breach.visit_id) for breach in wrong] == [("skill", 3), ("skill", 1)]
    assert [shift.capacity for shift in instance.problem.shifts] == [10, 20]
    assert {shift.longest for shift in instance.problem.shifts} == {500_000}


def test_routes_of_unlike_vehicles_are_written_with_the_empty_ones(tmp_path: Path) -> None:
    unlike, alike = read(tmp_path, SITE_DEPENDENT), read(tmp_path, capacitated())
    assert solution_text(unlike, Plan(((), (2, 3))), 12.5) == "Route #1:\nRoute #2: 3 4\nCost 12.500\n"
    assert solution_text(alike, Plan(((), (0,), ())), 10) == "Route #1: 1\nCost 10\n"


def test_a_best_known_plan_is_measured_here_and_only_a_bare_cost_is_believed(tmp_path: Path) -> None:
    instance = read(tmp_path, capacitated())
    solution = tmp_path / "one.sol"
    solution.write_text("Route #1: 1 2\nRoute #2: 3\nCost 7\n", "utf-8")
    best = read_best(solution, instance)
    assert (best.cost, best.is_computed, best.is_kept) == (30.0, True, True)
    solution.write_text("Route #1: 1 2 3\nCost 7\n", "utf-8")
    assert not read_best(solution, instance).is_kept
    solution.write_text("Cost 7\n", "utf-8")
    assert best_of(None, tmp_path / "one.vrp", instance) == best_of("7", tmp_path / "one.vrp", instance)
    for words, message in (
        ("Route #1: 9\nCost 7\n", None),
        ("Route #1: x\n", "is no solution"),
        ("nothing\n", "neither a route nor a cost"),
        ("Route #1: 1\nRoute #2: 2\nRoute #3: 3\nRoute #4:\nCost 1\n", "vehicles fewer"),
    ):
        solution.write_text(words, "utf-8")
        if message is None:
            assert not read_best(solution, instance).is_kept
        else:
            with pytest.raises(InstanceError, match=message):
                read_best(solution, instance)
    with pytest.raises(InstanceError, match="--best 0"):
        best_of("0", tmp_path / "two.vrp", instance)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("DIMENSION: 5", "DIMENSION: five", r":5: 'five' is not a number"),
        ("DIMENSION: 5", "DIMENSION: 6", r"NODE_COORD_SECTION has 5 rows; 6 are announced"),
        ("DIMENSION: 5\n", "", r"there is no DIMENSION"),
        ("DIMENSION: 5", "DIMENSION: 100000", r"100000 nodes; there may be 2 to 1001"),
        ("TYPE: SDVRPTW", "TYPE: PDPTW", r":3: PDPTW as TYPE is wrong"),
        ("EUC_2D", "GEO", r":4: GEO as EDGE_WEIGHT_TYPE is wrong"),
        ("3 20 0\n", "3 20\n", r":11: '3 20' has 2 values, and should have 3"),
        ("3 20 0\n", "3 twenty 0\n", r":11: 'twenty' is not a number"),
        ("3 20 0\n", "3 nan 0\n", r":11: nan is no number to plan with"),
        ("3 20 0\n", "4 20 0\n", r":11: 4 as the number of a row"),
        ("2 1\n3 1\n", "2 -1\n3 1\n", r":16: -1.0 as a value of DEMAND_SECTION is wrong"),
        ("2 1\n3 1\n", "2 1.5\n3 1\n", r":16: 1.5 as a value of DEMAND_SECTION is wrong: it is a whole number"),
        ("VEHICLES: 2\n", "VEHICLES: 900000000\n", r":6: 900000000 as VEHICLES is wrong"),
        ("4 0 900", "4 901 900", r":30: a window from 901 to 900 has no time in it"),
        ("1 2 3 5\n", "1 2 3 6\n", r":36: 6.0 as an allowed client is wrong: clients are 2 to 5"),
        ("CAPACITY_SECTION\n1 10\n2 20\n", "", r"there is no CAPACITY"),
        ("VEHICLES: 2\n", "", r"no VEHICLES"),
        ("SERVICE_TIME_SECTION", "PRIZE_SECTION", r":20: 'PRIZE_SECTION' is not understood"),
        ("COMMENT:", "VEHICLES_FIXED_COST: 7\nCOMMENT:", r":2: VEHICLES_FIXED_COST = '7' is not understood"),
        ("NAME: TWO KINDS", "hello", r":1: 'hello' belongs to no section"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_line_and_value(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in SITE_DEPENDENT
    with pytest.raises(InstanceError, match=words):
        read(tmp_path, SITE_DEPENDENT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("0 50 50 0 0 1000 0", "0 50 50 0 0 1000", r":10: .* has 6 values, and should have 7"),
        ("0 50 50 0 0 1000 0", "0 50 50 0 0 x 0", r":10: 'x' is not a number"),
        ("0 50 50 0 0 1000 0", "1 50 50 0 0 1000 0", r":10: 1.0 as the customer's number is wrong: 0 comes next"),
        ("   4          20", "   0          20", r":5: .* is no fleet"),
        ("   4          20", "   900000000  20", r":5: .* is no fleet; .* 10000 vehicles at most"),
        ("   4          20", "   4          2.5", r":5: .* is no fleet; number and capacity are whole"),
        ("0 50 50 0 0 1000 0\n", "", r":10: 1.0 as the customer's number is wrong: 0 comes next"),
        ("0 50 50 0 0 1000 0", "0 50 50 -1 0 1000 0", r":10: -1.0 as the demand is wrong"),
        ("0 50 50 0 0 1000 0", "0 50 50 0.5 0 1000 0", r":10: 0.5 as the demand is wrong: it is a whole number"),
    ],
)
def test_a_table_of_solomon_s_is_looked_through_too(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(InstanceError, match=words):
        read(tmp_path, solomon().replace(old, new, 1))


def test_a_file_that_is_far_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "huge.vrp"
    with file.open("wb") as hollow:
        hollow.truncate(1 << 40)
    with pytest.raises(InstanceError, match="larger than 16 MB"):
        read_instance(file)


def test_of_vehicles_that_are_alike_there_are_no_more_than_clients(tmp_path: Path) -> None:
    text = solomon().replace("   4          20", "   9000       20")
    assert len(read(tmp_path, text, "many.txt").problem.shifts) == 8


def test_half_a_file_a_folder_and_a_picture_are_no_instances(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="0 nodes"):
        read(tmp_path, solomon().partition("0 50 50")[0])
    with pytest.raises(InstanceError, match="cannot be read"):
        read_instance(tmp_path)
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(InstanceError, match="cannot be read"):
        read_instance(tmp_path / "picture")
    with pytest.raises(InstanceError, match="no DIMENSION"):
        read(tmp_path, "")
