"""Drift: a level that slowly leaves what was learned of this device, as a battery ebbs or a sensor wanders.

Each device is its own reference. The first periods teach its usual level and how much that scatters; from then on each
period's level is held against it. The residual in robust sigmas, clipped so that one odd day cannot decide, is summed up
by a one-sided CUSUM: what stays within the slack is forgotten, what keeps leaning one way adds up. That the sum is large
proves only that something changed. Whether it crept is read from a straight line through the residuals since the sum left
zero: over a drift the line climbs by most of the change, over a step it is flat, and a step is not this detector's
matter. And the change has to be as large as the monitor's limit, for what is certain need not matter.

The reference is forgotten slowly while nothing is wrong, so that age and seasons are followed. The price: a drift slower
than the limit per time constant of forgetting is followed, too, and never told. What happened while the device was being
learned is not known either.

The value is the smoothed residual, in the feature's unit (a register's: unit per period).

Source: Page, Continuous inspection schemes (1954), for the sum; Roberts (1959) for the smoothing; least squares for the
line.
"""

from typing import Final

import numpy as np

from devices.monitors import Drift
from devices.readings import FloatArray, IntArray
from diagnostics import levels
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.detector import Memory, Readings, Values

_CLIP: Final = 6.0
# Weight of the newest level in the smoothed residual: some four periods of memory.
_NEWEST: Final = 0.25
# With fewer periods a line proves nothing.
_FEWEST: Final = 5
# A line that climbs by this share of the change is a drift; a step's is flat.
_CLIMBS: Final = 0.5


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
    [(32, -0.16), (33, -0.18)]
    """

    def __init__(self, monitor: Drift) -> None:
        self._monitor = monitor
        self._sign = 1.0 if monitor.side == "above" else -1.0
        nothing, none = np.float64(np.nan), np.float64(0)
        self.memory = Memory(
            levels.UNKNOWN
            | {
                "learned": np.full(monitor.learn, np.nan),
                "middle": nothing,
                "scale": nothing,
                "score": none,
                "recent": none,
                "run": none,
                "run_sum": none,
                "run_climb": none,
                "is_drift": np.bool_(0),
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
        self._learn(slots, level, has & ~is_learned)
        known = has & is_learned
        residual = np.where(known, (level - memory["middle"][slots]) * self._sign, 0.0)
        recent = memory["recent"][slots]
        recent = np.where(known, recent + _NEWEST * (residual - recent), recent)
        score, climbs = self._sum_up(slots, residual, known)
        is_drift = memory["is_drift"][slots]
        is_drift |= known & (score >= monitor.evidence) & (recent >= monitor.limit) & climbs(recent)
        well = known & (recent <= monitor.clear)
        is_drift &= ~well
        memory["recent"][slots], memory["is_drift"][slots] = recent, is_drift
        follows = np.where(known & ~is_drift, -np.expm1(-monitor.periods.length_s / monitor.forget_s), 0.0)
        memory["middle"][slots] += follows * residual * self._sign
        return Conditions(recent * self._sign, known, known & is_drift & (recent >= monitor.limit), well)

    def _learn(self, slots: IntArray, level: FloatArray, learns: BoolArray) -> None:
        memory = self.memory
        learned = memory["learned"][slots]
        learned = np.where(learns[..., None], np.concatenate([learned[..., 1:], level[..., None]], axis=-1), learned)
        memory["learned"][slots] = learned
        is_enough = learns & ~np.isnan(learned[..., 0])
        middle, scale = levels.middle_and_scale(learned, self._monitor.scale_floor)
        memory["middle"][slots] = np.where(is_enough, middle, memory["middle"][slots])
        memory["scale"][slots] = np.where(is_enough, scale, memory["scale"][slots])

    def _sum_up(self, slots: IntArray, residual: FloatArray, known: BoolArray) -> "tuple[FloatArray, _Climbs]":
        """Add a level to the sum and to the line since the sum left zero."""
        memory = self.memory
        with np.errstate(invalid="ignore"):
            sigmas = np.clip(residual / memory["scale"][slots], -_CLIP, _CLIP)
        score = memory["score"][slots]
        score = np.where(known, np.fmax(0.0, score + sigmas - self._monitor.slack), score)
        goes_on = known & (score > 0)
        run = np.where(goes_on, memory["run"][slots] + 1, np.where(known, 0.0, memory["run"][slots]))
        total = np.where(goes_on, memory["run_sum"][slots] + residual, np.where(known, 0.0, memory["run_sum"][slots]))
        climb = memory["run_climb"][slots]
        climb = np.where(goes_on, climb + run * residual, np.where(known, 0.0, climb))
        memory["score"][slots], memory["run"][slots] = score, run
        memory["run_sum"][slots], memory["run_climb"][slots] = total, climb
        return score, _Climbs(run, total, climb)


class _Climbs:
    """A line through the n residuals of a run, from their sum and the sum weighted by place."""

    def __init__(self, run: FloatArray, total: FloatArray, weighted: FloatArray) -> None:
        long = np.fmax(run, _FEWEST)
        self._is_long = run >= _FEWEST
        per_period = (weighted - (long + 1) / 2 * total) * 12 / (long * (long**2 - 1))
        self._rise = per_period * (long - 1)

    def __call__(self, change: FloatArray) -> BoolArray:
        """Whether the line climbs by most of a change."""
        return self._is_long & (self._rise >= _CLIMBS * change)

