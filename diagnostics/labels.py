"""Labels: probabilities as they are to be believed, and the set of faults that cannot be ruled out.

The tables' probabilities are taken to the power of one over the product's temperature; a temperature over one takes back
what independence of the monitors claims too much. The label set is conformal where cases are known. Where none are, it
is every fault that is at least as probable as what a sure diagnosis leaves to all others.

Source: Guo et al., On calibration of modern neural networks (2017), for the temperature; for the sets see `conformal`.
"""

from collections.abc import Mapping

import numpy as np

from devices.reliability import Reliability
from diagnostics.conformal import calibrate


def believed(weights: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Return probabilities that add up to one, from the weights that Bayes' rule gives.

    Examples
    --------
    >>> believed({"a": 3.0, "b": 1.0}, temperature=1.0)["a"]
    0.75
    >>> believed({"a": 9.0, "b": 1.0}, temperature=2.0)["a"]
    0.75
    """
    most = max(weights.values())
    softened = {code: (weight / most) ** (1.0 / temperature) for code, weight in weights.items()}
    total = sum(softened.values())
    return {code: weight / total for code, weight in softened.items()}


def not_ruled_out(probabilities: Mapping[str, float], reliability: Reliability, sure: float) -> list[str]:
    """Return the faults that cannot be ruled out at the product's coverage, most probable first.

    Parameters
    ----------
    probabilities : mapping of str to float
        As `believed` gives them.
    reliability : Reliability
        Of the product.
    sure : float
        Probability from which a diagnosis counts as sure; it rules where no cases are known.

    Examples
    --------
    >>> not_ruled_out({"a": 0.75, "b": 0.23, "c": 0.02}, Reliability(), sure=0.8)
    ['a', 'b']
    >>> known = Reliability(coverage=0.75, scores=(0.1, 0.2, 0.3))
    >>> not_ruled_out({"a": 0.75, "b": 0.23, "c": 0.02}, known, sure=0.8)
    ['a']
    """
    codes = sorted(probabilities, key=lambda code: (-probabilities[code], code))
    if not reliability.scores:
        return [code for code in codes if probabilities[code] >= 1.0 - sure]
    learned = calibrate(np.array(reliability.scores))
    kept = learned.label_set(np.array([[probabilities[code] for code in codes]]), reliability.coverage)[0]
    return [code for code, is_kept in zip(codes, kept.tolist(), strict=True) if is_kept]
