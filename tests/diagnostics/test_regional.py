"""Which silences are one: many at about the same time, as a share of the region or in number."""

import numpy as np
import pytest

from diagnostics.regional import FEWEST, MANY, at_once

HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("quiet", "alive", "is_regional"),
    [(FEWEST - 1, FEWEST - 1, False), (FEWEST, 2 * FEWEST, True), (FEWEST, 2 * FEWEST + 1, False),
     (MANY, 100_000, True), (MANY - 1, 100_000, False)],
)  # fmt: skip
def test_a_large_share_or_a_large_number_is_one_cause(quiet: int, alive: int, is_regional: bool) -> None:
    at_us = np.arange(quiet, dtype=np.int64)
    assert at_once(at_us, at_us, alive, HOUR).tolist() == [is_regional] * quiet


def test_those_that_are_not_confirmed_yet_count_too() -> None:
    quiet = np.arange(10, dtype=np.int64) * HOUR // 20
    assert at_once(quiet[:1], quiet, 12, HOUR).tolist() == [True]


def test_silences_of_other_hours_are_counted_apart() -> None:
    quiet = np.array([0, 100, 101, 102, 103, 104, 200]) * HOUR
    assert at_once(quiet, quiet, 7, 4 * HOUR).tolist() == [False, True, True, True, True, True, False]
    assert at_once(quiet[:0], quiet, 7, HOUR).tolist() == []
