"""``python -m simulators record``: what devices of one product would report, as a stream of frames on standard output.

Nobody is enrolled and nothing is sent. A frame is its length (four bytes, little-endian) and so many bytes of MessagePack.
The first one says what each device has and since when; each other one is an instant: who reports, columns of what they
read, and the codes of those whose codes changed.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, BinaryIO, Protocol, runtime_checkable

import msgspec
import numpy as np
import typer

from simulators.breeds import Breed, Plant, breed_of
from simulators.durations import parse_duration
from simulators.errors import SimulatorError
from simulators.faults import Fault, strain_at

_LENGTH_BYTES = 4
_DAY = timedelta(days=1)
# Onsets go round the clock by the golden section: never twice at the same hour.
_GOLDEN = 0.618034


@dataclass(frozen=True, slots=True)
class Life:
    """Which devices live, from when to when, and how far apart their samples are; `kinds` is empty for a sound device."""

    breed: Breed
    kinds: Sequence[str]
    severities: Sequence[float]
    seed: int
    begins_at: datetime
    onset_at: datetime
    ends_at: datetime
    step: timedelta

    def faults(self) -> list[Fault | None]:
        """Return what each device has, with onsets spread over the day of `onset_at`."""
        return [
            Fault(
                self.breed.product,
                row,
                kind,
                self.onset_at + (row * _GOLDEN % 1.0) * _DAY,
                severity,
                1 + 7 * row % self.breed.kinds[kind].channels,
            )
            if kind
            else None
            for row, (kind, severity) in enumerate(zip(self.kinds, self.severities, strict=True))
        ]


@runtime_checkable
class _Columnar(Protocol):
    def columns(self) -> Mapping[str, list[object]]: ...


def frames(life: Life) -> Iterator[dict[str, object]]:
    """Yield the first frame, which says what each device has, and then one for each instant."""
    faults = life.faults()
    there = [fault for fault in faults if fault is not None]
    yield {"devices": [None if fault is None else _told(life.breed, fault) for fault in faults]}
    count = len(faults)
    plant = life.breed.scatter(life.kinds, life.seed, life.step.total_seconds())
    said: list[tuple[str, ...]] = [()] * count
    at = life.begins_at
    while at < life.ends_at:
        at += life.step
        strain = strain_at(life.breed.product, there, count, at)
        plant.step(life.step.total_seconds(), at, strain)
        values = _columns(plant)
        codes = [plant.codes(row) for row in range(count)]
        rows = np.flatnonzero(~strain.mute).tolist()
        changed = {row: list(codes[row]) for row in rows if codes[row] != said[row]}
        for row in changed:
            said[row] = codes[row]
        if len(rows) < count:
            values = {name: [column[row] for row in rows] for name, column in values.items()}
        yield {"at_us": _us(at), "rows": rows, "values": values, "codes": changed}


def _told(breed: Breed, fault: Fault) -> dict[str, object]:
    unit = breed.kinds[fault.kind].unit
    return {"kind": fault.kind, "severity": fault.severity, "unit": unit, "onset_us": _us(fault.onset_at)}


def _us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def _columns(plant: Plant) -> dict[str, list[object]]:
    """Read all sensors once, by signal; plants that can say so at once are quicker than sample by sample."""
    if isinstance(plant, _Columnar):
        return dict(plant.columns())
    samples = plant.samples()
    return {name: [sample.get(name) for sample in samples] for name in samples[0]}


def record(
    *,
    product: Annotated[str, typer.Option(help="What they are.")],
    ill: Annotated[
        list[str] | None,
        typer.Option(help="KIND:SEVERITY:COUNT, such as water_leak:3:6: so many devices with that fault."),
    ] = None,
    healthy: Annotated[int, typer.Option(min=0, help="So many sound devices beside them.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same recording.")] = 1,
    begins_at: Annotated[datetime, typer.Option(help="When they begin to report, UTC.")] = datetime(2026, 3, 2),  # noqa: DTZ001
    learned: Annotated[str, typer.Option(help="How long they are sound before faults begin.")] = "0s",
    lasts: Annotated[str, typer.Option(help="How long they report from then on.")] = "1d",
    step: Annotated[str, typer.Option(help="Time between two samples.")] = "1h",
) -> None:
    """Write what devices would report to standard output, with a first frame that says what is wrong with them."""
    breed = breed_of(product)
    groups = [_group(breed, text) for text in ill or ()]
    kinds = [kind for kind, _, count in groups for _ in range(count)] + [""] * healthy
    severities = [severity for _, severity, count in groups for _ in range(count)] + [0.0] * healthy
    if not kinds or not parse_duration(step):
        raise SimulatorError("A recording needs a device and a step: give --ill or --healthy, and --step 1h")
    begins_at = begins_at.replace(tzinfo=UTC)
    onset_at = begins_at + parse_duration(learned)
    # Onsets lie within a day, and each device is to be seen for so long after its own.
    ends_at = onset_at + parse_duration(lasts) + (_DAY if groups else timedelta())
    life = Life(breed, kinds, severities, seed, begins_at, onset_at, ends_at, parse_duration(step))
    _write(sys.stdout.buffer, life)


def _write(stream: BinaryIO, life: Life) -> None:
    encoder = msgspec.msgpack.Encoder()
    try:
        for frame in frames(life):
            body = encoder.encode(frame)
            stream.write(len(body).to_bytes(_LENGTH_BYTES, "little") + body)
        stream.flush()
    except BrokenPipeError as error:
        raise SimulatorError("Whoever read the recording has gone") from error


def _group(breed: Breed, text: str) -> tuple[str, float, int]:
    kind, *rest = text.split(":")
    if kind not in breed.kinds or len(rest) != 2 or not rest[1].isdecimal():
        raise SimulatorError(
            f"--ill {text!r} cannot be read: write KIND:SEVERITY:COUNT with a kind of {breed.product}: "
            + ", ".join(breed.kinds)
        )
    try:
        return kind, float(rest[0]), int(rest[1])
    except ValueError as error:
        raise SimulatorError(f"--ill {text!r}: {rest[0]!r} is no number") from error
