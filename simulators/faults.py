"""Faults that are put into vehicles on purpose, and the ledger of the truth about them.

A fault has an onset, a severity in a unit of its own and a place. It acts on physics and sensors only; what a fault
is called here is written to a file for whoever scores the diagnosis, and never leaves over MQTT.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from simulators.durations import parse_duration
from simulators.errors import SimulatorError
from simulators.keeping import write_private
from simulators.plants.electric_vehicle_faults import KINDS
from simulators.plants.strain import Strain


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
