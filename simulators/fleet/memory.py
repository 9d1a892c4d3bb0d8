"""What a fleet keeps on disk so that, stopped or killed, it goes on from where it was."""

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from simulators.errors import SimulatorError
from simulators.faults import Fault
from simulators.keeping import write_private
from simulators.plants.strain import Flags
from simulators.plants.traction_pack import Floats

_FILE = "fleet.npz"
_NOTES = "notes"


class Kept(msgspec.Struct):
    """A message that is not acknowledged yet."""

    device: str
    topic: str
    payload: bytes


class Notes(msgspec.Struct):
    """All that is not an array.

    Attributes
    ----------
    vehicles, seed, tenant
        Which fleet this is.
    simulated_until
        The instant of the last samples, aware UTC.
    generators
        States of the random generators: the plant's, then one per vehicle.
    faults
        Faults by the text they were asked for with, their onsets fixed.
    codes
        Trouble codes last reported, by vehicle.
    batches
        Samples that waited for their message to be full, by vehicle.
    kept
        Messages that were not acknowledged yet.
    """

    vehicles: int
    seed: int
    tenant: str
    simulated_until: datetime
    generators: list[dict[str, Any]]
    faults: dict[str, Fault]
    codes: list[tuple[str, ...]]
    batches: list[list[dict[str, Any]]]
    kept: list[Kept]


@dataclass(frozen=True, slots=True)
class Memory:
    """A whole remembered fleet: notes and the plant's arrays."""

    notes: Notes
    arrays: dict[str, Floats | Flags]


def save(folder: Path, memory: Memory) -> None:
    """Keep a fleet, whole or not at all.

    Raises
    ------
    SimulatorError
        When the folder cannot be written.
    """
    notes = np.frombuffer(msgspec.json.encode(memory.notes), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{_NOTES: notes}, **memory.arrays)
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
            arrays = {name: file[name] for name in file.files}
        notes = msgspec.json.decode(arrays.pop(_NOTES).tobytes(), type=Notes)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError) as error:
        raise SimulatorError(
            f"The fleet kept in {path} cannot be read ({error}). Delete that file to begin anew."
        ) from error
    return Memory(notes, arrays)
