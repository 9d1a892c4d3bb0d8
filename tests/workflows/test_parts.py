"""Parts: which one is meant on a device, and which to take along."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.money import Money
from workflows.parts import (
    Catalogue,
    Cause,
    KitCosts,
    Need,
    Row,
    Scope,
    Successor,
    Unit,
    UnknownPart,
    kit,
    need_of,
)

CAR = Unit("electric_vehicle", "H1", "H1-0500", "2.10.1")
TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("scope", "holds"),
    [
        (Scope(), True),
        (Scope(product="smart_meter"), False),
        (Scope(model="H2"), False),
        (Scope(serial_from="H1-0100", serial_to="H1-0500"), True),
        (Scope(serial_from="H1-0501"), False),
        (Scope(firmware_from="2.9", firmware_to="2.10.1"), True),
        (Scope(firmware_to="2.9"), False),
    ],
)
def test_a_row_holds_for_the_devices_that_it_names(scope: Scope, holds: bool) -> None:
    assert scope.holds(CAR) is holds


def test_without_a_row_that_fits_the_role_is_the_part() -> None:
    bill = {"PUMP": [Row("PUMP-X", Scope(model="H9"))]}
    assert need_of("PUMP", CAR, Catalogue(bill), TODAY) == Need("PUMP", ["PUMP"], frozenset({"PUMP"}))


def test_the_narrowest_row_counts_and_two_as_narrow_are_a_persons_to_judge() -> None:
    bill = {"PUMP": [Row("PUMP-1"), Row("PUMP-2", Scope(model="H1"))]}
    found = need_of("PUMP", CAR, Catalogue(bill), TODAY)
    assert isinstance(found, Need)
    assert found.part_nos == ["PUMP-2"]
    both = {"PUMP": [Row("PUMP-2", Scope(model="H1")), Row("PUMP-3", Scope(firmware_from="2"))]}
    assert need_of("PUMP", CAR, Catalogue(both), TODAY) == UnknownPart("PUMP", ["PUMP-2", "PUMP-3"])


def test_a_chain_of_successors_is_followed_to_its_end_by_the_day() -> None:
    catalogue = Catalogue(
        successors={
            "A": Successor("B", date(2025, 1, 1)),
            "B": Successor("C", TODAY),
            "C": Successor("D", date(2027, 1, 1)),
        }
    )
    found = need_of("A", CAR, catalogue, TODAY)
    assert isinstance(found, Need)
    assert found.part_nos == ["A", "B", "C"]
    assert found.orderable == {"C"}


def test_a_substitute_stands_in_one_way_and_on_its_devices_only() -> None:
    catalogue = Catalogue(substitutes={"A": [Row("B", Scope(model="H1")), Row("C", Scope(model="H2"))]})
    found = need_of("A", CAR, catalogue, TODAY)
    assert isinstance(found, Need)
    assert found.part_nos == ["A", "B"]
    back = need_of("B", CAR, catalogue, TODAY)
    assert isinstance(back, Need)
    assert back.part_nos == ["B"]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.lists(st.sampled_from("ABC"), max_size=3)), max_size=5),
    st.integers(0, 100_000),
    st.integers(0, 1000),
)
def test_a_part_is_taken_exactly_when_that_is_known_to_be_cheaper(
    causes: list[tuple[float, list[str]]], visit: int, per_mille: int
) -> None:
    prices = {"A": Money(5_000, "EUR"), "B": Money(500_000, "EUR")}
    lines = kit(
        [Cause(str(at), share, roles) for at, (share, roles) in enumerate(causes)],
        prices,
        KitCosts(Money(visit, "EUR"), per_mille),
    )
    assert [line.probability for line in lines] == sorted((line.probability for line in lines), reverse=True)
    for line in lines:
        assert 0 <= line.probability <= 1
        assert line.is_priced == (line.role in prices)
        assert line.is_taken == (line.is_priced and line.taking_costs < line.leaving_costs)
        assert line.leaving_costs <= Money(visit, "EUR")
