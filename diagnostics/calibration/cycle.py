"""The reporting cycle: which of a fleet's devices are worth a request, so that few of the requests are false.

A threshold for a single device does not know how many devices there are: at one in a thousand, a fleet of a hundred
thousand has a hundred false alarms each day. So once a cycle (a day) all devices' p-values are looked at together, by the
procedure of Benjamini and Hochberg: with m devices the k smallest p-values pass, for the largest k at which the kth one is
at most rate * k / m. Then at most the share `rate` of those that pass is expected to be false. Whoever passes in two
cycles that follow each other is confirmed: a shift lasts, chance mostly does not.

A device that is confirmed leaves the family until it is well again. Otherwise the faults that are known would pay, every
day anew, for the false alarms of others: the share of false requests would grow with the length of the run.

What passed is decided by one number, the cycle's threshold. It is published with the null that it stands on; so each
decision can be computed again from the device's own two scores, without seeing another device, partition or tenant.

Source: Benjamini and Hochberg, Controlling the false discovery rate (1995); under positive dependence, as between devices
in the same weather, Benjamini and Yekutieli (2001).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.monitors import Calibrated
from devices.readings import FloatArray, IntArray
from diagnostics.calibration.null import Null
from diagnostics.conditions import BoolArray

# Of those that pass a cycle, the share that may be false before the next cycle confirms.
RATE: Final = 0.1
# A confirmed device is well again, and in the family, when its score is as usual as that.
WELL_P: Final = 0.25
# A null is made of so many cycles' scores, and anew when it is so many cycles old, or while there are fewer of them.
POOLED: Final = 7
# Evidence that has been summed up for a single cycle is no measure of what it comes to.
FEWEST_CYCLES: Final = 2


# Shares of a family, the largest first, that a picture of its scores is drawn of.
SHARES: Final = tuple(10.0 ** (-step / 4) for step in range(1, 25))


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a cycle asks: a p-value of at most `p_value` among `family` devices, of which `passed` had one."""

    p_value: float
    family: int
    passed: int

    def is_passed(self, p_values: FloatArray) -> BoolArray:
        """Where a p-value is small enough, [n]."""
        return p_values <= self.p_value


@dataclass(frozen=True, slots=True)
class Decided:
    """A cycle's outcome over n devices: its threshold, p-values, and who passed, was confirmed, or is well again, [n].

    `exceeded` are the scores that the `SHARES` of the family were beyond, as far as it is large enough to say.
    """

    threshold: Threshold
    exceeded: Sequence[float]
    p_values: FloatArray
    passed: BoolArray
    confirmed: BoolArray
    well: BoolArray


def ends_us(monitor: Calibrated, at_us: IntArray) -> IntArray:
    """Return the end of the cycle that each score belongs to, int64 [n]; cycles are aligned to 1970.

    It is the cycle in which the sample lies that said it or, with a monitor of periods, the period that it ended.
    """
    length_us = int(monitor.cycle_s * 1e6)
    period_us = 0 if monitor.periods is None else int(monitor.periods.length_s * 1e6)
    return np.asarray(((at_us - period_us) // length_us + 1) * length_us, dtype=np.int64)


def is_null_due(made_at_cycle: int | None, cycles_in_it: int, cycle: int) -> bool:
    """Whether a null is to be made anew before a cycle is decided; cycles are counted since 1970.

    >>> [is_null_due(None, 0, 10), is_null_due(9, 3, 10), is_null_due(9, 7, 10), is_null_due(3, 7, 10)]
    [True, True, False, True]
    """
    return made_at_cycle is None or cycles_in_it < POOLED or cycle - made_at_cycle >= POOLED


def threshold(p_values: FloatArray, rate: float = RATE) -> Threshold:
    """Return the threshold of Benjamini and Hochberg for a family of p-values, [m].

    Where none passes, it is what a single one would have needed.

    >>> threshold(np.array([0.001, 0.9, 0.008, 0.06, 0.039, 0.74, 0.5, 0.6]), rate=0.05)
    Threshold(p_value=0.0125, family=8, passed=2)
    >>> threshold(np.array([0.3, 0.9]), rate=0.05)
    Threshold(p_value=0.025, family=2, passed=0)
    """
    family = len(p_values)
    if not family:
        return Threshold(0.0, 0, 0)
    allowed = rate * np.arange(1, family + 1) / family
    under = np.flatnonzero(np.sort(p_values) <= allowed)
    passed = int(under[-1]) + 1 if len(under) else 0
    return Threshold(float(allowed[max(passed, 1) - 1]), family, passed)


def exceeded(scores: FloatArray) -> list[float]:
    """Return the scores that shares of a family, [m], were beyond.

    >>> exceeded(np.arange(11.0))
    [4.3766, 6.8377, 8.2217, 9.0]
    """
    shares = [share for share in SHARES if share * len(scores) >= 1]
    return [round(float(each), 4) for each in np.quantile(scores, 1.0 - np.array(shares))] if shares else []


def decide(
    null: Null, scores: FloatArray, is_open: BoolArray, has_passed_before: BoolArray, rate: float = RATE
) -> Decided:
    """Decide a cycle over n devices.

    Parameters
    ----------
    null : Null
        Of the cycle's monitor.
    scores : float64 [n]
        At the end of the cycle, NaN where there is none.
    is_open : bool [n]
        Who was confirmed before and has not been well since.
    has_passed_before : bool [n]
        Who passed the cycle before this one.
    rate : float
        See `RATE`.
    """
    p_values = null.p_values(scores)
    in_family = ~np.isnan(scores) & ~is_open
    asked = threshold(p_values[in_family], rate)
    passed = in_family & asked.is_passed(p_values)
    well = is_open & ~np.isnan(scores) & (p_values >= WELL_P)
    return Decided(asked, exceeded(scores[in_family]), p_values, passed, passed & has_passed_before, well)
