"""The standstill detector: longer than the device ever stood still."""

import numpy as np

from devices.monitors import Stuck
from diagnostics.detectors.stuck import Standstills

DAY_S = 86_400.0
ROW = Stuck("stuck", "Stuck", "meter", "water_l", 14.0, 3.0, 14 * DAY_S, 180 * DAY_S, 0.0, 0.0)


def wrong_days(values: list[float], dt_s: float = DAY_S) -> list[int]:
    stills = Standstills(ROW)
    stills.memory.grow(1, 1)
    at_us = np.array([0])
    said = [
        stills.judge(np.array([0]), stills.read(np.array([[value]])), at_us, np.array([dt_s if day else 0.0]))
        for day, value in enumerate(values)
    ]
    return [day for day, now in enumerate(said) if now.wrong[0, 0]]


def moving(days: int, every: int = 1) -> list[float]:
    return [float(day // every) for day in range(days)]


def test_a_register_that_moved_daily_and_stands_for_a_fortnight_is_stuck() -> None:
    values = moving(30) + [29.0] * 20
    assert wrong_days(values)[0] == 29 + 14


def test_a_household_with_long_pauses_is_given_three_times_its_longest() -> None:
    values = moving(60, every=10) + [5.0] * 40
    first = wrong_days(values)[0]
    assert 50 + 24 < first < 50 + 30, "three pauses of ten days, a little faded"


def test_a_device_of_which_little_is_known_is_not_suspected() -> None:
    assert wrong_days([7.0] * 100) == []
    assert wrong_days(moving(5) + [4.0] * 100) == []


def test_the_first_change_ends_it() -> None:
    assert wrong_days(moving(30) + [29.0] * 20 + [30.0])[-1] == 49


def test_a_missing_value_is_no_standstill() -> None:
    assert wrong_days(moving(30) + [float("nan")] * 50) == []
