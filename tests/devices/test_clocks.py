"""Clocks: what is ahead or behind is told, what is only late is not."""

import random

import pytest

from devices.clocks import Skew, skew

SECOND_US = 1_000_000
START_US = 1_790_000_000 * SECOND_US


def pairs(
    ahead_s: float, count: int = 16, every_s: float = 10.0, way_s: tuple[float, float] = (0.05, 2.0)
) -> list[tuple[int, int]]:
    """Told and received times of a device whose clock is so far ahead."""
    chance = random.Random(7)
    found: list[tuple[int, int]] = []
    for number in range(count):
        taken_us = START_US + round(every_s * number * SECOND_US)
        told_us = taken_us + round(ahead_s * SECOND_US)
        found.append((told_us, taken_us + round(chance.uniform(*way_s) * SECOND_US)))
    return found


@pytest.mark.parametrize("ahead_s", [-250.0, -3.0, 0.0, 20.0])
def test_a_clock_within_bounds_is_measured_and_not_told(ahead_s: float) -> None:
    measured = skew(pairs(ahead_s), 60.0)
    assert measured is not None
    assert not measured.is_off
    assert abs(measured.skew_s - ahead_s) < 2.0


@pytest.mark.parametrize("ahead_s", [-1.8e9, -86_400.0, -400.0, 40.0, 7200.0, 3.5e8])
def test_a_clock_that_is_off_is_told_by_how_much(ahead_s: float) -> None:
    measured = skew(pairs(ahead_s), 60.0)
    assert measured is not None
    assert measured.is_off
    assert measured.skew_s == pytest.approx(ahead_s, abs=2.0)


def test_a_product_of_an_hourly_cadence_may_be_late_by_two_of_them() -> None:
    assert skew(pairs(-4000.0, every_s=3600.0), 3600.0) == Skew(pytest.approx(-4000.0, abs=2.0), is_off=False)
    measured = skew(pairs(-8000.0, every_s=3600.0), 3600.0)
    assert measured is not None
    assert measured.is_off


def test_a_store_that_is_emptied_after_an_outage_says_nothing() -> None:
    emptied = [(START_US + n * 10 * SECOND_US, START_US + 7200 * SECOND_US + n * 20_000) for n in range(16)]
    assert skew(emptied, 60.0) is None


def test_two_wrong_times_do_not_move_the_estimate() -> None:
    spoiled = pairs(0.0)
    spoiled[3] = (spoiled[3][0] + 10**15, spoiled[3][1])
    spoiled[9] = (spoiled[9][0] + 10**12, spoiled[9][1])
    measured = skew(spoiled, 60.0)
    assert measured is not None
    assert not measured.is_off


def test_a_few_messages_say_nothing_and_the_order_of_times_does_not_matter() -> None:
    assert skew(pairs(7200.0, count=7), 60.0) is None
    shuffled = pairs(-400.0)
    ends = [shuffled[0], *random.Random(1).sample(shuffled[1:-1], 14), shuffled[-1]]
    assert skew(ends, 60.0) == skew(shuffled, 60.0)
