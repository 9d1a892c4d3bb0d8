"""The minimum flow detector: consumption that never rests."""

import numpy as np

from devices.monitors import MinimumFlow
from diagnostics.detectors.minimum_flow import MinimumFlows

HOUR_S = 3600.0
ROW = MinimumFlow("leak", "Leak", "pipes", "water_l", "l/h", HOUR_S, 3 * HOUR_S, 12 * HOUR_S, 0.9, 0.5, 0.0, 0.0)


def looks(hours: list[float], litres: list[float]) -> list[tuple[bool, bool, float]]:
    """Whether each reading is wrong, whether it is well, and the flow that it is judged by."""
    flows = MinimumFlows(ROW)
    flows.memory.grow(1, 1)
    said: list[tuple[bool, bool, float]] = []
    before = hours[0]
    for hour, value in zip(hours, litres, strict=True):
        dt_s = np.array([min((hour - before) * HOUR_S, 2 * HOUR_S)])
        at_us = np.array([round((1000 + hour) * HOUR_S * 1e6)])
        now = flows.judge(np.array([0]), flows.read(np.array([[value]])), at_us, dt_s)
        said.append((bool(now.wrong[0, 0]), bool(now.well[0, 0]), float(now.value[0, 0])))
        before = hour
    return said


def test_a_leak_under_ordinary_use_is_wrong_after_half_a_day_and_its_size_is_the_smallest_look() -> None:
    use = np.array([0, 30, 12, 5, 0, 0, 80, 22] * 5)
    litres = np.cumsum(use + 3.0).tolist()
    said = looks([float(hour) for hour in range(40)], litres)
    assert [wrong for wrong, _, _ in said].index(True) in (12, 13)
    assert said[-1][2] == 3.0


def test_one_hour_of_rest_ends_the_run() -> None:
    litres = np.cumsum([5.0] * 20 + [0.0] + [5.0] * 10).tolist()
    said = looks([float(hour) for hour in range(31)], litres)
    assert said[19][0]
    assert said[20][1]
    assert not any(wrong for wrong, _, _ in said[20:])


def test_readings_every_quarter_of_an_hour_give_the_same_looks_as_hourly_ones() -> None:
    hours = np.arange(0, 30, 0.25)
    said = looks(hours.tolist(), np.floor(hours * 2).tolist())
    assert said[-1][0]
    assert said[-1][2] == 2.0


def test_a_gap_says_nothing_and_neither_begins_nor_ends_a_run() -> None:
    hours = [*map(float, range(15)), *(15.0 + 40 + hour for hour in range(3))]
    litres = [hour * 4 for hour in hours]
    said = looks(hours, litres)
    assert said[14][0]
    assert said[15][:2] == (False, False)
    assert said[16][0]


def test_a_missing_value_and_a_register_that_goes_back_are_no_flow() -> None:
    said = looks([0.0, 1.0, 2.0, 3.0, 4.0], [100.0, float("nan"), 110.0, 20.0, 20.0])
    assert not any(wrong for wrong, _, _ in said)
    assert np.isnan(said[3][2])
    assert said[4] == (False, True, 0.0)
