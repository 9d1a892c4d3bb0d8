"""The benchmark's score, at places where its authors' definition gives it away."""

import numpy as np
import pytest

from gateway.evaluate.nab_score import PROFILES, Tally, marks, probation, tally, total

ROWS = 10_000
WINDOW = (5_000, 5_499)


def scored(*alarms: int, windows: tuple[tuple[int, int], ...] = (WINDOW,)) -> dict[str, float]:
    counted = tally(marks(ROWS, windows), np.array(alarms, np.int64))
    return {name: round(counted.score(profile), 2) for name, profile in PROFILES.items()}


def test_a_detector_that_never_speaks_is_worth_nothing_and_the_first_row_of_a_window_everything() -> None:
    assert scored() == {"standard": 0.0, "low_fp": 0.0, "low_fn": 0.0}
    assert scored(WINDOW[0]) == {"standard": 100.0, "low_fp": 100.0, "low_fn": 100.0}


def test_a_false_alarm_ahead_of_all_windows_costs_its_weight_whole() -> None:
    assert scored(3_000, WINDOW[0]) == {"standard": 94.5, "low_fp": 89.0, "low_fn": 96.33}


def test_an_alarm_right_after_a_window_costs_little_and_three_widths_later_all() -> None:
    just, far = scored(WINDOW[0], WINDOW[1] + 5), scored(WINDOW[0], WINDOW[1] + 2_000)
    assert 99.5 < just["standard"] < 100
    assert far["standard"] == 94.5


def test_in_a_window_only_the_first_alarm_counts() -> None:
    assert scored(5_000, 5_100, 5_499) == scored(5_000)
    assert scored(5_400)["standard"] < scored(5_100)["standard"] < 100


def test_a_window_found_at_its_end_is_worth_no_less_than_a_miss() -> None:
    assert scored(WINDOW[1])["standard"] > scored()["standard"]


def test_alarms_of_the_probationary_period_are_not_scored() -> None:
    assert probation(ROWS) == 750
    assert scored(749, WINDOW[0]) == scored(WINDOW[0])
    assert scored(750, WINDOW[0])["standard"] == 94.5


def test_a_window_within_the_probationary_period_is_none() -> None:
    assert marks(ROWS, [(100, 200)]).windows == 0
    assert np.isnan(tally(marks(ROWS, [(100, 200)]), np.array([150])).score(PROFILES["standard"]))


def test_series_are_added_up_before_they_are_scored() -> None:
    one = tally(marks(ROWS, [WINDOW]), np.array([WINDOW[0]]))
    other = tally(marks(ROWS, [WINDOW]), np.array([], np.int64))
    without = tally(marks(ROWS, []), np.array([2_000]))
    assert total([one, other]).score(PROFILES["standard"]) == pytest.approx(50.0)
    assert total([one, other, without]).score(PROFILES["standard"]) == pytest.approx(50 - 100 * 0.11 / 4)
    assert total([]) == Tally(0, 0, 0, 0, 0)
