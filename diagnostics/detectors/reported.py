"""Reported: a fault that the device reports itself, by a trouble code. Exact rules that need no statistics."""

from collections.abc import Sequence

import numpy as np

from devices.monitors import Reported
from diagnostics.conditions import Conditions


def active_codes(monitor: Reported, codes: frozenset[str]) -> list[str]:
    """Return those of a device's active codes that this monitor stands for, in order.

    >>> active_codes(Reported("m", "M", "battery", "dtc", codes=frozenset({"P0AA6"})), frozenset({"P0AA6", "B1000"}))
    ['P0AA6']
    """
    return sorted(codes - monitor.unless if monitor.unless else codes & monitor.codes)


def evaluate(monitor: Reported, reports: Sequence[frozenset[str] | None]) -> Conditions:
    """Look for the monitor's codes among those reported as active.

    Parameters
    ----------
    monitor : Reported
        The codes to look for.
    reports : sequence of n sets of str
        Active codes of each sample; None where the sample says nothing about codes.

    Returns
    -------
    Conditions
        [n, 1]; the value is the number of active codes of this monitor.
    """
    if reports.count(None) == len(reports):
        return Conditions.silent((len(reports), 1))
    counts = [np.nan if codes is None else float(len(active_codes(monitor, codes))) for codes in reports]
    value = np.array(counts, dtype=np.float64)[:, None]
    known = ~np.isnan(value)
    return Conditions(value, known, known & (value > 0), known & (value == 0))
