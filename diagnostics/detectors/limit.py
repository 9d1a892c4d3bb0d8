"""Limit: a feature beyond a fixed limit, with hysteresis. Exact, immediate, explainable; it has no state of its own."""

import numpy as np

from devices.monitors import Limit
from devices.readings import FloatArray
from diagnostics.conditions import Conditions


def evaluate(monitor: Limit, feature: FloatArray) -> Conditions:
    """Hold a feature against its limit.

    Parameters
    ----------
    monitor : Limit
        Limit and clearing limit in the feature's unit.
    feature : float64 [n, w]
        Values, NaN where unknown.

    Returns
    -------
    Conditions
        Beyond the limit is wrong, beyond the clearing limit on the other side is well.

    Examples
    --------
    >>> hot = Limit("hot", "Hot", "battery", "temp", "above", limit=80, clear=60, on_delay_s=0, off_delay_s=0)
    >>> said = evaluate(hot, np.array([[85.0], [70.0], [50.0], [np.nan]]))
    >>> said.wrong[:, 0].tolist(), said.well[:, 0].tolist()
    ([True, False, False, False], [False, False, True, False])
    """
    known = ~np.isnan(feature)
    sign = 1.0 if monitor.side == "above" else -1.0
    with np.errstate(invalid="ignore"):
        return Conditions(
            feature, known, feature * sign > monitor.limit * sign, known & (feature * sign <= monitor.clear * sign)
        )
