"""A learned labeller as plain arrays: probabilities of labels from how likely each factor is, and which cannot be ruled out.

Each label has a belief over factors: by how much a machine is changed by it. A case is as likely under a label as it is
under the label's factors, so a case that says little of its factor leaves all labels about as likely as they were, and
two likely factors are two likely labels. All labels are as frequent. Where nothing is known nothing is said, and no
label is ruled out.

Source: a finite mixture with known components, as in McLachlan and Peel, Finite mixture models (2000), chapter 1; for the
sets see `conformal`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.readings import FloatArray
from diagnostics.conditions import BoolArray
from diagnostics.conformal import Conformal
from diagnostics.state import Array

_ARRAYS: Final = ("beliefs", "calibrated")


@dataclass(frozen=True, slots=True)
class Labeller:
    """What k labels believe of g factors, and what its sets were calibrated on.

    Parameters
    ----------
    beliefs : float64 [k, g]
        Rows add up to 1, or are 0 for a label that nothing was learned of.
    conformal : Conformal
        From cases that it had not learned from, all labels together.
    """

    beliefs: FloatArray
    conformal: Conformal

    def probabilities(self, rows: FloatArray) -> FloatArray:
        """Return the probability of each label.

        Parameters
        ----------
        rows : float64 [n, g]
            Logarithms of how likely each case is under each factor, up to a number of its own; NaN where unknown.

        Returns
        -------
        float64 [n, k]
            Rows add up to 1; NaN for a row with an unknown one.

        Examples
        --------
        >>> two = Labeller(np.array([[1.0, 0.0], [0.5, 0.5]]), Conformal((np.zeros(0),)))
        >>> two.probabilities(np.array([[0.0, 0.0], [0.0, np.log(3)], [np.nan, 0.0]])).round(3).tolist()
        [[0.5, 0.5], [0.333, 0.667], [nan, nan]]
        """
        likely = np.exp(rows - rows.max(axis=1, keepdims=True)) @ self.beliefs.T
        return likely / likely.sum(axis=1, keepdims=True)

    def label_set(self, rows: FloatArray, coverage: float) -> BoolArray:
        """Return which labels cannot be ruled out: bool [n, k]; see `Conformal.label_set`."""
        return self.conformal.label_set(self.probabilities(rows), coverage)

    def arrays(self) -> dict[str, Array]:
        """Return all of it by name, as it is stored."""
        return {"beliefs": self.beliefs, "calibrated": self.conformal.scores[0]}

    @classmethod
    def of(cls, arrays: dict[str, Array]) -> "Labeller":
        """Return the labeller that `arrays` gave.

        Raises
        ------
        ValueError
            When an array is missing, or has not the shape that the others ask for, or a belief is none.
        """
        if missing := [name for name in _ARRAYS if name not in arrays]:
            raise ValueError(f"a labeller needs the arrays {', '.join(missing)}")
        beliefs, calibrated = (arrays[name] for name in _ARRAYS)
        if beliefs.ndim != 2 or calibrated.ndim != 1:
            raise ValueError(f"beliefs {beliefs.shape} and scores {calibrated.shape} are not those of one labeller")
        if not (np.isfinite(beliefs).all() and (beliefs >= 0).all()):
            raise ValueError("a belief of the labeller is below 0 or no number")
        return cls(beliefs, Conformal((np.sort(calibrated),)))
