"""Faults that are put into vehicles on purpose, and the ledger of the truth about them.

A fault has an onset, a severity in a unit of its own and a place. It acts on physics and sensors only; what a fault
is called here is written to a file for whoever scores the diagnosis, and never leaves over MQTT.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from simulators.durations import parse_duration
from simulators.errors import SimulatorError
from simulators.keeping import write_private
from simulators.plants.strain import WHEELS, Strain
from simulators.plants.traction_pack import CELLS, PROBES

_CAPACITY_AH = 172.0
_TYPICAL_SLOPE_V = 0.85
"""Volts that a cell falls when its whole charge is taken evenly, in the middle of its curve."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one vehicle.

    Attributes
    ----------
    vehicle
        Its row in the fleet, from 0.
    kind
        A key of :data:`KINDS`.
    onset_at
        Since when, aware UTC.
    severity
        How bad, in the unit of the kind.
    channel
        Which cell, probe or wheel, counted from 1.
    """

    vehicle: int
    kind: str
    onset_at: datetime
    severity: float
    channel: int


Act = Callable[[Strain, int, int, float, float], None]
"""Write what a fault does: strain, vehicle row, channel from 0, severity, hours since the onset."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: what it does, its unit, what is usual, and on which signals it shows."""

    act: Act
    unit: str
    usual: float
    signals: tuple[str, ...]
    channels: int
    title: str


def _weak_cell(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    strain.capacity_factor[vehicle, cell] = 1 - severity / 100


def _internal_short(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    strain.leak_a[vehicle, cell] = severity / 1000 / _TYPICAL_SLOPE_V * _CAPACITY_AH


def _loose_joint(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    strain.extra_resistance_ohm[vehicle, cell] = severity / 1000


def _cell_sensor_offset(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    strain.cell_offset_v[vehicle, cell] = severity / 1000


def _frozen_cell_sensor(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    (strain.cell_silent if severity >= 1 else strain.cell_held)[vehicle, cell] = True


def _frozen_probe(strain: Strain, vehicle: int, probe: int, severity: float, _hours: float) -> None:
    (strain.probe_silent if severity >= 1 else strain.probe_held)[vehicle, probe] = True


def _tyre_leak(strain: Strain, vehicle: int, wheel: int, severity: float, hours: float) -> None:
    strain.tyre_lost_kpa[vehicle, wheel] = severity * hours / 24


def _brake_wear(strain: Strain, vehicle: int, wheel: int, severity: float, hours: float) -> None:
    strain.brake_lost_mm[vehicle, wheel] = severity * hours / 24


def _weak_12v_battery(strain: Strain, vehicle: int, _channel: int, severity: float, hours: float) -> None:
    strain.low_voltage_drop_v[vehicle] = severity * min(1.0, hours / 6)


def _dcdc_failure(strain: Strain, vehicle: int, _channel: int, severity: float, hours: float) -> None:
    strain.has_dcdc[vehicle] = False
    strain.low_voltage_drop_v[vehicle] += severity * hours / 24


def _coolant_pump(strain: Strain, vehicle: int, _channel: int, severity: float, _hours: float) -> None:
    strain.cooling_factor[vehicle] = 1 - severity / 100


def _insulation_breakdown(strain: Strain, vehicle: int, _channel: int, severity: float, hours: float) -> None:
    # Moisture creeps in: it falls from healthy to its end value within about half an hour.
    strain.insulation_limit_kohm[vehicle] = severity * (1 + 400 * float(np.exp(-hours * 14)))


def _thermal_event(strain: Strain, vehicle: int, cell: int, severity: float, _hours: float) -> None:
    """One module burns: its probe is hot, its cells read nonsense or nothing, the pack heats up."""
    near = range(cell, min(cell + 8, CELLS))
    strain.heat_w[vehicle] = 2500.0
    strain.cell_silent[vehicle, list(near)] = True
    strain.cell_offset_v[vehicle, (cell - 1) % CELLS] = -1.9
    strain.cell_offset_v[vehicle, (cell + 9) % CELLS] = 0.9
    strain.probe_offset_k[vehicle, cell * PROBES // CELLS] = severity - 20.0


KINDS: dict[str, Kind] = {
    "weak_cell": Kind(_weak_cell, "% of capacity lost", 15.0, ("cell_voltages_v",), CELLS, "a cell has lost capacity"),
    "internal_short": Kind(
        _internal_short, "mV/h", 4.5, ("cell_voltages_v",), CELLS, "a cell empties itself and drifts away"
    ),
    "loose_joint": Kind(_loose_joint, "mohm", 1.5, ("cell_voltages_v",), CELLS, "a joint is loose: off by the current"),
    "cell_sensor_offset": Kind(_cell_sensor_offset, "mV", 35.0, ("cell_voltages_v",), CELLS, "a cell is misread"),
    "frozen_cell_sensor": Kind(
        _frozen_cell_sensor, "0 repeats, 1 gives nothing", 1.0, ("cell_voltages_v",), CELLS, "a cell's sensor is stuck"
    ),
    "frozen_probe": Kind(
        _frozen_probe, "0 repeats, 1 gives nothing", 1.0, ("probe_temps_degc",), PROBES, "a probe is stuck"
    ),
    "tyre_leak": Kind(_tyre_leak, "kPa/day", 18.0, ("tyre_pressures_kpa",), WHEELS, "a tyre loses air"),
    "brake_wear": Kind(_brake_wear, "mm/day", 0.5, ("brake_pads_mm",), WHEELS, "a brake grinds its pad away"),
    "weak_12v_battery": Kind(_weak_12v_battery, "V", 0.9, ("low_voltage_v",), 1, "the 12 V battery is worn out"),
    "dcdc_failure": Kind(_dcdc_failure, "V/day", 1.5, ("low_voltage_v",), 1, "the 12 V battery is not charged"),
    "coolant_pump": Kind(
        _coolant_pump, "% of cooling lost", 75.0, ("probe_temps_degc", "coolant_temp_degc"), 1, "the pump hardly turns"
    ),
    "insulation_breakdown": Kind(
        _insulation_breakdown, "kohm", 24.0, ("insulation_kohm", "dtcs"), 1, "high voltage leaks to the body"
    ),
    "thermal_event": Kind(
        _thermal_event, "degC", 105.0, ("probe_temps_degc", "cell_voltages_v", "bms_level"), CELLS, "a module burns"
    ),
}

_FAULT = re.compile(
    r"(?P<device>[^=]+)=(?P<kind>\w+)@(?P<sign>[+-]?)(?P<ago>[\d.]+[smhd]?)"
    r"(?::(?P<severity>[\d.]+))?(?::(?P<channel>\d+))?"
)


def parse_fault(text: str, devices: list[str], now: datetime) -> Fault:
    """Read a fault as it is typed: ``device=kind@onset[:severity[:channel]]``.

    Parameters
    ----------
    text
        For example ``ev-0003=internal_short@-14h:4.5:48``: fourteen hours ago, 4.5 mV/h, cell 48.
    devices
        Names of the fleet's vehicles in order.
    now
        What the onset is counted from, aware UTC.

    Raises
    ------
    SimulatorError
        When it cannot be read, or names a vehicle, kind or channel that does not exist.
    """
    match = _FAULT.fullmatch(text.strip())
    if match is None:
        raise SimulatorError(
            f"--fault {text!r} cannot be read: write device=kind@onset:severity:channel, "
            "for example ev-0003=internal_short@-14h:4.5:48 (severity and channel may be left out)"
        )
    kind = KINDS.get(match["kind"])
    if kind is None:
        raise SimulatorError(f"--fault {text!r}: there is no kind {match['kind']!r}; choose one of {', '.join(KINDS)}")
    if match["device"] not in devices:
        raise SimulatorError(
            f"--fault {text!r}: there is no vehicle {match['device']!r}; the fleet has {devices[0]} to {devices[-1]}"
        )
    channel = int(match["channel"] or (kind.channels + 1) // 2)
    if not 1 <= channel <= kind.channels:
        raise SimulatorError(
            f"--fault {text!r}: channel {channel} is not among 1 to {kind.channels} of {match['kind']}"
        )
    ago = parse_duration(match["ago"])
    return Fault(
        vehicle=devices.index(match["device"]),
        kind=match["kind"],
        onset_at=now - ago if match["sign"] == "-" else now + ago,
        severity=float(match["severity"] or kind.usual),
        channel=channel,
    )


def strain_at(faults: list[Fault], count: int, at: datetime) -> Strain:
    """Say what is wrong with a fleet at an instant.

    Parameters
    ----------
    faults
        All that were or will be put in.
    count
        Vehicles in the fleet.
    at
        The instant, aware.
    """
    strain = Strain.none(count)
    for fault in faults:
        hours = (at - fault.onset_at).total_seconds() / 3600
        if hours >= 0:
            KINDS[fault.kind].act(strain, fault.vehicle, fault.channel - 1, fault.severity, hours)
    return strain


def write_truth(path: Path, faults: list[Fault], devices: list[str]) -> None:
    """Write the ground truth, one JSON object per line, readable by its owner only.

    Parameters
    ----------
    path
        The file; what was in it is replaced.
    faults, devices
        The faults and the names of the vehicles in order.
    """
    lines = [json.dumps(_truth(fault, devices)) + "\n" for fault in faults]
    write_private(path, "".join(lines).encode())


def _truth(fault: Fault, devices: list[str]) -> dict[str, object]:
    kind = KINDS[fault.kind]
    return {
        "device": devices[fault.vehicle],
        "fault": fault.kind,
        "title": kind.title,
        "onset_at": fault.onset_at.isoformat(),
        "severity": fault.severity,
        "unit": kind.unit,
        "channels": [
            {"signal": signal, "number": fault.channel} if kind.channels > 1 else {"signal": signal}
            for signal in kind.signals
        ],
    }
