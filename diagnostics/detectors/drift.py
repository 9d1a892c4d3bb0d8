"""Drift: a level that slowly leaves what was learned of this device, as a battery ebbs or a sensor wanders.

Each device is its own reference. The first periods teach its usual level and how much that scatters; from then on each
period's level is held against it. The residual in robust sigmas, clipped so that one odd day cannot decide, is summed up
by a one-sided CUSUM: what stays within the slack is forgotten, what keeps leaning one way adds up. That the sum is large
proves only that something changed. The change also has to be as large as the monitor's limit, for what is certain need
not matter; and when it first is, it is asked how it came about. Medians of three neighbouring periods that follow each
other are apart by a small part of the change over a drift, and by all of it over a step. A step is not this detector's
matter: it is passed over until the level has come back. What takes less than five periods counts as a step.

The reference is forgotten slowly while nothing is wrong, so that age and seasons are followed. The price: a drift slower
than the limit per time constant of forgetting is followed, too, and never told. What happened while the device was being
learned is not known either.

The value is the change: the median of the three newest levels against the reference, smoothed, in the feature's unit (a register's: unit per period).

Source: Page, Continuous inspection schemes (1954), for the sum; Roberts (1959) for the smoothing; Tukey, Exploratory Data
Analysis (1977), for medians of three.
"""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from devices.monitors import Drift
from devices.readings import FloatArray, IntArray
from diagnostics import levels
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.detector import Memory, Readings, Values

_CLIP: Final = 6.0
# Weight of the newest levels in the smoothed change: some four periods of memory.
_NEWEST: Final = 0.25
_BLOCK: Final = 3
# Blocks that follow each other and are apart by more than this share of the change are a step.
_LEAPS: Final = 0.75
_UNDECIDED: Final = 0
_CREPT: Final = 1
_LEAPT: Final = 2


class Drifts:
    """The drifts of one monitor over all devices.

    Parameters
    ----------
    monitor : Drift
        What is learned, and limits in the feature's unit.

    Examples
    --------
    A battery that holds 3.60 V for a fortnight and then ebbs by 20 mV a day:

    >>> from devices.monitors import Periods
    >>> daily = Periods(length_s=86_400, fewest=1)
    >>> row = Drift("ebbs", "Ebbs", "b", "battery_v", "V", "below", daily, 14, 0.01, 0.5, 8, 0.15, 0.05, 1e9, 0, 0)
    >>> drifts = Drifts(row)
    >>> drifts.memory.grow(1, 1)
    >>> def said(day):
    ...     volts = 3.60 - 0.02 * max(0, day - 20)
    ...     at_us = np.array([day * 86_400_000_000])
    ...     return drifts.judge(np.array([0]), drifts.read(np.array([[volts]])), at_us, np.array([86_400.0]))
    >>> told = [(day, now.value.item()) for day in range(40) if (now := said(day)).wrong.item()]
    >>> [(day, round(change, 2)) for day, change in told[:2]]
    [(33, -0.16), (34, -0.18)]
    """

    def __init__(self, monitor: Drift) -> None:
        self._monitor = monitor
        self._sign = 1.0 if monitor.side == "above" else -1.0
        nothing, none = np.float64(np.nan), np.float64(0)
        self.memory = Memory(
            levels.unknown(monitor.periods)
            | {
                "window": np.full(monitor.learn, np.nan, np.float32),
                "middle": nothing,
                "scale": nothing,
                "score": none,
                "recent": none,
                "came": np.int8(_UNDECIDED),
            }
        )

    def read(self, feature: FloatArray) -> Values:
        """Take the feature as it is."""
        return Values(feature)

    def judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:  # noqa: ARG002
        """End periods, learn or judge their levels; the value is the change against what was learned."""
        if not isinstance(now, Values):
            raise TypeError(f"monitor {self._monitor.name} needs values, not {type(now).__name__}")
        level = levels.complete(self._monitor.periods, self.memory, slots, now.value, at_us)
        rows = np.flatnonzero(~np.isnan(level).all(axis=1))
        judged = self._judge_levels(slots[rows], level[rows]) if len(rows) else None
        return Conditions.silent(level.shape) if judged is None else judged.among(len(level), rows)

    def _judge_levels(self, slots: IntArray, level: FloatArray) -> Conditions:
        memory, monitor, has = self.memory, self._monitor, ~np.isnan(level)
        is_learned = ~np.isnan(memory["middle"][slots])
        window = memory["window"][slots]
        window = np.where(has[..., None], np.concatenate([window[..., 1:], level[..., None]], axis=-1), window)
        memory["window"][slots] = window
        self._learn(slots, window.astype(np.float64), has & ~is_learned)
        known = has & is_learned
        residual = np.where(known, (level - memory["middle"][slots]) * self._sign, 0.0)
        newest = (np.median(window[..., -_BLOCK:], axis=-1) - memory["middle"][slots]) * self._sign
        recent = memory["recent"][slots]
        recent = np.where(known, recent + _NEWEST * (newest - recent), recent)
        score = self._sum_up(slots, residual, known)
        well = known & (recent <= monitor.clear)
        came = np.where(well, _UNDECIDED, memory["came"][slots])
        is_far = known & (score >= monitor.evidence) & (recent >= monitor.limit)
        kind = np.where(_largest_leap(window * self._sign) > _LEAPS * recent, _LEAPT, _CREPT)
        came = np.where(is_far & (came == _UNDECIDED), kind, came).astype(np.int8)
        memory["recent"][slots], memory["came"][slots] = recent, came
        follows = np.where(known & (came == _UNDECIDED), -np.expm1(-monitor.periods.length_s / monitor.forget_s), 0.0)
        memory["middle"][slots] += follows * residual * self._sign
        wrong = known & (came == _CREPT) & (recent >= monitor.limit)
        return Conditions(recent * self._sign, known, wrong, well, np.where(known, score, np.nan))

    def _learn(self, slots: IntArray, window: FloatArray, learns: BoolArray) -> None:
        memory = self.memory
        is_enough = learns & ~np.isnan(window[..., 0])
        middle, scale = levels.middle_and_scale(window, self._monitor.scale_floor)
        memory["middle"][slots] = np.where(is_enough, middle, memory["middle"][slots])
        memory["scale"][slots] = np.where(is_enough, scale, memory["scale"][slots])

    def _sum_up(self, slots: IntArray, residual: FloatArray, known: BoolArray) -> FloatArray:
        with np.errstate(invalid="ignore"):
            sigmas = np.clip(residual / self.memory["scale"][slots], -_CLIP, _CLIP)
        score = self.memory["score"][slots]
        score = np.where(known, np.fmax(0.0, score + sigmas - self._monitor.slack), score)
        self.memory["score"][slots] = score
        return score


def _largest_leap(window: FloatArray) -> FloatArray:
    """Return how far medians of three that follow each other are apart at most, upwards; [..., k] -> [...].

    >>> float(_largest_leap(np.array([1.0, 1, 2, 1, 1, 7, 8, 7, 8, 9])))
    7.0
    """
    blocks = np.median(sliding_window_view(window, _BLOCK, axis=-1), axis=-1)
    leaps = blocks[..., _BLOCK:] - blocks[..., :-_BLOCK]
    return np.asarray(leaps.max(axis=-1), dtype=np.float64)
