"""Smart meters for the statistical tests: households from Singapore to the polar circle, at home and away."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from devices.readings import Columns
from simulators.kinds import kinds_of
from simulators.plants.meter_strain import MeterStrain
from simulators.plants.smart_meter import Site, SmartMeters
from tests.devices.products.street import Ill

_SITES = (
    Site(ZoneInfo("Asia/Seoul"), 37.5, 220.0, has_heat=True),
    Site(ZoneInfo("Asia/Singapore"), 1.3),
    Site(ZoneInfo("Asia/Tokyo"), 35.7, 100.0),
    Site(ZoneInfo("Europe/Berlin"), 52.5),
    Site(ZoneInfo("Europe/Helsinki"), 66.0, has_heat=True),
    Site(ZoneInfo("Australia/Melbourne"), -37.8),
)

KINDS: Mapping[str, frozenset[str]] = {
    "water_leak": frozenset({"water_leak"}),
    "water_burst": frozenset({"pipe_burst"}),
    "water_stuck": frozenset({"water_meter_faulty"}),
    "water_rollback": frozenset({"water_meter_faulty"}),
    "water_exchange": frozenset({"water_meter_exchanged"}),
    "water_bypass": frozenset({"water_meter_faulty"}),
    "backflow": frozenset({"water_meter_faulty"}),
    "electricity_jump": frozenset({"electricity_meter_faulty"}),
    "electricity_stuck": frozenset({"electricity_meter_faulty"}),
    "contact_heating": frozenset({"terminals_overheat"}),
    "lost_neutral": frozenset({"neutral_lost"}),
    "gas_rollback": frozenset({"gas_meter_faulty"}),
    "gas_stuck": frozenset({"gas_meter_faulty"}),
    "gas_valve_leak": frozenset({"gas_valve_leaks"}),
    "heat_stuck": frozenset({"heat_meter_faulty"}),
    "heat_rollback": frozenset({"heat_meter_faulty"}),
    "heat_swapped": frozenset({"heat_meter_faulty"}),
    "heat_valve_leak": frozenset({"return_too_warm"}),
    "battery_passivation": frozenset({"battery_empty"}),
    "battery_knee": frozenset({"battery_empty"}),
    "clock_drift": frozenset({"clock_wrong"}),
    "tamper": frozenset({"tampering"}),
    "bus_dead": frozenset({"bus_lost"}),
}


# Faults begin when a month has taught the detectors what is usual with each meter.
LEARNING_DAYS = 30
# A leak is looked for hour by hour.
STEP_CADENCES = 1.0
HEALTHY_DEVICES, HEALTHY_DAYS = 300, 60


class Meters:
    """Households' meters; events are told when they change."""

    def __init__(self, ills: Sequence[Ill | None], seed: int, start_at: datetime, lives_from: datetime) -> None:
        self._plant = SmartMeters([_site(number, ill) for number, ill in enumerate(ills)], seed)
        self._ills = ills
        self._start_at, self._at = start_at, lives_from
        self._codes: list[tuple[str, ...] | None] = [None] * len(ills)

    def live(self, at: datetime) -> Columns:
        """Live on to an instant and report."""
        self._plant.step((at - self._at).total_seconds(), at, self._strain(at))
        self._at = at
        codes = [self._changed_codes(number) for number in range(len(self._ills))]
        return Columns({**self._plant.columns(), "event_codes": codes}, len(self._ills))

    def _strain(self, at: datetime) -> MeterStrain:
        strain = MeterStrain.none(len(self._ills))
        hours = (at - self._start_at).total_seconds() / 3600
        for number, ill in enumerate(self._ills):
            if ill is not None and hours >= 0:
                kinds_of("smart_meter")[ill.kind].act(strain, number, 0, ill.strength, hours)
        return strain

    def _changed_codes(self, number: int) -> list[str] | None:
        codes = self._plant.codes(number)
        if codes == self._codes[number]:
            return None
        self._codes[number] = codes
        return list(codes)


def _site(number: int, ill: Ill | None) -> Site:
    """The climates in turn; what is wrong with heat needs a house that is on the network."""
    site = _SITES[number % len(_SITES)]
    return replace(site, has_heat=True) if ill is not None and ill.kind.startswith("heat_") else site


def open_street(ills: Sequence[Ill | None], seed: int, start_at: datetime, lives_from: datetime) -> Meters:
    """Return meters, each with what is wrong with it, or nothing."""
    return Meters(ills, seed, start_at, lives_from)
