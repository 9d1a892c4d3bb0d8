"""Seasonal: a value that is not what it usually is at this hour of the week, for long enough to be no chance.

Each sample is held against the device's own level and profile (see `diagnostics.seasons`). What is left is cut, so that
one spike decides nothing, and added up in one of two ways:

- `ewma`: the residual is smoothed over event time, and it is asked how unusual its size is for this very device: the
  logarithm of its size in robust scales, against mean and scatter of what that was before. A device that always throws
  spikes is so judged by its own spikes. For faults that come at once.
- `cusum`: the two one-sided sums of residuals in robust scales beyond a slack. What stays within it is forgotten, what
  keeps leaning one way adds up. For faults that are small and stay.

After an alarm nothing new is said of the device for a refractory time, and sums begin anew: what has been told need not
be told again while it is looked after.

A change that lasts is followed by the level, within its time constant; then the symptom heals, and what it left behind is
usual. Faults that were there while the device was learned are not known. Nothing is known of why an hour is as it is.

Takes float64 [n, w], NaN where unknown. The value is the evidence, with the sign of the residual, in sigmas; the score is
its size. The memory is 1,008 bytes of profile for each element, and 32 beside.

Source: Roberts (1959) for the smoothing; Page, Continuous inspection schemes (1954), for the sums; Ahmad et al.,
Unsupervised real-time anomaly detection (2017), for the thought to judge a residual by its own past.
"""

from typing import Final

import numpy as np

from devices.monitors import Seasonal
from devices.readings import FloatArray, IntArray
from diagnostics import seasons
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.detector import Memory, Readings, Values

_NEVER: Final = np.iinfo(np.int64).min
# The usual unusualness follows so many times slower than the level.
_SLOWER: Final = 5.0
# Scatter of a logarithm below this is none: a device without noise would make news of its rounding.
_SPREAD_FLOOR: Final = 0.08
_NONE: Final = np.float32(0)


class Seasonals:
    """The seasonal residuals of one monitor over all devices.

    Parameters
    ----------
    monitor : Seasonal
        How the expectation follows, how evidence is added up, and limits in sigmas.

    Raises
    ------
    ValueError
        When the peers' profile has not one value for each hour of the week.

    Examples
    --------
    A load with a daily course, hourly for three weeks, that from then on is higher by as much as its noise:

    >>> row = Seasonal("more", "More", "l", "load_kw", "cusum", 168, 7 * 86_400, 3600, 0.5, 6, 0.01, 12, 6, 86_400, 0, 0)
    >>> seasonals = Seasonals(row)
    >>> seasonals.memory.grow(1, 1)
    >>> rng = np.random.default_rng(0)
    >>> def said(hour):
    ...     load = np.array([[2 + np.sin(hour / 24 * 2 * np.pi) + rng.normal(0, 0.1) + 0.15 * (hour >= 504)]])
    ...     at_us = np.array([hour * 3_600_000_000])
    ...     return seasonals.judge(np.array([0]), seasonals.read(load), at_us, np.array([3600.0]))
    >>> [hour for hour in range(600) if said(hour).wrong.item()]
    [516, 566]
    """

    def __init__(self, monitor: Seasonal) -> None:
        if len(monitor.peers) not in (0, seasons.HOURS):
            raise ValueError(
                f"monitor {monitor.name}: a peers' profile of {len(monitor.peers)} values; "
                f"give one for each of the {seasons.HOURS} hours of the week, or none"
            )
        self._monitor = monitor
        self._follow = seasons.Follow(
            monitor.level_s, monitor.learn, monitor.clip, monitor.scale_floor, np.array(monitor.peers, np.float64)
        )
        sums = {"high": _NONE, "low": _NONE}
        smoothing = {"smooth": _NONE, "usual": _NONE, "variance": _NONE}
        evidence = sums if monitor.evidence == "cusum" else smoothing
        self.memory = Memory(seasons.UNKNOWN | evidence | {"told_us": np.int64(_NEVER)})

    def read(self, feature: FloatArray) -> Values:
        """Take the feature as it is."""
        return Values(feature)

    def judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:
        """Hold samples against what is usual, and add up; the value is the evidence in sigmas, signed, [n, w]."""
        if not isinstance(now, Values):
            raise TypeError(f"monitor {self._monitor.name} needs values, not {type(now).__name__}")
        memory, monitor, known = self.memory, self._monitor, now.known
        rest, scale = seasons.residual(self._follow, memory, slots, now.value, at_us, dt_s)
        is_learned = memory["seen"][slots] >= monitor.learn
        add_up = self._sum if monitor.evidence == "cusum" else self._smooth
        evidence = add_up(slots, rest, scale, known, is_learned, dt_s)
        says = known & is_learned
        size = np.where(says, np.abs(evidence), np.nan)
        told_us = memory["told_us"][slots]
        is_told = (told_us != _NEVER) & (at_us[:, None] - told_us < int(monitor.refractory_s * 1e6))
        with np.errstate(invalid="ignore"):
            wrong = says & ~is_told & (size >= monitor.limit)
            well = says & ~wrong & (size <= monitor.clear)
        memory["told_us"][slots] = np.where(wrong, at_us[:, None], told_us)
        if monitor.evidence == "cusum":
            memory["high"][slots] = np.where(wrong, 0.0, memory["high"][slots])
            memory["low"][slots] = np.where(wrong, 0.0, memory["low"][slots])
        return Conditions(np.where(says, evidence, np.nan), says, wrong, well, size)

    def _sum(
        self,
        slots: IntArray,
        rest: FloatArray,
        scale: FloatArray,
        known: BoolArray,
        is_learned: BoolArray,
        dt_s: FloatArray,  # noqa: ARG002
    ) -> FloatArray:
        """Two-sided cumulative sums; returns the larger one, negative when it is the lower side's."""
        memory, slack = self.memory, self._monitor.slack
        sigmas = np.where(known & is_learned, rest / scale, 0.0)
        counts = np.where(known & is_learned, slack, 0.0)
        high = np.fmax(0.0, memory["high"][slots] + sigmas - counts)
        low = np.fmax(0.0, memory["low"][slots] - sigmas - counts)
        memory["high"][slots], memory["low"][slots] = high, low
        return np.where(high >= low, high, -low)

    def _smooth(
        self,
        slots: IntArray,
        rest: FloatArray,
        scale: FloatArray,
        known: BoolArray,
        is_learned: BoolArray,
        dt_s: FloatArray,
    ) -> FloatArray:
        """Smoothed residual, and how unusual its size is for this device; negative when it is below what is usual."""
        memory, monitor = self.memory, self._monitor
        smooth = memory["smooth"][slots]
        smooth = np.where(known, smooth + -np.expm1(-dt_s / monitor.tau_s)[:, None] * (rest - smooth), smooth)
        usual, variance = memory["usual"][slots], memory["variance"][slots]
        sigma = np.sqrt(variance) + _SPREAD_FLOOR
        apart = np.log1p(np.abs(smooth) / scale) - usual
        teaches = np.where(is_learned, np.clip(apart, -monitor.clip * sigma, monitor.clip * sigma), apart)
        gain = np.fmax(
            -np.expm1(-dt_s / (_SLOWER * monitor.level_s))[:, None], 1.0 / np.maximum(memory["seen"][slots], 1)
        )
        gain = np.where(known, gain, 0.0)
        memory["smooth"][slots] = smooth
        memory["usual"][slots] = usual + gain * teaches
        memory["variance"][slots] = variance + gain * (teaches**2 - variance)
        return np.fmax(apart / sigma, 0.0) * np.where(smooth < 0, -1.0, 1.0)
