"""Faults that are put into devices on purpose, and the ledger of the truth about them.

A fault has an onset, a severity in a unit of its own and a place. It acts on physics and sensors only; what a fault
is called here is written to a file for whoever scores the diagnosis, and never leaves over MQTT.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from simulators.breeds import breed_of
from simulators.durations import parse_duration
from simulators.errors import SimulatorError
from simulators.keeping import write_private


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one device.

    Attributes
    ----------
    product
        What it is.
    row
        Its row among the devices of its product, from 0.
    kind
        One of its product's kinds.
    onset_at
        Since when, aware UTC.
    severity
        How bad, in the unit of the kind.
    channel
        Which cell, probe or wheel, counted from 1.
    healed_at
        From when on it is over, because a command has cured it.
    """

    product: str
    row: int
    kind: str
    onset_at: datetime
    severity: float
    channel: int
    healed_at: datetime | None = None


_FAULT = re.compile(
    r"(?P<device>[^=]+)=(?P<kind>\w+)@(?P<sign>[+-]?)(?P<ago>[\d.]+[smhd]?)"
    r"(?::(?P<severity>[\d.]+))?(?::(?P<channel>\d+))?"
)


def parse_fault(text: str, devices: Mapping[str, Sequence[str]], now: datetime) -> Fault:
    """Read a fault as it is typed: ``device=kind@onset[:severity[:channel]]``.

    Parameters
    ----------
    text
        For example ``ev-0003=internal_short@-14h:4.5:48``: fourteen hours ago, 4.5 mV/h, cell 48.
    devices
        Names of the fleet's devices in order, by product.
    now
        What the onset is counted from, aware UTC.

    Raises
    ------
    SimulatorError
        When it cannot be read, or names a device, kind or channel that does not exist.
    """
    match = _FAULT.fullmatch(text.strip())
    if match is None:
        raise SimulatorError(
            f"--fault {text!r} cannot be read: write device=kind@onset:severity:channel, "
            "for example ev-0003=internal_short@-14h:4.5:48 (severity and channel may be left out)"
        )
    product = next((product for product, names in devices.items() if match["device"] in names), None)
    if product is None:
        there = ", ".join(f"{names[0]} to {names[-1]}" for names in devices.values() if names)
        raise SimulatorError(f"--fault {text!r}: there is no device {match['device']!r}; the fleet has {there}")
    kinds = breed_of(product).kinds
    kind = kinds.get(match["kind"])
    if kind is None:
        raise SimulatorError(
            f"--fault {text!r}: {product} has no kind {match['kind']!r}; choose one of {', '.join(kinds)}"
        )
    channel = int(match["channel"] or (kind.channels + 1) // 2)
    if not 1 <= channel <= kind.channels:
        raise SimulatorError(
            f"--fault {text!r}: channel {channel} is not among 1 to {kind.channels} of {match['kind']}"
        )
    ago = parse_duration(match["ago"])
    return Fault(
        product=product,
        row=list(devices[product]).index(match["device"]),
        kind=match["kind"],
        onset_at=now - ago if match["sign"] == "-" else now + ago,
        severity=float(match["severity"] or kind.usual),
        channel=channel,
    )


def strain_at(product: str, faults: Sequence[Fault], count: int, at: datetime) -> Any:
    """Say what is wrong with the devices of a product at an instant, as its plant takes it.

    Parameters
    ----------
    product
        What they are; faults of others are passed over.
    faults
        All that were or will be put in.
    count
        How many there are.
    at
        The instant, aware.
    """
    breed = breed_of(product)
    strain = breed.no_strain(count)
    for fault in faults:
        hours = (at - fault.onset_at).total_seconds() / 3600
        is_over = fault.healed_at is not None and at > fault.healed_at
        if fault.product == product and hours >= 0 and not is_over:
            breed.kinds[fault.kind].act(strain, fault.row, fault.channel - 1, fault.severity, hours)
    return strain


def write_truth(path: Path, faults: Sequence[Fault], devices: Mapping[str, Sequence[str]]) -> None:
    """Write the ground truth, one JSON object per line, readable by its owner only.

    Parameters
    ----------
    path
        The file; what was in it is replaced.
    faults, devices
        The faults, and the names of the devices in order, by product.
    """
    lines = [json.dumps(_truth(fault, devices)) + "\n" for fault in faults]
    write_private(path, "".join(lines).encode())


def _truth(fault: Fault, devices: Mapping[str, Sequence[str]]) -> dict[str, object]:
    kind = breed_of(fault.product).kinds[fault.kind]
    return {
        "device": devices[fault.product][fault.row],
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
