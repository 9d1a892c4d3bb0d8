"""Clocks: how far a device's clock is from ours, from when its live messages came and what they say the time was.

**Method.** A message's delay is our time of receipt less the device's time of its newest sample: the way over the net, and
the error of the clock. The way is never negative and mostly short, so the least delays show the clock. Of the newest
messages the third least is taken: two that are wrong by themselves do not move it.

- Ahead: the delay is below zero; nothing but a clock does that. More than 30 s is said to be off.
- Behind: a delay that stays large may also be a store that is sent later. It is taken for the clock only when the device
  goes at live pace, its time passing no faster than ours. A store that is emptied goes faster, and says nothing.

**Limits.** A device that always sends late by the same while looks as one whose clock is behind by it: hence a bound of
at least five minutes, and of two of the product's cadences. Nothing is corrected: readings keep the time that was
claimed; a person learns that the clock is off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.readings import FloatArray, IntArray

AHEAD_S: Final = 30.0
FEWEST: Final = 8
_LEAST_BEHIND_S: Final = 300.0
_CADENCES_BEHIND: Final = 2.0
_OUTLIERS: Final = 2
_US: Final = 1e6


@dataclass(frozen=True, slots=True)
class Skew:
    """How many seconds a device's clock is ahead of ours (behind: negative), and whether that is too much."""

    skew_s: float
    is_off: bool


def skew(pairs: Sequence[tuple[int, int]], cadence_s: float) -> Skew | None:
    """Estimate one device's clock; see `skews`."""
    told_us, received_us = np.array(pairs, dtype=np.int64).reshape(1, len(pairs), 2).transpose(2, 0, 1)
    return skews(told_us, received_us, np.array([len(pairs)]), np.array([cadence_s]))[0]


def skews(told_us: IntArray, received_us: IntArray, counts: IntArray, cadence_s: FloatArray) -> list[Skew | None]:
    """Estimate devices' clocks from their newest live messages.

    Parameters
    ----------
    told_us, received_us : int64 [m, k]
        Time of the newest sample by the device, and of receipt by us, in microseconds, in the order of receipt.
    counts : int64 [m]
        How many of the k messages of each device count.
    cadence_s : float64 [m]
        The product's usual time between samples.

    Returns
    -------
    list of Skew or None
        None when nothing can be said: too few messages, or a store that is being emptied.
    """
    counted: NDArray[np.bool_] = np.arange(told_us.shape[1], dtype=np.int64) < counts[:, None]
    if not (counts >= FEWEST).any():
        return [None] * len(counts)
    delays_s = np.where(counted, (received_us - told_us) / _US, np.inf)
    least_s = np.partition(delays_s, _OUTLIERS, axis=1)[:, _OUTLIERS]
    last = np.maximum(counts - 1, 0)[:, None]
    passed_us = np.take_along_axis(received_us, last, 1)[:, 0] - received_us[:, 0]
    newest_us = np.where(counted, told_us, np.iinfo(np.int64).min).max(axis=1)
    oldest_us = np.where(counted, told_us, np.iinfo(np.int64).max).min(axis=1)
    is_live = newest_us - oldest_us <= 2 * passed_us
    is_ahead = least_s < -AHEAD_S
    is_behind = least_s > np.maximum(_LEAST_BEHIND_S, _CADENCES_BEHIND * cadence_s)
    says = (counts >= FEWEST) & (~is_behind | is_live)
    return [
        Skew(-value, is_off) if is_said else None
        for value, is_off, is_said in zip(least_s.tolist(), (is_ahead | is_behind).tolist(), says.tolist(), strict=True)
    ]
