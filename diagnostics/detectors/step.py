"""Step: a level that changed suddenly and for good, as when part of the water begins to flow past its meter.

The last periods of each device stand in a window. Its newest part is held against the part before it, median against
median, so that single odd periods on either side do not matter. It is a step when

- the medians are apart by the monitor's limit, and by so many standard errors of their difference, after the robust
  scale of the part before;
- nearly all of the newest levels are beyond half of the limit: a spike is over by then, a holiday has no levels at all
  when the monitor's periods say what rest is;
- the part before was level itself: its own halves differ by less than half of the change. Over a drift they differ by
  two thirds of it, and a drift is not this detector's matter.

Then the level before is held as reference until the device comes back to it, or until it has been away for so long that
the new level is its usual one: then it is learned anew. Both parts of the window move on together, so seasons, which
take months, make no step in windows of weeks.

The value is the change, in the feature's unit (a register's: unit per period) or in per cent of the level before.

Source: the two-window median test, as in Tukey's running medians (1977); robust scale after Iglewicz and Hoaglin (1993).
"""

from typing import Final

import numpy as np

from devices.monitors import Step
from devices.readings import FloatArray, IntArray
from diagnostics import levels
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.detector import Memory, Readings, Values

# Share of the newest levels that have to be beyond half of the limit.
_NEARLY_ALL: Final = 0.8
_HALF: Final = 0.5
# Standard error of a median against that of a mean, for a normal distribution.
_MEDIAN_TO_MEAN: Final = 1.2533
# How much of the change the part before may have crept itself.
_CREEPS: Final = 0.5


class Steps:
    """The steps of one monitor over all devices.

    Parameters
    ----------
    monitor : Step
        Lengths of the window's parts in periods, and limits.

    Examples
    --------
    A household that draws about 200 l a day, and of which a third is counted from the twentieth day on:

    >>> from devices.monitors import Periods
    >>> daily = Periods(length_s=86_400, fewest=1, is_register=True, rest=5)
    >>> row = Step(
    ...     "less", "Less", "w", "water_l", "%", "below", daily, 14, 7, 5, 3, 50, 25, 180, 0, 0, is_share=True
    ... )
    >>> steps = Steps(row)
    >>> steps.memory.grow(1, 1)
    >>> used = [200.0 + 20 * (day % 3) for day in range(20)] + [66.0 + 7 * (day % 3) for day in range(12)]
    >>> register = np.cumsum([0.0, *used])
    >>> def said(day):
    ...     at_us = np.array([day * 86_400_000_000])
    ...     return steps.judge(np.array([0]), steps.read(register[[[day]]]), at_us, np.array([86_400.0]))
    >>> told = [(day, now.value.item()) for day in range(len(register)) if (now := said(day)).wrong.item()]
    >>> [(day, round(change)) for day, change in told[:2]]
    [(26, -67), (27, -67)]
    """

    def __init__(self, monitor: Step) -> None:
        self._monitor = monitor
        self._sign = 1.0 if monitor.side == "above" else -1.0
        self._error = _MEDIAN_TO_MEAN * (1 / monitor.before + 1 / monitor.after) ** 0.5
        window = np.full(monitor.before + monitor.after, np.nan, np.float32)
        self.memory = Memory(
            levels.unknown(monitor.periods) | {"window": window, "reference": np.float64(np.nan), "held": np.int32(0)}
        )

    def read(self, feature: FloatArray) -> Values:
        """Take the feature as it is."""
        return Values(feature)

    def judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:  # noqa: ARG002
        """End periods and hold the newest levels against those before; the value is the change."""
        if not isinstance(now, Values):
            raise TypeError(f"monitor {self._monitor.name} needs values, not {type(now).__name__}")
        level = levels.complete(self._monitor.periods, self.memory, slots, now.value, at_us)
        rows = np.flatnonzero(~np.isnan(level).all(axis=1))
        judged = self._judge_levels(slots[rows], level[rows]) if len(rows) else None
        return Conditions.silent(level.shape) if judged is None else judged.among(len(level), rows)

    def _judge_levels(self, slots: IntArray, level: FloatArray) -> Conditions:
        memory, monitor = self.memory, self._monitor
        has = ~np.isnan(level)
        window = memory["window"][slots]
        window = np.where(has[..., None], np.concatenate([window[..., 1:], level[..., None]], axis=-1), window)
        before, after = window[..., : monitor.before].astype(np.float64), window[..., monitor.before :]
        middle, _ = levels.middle_and_scale(before, 0.0)
        newest = np.median(after.astype(np.float64), axis=-1)
        reference, held = memory["reference"][slots], memory["held"][slots]
        begins = has & np.isnan(reference) & self._is_step(before, after, middle)
        reference = np.where(begins, middle, reference)
        is_held = ~np.isnan(reference)
        change = self._change(newest, np.where(is_held, reference, middle))
        is_back = has & is_held & (change * self._sign <= monitor.clear)
        is_usual = has & is_held & (held >= monitor.hold)
        ends = is_back | is_usual
        memory["held"][slots] = np.where(ends, 0, held + (has & is_held))
        memory["reference"][slots] = np.where(ends, np.nan, reference)
        memory["window"][slots] = np.where(is_usual[..., None], np.float32(np.nan), window)
        known = has & ~np.isnan(change)
        wrong = known & is_held & ~ends & (change * self._sign >= monitor.limit)
        return Conditions(change, known, wrong, known & (ends | ~is_held))

    def _is_step(self, before: FloatArray, after: FloatArray, middle: FloatArray) -> BoolArray:
        monitor, sign = self._monitor, self._sign
        with np.errstate(invalid="ignore"):
            apart = self._change(after.astype(np.float64), middle[..., None]) * sign
            change = np.median(apart, axis=-1)
            spread = np.median(np.abs(self._change(before, middle[..., None])), axis=-1)
            scale = np.fmax(levels.MAD_TO_SIGMA * spread, monitor.scale_floor)
            early, late = np.array_split(before, 2, axis=-1)
            crept = np.abs(self._change(np.median(late, axis=-1), np.median(early, axis=-1)))
            is_far = (change >= monitor.limit) & (change >= monitor.sigmas * self._error * scale)
            lasts = (apart >= _HALF * monitor.limit).mean(axis=-1) >= _NEARLY_ALL
            return np.asarray(is_far & lasts & (crept <= _CREEPS * change))

    def _change(self, level: FloatArray, against: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = level - against
            return np.where(against > 0, apart / against * 100.0, np.nan) if self._monitor.is_share else apart
