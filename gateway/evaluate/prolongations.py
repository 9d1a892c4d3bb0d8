"""What each day says of its factor: how likely it is that its phases are so much longer, for telling it and for teaching from it.

To be told, a day is held against the same device's healthy days, save those that overlap it in time: the faulty days were
made from healthy ones, and whoever had the very day without its fault for comparison would know too much. Days near in
time count more: water and rooms are as warm as they were.

To teach what a label makes of a machine, a day of another device is held against that very day without its fault, as on
a test bench: there it is known. A healthy day is as long as itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.readings import FloatArray
from diagnostics.phases import Phases, phases, together, working_power
from diagnostics.prolongation import FACTORS, likelihood, nearness, width
from gateway.evaluate.loads import NORMAL, Day

FEATURE: Final = "likelihood_of_factors"
_DAY_MIN: Final = 1440
# Both days are the same but for what was put in.
_SAME: Final = 0.045
_RULED_OUT: Final = -99.0
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Said:
    """What days say of their factor: `told` by other days and `taught` by the same day, both float64 [n, factors].

    They are logarithms of likelihoods, 0 for the likeliest; NaN where a day has no whole phase, or nothing to hold it against.
    """

    told: FloatArray
    taught: FloatArray


def said_by(days: Sequence[Day]) -> Said:
    """Return what days say of their factor.

    Parameters
    ----------
    days : sequence of Day
        All days of the devices in question, n of them.
    """
    told, taught = (np.full((len(days), len(FACTORS)), np.nan) for _ in range(2))
    for device in sorted({day.device for day in days}):
        places = [place for place, day in enumerate(days) if day.device == device]
        its_days = _Device([days[place] for place in places])
        told[places], taught[places] = its_days.told(), its_days.taught()
    return Said(told, np.where(np.isnan(taught), told, taught))


class _Device:
    """The days of one device, and what each is held against: its healthy days at other times."""

    def __init__(self, days: Sequence[Day]) -> None:
        self._days = days
        self._healthy = [place for place, day in enumerate(days) if day.fault == NORMAL]
        others = [tuple(one for one in self._healthy if not days[one].overlaps(day)) for day in days]
        powers = {some: working_power([days[one].power_w for one in some]) for some in sorted(set(others))}
        self._working_w = [powers[some] for some in others]
        usual = {some: [phases(days[one].power_w, powers[some]) for one in some] for some in powers}
        self._own = [phases(day.power_w, working_w) for day, working_w in zip(days, self._working_w, strict=True)]
        self._held = [(self._own[place], *self._usual(place, some, usual[some])) for place, some in enumerate(others)]

    def _usual(self, place: int, others: Sequence[int], parts: Sequence[Phases]) -> tuple[Phases, FloatArray]:
        """Return all phases that a day is held against, and how much each counts."""
        begin_min = self._days[place].begin_min
        apart_d = np.array([abs(self._days[one].begin_min - begin_min) / _DAY_MIN for one in others])
        return together(parts), nearness(np.repeat(apart_d, [len(part.length_min) for part in parts]))

    def told(self) -> FloatArray:
        """Return what each day says beside others, float64 [n, factors]."""
        alike = width([self._held[place] for place in self._healthy])
        return np.array([likelihood(*held, alike) for held in self._held])

    def taught(self) -> FloatArray:
        """Return what each day says beside the healthy day that has most in common with it, float64 [n, factors]."""
        return np.array([self._known(place) for place in range(len(self._days))])

    def _known(self, place: int) -> FloatArray:
        day = self._days[place]
        if day.fault == NORMAL:
            return np.where(np.abs(FACTORS) < np.abs(FACTORS).min() + _ROUNDING, 0.0, _RULED_OUT)
        common = {one: day.common_min(self._days[one]) for one in self._healthy if day.overlaps(self._days[one])}
        if not common:
            return np.full(len(FACTORS), np.nan)
        same = phases(self._days[max(common, key=lambda one: common[one])].power_w, self._working_w[place])
        return likelihood(self._own[place], same, np.ones(len(same.length_min)), _SAME)
