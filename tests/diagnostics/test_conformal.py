"""Conformal label sets: what is promised holds, and where nothing can be promised nothing is ruled out."""

import numpy as np
import pytest

from diagnostics.conformal import calibrate, nonconformity


def cases(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of four labels, of which the last is told badly, and the true ones."""
    chance = np.random.default_rng(seed)
    label = chance.integers(4, size=count)
    told = chance.normal(size=(count, 4))
    told[np.arange(count), label] += np.where(label == 3, 0.5, 2.5)
    odds = np.exp(told)
    return odds / odds.sum(axis=1, keepdims=True), label


@pytest.mark.parametrize("coverage", [0.6, 0.8, 0.95])
def test_sets_hold_the_true_label_as_often_as_was_stated(coverage: float) -> None:
    learned = calibrate(nonconformity(*cases(4000, 1)))
    probabilities, label = cases(20_000, 2)
    held = learned.label_set(probabilities, coverage)[np.arange(len(label)), label]
    assert held.mean() == pytest.approx(coverage, abs=0.02)
    assert held[label == 3].mean() < coverage


def test_by_label_each_of_them_is_held_as_often_as_was_stated() -> None:
    probabilities, label = cases(8000, 1)
    learned = calibrate(nonconformity(probabilities, label), label, 4)
    probabilities, label = cases(20_000, 2)
    held = learned.label_set(probabilities, 0.8)[np.arange(len(label)), label]
    assert [held[label == one].mean() for one in range(4)] == pytest.approx([0.8] * 4, abs=0.03)


def test_with_too_few_cases_or_no_probability_nothing_is_ruled_out() -> None:
    sure = np.array([[1.0, 0.0], [np.nan, np.nan]])
    assert calibrate(np.zeros(8)).label_set(sure, 0.9).all()
    assert calibrate(np.zeros(9)).label_set(sure, 0.9).tolist() == [[True, False], [True, True]]
    assert calibrate(np.zeros(0)).label_set(sure, 0.1).all()
    by_label = calibrate(np.zeros(9), np.zeros(9, np.int64), 2)
    assert by_label.label_set(sure, 0.9)[0].tolist() == [True, True]


def test_a_case_on_which_the_model_said_nothing_counts_as_strange() -> None:
    assert np.isinf(calibrate(np.array([0.1, 0.2, np.nan])).limits(0.7)).all()


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1.0, float("nan")])
def test_a_coverage_that_cannot_be_promised_is_refused(coverage: float) -> None:
    with pytest.raises(ValueError, match="cannot be promised"):
        calibrate(np.zeros(9)).limits(coverage)


def test_other_labels_than_were_calibrated_are_refused() -> None:
    learned = calibrate(np.zeros(9), np.zeros(9, np.int64), 2)
    with pytest.raises(ValueError, match="3 labels, and 2"):
        learned.label_set(np.zeros((1, 3)), 0.5)
