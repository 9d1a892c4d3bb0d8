"""Train a labeller with scikit-learn, and take it over into arrays of our own that give the very same probabilities."""

from typing import Final, Protocol, cast

import numpy as np
from sklearn.linear_model import LogisticRegression  # pyright: ignore[reportMissingTypeStubs]

from devices.readings import FloatArray, IntArray
from diagnostics.conformal import Conformal
from diagnostics.labeller import Labeller

_ROUNDS: Final = 2000
# Score of a label that was never seen: its probability is nothing.
_NEVER: Final = -1e6


class _Trained(Protocol):
    coef_: FloatArray
    intercept_: FloatArray
    classes_: IntArray

    def fit(self, rows: FloatArray, label: IntArray) -> object: ...

    def predict_proba(self, rows: FloatArray) -> FloatArray: ...


def train(rows: FloatArray, label: IntArray, labels: int, conformal: Conformal) -> tuple[Labeller, float]:
    """Train a labeller on labelled rows.

    Parameters
    ----------
    rows : float64 [n, f]
        Without NaN; learned in units of their own spread.
    label : int64 [n]
        Place of each row's label; at least two of them have to be there. One without a row is never likely.
    labels : int
        How many labels there are.
    conformal : Conformal
        What its sets are calibrated on.

    Returns
    -------
    Labeller, float
        The labeller, and the largest difference of its probabilities from scikit-learn's own on the training rows.

    Raises
    ------
    ValueError
        With rows of fewer than two labels.
    """
    if len(np.unique(label)) < 2:
        raise ValueError(f"{len(rows)} rows of {len(np.unique(label))} labels teach nothing: two labels are needed")
    middle, spread = rows.mean(axis=0), rows.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    trained = cast("_Trained", LogisticRegression(max_iter=_ROUNDS))
    trained.fit((rows - middle) / spread, label)
    coef, intercept = trained.coef_, trained.intercept_
    if len(coef) == 1:
        # Of two labels scikit-learn keeps the odds of the second one only.
        coef, intercept = np.vstack([0 * coef, coef]), np.r_[0.0, intercept]
    weight, offset = np.zeros((rows.shape[1], labels)), np.full(labels, _NEVER)
    weight[:, trained.classes_] = (coef / spread).T
    offset[trained.classes_] = intercept - (coef / spread) @ middle
    labeller = Labeller(weight, offset, conformal)
    own = trained.predict_proba((rows - middle) / spread)
    return labeller, float(np.abs(labeller.probabilities(rows)[:, trained.classes_] - own).max())
