"""The next best check: most bits per minute over what is still in doubt, and nothing where nothing is to be told."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.checks import Check, Manner
from devices.products import product_type
from diagnostics.diagnosis import Evidence, diagnose
from diagnostics.next_check import best, expected_gain

SHARE = st.floats(0.01, 0.99)


def check(name: str = "ask", minutes: float = 10, **yes: float) -> Check:
    return Check(name, f"{name}?", "battery", Manner.REMOTE, minutes, yes, otherwise=0.5)


@given(first=SHARE, second=SHARE, prior=SHARE)
def test_the_gain_is_what_the_answer_takes_from_the_entropy_of_the_faults(
    first: float, second: float, prior: float
) -> None:
    def entropy(*shares: float) -> float:
        return -sum(share * math.log2(share) for share in shares if share > 0)

    yes = prior * first + (1 - prior) * second
    after_yes = entropy(prior * first / yes, (1 - prior) * second / yes)
    after_no = entropy(prior * (1 - first) / (1 - yes), (1 - prior) * (1 - second) / (1 - yes))
    expected = entropy(prior, 1 - prior) - yes * after_yes - (1 - yes) * after_no
    found = expected_gain(check(a=first, b=second), {"a": prior, "b": 1 - prior})
    assert found == pytest.approx(expected, abs=1e-9)
    assert found >= -1e-12


def test_where_one_fault_is_left_there_is_nothing_to_ask() -> None:
    assert best([check(a=0.9, b=0.1)], {"a": 1.0, "b": 0.0}) is None
    assert best([], {"a": 0.5, "b": 0.5}) is None


def test_of_two_that_tell_the_same_the_cheaper_one_is_next() -> None:
    found = best([check("dear", 60, a=0.9, b=0.1), check("cheap", 5, a=0.9, b=0.1)], {"a": 0.5, "b": 0.5})
    assert found is not None
    assert (found.check, found.minutes) == ("cheap", 5)
    assert found.after_yes == pytest.approx({"a": 0.9, "b": 0.1})


def test_another_doubt_is_another_question() -> None:
    product = product_type("electric_vehicle")
    everything = [monitor.name for monitor in product.monitors]
    asked = {
        monitor: found.next_check.check
        for monitor in ("cell_leaves_pack", "insulation_low", "battery_worn")
        if (found := diagnose(product, "traction_battery", [Evidence(1, monitor, 0, 1)], everything)) is not None
        and found.next_check is not None
    }
    assert asked["insulation_low"] == "insulation_record"
    assert asked["battery_worn"] == "range_shrinks_slowly"
