"""How much longer an appliance's working phases are than they usually are: one factor, from a stretch of its power.

What ages or clogs in a machine that heats, cools or pumps makes it work longer for the same effect, in all of its phases by
about the same factor. A phase's length also depends on what is asked of it, so each one is held against those healthy
phases of the same device that came after a like pause and before a like one; the factor is the one under which most of
the phases find such a fellow. A phase of known power is as long as its energy says, which tells more than whole minutes.

It knows no kind of appliance and no label, and cannot tell a programme that was chosen longer from one that took longer.

Source: a kernel density estimate (Parzen, 1962) as the likelihood of the factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.readings import FloatArray
from diagnostics.conditions import BoolArray

# Between what factors it is looked for, as logarithms: a tenth shorter to twice and a fifth as long.
_FACTORS: Final = np.linspace(-0.1, 0.8, 91)
# Phases of like place are alike within so much of their length, and pauses of like place within so much of theirs.
_ALIKE: Final = 0.04
_LIKE_PAUSE: Final = 0.3
# How likely a phase is that has no fellow, beside those that have, and how likely one with another pause.
_ALONE: Final = 0.02
_ELSEWHERE: Final = 1e-3
# A pause of four hours is as any longer one; more phases than this tell no more, for they share their day.
_LONGEST_PAUSE_MIN: Final = 240.0
_MOST_PHASES: Final = 8
_SHORTEST_MIN: Final = 2
# Minutes in which a phase begins and ends, and of how many on its power can be told.
_EDGE_MIN: Final = 2
_TELLING_MIN: Final = 3


@dataclass(frozen=True, slots=True)
class Phases:
    """n phases of work: `length_min` and the pauses `before_min` and `after_min`, all float64 [n]."""

    length_min: FloatArray
    before_min: FloatArray
    after_min: FloatArray


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
    ([3.9, 2.0], [240.0, 3.0], [3.0, 240.0])
    """
    if not working_w > 0:
        return Phases(np.zeros(0), np.zeros(0), np.zeros(0))
    is_on: BoolArray = np.r_[False, power_w > working_w / 2, False]
    turns = np.flatnonzero(np.diff(is_on.astype(np.int8)))
    begin, end = turns[::2], turns[1::2]
    is_whole = (begin > 0) & (end < len(power_w)) & (end - begin >= _SHORTEST_MIN)
    unknown = np.r_[0, np.cumsum(np.isnan(power_w))]
    begin, end = begin[is_whole], end[is_whole]
    known = unknown[np.minimum(end + 1, len(power_w))] == unknown[np.maximum(begin - 1, 0)]
    begin, end = begin[known], end[known]
    pauses = np.minimum(begin[1:] - end[:-1], _LONGEST_PAUSE_MIN)
    longest = np.full(min(len(begin), 1), _LONGEST_PAUSE_MIN)
    lengths = [_length_min(power_w, one, other) for one, other in zip(begin.tolist(), end.tolist(), strict=True)]
    return Phases(np.array(lengths, np.float64), np.r_[longest, pauses], np.r_[pauses, longest])


def _length_min(power_w: FloatArray, begin: int, end: int) -> float:
    """Return a phase's energy by its own power: parts of the minutes in which it began and ended."""
    if end - begin < _TELLING_MIN:
        return float(end - begin)
    around = power_w[max(begin - _EDGE_MIN, 0) : end + _EDGE_MIN]
    return float(np.nansum(around) / np.median(power_w[begin:end]))


def together(parts: Sequence[Phases]) -> Phases:
    """Return the phases of several stretches as one."""
    columns = [(part.length_min, part.before_min, part.after_min) for part in parts] or [(np.zeros(0),) * 3]
    return Phases(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def prolongation(found: Phases, healthy: Phases) -> float:
    """Return the logarithm of the factor by which phases are longer than a device's healthy ones.

    Returns
    -------
    float
        0 for as usual; NaN where there are no phases or none to hold them against.

    Examples
    --------
    >>> usual = Phases(np.array([10.0, 30, 10.2, 30.3]), np.array([240.0, 20, 240, 20]), np.array([20.0, 240, 20, 240]))
    >>> longer = Phases(np.array([12.5, 37.5]), np.array([240.0, 20]), np.array([20.0, 240]))
    >>> round(float(np.exp(prolongation(longer, usual))), 2)
    1.24
    """
    if not (len(found.length_min) and len(healthy.length_min)):
        return float("nan")
    near = np.exp(
        -0.5 * _apart(found.before_min, healthy.before_min) ** 2 - 0.5 * _apart(found.after_min, healthy.after_min) ** 2
    )
    weight = near + _ELSEWHERE
    longer = np.log(found.length_min)[:, None] - np.log(healthy.length_min)[None, :]
    fellows = np.exp(-0.5 * ((longer[None] - _FACTORS[:, None, None]) / _ALIKE) ** 2)
    likely = (fellows * weight).sum(axis=2) / weight.sum(axis=1) + _ALONE
    log_likely = np.log(likely).mean(axis=1) * min(len(found.length_min), _MOST_PHASES)
    belief = np.exp(log_likely - log_likely.max())
    return float((belief * _FACTORS).sum() / belief.sum())


def _apart(found_min: FloatArray, healthy_min: FloatArray) -> FloatArray:
    return (np.log(found_min)[:, None] - np.log(healthy_min)[None, :]) / _LIKE_PAUSE
