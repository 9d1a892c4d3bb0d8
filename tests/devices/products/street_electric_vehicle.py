"""Electric vehicles for the statistical tests: from Singapore to the polar circle, driven, charged and parked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from devices.readings import Columns, IntArray
from simulators.faults import Fault, strain_at
from simulators.kinds import kinds_of
from simulators.plants.electric_vehicle import ElectricVehicles, Site
from tests.devices.products.street import Ill

_SITES = (
    Site(ZoneInfo("Asia/Seoul"), 37.5),
    Site(ZoneInfo("Asia/Singapore"), 1.3),
    Site(ZoneInfo("Asia/Tokyo"), 35.7),
    Site(ZoneInfo("Europe/Berlin"), 52.5),
    Site(ZoneInfo("Europe/Helsinki"), 66.0),
    Site(ZoneInfo("Australia/Melbourne"), -37.8),
)

KINDS: Mapping[str, frozenset[str]] = {
    "weak_cell": frozenset({"weak_cell"}),
    "internal_short": frozenset({"weak_cell"}),
    "loose_joint": frozenset({"weak_cell", "cell_measuring_line"}),
    "cell_sensor_offset": frozenset({"weak_cell", "cell_measuring_line"}),
    "frozen_cell_sensor": frozenset({"cell_measuring_line"}),
    "frozen_probe": frozenset({"probe_failed"}),
    "tyre_leak": frozenset({"tyre_leak"}),
    "brake_wear": frozenset({"brake_pads_worn"}),
    "weak_12v_battery": frozenset({"low_voltage_supply"}),
    "dcdc_failure": frozenset({"low_voltage_supply"}),
    "coolant_pump": frozenset({"cooling_fails"}),
    "fast_ageing": frozenset({"battery_ages_fast"}),
    "insulation_breakdown": frozenset({"insulation_breakdown"}),
    "thermal_event": frozenset({"thermal_event"}),
}

# What creeps is learned for weeks. Samples ten minutes apart see enough of that, and need no finer physics.
SLOW_STEP_CADENCES = 10.0
SLOW_LEARNING_DAYS = 24
_COARSE_S = 300.0
_FINE_S = 30.0


class Vehicles:
    """A fleet as its own control units see it; codes are told when they change, as events do."""

    def __init__(self, ills: Sequence[Ill | None], seed: int, start_at: datetime, lives_from: datetime) -> None:
        count = len(ills)
        sites = [_SITES[number % len(_SITES)] for number in range(count)]
        self._plant = ElectricVehicles(sites, seed, _COARSE_S if lives_from < start_at else _FINE_S)
        self._faults = [
            Fault(
                "electric_vehicle",
                number,
                ill.kind,
                start_at,
                ill.strength,
                1 + (7 * number) % kinds_of("electric_vehicle")[ill.kind].channels,
            )
            for number, ill in enumerate(ills)
            if ill is not None
        ]
        self._count = count
        self._at = lives_from
        self._codes: list[tuple[str, ...] | None] = [None] * count

    def live(self, at: datetime) -> Columns:
        """Live on to an instant and report."""
        self._plant.step(
            (at - self._at).total_seconds(), at, strain_at("electric_vehicle", self._faults, self._count, at)
        )
        self._at = at
        codes = [self._changed_codes(number) for number in range(self._count)]
        return Columns({**self._plant.columns(), "dtcs": codes}, self._count)

    def reporting(self, at: datetime) -> IntArray:
        """Which vehicles report: those that are driven or charged, and every one at the full hour."""
        is_awake = self._plant.use.is_charging | (self._plant.body.speed_kmh > 0)
        return np.flatnonzero(is_awake | (at.minute == 0))

    def _changed_codes(self, number: int) -> list[str] | None:
        codes = self._plant.diagnosis.codes(number)
        if codes == self._codes[number]:
            return None
        self._codes[number] = codes
        return list(codes)


def open_street(ills: Sequence[Ill | None], seed: int, start_at: datetime, lives_from: datetime) -> Vehicles:
    """Return vehicles, each with what is wrong with it, or nothing."""
    return Vehicles(ills, seed, start_at, lives_from)
