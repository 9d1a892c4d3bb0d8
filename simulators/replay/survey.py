"""The first pass over a recording: how much there is, of which devices and times, and which columns hold nothing."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from simulators.errors import SimulatorError
from simulators.progress import ProgressLine
from simulators.replay.mapping import Binding, Mapping, bind, sniffed
from simulators.replay.reading import RowReader, Unreadable, holds_value
from simulators.replay.recording import BadRow, open_recording


@dataclass(frozen=True, slots=True)
class Survey:
    """What a recording holds.

    Attributes
    ----------
    binding
        The mapping bound to its header.
    rows
        How many rows there are, readable or not.
    first_at, last_at
        Earliest and latest time, aware UTC.
    devices
        What the device column says, in order of appearance; one empty name where there is no such column.
    left_out
        Columns of vectors that hold no value anywhere.
    """

    binding: Binding
    rows: int
    first_at: datetime
    last_at: datetime
    devices: tuple[str, ...]
    left_out: frozenset[int]


def survey(path: Path, mapping: Mapping | None, progress: ProgressLine) -> Survey:
    """Read a recording once and count.

    Parameters
    ----------
    path
        The file.
    mapping
        How to read it; None tries the shipped ones.
    progress
        Where to say how far it is.

    Raises
    ------
    SimulatorError
        When no mapping fits, or no row has a time that can be read.
    """
    with open_recording(path) as recording:
        binding = bind(recording.header, mapping or sniffed(recording.header))
        bad_times: list[Unreadable] = []
        reader = RowReader(binding, frozenset(), bad_times.append)
        vectors = [source for source in binding.sources if source.spec.columns]
        silent = {index: holds_value(source.spec) for source in vectors for index in source.indexes}
        times: tuple[datetime, datetime] | None = None
        devices: dict[str, None] = {}
        rows = 0
        for row in recording.rows:
            rows += 1
            at = None if isinstance(row, BadRow) else reader.at(row)
            if isinstance(row, BadRow) or at is None:
                continue
            times = (min(times[0], at), max(times[1], at)) if times else (at, at)
            devices.setdefault(reader.device(row))
            for index in [index for index, holds in silent.items() if holds(row.texts[index])]:
                del silent[index]
            progress.show(f"looking through the recording: {rows:,} rows")
    if times is None:
        raise SimulatorError(_no_time(path, binding, rows, bad_times))
    return Survey(binding, rows, times[0], times[1], tuple(devices), frozenset(silent))


def _no_time(path: Path, binding: Binding, rows: int, bad_times: list[Unreadable]) -> str:
    time = binding.mapping.time
    example = f"; line {bad_times[0].line} says {bad_times[0].value!r}" if bad_times else ""
    return (
        f"None of the {rows} rows of {path} has a time that can be read: column {time.column!r} should be of the "
        f"format {time.format}{example}. Correct [time] in the mapping."
    )
