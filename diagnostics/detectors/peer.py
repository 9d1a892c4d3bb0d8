"""Peer: an element that leaves its peers, as a cell leaves its pack.

Peers need neither history nor labels: what moves them all, such as load, charge and temperature, moves their median
with them. The residual against the median, in units of the peers' robust scale and clipped so that one spike cannot
poison the state, is smoothed by an exponentially weighted mean over event time; the smoothed score decides. Its size is
also the score that calibration sees. Peers are there from the first sample on, so half of what it says is believed at
once; the other half, and the delay, are for a glitch at the beginning.

Source: robust z-scores after Iglewicz and Hoaglin (1993); the smoothing after Roberts (1959).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.monitors import Peer
from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.detector import Memory, Readings

# Median absolute deviation to standard deviation, for a normal distribution.
_MAD_TO_SIGMA: Final = 1.4826
_CLIP: Final = 6.0
# With fewer peers a median says nothing about any of them.
_FEWEST_PEERS: Final = 4
# Share of a device's first sample that is believed at once: below the limit even where it is clipped.
_BEGINNING: Final = 0.5


@dataclass(frozen=True, slots=True)
class Residuals:
    """Each element against its peers: `score` in robust sigmas, clipped; `residual` in the feature's unit; both [n, w]."""

    score: FloatArray
    residual: FloatArray

    @property
    def known(self) -> BoolArray:
        """Where an element and enough of its peers have a value."""
        return ~np.isnan(self.score)

    @property
    def width(self) -> int:
        """Number of elements."""
        return self.score.shape[1]

    def at(self, rows: IntArray) -> "Residuals":
        """Return the residuals of some samples."""
        return Residuals(self.score[rows], self.residual[rows])

    def widened(self, width: int) -> "Residuals":
        """Return the same with elements up to `width` that have no value."""
        if width <= self.width:
            return self
        pad = ((0, 0), (0, width - self.width))
        return Residuals(
            np.pad(self.score, pad, constant_values=np.nan), np.pad(self.residual, pad, constant_values=np.nan)
        )


def residuals(monitor: Peer, feature: FloatArray) -> Residuals:
    """Hold each element against the median of its peers in the same sample.

    Parameters
    ----------
    monitor : Peer
        `scale_floor` in the feature's unit.
    feature : float64 [n, w]
        One row a sample, NaN where an element has no value.

    Examples
    --------
    >>> pack = np.array([[3.70, 3.70, 3.70, 3.70, 3.66]])
    >>> row = Peer("p", "P", "b", "cell_v", 0.005, 1800, 4, 2, 0, 0)
    >>> residuals(row, pack).score.round(1).tolist()
    [[0.0, 0.0, 0.0, 0.0, -6.0]]
    """
    middle = row_median(feature)
    residual = feature - middle
    scale = np.fmax(row_median(np.abs(residual)) * _MAD_TO_SIGMA, monitor.scale_floor)
    return Residuals(np.clip(residual / scale, -_CLIP, _CLIP), residual)


def row_median(matrix: FloatArray) -> FloatArray:
    """Return the median of each row of [n, w] as [n, 1], without the NaN; NaN where fewer than four values are known."""
    if matrix.shape[1] < _FEWEST_PEERS:
        return np.full((matrix.shape[0], 1), np.nan)
    ordered = np.sort(matrix, axis=1)  # NaN go last
    known = matrix.shape[1] - np.isnan(matrix).sum(axis=1)
    enough = np.maximum(known, 1)
    low = np.take_along_axis(ordered, ((enough - 1) // 2)[:, None], axis=1)
    high = np.take_along_axis(ordered, (enough // 2)[:, None], axis=1)
    return np.where(known[:, None] >= _FEWEST_PEERS, (low + high) / 2, np.nan)


@dataclass(slots=True)
class PeerState:
    """Smoothed score and residual of each device's elements; float32 [devices, w]."""

    score: NDArray[np.float32]
    residual: NDArray[np.float32]

    def smooth(self, monitor: Peer, slots: IntArray, now: Residuals, dt_s: FloatArray) -> Conditions:
        """Take one sample of each of n different devices into the state.

        Parameters
        ----------
        monitor : Peer
            Time constant and limits.
        slots : int64 [n]
            Row of each device in the state; no device twice.
        now : Residuals
            The samples' residuals, [n, w] with the state's w.
        dt_s : float64 [n]
            Seconds that each device reported since its last sample; 0 for its first.
        """
        gain = -np.expm1(-dt_s / monitor.tau_s)[:, None]
        known = ~np.isnan(now.score)
        is_first = (dt_s == 0)[:, None] & (self.score[slots] == 0)
        gain = np.where(is_first, _BEGINNING, gain)
        for state, fresh in ((self.score, now.score), (self.residual, now.residual)):
            before = state[slots].astype(np.float64)
            state[slots] = np.where(known, before + gain * (fresh - before), before)
        size = np.abs(self.score[slots])
        return Conditions(
            self.residual[slots].astype(np.float64),
            known,
            known & (size >= monitor.limit),
            known & (size <= monitor.clear),
            np.where(known, size.astype(np.float64), np.nan),
        )


class Peers:
    """The peers of one monitor over all devices.

    Parameters
    ----------
    monitor : Peer
        Scale, time constant and limits.
    """

    def __init__(self, monitor: Peer) -> None:
        self._monitor = monitor
        self.memory = Memory({"score": np.float32(0), "residual": np.float32(0)})

    def read(self, feature: FloatArray) -> Residuals:
        """Hold each element against its peers."""
        return residuals(self._monitor, feature)

    def judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:  # noqa: ARG002
        """Smooth the residuals; the value is the smoothed one, in the feature's unit."""
        if not isinstance(now, Residuals):
            raise TypeError(f"monitor {self._monitor.name} needs residuals, not {type(now).__name__}")
        return PeerState(self.memory["score"], self.memory["residual"]).smooth(self._monitor, slots, now, dt_s)
