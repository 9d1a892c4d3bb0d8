"""Conformal label sets: every label that cannot be ruled out at a stated coverage, whatever model gave the probabilities.

Over cases that are exchangeable with those calibrated on, a set holds the true label at least as often as its coverage
says, and nothing is promised about one label or one device alone; class-conditional calibration promises it for each
label. A set of one label is an answer; an empty set says that the case is like none that is known, several that the
probabilities do not tell them apart. Cases of a kind that calibration never saw are covered by no promise at all.

Source: Papadopoulos et al., Inductive confidence machines for regression (2002); Vovk, Conditional validity of inductive
conformal predictors (2012) for the one by label.
"""

from dataclasses import dataclass

import numpy as np

from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray


@dataclass(frozen=True, slots=True)
class Conformal:
    """What calibration has learned: nonconformity scores in rising order, of all labels together or of each by itself.

    Parameters
    ----------
    scores : tuple of float64 [n]
        One array that serves all labels, or one for each label; see `nonconformity`.
    """

    scores: tuple[FloatArray, ...]

    def limits(self, coverage: float) -> FloatArray:
        """Return the largest nonconformity that still lets a label in, one for each array of scores.

        It is the ceil((n + 1) coverage)-th of n scores, the finite-sample quantile. With so few scores that there is no
        such one it is infinite: nothing can be ruled out then.

        Raises
        ------
        ValueError
            When the coverage is not between 0 and 1.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"a coverage of {coverage} cannot be promised: give one between 0 and 1, as 0.9")
        # Rounded, for .9 times 10 shall be 9 and not a hair more.
        ranks = [int(np.ceil(round((len(of) + 1) * coverage, 9))) for of in self.scores]
        pairs = zip(ranks, self.scores, strict=True)
        return np.array([of[rank - 1] if rank <= len(of) else np.inf for rank, of in pairs])

    def label_set(self, probabilities: FloatArray, coverage: float) -> BoolArray:
        """Return which labels cannot be ruled out.

        Parameters
        ----------
        probabilities : float64 [n, k]
            Of each label; a row with a NaN knows nothing, and rules nothing out.
        coverage : float
            Share of cases whose set shall hold the true label, between 0 and 1.

        Returns
        -------
        bool [n, k]

        Raises
        ------
        ValueError
            When the coverage is not between 0 and 1, or there are other labels than were calibrated by themselves.

        Examples
        --------
        >>> learned = calibrate(np.array([0.1, 0.2, 0.2, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7]))
        >>> learned.label_set(np.array([[0.8, 0.1, 0.1], [0.5, 0.4, 0.1], [0.35, 0.33, 0.32]]), coverage=0.8).tolist()
        [[True, False, False], [True, True, False], [False, False, False]]
        """
        limits = self.limits(coverage)
        if len(limits) not in (1, probabilities.shape[1]):
            raise ValueError(f"{probabilities.shape[1]} labels, and {len(limits)} of them were calibrated")
        unknown = np.isnan(probabilities).any(axis=1, keepdims=True)
        return unknown | (1 - probabilities <= limits)


def nonconformity(probabilities: FloatArray, label: IntArray) -> FloatArray:
    """Return how strange the true label of each case is: one minus its probability.

    Parameters
    ----------
    probabilities : float64 [n, k]
        From a model that has not learned from these cases.
    label : int64 [n]
        Column of the true label.

    Returns
    -------
    float64 [n]

    Examples
    --------
    >>> nonconformity(np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([0, 1])).tolist()
    [0.25, 0.5]
    """
    return 1 - probabilities[np.arange(len(label)), label]


def calibrate(scores: FloatArray, label: IntArray | None = None, labels: int = 0) -> Conformal:
    """Learn from cases whose label is known.

    Parameters
    ----------
    scores : float64 [n]
        Nonconformity of each case's true label; NaN, where a model said nothing, is as strange as can be.
    label : int64 [n], optional
        True label of each case: given, each label is calibrated by itself.
    labels : int
        How many labels there are, with `label` only; one without a case can never be ruled out.

    Returns
    -------
    Conformal

    Examples
    --------
    With three cases a coverage of three quarters can be promised, and no more:

    >>> calibrate(np.array([0.5, 0.1, 0.3])).limits(0.75).tolist()
    [0.5]
    >>> calibrate(np.array([0.5, 0.1, 0.3])).limits(0.9).tolist()
    [inf]
    >>> calibrate(np.array([0.5, 0.1, 0.3]), np.array([0, 0, 1]), 2).limits(0.5).tolist()
    [0.5, 0.3]
    """
    known = np.where(np.isnan(scores), np.inf, scores)
    if label is None:
        return Conformal((np.sort(known),))
    return Conformal(tuple(np.sort(known[label == one]) for one in range(labels)))
