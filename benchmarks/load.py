"""The load: what some thousands of electric vehicles would say, lived through by their plants and framed beforehand.

Ten scalar signals a sample; some vehicles have faults, so that the monitors have something to find. What is measured
later neither generates nor encodes anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.desk import topic
from benchmarks.wire import publish_frame
from devices.codecs.own_json import TELEMETRY_SCHEMA
from simulators.breeds import Sample, breed_of
from simulators.faults import Fault, strain_at
from simulators.fleet.people import roster
from simulators.progress import ProgressLine

PRODUCT: Final = "electric_vehicle"
SIGNALS: Final = (
    "pack_voltage_v", "pack_current_a", "soc_pct", "insulation_kohm", "bms_level",
    "low_voltage_v", "coolant_temp_degc", "speed_kmh", "is_charging", "ambient_temp_degc",
)  # fmt: skip
_FAULTS: Final = {
    "electric_vehicle": ("insulation_breakdown", "weak_12v_battery"),
    "smart_meter": ("electricity_jump", "battery_knee"),
}
_FAULTY_EVERY: Final = 50
_LANES: Final = 4
_LARGEST_ID: Final = 65_535


@dataclass(frozen=True, slots=True)
class Load:
    """Messages of a fleet in their order, as (topic, payload), and how much is in them."""

    devices: Sequence[str]
    messages: Sequence[tuple[str, bytes]]
    samples_per_message: int

    @property
    def values(self) -> int:
        """How many values there are in all."""
        return len(self.messages) * self.samples_per_message * len(SIGNALS)

    def framed(self, folder: Path) -> list[Path]:
        """Write the messages as frames, a file for each connection; a device's messages all go over one."""
        lanes: list[list[bytes]] = [[] for _ in range(_LANES)]
        for index, (name, payload) in enumerate(self.messages):
            lane = lanes[index % len(self.devices) % _LANES]
            lane.append(publish_frame(name, payload, len(lane) % _LARGEST_ID + 1))
        files = [folder / f"frames-{number}" for number in range(_LANES)]
        for file, lane in zip(files, lanes, strict=True):
            file.write_bytes(b"".join(lane))
        return files


def lived(devices: int, messages: int, samples_per_message: int, seed: int, progress: ProgressLine) -> Load:
    """Let a fleet live and report every ten seconds until now; all devices report before one reports again."""
    breed = breed_of(PRODUCT)
    names = breed.names(devices)
    rounds = max(1, messages // devices)
    steps = rounds * samples_per_message
    begins_at = datetime.now(UTC).replace(microsecond=0) - breed.live_cadence * steps
    batches: list[list[bytes]] = [[] for _ in range(devices)]
    told: list[tuple[str, bytes]] = []
    topics = [topic(name) for name in names]
    for step, (at, samples) in enumerate(life(PRODUCT, devices, begins_at, steps, seed), 1):
        for batch, sample in zip(batches, samples, strict=True):
            batch.append(sample_bytes(at, {name: sample[name] for name in SIGNALS}))
        if step % samples_per_message == 0:
            told += _flushed(topics, batches, step // samples_per_message)
        progress.show(f"{step:,} of {steps:,} steps lived")
    return Load(names, told, samples_per_message)


def life(
    product: str, devices: int, begins_at: datetime, steps: int, seed: int
) -> Iterator[tuple[datetime, Sequence[Sample]]]:
    """Let plants of a product live, some of them with faults; give each step's instant and what the sensors read."""
    breed = breed_of(product)
    plant = breed.build([each.place for each in roster(breed, devices, "measured", seed)], seed)
    faults = _faults(product, devices, begins_at)
    for step in range(1, steps + 1):
        at = begins_at + breed.live_cadence * step
        plant.step(breed.live_cadence.total_seconds(), at, strain_at(product, faults, devices, at))
        yield at, plant.samples()


def sample_bytes(at: datetime, values: Mapping[str, object]) -> bytes:
    """Return a sample as it stands in a message."""
    return msgspec.json.encode({"at": at.isoformat(), **values})


def message_bytes(seq: int, samples: Sequence[bytes]) -> bytes:
    """Return a message of some samples."""
    head = b'{"schema":"%s","boot":1,"seq":%d,"samples":[' % (TELEMETRY_SCHEMA.encode(), seq)
    return head + b",".join(samples) + b"]}"


def _flushed(topics: Sequence[str], batches: Sequence[list[bytes]], seq: int) -> Iterator[tuple[str, bytes]]:
    for name, batch in zip(topics, batches, strict=True):
        yield name, message_bytes(seq, batch)
        batch.clear()


def _faults(product: str, devices: int, onset_at: datetime) -> list[Fault]:
    kinds = breed_of(product).kinds
    names = _FAULTS[product]
    return [
        Fault(product, row, name, onset_at - timedelta(days=1), kinds[name].usual, 1)
        for row in range(0, devices, _FAULTY_EVERY)
        for name in [names[row // _FAULTY_EVERY % len(names)]]
    ]
