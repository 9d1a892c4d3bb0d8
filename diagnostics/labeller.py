"""A learned labeller as plain arrays: probabilities of labels from features, and which labels cannot be ruled out.

Probabilities are a softmax of weighted features (multinomial logistic regression); the library that trained it is not
needed to run it. Where a feature is unknown nothing is said, and no label is ruled out.

Source: McFadden, Conditional logit analysis of qualitative choice behavior (1974); for the sets see `conformal`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.readings import FloatArray
from diagnostics.conditions import BoolArray
from diagnostics.conformal import Conformal
from diagnostics.state import Array

_ARRAYS: Final = ("weight", "offset", "calibrated")


@dataclass(frozen=True, slots=True)
class Labeller:
    """Weights of f features for k labels, and what its sets were calibrated on.

    Parameters
    ----------
    weight : float64 [f, k]
        Of features as they are.
    offset : float64 [k]
    conformal : Conformal
        From cases that it had not learned from, all labels together.
    """

    weight: FloatArray
    offset: FloatArray
    conformal: Conformal

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """Return the probability of each label.

        Parameters
        ----------
        rows : float64 [n, f]
            NaN where unknown.

        Returns
        -------
        float64 [n, k]
            Rows add up to 1; NaN for a row with an unknown feature.

        Examples
        --------
        >>> even = Labeller(np.array([[0.0, 1.0]]), np.zeros(2), Conformal((np.zeros(0),)))
        >>> even.probabilities(np.array([[0.0], [np.log(3)], [np.nan]])).round(3).tolist()
        [[0.5, 0.5], [0.25, 0.75], [nan, nan]]
        """
        score = rows @ self.weight + self.offset
        odds = np.exp(score - score.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def label_set(self, rows: FloatArray, coverage: float) -> BoolArray:
        """Return which labels cannot be ruled out: bool [n, k]; see `Conformal.label_set`."""
        return self.conformal.label_set(self.probabilities(rows), coverage)

    def arrays(self) -> dict[str, Array]:
        """Return all of it by name, as it is stored."""
        return {"weight": self.weight, "offset": self.offset, "calibrated": self.conformal.scores[0]}

    @classmethod
    def of(cls, arrays: dict[str, Array]) -> "Labeller":
        """Return the labeller that `arrays` gave.

        Raises
        ------
        ValueError
            When an array is missing, or has not the shape that the others ask for.
        """
        if missing := [name for name in _ARRAYS if name not in arrays]:
            raise ValueError(f"a labeller needs the arrays {', '.join(missing)}")
        weight, offset, calibrated = (arrays[name] for name in _ARRAYS)
        if weight.ndim != 2 or offset.shape != weight.shape[1:] or calibrated.ndim != 1:
            raise ValueError(f"weights {weight.shape} and offsets {offset.shape} are not those of one labeller")
        if not (np.isfinite(weight).all() and np.isfinite(offset).all()):
            raise ValueError("a weight of the labeller is no number")
        return cls(weight, offset, Conformal((np.sort(calibrated),)))
