"""Cross channel: a channel that no longer agrees with the others of its device, as a flow that falls while the pump runs.

Channels of one machine move together: load, temperature and season move them all. What is left of each after a ridge
regression on the others says more than the channel itself. Of the first samples, which teach, only moments are kept:
the mean and the co-moments of the channels, and those of the channels smoothed. At the end of them the regression of
every channel on the others comes out of one inverse, and since smoothing and regression are both linear, so does the
scale of each smoothed residual, with all the slow wandering that the device showed while it was healthy, and some that
it may not have shown yet. From then on each residual, clipped so that one spike cannot poison the state, is smoothed
over event time and held against that scale.

A strong ridge is meant: channels that happened to wander together while the device was learned would otherwise be taken
to be one. While a channel is within its clearing limit, its residual's usual level follows with the time constant of
forgetting; a change slower than that is followed, too, and never told.

A value that is missing counts as usual for the others, and nothing is said of its own channel. A channel of which less
than half was known while the device was learned is never judged. What was wrong while the device was learned is taken
for healthy. Which channel is at fault is not known: those that hang on it lean, too.

Deviations are cut while they teach, too. Takes [n, w] with a column for each channel, in units of their own. The value is the smoothed residual in sigmas, signed;
the score is its size. The memory is 28 bytes, and eight for each channel, for each channel: 736 bytes for eight.

Source: Hoerl and Kennard, Ridge regression (1970); the regressions from the inverse after Whittaker, Graphical Models
(1990), 5.7; moments after Welford (1962); the smoothing after Roberts (1959).
"""

from typing import Final

import numpy as np

from devices.monitors import CrossChannel
from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.detector import Memory, Readings, Values

_CLIP: Final = 6.0
# A channel has to have had a value in this share of the samples that taught.
_OFTEN_ENOUGH: Final = 0.5
# Wandering that a device may not have shown while it was learned, in sigmas of the residual.
_UNSEEN: Final = 0.2
# While it is learned, deviations are cut as well, once so many samples say what is much.
_FEW: Final = 30
# What is larger, in whatever unit, was not measured: it is a matter of limits, and teaches nothing here.
_IMPOSSIBLE: Final = 1e9
_NONE: Final = np.float32(0)
_UNKNOWN: Final = np.float32(np.nan)


class CrossChannels:
    """The channels of one monitor over all devices.

    Parameters
    ----------
    monitor : CrossChannel
        How long is learned, the ridge, and limits in sigmas.

    Raises
    ------
    ValueError
        When the monitor has fewer than two channels, or not one floor for each.

    Examples
    --------
    Two channels that follow each other for sixty samples, and then one that stays behind:

    >>> row = CrossChannel("apart", "Apart", "p", "both", 2, 60, (0.01, 0.01), 0.1, 5.0, 1e9, 4, 2, 0, 0)
    >>> channels = CrossChannels(row)
    >>> channels.memory.grow(1, 2)
    >>> rng = np.random.default_rng(1)
    >>> def said(second):
    ...     load = np.sin(second / 3)
    ...     both = np.array([[load, load - (second > 80)]]) + 0.1 * rng.standard_normal((1, 2))
    ...     return channels.judge(np.array([0]), channels.read(both), np.array([second * 1_000_000]), np.array([1.0]))
    >>> told = [(second, now.value) for second in range(100) if (now := said(second)).wrong.any()]
    >>> told[0][0], told[0][1].round(1).tolist()
    (82, [[4.7, -3.9]])
    """

    def __init__(self, monitor: CrossChannel) -> None:
        if monitor.channels < 2 or len(monitor.scale_floors) != monitor.channels:
            raise ValueError(
                f"monitor {monitor.name} has {monitor.channels} channels and {len(monitor.scale_floors)} floors: "
                "give it two channels or more, and one floor for each"
            )
        self._monitor = monitor
        row = np.zeros(monitor.channels, np.float32)
        self.memory = Memory(
            {
                "origin": _UNKNOWN,
                "seen": np.int32(0),
                "count": np.int32(0),
                "mean": _NONE,
                # While it is learned of the smoothed channel, then of the smoothed residual; likewise the next.
                "smooth": _NONE,
                "usual": _NONE,
                # Co-moments first, then how much of each channel makes up the residual.
                "moments": row,
                "smoothed_moments": row,
                "scale": _UNKNOWN,
            }
        )

    def read(self, feature: FloatArray) -> Values:
        """Take the channels as they are.

        Raises
        ------
        ValueError
            When there are more channels than the monitor says.
        """
        if feature.shape[1] > self._monitor.channels:
            raise ValueError(
                f"monitor {self._monitor.name} has {self._monitor.channels} channels, "
                f"but {self._monitor.feature} gives {feature.shape[1]}: say how many in the monitor's row"
            )
        return Values(feature)

    def judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:  # noqa: ARG002
        """Learn, or judge; the value is the smoothed residual in sigmas, [n, w]."""
        if not isinstance(now, Values):
            raise TypeError(f"monitor {self._monitor.name} needs values, not {type(now).__name__}")
        memory = self.memory
        with np.errstate(invalid="ignore"):
            known = np.abs(now.value) < _IMPOSSIBLE
        origin = memory["origin"][slots]
        memory["origin"][slots] = np.where(known & np.isnan(origin), now.value, origin)
        deviation = np.where(known, now.value - memory["origin"][slots], memory["mean"][slots])
        is_learned = memory["seen"][slots, 0] >= self._monitor.learn
        gain = -np.expm1(-dt_s / self._monitor.tau_s)[:, None]
        learning, judged = np.flatnonzero(~is_learned), np.flatnonzero(is_learned)
        if len(learning):
            self._learn(slots[learning], deviation[learning], known[learning], gain[learning])
        said = Conditions.silent(known.shape)
        if len(judged):
            follow = -np.expm1(-dt_s / self._monitor.forget_s)[:, None]
            part = self._judge(slots[judged], deviation[judged], known[judged], gain[judged], follow[judged])
            said = part.among(len(slots), judged)
        return said

    def _learn(self, slots: IntArray, deviation: FloatArray, known: BoolArray, gain: FloatArray) -> None:
        memory = self.memory
        seen, count = memory["seen"][slots] + 1, memory["count"][slots] + known
        mean, most = memory["mean"][slots], self._most(slots)
        deviation = np.clip(deviation, mean - most, mean + most)
        smooth = memory["smooth"][slots]
        smooth = smooth + gain * (deviation - smooth)
        memory["seen"][slots], memory["count"][slots], memory["smooth"][slots] = seen, count, smooth
        for value, mean_name, moments_name, weight in (
            (deviation, "mean", "moments", np.where(known, count, np.inf)),
            (smooth, "usual", "smoothed_moments", seen.astype(np.float64)),
        ):
            before = memory[mean_name][slots]
            after = before + (value - before) / np.maximum(weight, 1.0)
            width = value.shape[1]
            memory[mean_name][slots] = after
            memory[moments_name][slots, :, :width] += (value - before)[:, :, None] * (value - after)[:, None, :]
        done = np.flatnonzero(seen[:, 0] >= self._monitor.learn)
        if len(done):
            self._fit(slots[done])

    def _most(self, slots: IntArray) -> FloatArray:
        """How far from the mean a sample teaches, in the channels' units, [n, w]."""
        width = self.memory["mean"].shape[1]
        seen = self.memory["seen"][slots]
        moments = np.diagonal(self.memory["moments"][slots, :, :width], axis1=1, axis2=2)
        sigma = np.sqrt(np.fmax(moments / np.maximum(seen, 1), 0.0))
        return np.where(seen >= _FEW, _CLIP * np.fmax(sigma, np.array(self._monitor.scale_floors[:width])), np.inf)

    def _fit(self, slots: IntArray) -> None:
        """Turn moments into residuals' weights and scales."""
        memory, width = self.memory, int(self.memory["mean"].shape[1])
        seen = memory["seen"][slots, 0].astype(np.float64)[:, None, None]
        moments = memory["moments"][slots, :, :width].astype(np.float64) / seen
        smoothed = memory["smoothed_moments"][slots, :, :width].astype(np.float64) / seen
        moments, smoothed = (moments + moments.swapaxes(1, 2)) / 2, (smoothed + smoothed.swapaxes(1, 2)) / 2
        floors = np.array(self._monitor.scale_floors[:width])
        sigma = np.fmax(np.sqrt(np.fmax(np.diagonal(moments, axis1=1, axis2=2), 0.0)), floors)
        correlation: FloatArray = moments / (sigma[:, :, None] * sigma[:, None, :])
        ridged: FloatArray = correlation + self._monitor.ridge * np.eye(width)
        inverse = np.asarray(np.linalg.inv(ridged), np.float64)
        weights: FloatArray = inverse / np.diagonal(inverse, axis1=1, axis2=2)[:, :, None]
        weights /= np.fmax(_spread(weights, correlation), floors / sigma)[:, :, None]
        weights /= sigma[:, None, :]
        often = memory["count"][slots] >= _OFTEN_ENOUGH * memory["seen"][slots]
        scale = np.where(often, np.hypot(_spread(weights, smoothed), _UNSEEN), np.nan)
        leaning = (weights * (memory["smooth"][slots] - memory["mean"][slots])[:, None, :]).sum(axis=-1)
        memory["moments"][slots, :, :width], memory["scale"][slots] = weights, scale
        memory["smooth"][slots], memory["usual"][slots] = leaning, 0.0

    def _judge(
        self, slots: IntArray, deviation: FloatArray, known: BoolArray, gain: FloatArray, follow: FloatArray
    ) -> Conditions:
        memory, monitor, width = self.memory, self._monitor, deviation.shape[1]
        apart = deviation - memory["mean"][slots]
        residual = (memory["moments"][slots, :, :width] * apart[:, None, :]).sum(axis=-1)
        usual, smooth, scale = memory["usual"][slots], memory["smooth"][slots], memory["scale"][slots]
        says = known & ~np.isnan(scale)
        fresh = np.clip(residual - usual, -_CLIP, _CLIP)
        smooth = np.where(says, smooth + gain * (fresh - smooth), smooth)
        sigmas = np.where(says, smooth / scale, np.nan)
        size = np.abs(sigmas)
        well = says & (size <= monitor.clear)
        memory["smooth"][slots] = smooth
        memory["usual"][slots] = np.where(well, usual + follow * fresh, usual)
        return Conditions(sigmas, says, says & (size >= monitor.limit), well, size)


def _spread(weights: FloatArray, moments: FloatArray) -> FloatArray:
    """Return the standard deviation of weighted sums of channels, [d, w, w] and their moments [d, w, w] -> [d, w]."""
    variance = ((weights[:, :, :, None] * moments[:, None, :, :]).sum(axis=2) * weights).sum(axis=-1)
    return np.sqrt(np.fmax(variance, 0.0))
