"""Seasons: what a value usually is at this hour of the week, for each device.

The expectation is the device's level, plus what its peer group usually adds at this hour, plus what the device itself was
seen to add beyond that. The device's own part is learned in 168 bins, one for each hour of the week. A bin that has been
seen for a few hours only leans on the same hour of the other days, and that on the peers: so a new device is held against
its peers, after some days against its own days, and from about four weeks on against its own week.

The peers' part is a published value, in the monitor's row. It does not come from the other devices of the moment: what is
said of one device must not hang on which others happen to be held beside it.

Hours are those of UTC: where clocks are put forward, profiles are out by an hour until they have followed. Deviations are
cut before they teach, so that an odd day does not become usual; a change that lasts is followed, by the level first.

The bins cost 168 times six bytes for each element, everything else twelve.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray
from diagnostics.detector import Memory

HOURS: Final = 168
_DAY_HOURS: Final = 24
_HOUR_US: Final = 3_600_000_000
# The epoch began on a Thursday; a week begins on Monday.
_EPOCH_HOUR: Final = 72
# How many hours of seeing weigh as much as what is leant on: of a bin against its hour of the day, of that against peers.
_BIN_LEANS_H: Final = 4.0
_DAY_LEANS_H: Final = 3.0
# What a bin remembers at most, in hours: about two months of weeks.
_REMEMBERS_H: Final = 8.0
# Mean absolute deviation to standard deviation, for a normal distribution.
MEAN_TO_SIGMA: Final = 1.2533

UNKNOWN: Final = {
    "level": np.float32(np.nan),
    "deviation": np.float32(0),
    "seen": np.int32(0),
    "profile": np.zeros(HOURS, np.float32),
    "profile_h": np.zeros(HOURS, np.float16),
}


@dataclass(frozen=True, slots=True)
class Follow:
    """How an expectation follows: the level's time constant, samples that teach first, where deviations are cut, floors.

    `peers` has 168 values, what the peer group usually adds at each hour of the week as a share of the level, or none.
    """

    level_s: float
    learn: int
    clip: float
    scale_floor: float
    peers: FloatArray


def residual(
    follow: Follow, memory: Memory, slots: IntArray, value: FloatArray, at_us: IntArray, dt_s: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Take one sample of each of n different devices; return how far it is from what is usual, and what that scatters.

    Parameters
    ----------
    follow : Follow
        How the expectation follows.
    memory : Memory
        Holds the arrays of `UNKNOWN`; it is written to.
    slots : int64 [n]
        Row of each device in the memory; no device twice.
    value : float64 [n, w]
        NaN where unknown.
    at_us : int64 [n]
        Event time.
    dt_s : float64 [n]
        Seconds that each device reported since its last sample.

    Returns
    -------
    tuple of float64 [n, w]
        Residual (0 where unknown) and its robust scale before this sample, in the feature's unit. The residual is cut at
        `clip` scales, save while the device is learned.

    Examples
    --------
    A device that draws 3 by day and 1 by night, for two weeks; then 3 at noon, and 3 at three in the night:

    >>> memory = Memory(UNKNOWN)
    >>> memory.grow(1, 1)
    >>> follow = Follow(2 * 86_400, 48, 6, 0.01, np.zeros(0))
    >>> def apart(hour, value):
    ...     at_us = np.array([hour * 3_600_000_000])
    ...     return residual(follow, memory, np.array([0]), np.array([[value]]), at_us, np.array([3600.0]))[0].item()
    >>> usual = [apart(hour, 3.0 if hour % 24 in range(7, 23) else 1.0) for hour in range(336)]
    >>> round(apart(336 + 12, 3.0), 1), round(apart(336 + 27, 3.0), 1)
    (-0.1, 1.1)
    """
    known = ~np.isnan(value)
    hours = (at_us // _HOUR_US + _EPOCH_HOUR) % HOURS
    seen = memory["seen"][slots] + known
    level = memory["level"][slots].astype(np.float64)
    level = np.where(np.isnan(level), value, level)
    peers = level * follow.peers[hours][:, None] if len(follow.peers) else 0.0
    apart = np.where(known, value - level - peers, 0.0)
    usual = _usual(memory, slots, hours)
    scale = np.fmax(memory["deviation"][slots] * MEAN_TO_SIGMA, follow.scale_floor)
    most = np.where(seen < follow.learn, np.inf, follow.clip * scale)
    rest = np.clip(np.where(known, apart - usual, 0.0), -most, most)
    teaches = np.clip(apart, -most - np.abs(usual), most + np.abs(usual))
    gain = np.where(known, np.fmax(-np.expm1(-dt_s / follow.level_s)[:, None], 1.0 / np.maximum(seen, 1)), 0.0)
    deviation = memory["deviation"][slots]
    memory["seen"][slots] = seen
    memory["level"][slots] = np.where(known, level + gain * teaches, memory["level"][slots])
    memory["deviation"][slots] = deviation + gain * (np.abs(rest) - deviation)
    _teach(memory, slots, hours, teaches, np.where(known, dt_s[:, None] / 3600.0, 0.0))
    return rest, scale


def _usual(memory: Memory, slots: IntArray, hours: IntArray) -> FloatArray:
    """What these devices add at these hours of the week, beyond level and peers; [n, w]."""
    width = memory["profile"].shape[1]
    rows = slots[:, None]
    elements: IntArray = np.arange(int(width))[None, :]
    total, total_h = np.zeros((len(slots), width)), np.zeros((len(slots), width))
    for day in range(HOURS // _DAY_HOURS):
        of = (hours % _DAY_HOURS + _DAY_HOURS * day)[:, None]
        seen_h = memory["profile_h"][rows, elements, of].astype(np.float64)
        total += memory["profile"][rows, elements, of] * seen_h
        total_h += seen_h
    by_day = total / (total_h + _DAY_LEANS_H)
    own = memory["profile"][rows, elements, hours[:, None]].astype(np.float64)
    own_h = memory["profile_h"][rows, elements, hours[:, None]].astype(np.float64)
    return by_day + (own - by_day) * own_h / (own_h + _BIN_LEANS_H)


def _teach(memory: Memory, slots: IntArray, hours: IntArray, apart: FloatArray, seen_h: FloatArray) -> None:
    elements: IntArray = np.arange(int(apart.shape[1]))[None, :]
    rows, bins = slots[:, None], hours[:, None]
    before = memory["profile"][rows, elements, bins].astype(np.float64)
    before_h = memory["profile_h"][rows, elements, bins].astype(np.float64)
    all_h = np.minimum(before_h + seen_h, _REMEMBERS_H)
    teaches: BoolArray = seen_h > 0
    gain = np.where(teaches, np.minimum(seen_h / np.fmax(all_h, 1e-9), 1.0), 0.0)
    memory["profile"][rows, elements, bins] = before + gain * (apart - before)
    memory["profile_h"][rows, elements, bins] = all_h
