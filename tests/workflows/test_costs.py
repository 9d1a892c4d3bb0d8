"""Triage by expected cost: the least is chosen, and what costs more is never chosen for it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.costs import Rates
from devices.products import product_type
from workflows.costs import Comparison, Question, Way, compare, own_guide

CASES = [(name, code) for name in ("electric_vehicle", "smart_meter") for code in product_type(name).faults]


def question(name: str, code: str, sure: float = 0.97, *, may_ask: bool = True) -> Question:
    product = product_type(name)
    fault = product.faults[code]
    return Question(
        product,
        fault.component,
        code,
        fault.severity,
        {code: sure, "unknown": 1 - sure},
        next(iter(product.ladders.get(code, ())), None),
        own_guide(product, code),
        {},
        may_ask=may_ask,
        may_wait=True,
    )


def rates(name: str) -> Rates:
    found = product_type(name).rates
    assert found is not None
    return found


def compared(name: str, code: str, sure: float = 0.97) -> Comparison:
    return compare(question(name, code, sure), rates(name))


@pytest.mark.parametrize(
    ("name", "code", "sure", "way"),
    [
        ("smart_meter", "bus_lost", 0.97, Way.REMOTE),
        ("smart_meter", "clock_wrong", 0.97, Way.REMOTE),
        ("smart_meter", "return_too_warm", 0.97, Way.SELF_HELP),
        ("smart_meter", "water_meter_faulty", 0.97, Way.VISIT),
        ("smart_meter", "water_leak", 0.8, Way.ASK),
        ("electric_vehicle", "weak_cell", 0.97, Way.DROP_OFF),
        ("electric_vehicle", "tyre_leak", 0.97, Way.DROP_OFF),
        ("electric_vehicle", "reported_code", 0.97, Way.REMOTE),
    ],
)
def test_each_fault_has_its_cheapest_way(name: str, code: str, sure: float, way: Way) -> None:
    assert compared(name, code, sure).chosen.way is way


def test_what_no_date_would_help_goes_to_a_person_when_nothing_is_left_to_try() -> None:
    spent = replace(question("electric_vehicle", "reported_code"), rung=None)
    assert compare(spent, rates("electric_vehicle")).chosen.way is Way.CASE


@given(st.sampled_from(CASES), st.floats(0.05, 0.999), st.integers(1, 10**6))
def test_a_rate_that_rises_never_makes_its_own_option_the_chosen_one(
    case: tuple[str, str], sure: float, more: int
) -> None:
    asked = question(*case, sure)
    base = rates(case[0])
    before = compare(asked, base).chosen.way
    dearer = {Way.REMOTE: "remote_try", Way.CASE: "case"}
    for way, rate in dearer.items():
        after = compare(asked, replace(base, **{rate: getattr(base, rate) + more})).chosen.way
        assert after is not way or before is way


@given(st.sampled_from(CASES), st.floats(0.05, 0.999))
def test_the_chosen_one_costs_least_and_a_way_stands_there_once(case: tuple[str, str], sure: float) -> None:
    options = compare(question(*case, sure), rates(case[0])).options
    assert options[0].cost_minor == min(each.cost_minor for each in options) >= 0
    assert len({each.way for each in options}) == len(options)
    assert all(0 <= each.heals <= 1 for each in options)


@pytest.mark.parametrize("name", ["electric_vehicle", "smart_meter"])
def test_every_guide_is_about_a_fault_that_may_run_on_and_names_its_proof(name: str) -> None:
    product = product_type(name)
    monitors = {each.name: each for each in product.monitors}
    for guide in product.guides:
        assert product.faults[guide.fault].may_run_on
        assert {monitors[each].component for each in guide.proof} == {product.faults[guide.fault].component}
        assert 0 < guide.cures < 1
        assert all(monitors[each].off_delay_s < guide.prove_within_s for each in guide.proof)
