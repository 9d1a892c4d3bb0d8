"""Learned labellers: the stored form says what scikit-learn says, and what is no labeller is refused."""

import numpy as np
import pytest

from diagnostics.conformal import Conformal, calibrate
from diagnostics.labeller import Labeller
from gateway.learning.labellers import train


@pytest.mark.parametrize("labels", [2, 3, 5])
def test_the_labeller_says_what_scikit_learn_says(labels: int) -> None:
    chance = np.random.default_rng(labels)
    label = np.arange(200) % labels
    rows = chance.normal(size=(200, 2)) * [1.0, 50.0] + label[:, None]
    labeller, differs_by = train(rows, label, labels, calibrate(np.zeros(9)))
    assert differs_by < 1e-9
    assert labeller.probabilities(rows).sum(axis=1) == pytest.approx(np.ones(200))
    assert labeller.label_set(np.full((1, 2), np.nan), 0.5).all()


def test_a_label_without_a_row_is_never_likely_and_one_label_teaches_nothing() -> None:
    rows = np.array([[0.0], [0.1], [1.0], [1.1]])
    labeller, _ = train(rows, np.array([0, 0, 2, 2]), 3, calibrate(np.zeros(9)))
    assert (labeller.probabilities(rows)[:, 1] == 0).all()
    with pytest.raises(ValueError, match="two labels are needed"):
        train(rows, np.zeros(4, np.int64), 3, calibrate(np.zeros(9)))


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"weight": np.zeros(3)}, "not those of one"), ({"offset": np.zeros(5)}, "not those of one"),
     ({"offset": np.array([0.0, np.nan, 0.0])}, "is no number")],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_no_labeller(changed: dict[str, np.ndarray], says: str) -> None:
    sound = Labeller(np.zeros((1, 3)), np.zeros(3), Conformal((np.zeros(2),))).arrays()
    assert Labeller.of(sound).weight.shape == (1, 3)
    with pytest.raises(ValueError, match=says):
        Labeller.of(sound | changed)
    with pytest.raises(ValueError, match="needs the arrays offset"):
        Labeller.of({name: array for name, array in sound.items() if name != "offset"})
