"""The null and its tail: p-values are what a healthy fleet shows, and undetected faults do not bend them."""

import numpy as np
import pytest

from diagnostics.calibration.null import FEWEST, pool
from diagnostics.calibration.tail import fit


def exponential(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).exponential(1.2, count)


def test_p_values_of_fresh_healthy_scores_are_uniform_far_into_the_tail() -> None:
    null = pool(exponential(300_000))
    assert null is not None
    p_values = null.p_values(exponential(2_000_000, seed=2))
    for level in (0.5, 0.1, 0.01, 0.001, 0.0001):
        assert 0.7 * level < (p_values <= level).mean() < 1.3 * level + 0.011 * (level > 0.01), level


def test_a_smaller_share_of_faults_than_the_tail_leaves_the_threshold_where_it_belongs() -> None:
    scores = exponential(700_000)
    clean = fit(scores, 0.01).score_of(1e-6)
    # Twenty devices, not yet found, of a hundred thousand, on each of seven days.
    scores[: 20 * 7] = 40.0
    assert fit(scores, 0.01).score_of(1e-6) < 1.25 * clean


def test_p_value_and_score_are_each_other_s_inverse() -> None:
    null = pool(exponential(50_000))
    assert null is not None
    for p_value in (1e-3, 1e-5, 1e-8):
        assert null.p_values(np.array([null.tail.score_of(p_value)]))[0] == pytest.approx(p_value, rel=1e-9)


def test_a_higher_score_is_never_more_probable() -> None:
    null = pool(np.round(exponential(50_000), 1))
    assert null is not None
    assert (np.diff(null.p_values(np.linspace(-1, 60, 5000))) <= 0).all()


def test_too_few_scores_or_scores_without_a_tail_are_no_null() -> None:
    assert pool(exponential(FEWEST - 1)) is None
    assert pool(np.full(2 * FEWEST, 3.0)) is None
    assert pool(np.full(2 * FEWEST, np.nan)) is None
