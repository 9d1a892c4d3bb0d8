"""Levels: what a feature amounts to over whole periods of a device's life, as a day's mean or a day's consumption.

Faults that creep or that change a level for good are slower than any sample. So what slow detectors look at is one number
a period: the mean of a value, or the growth of a register. Periods are aligned to the epoch, so the same samples make the
same levels however they are cut into batches. A period with too few samples has no level, nor has one in which a register
went back, nor one whose amount stays at or below `rest`: what was hardly used says nothing about how well it works.

A level is known when the first sample after its period comes; nothing is known of why it is as it is.
"""

from typing import Final

import numpy as np

from devices.monitors import Periods
from devices.readings import FloatArray, IntArray
from diagnostics.detector import Memory
from diagnostics.state import Array

_NEVER: Final = np.iinfo(np.int64).min
# A register is read a little before and after midnight; its growth is scaled to the period when it spans about one.
_SHORTEST_SHARE: Final = 0.5
_LONGEST_SHARE: Final = 1.5
# Median absolute deviation to standard deviation, for a normal distribution.
MAD_TO_SIGMA: Final = 1.4826


def unknown(periods: Periods) -> dict[str, np.generic | Array]:
    """Return the memory that `complete` needs, where nothing is known yet: a mean has a sum, a register where it began."""
    begins: dict[str, np.generic | Array] = {"period": np.int64(_NEVER), "count": np.int32(0)}
    if periods.is_register:
        return begins | {"from": np.float64(np.nan), "from_us": np.int64(0)}
    return begins | {"sum": np.float64(0)}


def complete(periods: Periods, memory: Memory, slots: IntArray, value: FloatArray, at_us: IntArray) -> FloatArray:
    """Take one sample of each of n different devices, and return the levels of the periods that it ended.

    Parameters
    ----------
    periods : Periods
        Their length, and what makes a level.
    memory : Memory
        Holds the arrays of `unknown`; it is written to.
    slots : int64 [n]
        Row of each device in the memory; no device twice.
    value : float64 [n, w]
        NaN where unknown.
    at_us : int64 [n]
        Event time.

    Returns
    -------
    float64 [n, w]
        In the feature's unit (a register's: unit per period); NaN where no period ended, or where it has no level.

    Examples
    --------
    A mean of each day, of days with at least two samples:

    >>> daily = Periods(length_s=86_400, fewest=2)
    >>> memory = Memory(unknown(daily))
    >>> memory.grow(1, 1)
    >>> def level(hour, value):
    ...     at_us = np.array([hour * 3_600_000_000])
    ...     return complete(daily, memory, np.array([0]), np.array([[value]]), at_us).item()
    >>> [level(1, 20.0), level(2, 22.0), level(25, 30.0), level(49, 31.0)]
    [nan, nan, 21.0, nan]
    """
    known = ~np.isnan(value)
    length_us = int(periods.length_s * 1e6)
    now = (at_us // length_us)[:, None]
    last, count = memory["period"][slots], memory["count"][slots]
    begins = known & (now != last)
    had_enough = begins & (last != _NEVER) & (count >= periods.fewest)
    if periods.is_register:
        level = _growth(memory, slots, value, at_us, length_us)
        memory["from"][slots] = np.where(begins, value, memory["from"][slots])
        memory["from_us"][slots] = np.where(begins, at_us[:, None], memory["from_us"][slots])
    else:
        total, fresh = memory["sum"][slots], np.where(known, value, 0.0)
        level = total / np.maximum(count, 1)
        memory["sum"][slots] = np.where(begins, fresh, total + fresh)
    memory["period"][slots] = np.where(begins, now, last)
    memory["count"][slots] = np.where(begins, 1, count + known)
    with np.errstate(invalid="ignore"):
        return np.where(had_enough & (level > periods.rest), level, np.nan)


def _growth(memory: Memory, slots: IntArray, value: FloatArray, at_us: IntArray, length_us: int) -> FloatArray:
    """What the register grew by since the first reading of its period, per period; NaN where that says nothing."""
    elapsed = (at_us[:, None] - memory["from_us"][slots]) / length_us
    grown = value - memory["from"][slots]
    with np.errstate(invalid="ignore", divide="ignore"):
        is_one = (elapsed >= _SHORTEST_SHARE) & (elapsed <= _LONGEST_SHARE) & (grown >= 0)
        return np.where(is_one, grown / elapsed, np.nan)


def middle_and_scale(levels: FloatArray, floor: float) -> tuple[FloatArray, FloatArray]:
    """Return median and robust scale of the last axis; NaN where a level is missing.

    >>> middle, scale = middle_and_scale(np.array([1.0, 2.0, 2.0, 3.0, 90.0]), 0.1)
    >>> float(middle), round(float(scale), 2)
    (2.0, 1.48)
    """
    middle = np.median(levels, axis=-1)
    spread = np.median(np.abs(levels - middle[..., None]), axis=-1)
    return middle, np.fmax(MAD_TO_SIGMA * spread, floor)
