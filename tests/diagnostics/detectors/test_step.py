"""The step detector: a sudden lasting change is told; spikes, holidays, drifts and seasons are not."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from devices.monitors import Periods, Step
from diagnostics.detectors.step import Steps

DAY_US = 86_400_000_000
ROW = Step(
    "less", "Less", "w", "water_l", "%", "below", Periods(86_400.0, fewest=1, rest=20), before=28, after=14,
    scale_floor=5, sigmas=3, limit=50, clear=25, hold=60, on_delay_s=0, off_delay_s=0, is_share=True,
)  # fmt: skip


def wrong_days(levels: np.ndarray, monitor: Step = ROW) -> list[int]:
    """Days on which it is wrong; a level is known a day after."""
    steps = Steps(monitor)
    steps.memory.grow(1, 1)
    told = []
    for day, level in enumerate(levels.tolist()):
        at_us = np.array([1_000 * DAY_US + day * DAY_US])
        said = steps.judge(np.array([0]), steps.read(np.array([[level]])), at_us, np.array([86_400.0]))
        if said.wrong[0, 0]:
            told.append(day)
    return told


def household(days: int, seed: int = 1) -> np.ndarray:
    """Litres a day of people who wash on some days."""
    chance = np.random.default_rng(seed)
    return chance.gamma(8.0, 30.0, days) + np.where(np.arange(days) % 7 == 6, 150.0, 0.0)


def test_a_lasting_change_is_found_when_most_of_the_window_s_newest_part_is_behind_it() -> None:
    levels = household(120)
    levels[60:] *= 0.3
    assert 60 + 9 <= wrong_days(levels)[0] <= 60 + 14


def test_a_spike_and_a_fortnight_away_are_not_told() -> None:
    levels = household(200)
    levels[60:64] = 25.0
    levels[100:115] = 3.0  # a tap that drips into an empty home: at rest
    assert wrong_days(levels) == []


def test_a_drift_of_the_same_size_is_not_told_as_a_step() -> None:
    levels = household(260) * np.interp(np.arange(260), [60, 200], [1.0, 0.2])
    assert wrong_days(levels) == []


def test_a_season_is_not() -> None:
    days = np.arange(730)
    levels = household(730) * (1.0 + 0.5 * np.cos(2 * np.pi * days / 365))
    assert wrong_days(levels) == []


def test_it_is_well_when_the_level_comes_back_and_can_be_wrong_again() -> None:
    levels = household(300)
    levels[60:100] *= 0.3
    levels[180:230] *= 0.3
    told = wrong_days(levels)
    gaps = [later - earlier for earlier, later in pairwise(told) if later > earlier + 1]
    assert len(gaps) == 1
    assert max(told) < 250


def test_after_its_hold_the_new_level_is_taken_for_usual() -> None:
    levels = household(300)
    levels[60:] *= 0.3
    told = wrong_days(levels)
    assert len(told) <= ROW.hold + 1
    assert max(told) < 60 + 14 + ROW.hold + 2


def test_the_other_side_is_another_monitor_s_matter() -> None:
    levels = household(120)
    levels[60:] *= 3.0
    assert wrong_days(levels) == []
    assert wrong_days(levels, replace(ROW, side="above"))


def test_a_change_in_the_feature_s_unit_needs_no_share() -> None:
    chance = np.random.default_rng(4)
    rise_k = 17 + 2 * chance.standard_normal(80)
    rise_k[40:] += 12
    hotter = replace(ROW, side="above", is_share=False, scale_floor=1.5, limit=6, clear=3, before=14, after=5)
    hotter = replace(hotter, periods=Periods(86_400.0, fewest=1))
    assert 40 + 3 <= wrong_days(rise_k, hotter)[0] <= 40 + 6
