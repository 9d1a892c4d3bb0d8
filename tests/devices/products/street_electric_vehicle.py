"""Electric vehicles for the statistical tests: from Singapore to the polar circle, driven, charged and parked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from devices.readings import Columns
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
    "frozen_probe": frozenset(),
    "tyre_leak": frozenset({"tyre_leak"}),
    "brake_wear": frozenset({"brake_pads_worn"}),
    "weak_12v_battery": frozenset({"low_voltage_supply"}),
    "dcdc_failure": frozenset({"low_voltage_supply"}),
    "coolant_pump": frozenset({"cooling_fails"}),
    "insulation_breakdown": frozenset({"insulation_breakdown"}),
    "thermal_event": frozenset({"thermal_event"}),
}


class Vehicles:
    """A fleet as its own control units see it; codes are told when they change, as events do."""

    def __init__(self, ills: Sequence[Ill | None], seed: int, start_at: datetime) -> None:
        count = len(ills)
        self._plant = ElectricVehicles([_SITES[number % len(_SITES)] for number in range(count)], seed)
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
        self._at = start_at
        self._codes: list[tuple[str, ...] | None] = [None] * count

    def live(self, at: datetime) -> Columns:
        """Live on to an instant and report."""
        self._plant.step(
            (at - self._at).total_seconds(), at, strain_at("electric_vehicle", self._faults, self._count, at)
        )
        self._at = at
        samples = self._plant.samples()
        values = {name: [sample[name] for sample in samples] for name in samples[0]}
        return Columns({**values, "dtcs": [self._changed_codes(number) for number in range(self._count)]}, self._count)

    def _changed_codes(self, number: int) -> list[str] | None:
        codes = self._plant.diagnosis.codes(number)
        if codes == self._codes[number]:
            return None
        self._codes[number] = codes
        return list(codes)


def open_street(ills: Sequence[Ill | None], seed: int, start_at: datetime) -> Vehicles:
    """Return vehicles, each with what is wrong with it, or nothing."""
    return Vehicles(ills, seed, start_at)
