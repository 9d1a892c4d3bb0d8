"""How people use their cars: when each one drives, how fast, and when it hangs at its charger.

Every driver has habits of his own, in his own local time. A day's plan follows from (seed, vehicle, day) alone, so
that it is the same however often the simulation is stopped and started.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators.plants.traction_pack import Floats

TRIPS_PER_DAY = 2
_DAY_S = 86_400.0
_MORNING_S = 7.7 * 3600
_EVENING_S = 17.9 * 3600
_WEEKEND_S = 11.0 * 3600
_SATURDAY = 5
_PLUG_IN_BELOW = 0.62
_EMPTY = 0.12


@dataclass(frozen=True, slots=True)
class Habits:
    """What a driver does most days; every array has shape (vehicles,).

    Attributes
    ----------
    leaves_early_s
        How much earlier (negative: later) than most he leaves home, seconds.
    trip_s
        Usual length of a way, seconds.
    cruise_kmh
        Usual speed between two stops.
    charge_until, charger_a
        Where he stops charging (0 to 1), and the pack current of his charger, amperes.
    """

    leaves_early_s: Floats
    trip_s: Floats
    cruise_kmh: Floats
    charge_until: Floats
    charger_a: Floats

    @classmethod
    def of_people(cls, count: int, rng: np.random.Generator) -> "Habits":
        """Draw the habits of so many drivers."""
        return cls(
            leaves_early_s=rng.normal(0.0, 2400.0, count),
            trip_s=rng.uniform(900.0, 3000.0, count),
            cruise_kmh=rng.uniform(32.0, 78.0, count),
            charge_until=rng.choice([0.8, 0.85, 0.9], count),
            charger_a=rng.choice([9.5, 19.0, 28.0], count),
        )


class DailyUse:
    """Which vehicles drive and which charge, step by step."""

    def __init__(self, habits: Habits, zones: list[ZoneInfo], seed: int) -> None:
        self._habits = habits
        self._zones = zones
        self._seed = seed
        count = len(zones)
        self._day = np.full(count, -1, dtype=np.int64)
        self._starts_s = np.full((count, TRIPS_PER_DAY), np.inf)
        self._ends_s = np.full((count, TRIPS_PER_DAY), np.inf)
        self._offset_s = np.zeros(count)
        self._offset_hour = -1
        self.is_charging: NDArray[np.bool_] = np.zeros(count, dtype=np.bool_)

    def local_s(self, at: datetime) -> Floats:
        """Seconds since local midnight of every vehicle, shape (vehicles,)."""
        return (at.timestamp() + self._offsets_s(at)) % _DAY_S

    def driving(self, at: datetime, soc: Floats) -> NDArray[np.bool_]:
        """Whether each vehicle drives at this instant, shape (vehicles,); charging is decided along with it.

        Parameters
        ----------
        at
            The instant, aware.
        soc
            Charge of each pack, 0 to 1: an almost empty car stays and charges.
        """
        self._plan(at)
        now_s = self.local_s(at)[:, None]
        wants = ((now_s >= self._starts_s) & (now_s < self._ends_s)).any(axis=1)
        drives = wants & (soc > _EMPTY) & ~(self.is_charging & (soc < 2 * _EMPTY))
        plugs_in = ~drives & (soc < _PLUG_IN_BELOW)
        keeps_on = self.is_charging & (soc < self._habits.charge_until)
        self.is_charging = ~drives & (plugs_in | keeps_on)
        return drives

    def charge_current_a(self, soc: Floats) -> Floats:
        """Pack current of the vehicles that charge, tapered near full, shape (vehicles,), amperes, zero for others."""
        taper = np.clip((self._habits.charge_until + 0.02 - soc) / 0.04, 0.25, 1.0)
        return np.where(self.is_charging, self._habits.charger_a * taper, 0.0)

    def _offsets_s(self, at: datetime) -> Floats:
        hour = int(at.timestamp() // 900)
        if hour != self._offset_hour:
            offsets = [at.astimezone(zone).utcoffset() for zone in self._zones]
            self._offset_s = np.array([offset.total_seconds() if offset else 0.0 for offset in offsets])
            self._offset_hour = hour
        return self._offset_s

    def _plan(self, at: datetime) -> None:
        days = ((at.timestamp() + self._offsets_s(at)) // _DAY_S).astype(np.int64)
        for vehicle in np.flatnonzero(days != self._day):
            self._plan_day(int(vehicle), int(days[vehicle]))
        self._day = days

    def _plan_day(self, vehicle: int, day: int) -> None:
        rng = np.random.default_rng([self._seed, vehicle, day])
        weekend = (day + 3) % 7 >= _SATURDAY  # day 0 was a Thursday
        usual_s = np.array([_WEEKEND_S, np.inf]) if weekend else np.array([_MORNING_S, _EVENING_S])
        starts_s = usual_s - self._habits.leaves_early_s[vehicle] + rng.normal(0.0, 600.0, TRIPS_PER_DAY)
        length_s = self._habits.trip_s[vehicle] * rng.uniform(0.7, 1.5, TRIPS_PER_DAY)
        self._starts_s[vehicle] = np.where(rng.random(TRIPS_PER_DAY) < 0.9, starts_s, np.inf)
        self._ends_s[vehicle] = self._starts_s[vehicle] + length_s
