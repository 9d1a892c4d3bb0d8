"""The reporting cycle: few of those that pass are false, and a decision needs nobody else's scores."""

import numpy as np

from diagnostics.calibration.cycle import decide, threshold
from diagnostics.calibration.null import Null, pool


def healthy(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).exponential(1.0, count)


def null() -> Null:
    made = pool(healthy(200_000, 0))
    assert made is not None
    return made


NOBODY = np.zeros(20_000, np.bool_)


def test_of_those_that_pass_no_larger_share_is_false_than_the_rate() -> None:
    rate, made = 0.1, null()
    false = passed = 0
    for seed in range(1, 101):
        scores = healthy(20_000, seed)
        scores[:100] += 12.0
        decided = decide(made, scores, NOBODY, NOBODY, rate)
        false += int(decided.passed[100:].sum())
        passed += int(decided.passed.sum())
    assert passed > 9_000
    assert false / passed < rate


def test_whoever_passes_once_is_not_confirmed_and_whoever_passes_twice_is() -> None:
    made, scores = null(), healthy(20_000, 1)
    scores[:2] = 30.0
    first = decide(made, scores, NOBODY, NOBODY)
    assert first.passed[:2].all()
    assert not first.confirmed.any()
    scores[1] = 0.5
    assert np.flatnonzero(decide(made, scores, NOBODY, first.passed).confirmed).tolist() == [0]


def test_what_is_open_is_neither_asked_again_nor_counted_until_it_is_well() -> None:
    made, scores = null(), healthy(20_000, 1)
    scores[:2] = 30.0, 0.1
    is_open = NOBODY.copy()
    is_open[:2] = True
    decided = decide(made, scores, is_open, NOBODY)
    assert decided.threshold.family == 19_998
    assert not decided.passed[:2].any()
    assert decided.well[:2].tolist() == [False, True]


def test_a_device_s_outcome_follows_from_its_own_score_null_and_threshold() -> None:
    made, scores = null(), healthy(20_000, 1)
    scores[:50] += 10.0
    decided = decide(made, scores, NOBODY, NOBODY)
    for place in (0, 7, 49, 1000):
        alone = made.p_values(scores[place : place + 1])
        assert decided.threshold.is_passed(alone)[0] == decided.passed[place]


def test_unknown_scores_are_nobody_s_and_an_empty_family_asks_nothing() -> None:
    decided = decide(null(), np.full(3, np.nan), NOBODY[:3], NOBODY[:3])
    assert decided.threshold == threshold(np.zeros(0))
    assert not decided.passed.any()
