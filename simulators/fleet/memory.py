"""What a fleet keeps on disk so that, stopped or killed, it goes on from where it was."""

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from simulators.breeds import Arrays
from simulators.errors import SimulatorError
from simulators.faults import Fault
from simulators.fleet.mishaps import Silence
from simulators.keeping import write_private

_FILE = "fleet.npz"
_NOTES = "notes"


class Kept(msgspec.Struct):
    """A message that is not acknowledged yet."""

    device: str
    topic: str
    payload: bytes


class GroupNotes(msgspec.Struct):
    """All of the devices of one product that is not an array.

    Attributes
    ----------
    count
        How many there are.
    simulated_until
        The instant of the last samples, aware UTC.
    generator
        State of the plant's random generator.
    codes
        Trouble codes last reported, by device.
    batches
        Samples that waited for their message to be full, by device.
    """

    count: int
    simulated_until: datetime
    generator: dict[str, Any]
    codes: list[tuple[str, ...]]
    batches: list[list[dict[str, Any]]]


class Notes(msgspec.Struct):
    """All that is not an array.

    Attributes
    ----------
    seed, tenant
        Which fleet this is, with the groups.
    groups
        Its devices by product.
    faults, silences
        By the text they were asked for with, their onsets fixed.
    kept
        Messages that were not acknowledged yet.
    """

    seed: int
    tenant: str
    groups: dict[str, GroupNotes]
    faults: dict[str, Fault]
    silences: dict[str, Silence]
    kept: list[Kept]


@dataclass(frozen=True, slots=True)
class Memory:
    """A whole remembered fleet: notes, and the plants' arrays by product."""

    notes: Notes
    arrays: dict[str, Arrays]


def save(folder: Path, memory: Memory) -> None:
    """Keep a fleet, whole or not at all.

    Raises
    ------
    SimulatorError
        When the folder cannot be written.
    """
    notes = np.frombuffer(msgspec.json.encode(memory.notes), dtype=np.uint8)
    named = {f"{product}.{name}": each for product, arrays in memory.arrays.items() for name, each in arrays.items()}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{_NOTES: notes}, **named)
    write_private(folder / _FILE, buffer.getvalue())


def load(folder: Path) -> Memory | None:
    """Remember a fleet, or None when there is none.

    Raises
    ------
    SimulatorError
        When the file cannot be read.
    """
    path = folder / _FILE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            named = {name: file[name] for name in file.files}
        notes = msgspec.json.decode(named.pop(_NOTES).tobytes(), type=Notes)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError) as error:
        raise SimulatorError(
            f"The fleet kept in {path} cannot be read ({error}). Delete that file to begin anew."
        ) from error
    arrays: dict[str, Arrays] = {product: {} for product in notes.groups}
    for name, each in named.items():
        product, _, own = name.partition(".")
        arrays[product][own] = each
    return Memory(notes, arrays)
