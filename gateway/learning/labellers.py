"""Train a labeller: what each label makes of a machine, as a belief over factors, from cases that know their factor more or less."""

from typing import Final

import numpy as np

from devices.readings import FloatArray, IntArray
from diagnostics.conformal import Conformal
from diagnostics.labeller import Labeller

_ROUNDS: Final = 30
# What is left for factors that no case of a label had.
_ELSEWHERE: Final = 0.02


def train(
    rows: FloatArray, label: IntArray, labels: int, factors: FloatArray, smooth: float, conformal: Conformal
) -> Labeller:
    """Train a labeller on labelled rows, by expectation and maximisation with a smooth belief.

    Parameters
    ----------
    rows : float64 [n, g]
        Logarithms of how likely each case is under each factor, without NaN.
    label : int64 [n]
        Place of each row's label; at least two of them have to be there. One without a row is never likely.
    labels : int
        How many labels there are.
    factors : float64 [g]
        What the columns stand for.
    smooth : float
        How far factors of the same label are apart at least, in their unit.
    conformal : Conformal
        What its sets are calibrated on.

    Raises
    ------
    ValueError
        With rows of fewer than two labels.

    Notes
    -----
    Source: Silverman, Jones, Wilson and Nychka, A smoothed EM approach to indirect estimation problems (1990).
    """
    if len(np.unique(label)) < 2:
        raise ValueError(f"{len(rows)} rows of {len(np.unique(label))} labels teach nothing: two labels are needed")
    bell = np.exp(-0.5 * ((factors[:, None] - factors[None, :]) / smooth) ** 2)
    bell = bell / bell.sum(axis=0)
    likely = np.exp(rows - rows.max(axis=1, keepdims=True))
    beliefs = np.zeros((labels, len(factors)))
    for one in np.unique(label).tolist():
        beliefs[one] = _belief(likely[label == one], bell)
    return Labeller(beliefs, conformal)


def _belief(likely: FloatArray, bell: FloatArray) -> FloatArray:
    """Return the belief float64 [g] under which cases float64 [n, g] of one label are likely."""
    even = np.full(likely.shape[1], 1 / likely.shape[1])
    belief = even
    for _ in range(_ROUNDS):
        share = likely * belief
        belief = bell @ (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
    return (1 - _ELSEWHERE) * belief / belief.sum() + _ELSEWHERE * even
