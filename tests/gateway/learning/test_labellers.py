"""Learned labellers: beliefs that cases have in common, one label never likely, and what is no labeller is refused."""

import numpy as np
import pytest

from diagnostics.conformal import Conformal, calibrate
from diagnostics.labeller import Labeller
from gateway.learning.labellers import train

FACTORS = np.linspace(0.0, 1.0, 101)


def cases(*at: float, spread: float = 0.05) -> np.ndarray:
    return -0.5 * ((FACTORS - np.array(at)[:, None]) / spread) ** 2


def taught(rows: np.ndarray, label: list[int], labels: int) -> Labeller:
    return train(rows, np.array(label, np.int64), labels, FACTORS, 0.02, calibrate(np.zeros(9)))


def test_a_label_is_what_its_cases_have_in_common_though_each_is_vague() -> None:
    chance = np.random.default_rng(4)
    rows = np.vstack([cases(*chance.normal(middle, 0.2, 60), spread=0.2) for middle in (0.3, 0.7)])
    labeller = taught(rows, [0] * 60 + [1] * 60, 2)
    assert labeller.beliefs.sum(axis=1) == pytest.approx(np.ones(2))
    assert labeller.beliefs @ FACTORS == pytest.approx([0.3, 0.7], abs=0.07)
    told = labeller.probabilities(cases(0.3, 0.7))
    assert told.argmax(axis=1).tolist() == [0, 1]
    assert told.sum(axis=1) == pytest.approx(np.ones(2))


def test_a_case_that_says_nothing_leaves_all_labels_as_likely_and_an_unknown_one_rules_none_out() -> None:
    labeller = taught(cases(0.1, 0.12, 0.8, 0.82), [0, 0, 1, 1], 2)
    assert labeller.probabilities(np.zeros((1, 101))) == pytest.approx(np.full((1, 2), 0.5))
    assert labeller.label_set(np.full((1, 101), np.nan), 0.5).all()


def test_two_likely_factors_are_two_likely_labels() -> None:
    labeller = taught(cases(0.1, 0.5, 0.9), [0, 1, 2], 3)
    either = np.logaddexp(cases(0.1), cases(0.9))
    assert labeller.probabilities(either)[0] == pytest.approx([0.48, 0.04, 0.48], abs=0.05)


def test_a_label_without_a_row_is_never_likely_and_one_label_teaches_nothing() -> None:
    rows = cases(0.1, 0.12, 0.8, 0.82)
    assert (taught(rows, [0, 0, 2, 2], 3).probabilities(rows)[:, 1] == 0).all()
    with pytest.raises(ValueError, match="two labels are needed"):
        taught(rows, [0, 0, 0, 0], 3)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"beliefs": np.zeros(3)}, "not those of one"),
        ({"calibrated": np.zeros((2, 2))}, "not those of one"),
        ({"beliefs": np.array([[0.5, np.nan]])}, "below 0 or no number"),
        ({"beliefs": np.array([[1.5, -0.5]])}, "below 0 or no number"),
    ],
)
def test_arrays_that_do_not_fit_are_no_labeller(changed: dict[str, np.ndarray], says: str) -> None:
    sound = Labeller(np.full((3, 2), 0.5), Conformal((np.zeros(2),))).arrays()
    assert Labeller.of(sound).beliefs.shape == (3, 2)
    with pytest.raises(ValueError, match=says):
        Labeller.of(sound | changed)
    with pytest.raises(ValueError, match="needs the arrays beliefs"):
        Labeller.of({name: array for name, array in sound.items() if name != "beliefs"})
