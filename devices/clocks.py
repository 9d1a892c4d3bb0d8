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


def behind_s(cadence_s: float) -> float:
    """Return by how much a clock may seem behind for a product that samples at this cadence, in seconds.

    >>> behind_s(60.0), behind_s(3600.0)
    (300.0, 7200.0)
    """
    return max(_LEAST_BEHIND_S, _CADENCES_BEHIND * cadence_s)


def skew(pairs: Sequence[tuple[int, int]], cadence_s: float) -> Skew | None:
    """Estimate a device's clock from its newest live messages.

    Parameters
    ----------
    pairs : sequence of (int, int)
        Time of the newest sample by the device, and of receipt by us, in microseconds, in the order of receipt.
    cadence_s : float
        The product's usual time between samples.

    Returns
    -------
    Skew or None
        None when nothing can be said: too few messages, or a store that is being emptied.
    """
    if len(pairs) < FEWEST:
        return None
    delays_s = sorted((received_us - told_us) / _US for told_us, received_us in pairs)
    least_s = delays_s[_OUTLIERS]
    if least_s < -AHEAD_S:
        return Skew(-least_s, is_off=True)
    if least_s <= behind_s(cadence_s):
        return Skew(-least_s, is_off=False)
    passed_s = (pairs[-1][1] - pairs[0][1]) / _US
    told_s = (max(told for told, _ in pairs) - min(told for told, _ in pairs)) / _US
    return Skew(-least_s, is_off=True) if told_s <= 2 * passed_s else None
