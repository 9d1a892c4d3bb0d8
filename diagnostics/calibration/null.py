"""The null of a monitor: how its score is distributed over a product's devices while they are well.

It is empirical and pooled: all devices' scores of some reporting cycles together, without those whose shift has been
found already. A hundred quantiles are its body, a Pareto tail carries on beyond the 99 % one. It answers one question:
how probable is at least such a score where nothing is wrong? Devices are taken to be alike; where they are not, the
more restless ones have smaller p-values than they deserve, and share in the false alarms accordingly.

A null is a value of 105 numbers. Once it has been published, any score's p-value can be computed again from it alone,
without another device's readings.

Source: pooled empirical nulls, Efron, Large-Scale Inference (2010), chapter 6; conformal p-values, Vovk, Gammerman and
Shafer (2005), of which it keeps the conservative side at ties.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.readings import FloatArray
from diagnostics.calibration.tail import Tail, fit

# With fewer scores the tail would hang on some tens of them.
FEWEST: Final = 10_000
TAIL_SHARE: Final = 0.01
_BODY: Final = 100


@dataclass(frozen=True, slots=True)
class Null:
    """How scores are distributed where nothing is wrong.

    `body` holds the quantiles 0 %, 1 %, ... 99 %, in the score's unit; `count` says how many scores it was made of.
    """

    body: Sequence[float]
    tail: Tail
    count: int

    def p_values(self, scores: FloatArray) -> FloatArray:
        """Return how probable at least such a score is, float64 [n] -> [n]; 1 where it is unknown.

        Within the body this is the upper bound that its quantiles give.

        >>> null = Null([float(k) for k in range(100)], Tail(99.0, 0.01, 0.0, 1.0), 10_000)
        >>> null.p_values(np.array([0.0, 50.0, 99.0, 99.0 + np.log(100), np.nan])).round(6).tolist()
        [1.0, 0.51, 0.01, 0.0001, 1.0]
        """
        places = np.searchsorted(np.asarray(self.body), scores, side="left")
        p_values = 1.0 - np.maximum(places - 1, 0) / _BODY
        beyond = scores >= self.tail.start
        p_values[beyond] = self.tail.p_values(scores[beyond])
        return np.where(np.isnan(scores), 1.0, p_values)


def pool(scores: FloatArray) -> Null | None:
    """Make a null of devices' scores of some cycles.

    Parameters
    ----------
    scores : float64 [n]
        Any order; unknown ones are passed over.

    Returns
    -------
    Null or None
        None when they are fewer than ten thousand, or too much alike to have a tail: then nothing can be said.
    """
    known = scores[~np.isnan(scores)]
    if len(known) < FEWEST:
        return None
    try:
        tail = fit(known, TAIL_SHARE)
    except ValueError:
        return None
    return Null([float(each) for each in np.quantile(known, np.arange(_BODY) / _BODY)], tail, len(known))
