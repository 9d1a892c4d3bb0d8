"""Phases of work in a stretch of an appliance's power: how long each is, and how long it rested before and after.

A phase is as long as its minutes at its own power say, of those in which it began and ended their part. A pause of one
minute is none: no motor stands and starts again so soon. At an edge of the stretch a pause is at least as long as seen.

It knows no kind of appliance, no label, and not what length is usual.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray

_SHORTEST_MIN: Final = 2
_LONGEST_GAP_MIN: Final = 1
# Minutes in which a phase begins and ends, and of how many on its power can be told.
_EDGE_MIN: Final = 2
_TELLING_MIN: Final = 3


@dataclass(frozen=True, slots=True)
class Phases:
    """n phases of work.

    Parameters
    ----------
    length_min, before_min, after_min : float64 [n]
        How long each is, and the pauses around it, above 0.
    is_first, is_last : bool [n]
        Nothing worked before or after it in the stretch: that pause is at least so long.
    """

    length_min: FloatArray
    before_min: FloatArray
    after_min: FloatArray
    is_first: BoolArray
    is_last: BoolArray


def working_power(days: Sequence[FloatArray]) -> float:
    """Return the power at which half of a device's energy is used, NaN where it uses none.

    >>> working_power([np.array([1.0, 1, 1, 100, 100, 100, np.nan])])
    100.0
    """
    power = np.sort(np.concatenate([day[np.isfinite(day) & (day > 0)] for day in days] or [np.zeros(0)]))
    if not len(power):
        return float("nan")
    energy = np.cumsum(power)
    return float(power[np.searchsorted(energy, energy[-1] / 2)])


def phases(power_w: FloatArray, working_w: float) -> Phases:
    """Return the phases that begin and end within a stretch of power.

    Parameters
    ----------
    power_w : float64 [minutes]
        NaN where unknown: a phase that touches such a minute has no length that could be told, and is left out.
    working_w : float
        As `working_power` says; half of it is work.

    Examples
    --------
    >>> found = phases(np.array([0.0, 0, 90, 100, 100, 100, 0, 0, 0, 100, 100, 50, 0, 0, 100]), 100.0)
    >>> found.length_min.tolist(), found.before_min.tolist(), found.after_min.tolist()
    ([3.9, 2.0], [2.0, 3.0], [3.0, 3.0])
    >>> found.is_first.tolist(), found.is_last.tolist()
    ([True, False], [False, False])
    """
    if not working_w > 0:
        return together([])
    begin, end = _runs(power_w > working_w / 2)
    before_min, after_min = begin - np.r_[0, end[:-1]], np.r_[begin[1:], len(power_w)] - end
    is_first, is_last = np.arange(len(begin)) == 0, np.arange(len(begin)) == len(begin) - 1
    unknown = np.r_[0, np.cumsum(np.isnan(power_w))]
    is_known = unknown[np.minimum(end + 1, len(power_w))] == unknown[np.maximum(begin - 1, 0)]
    whole = is_known & (begin > 0) & (end < len(power_w)) & (end - begin >= _SHORTEST_MIN)
    spans = zip(begin[whole].tolist(), end[whole].tolist(), strict=True)
    lengths = [_length_min(power_w, working_w, one, other) for one, other in spans]
    return Phases(
        np.array(lengths, np.float64),
        before_min[whole].astype(np.float64),
        after_min[whole].astype(np.float64),
        is_first[whole],
        is_last[whole],
    )


def _runs(is_on: BoolArray) -> tuple[IntArray, IntArray]:
    """Return where runs of work begin and end, int64 [n] each; those with too short a gap between them are one."""
    turns = np.flatnonzero(np.diff(np.r_[False, is_on, False].astype(np.int8)))
    begin, end = turns[::2], turns[1::2]
    is_apart = begin[1:] - end[:-1] > _LONGEST_GAP_MIN
    is_any = np.ones(min(len(begin), 1), np.bool_)
    return begin[np.r_[is_any, is_apart]], end[np.r_[is_apart, is_any]]


def _length_min(power_w: FloatArray, working_w: float, begin: int, end: int) -> float:
    """Return how many minutes at its own power a phase is worth; a start's surge makes no minute longer."""
    if end - begin < _TELLING_MIN:
        return float(end - begin)
    within = power_w[begin:end]
    own_w = np.median(within[within > working_w / 2])
    return float(np.nansum(np.minimum(power_w[max(begin - _EDGE_MIN, 0) : end + _EDGE_MIN] / own_w, 1)))


def together(parts: Sequence[Phases]) -> Phases:
    """Return the phases of several stretches as one."""
    nothing, never = np.zeros(0), np.zeros(0, np.bool_)
    some = [Phases(nothing, nothing, nothing, never, never), *parts]
    return Phases(
        np.concatenate([part.length_min for part in some]),
        np.concatenate([part.before_min for part in some]),
        np.concatenate([part.after_min for part in some]),
        np.concatenate([part.is_first for part in some]),
        np.concatenate([part.is_last for part in some]),
    )
