"""Order does not matter: the same readings in order, and disordered and doubled, end in the same symptoms, bit for bit.

``python -m benchmarks.order [--readings N]``: nine of ten readings are of meters, the tenth of vehicles, all from plants
with faults. A fifth of the messages comes late, as far as each product's lateness horizon allows; a tenth comes twice.
"""

import argparse
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from benchmarks.desk import MeasuredDesk, fresh_desk, server, topic
from benchmarks.report import tell
from devices.codecs.own_json import EVENT_SCHEMA, TELEMETRY_SCHEMA
from devices.products import product_type
from gateway.ingest.source import Message
from simulators.breeds import Breed, breed_of
from simulators.faults import Fault, strain_at
from simulators.fleet.people import roster
from simulators.progress import ProgressLine

_LATE_SHARE, _TWICE_SHARE = 0.2, 0.1
_USED_HORIZON = 0.95
_FAULTS = {
    "smart_meter": ("water_leak", "water_rollback", "gas_stuck", "electricity_jump", "lost_neutral", "battery_knee", "tamper"),
    "electric_vehicle": ("internal_short", "tyre_leak", "insulation_breakdown", "weak_12v_battery"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Street:
    """How many devices of a product report how often, how many samples in one message."""

    product: str
    devices: int
    steps: int
    samples_per_message: int


@dataclass(frozen=True, slots=True)
class Told:
    """A message with the instants of its first and last sample."""

    first_at: datetime
    last_at: datetime
    message: Message


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--readings", type=int, default=1_000_000)
    words.add_argument("--seed", type=int, default=7)
    asked = words.parse_args()
    progress = ProgressLine()
    streets = _streets(asked.readings)
    told = [each for street in streets for each in _story(street, asked.seed, progress)]
    ordered = [each.message for each in sorted(told, key=lambda each: each.last_at)]
    mixed = _disordered(told, random.Random(asked.seed))
    rows: list[dict[str, object]] = []
    with server() as dsn:
        for name, messages in (("in order", ordered), ("disordered and doubled", mixed)):
            with fresh_desk(dsn) as desk:
                rows.append({"run": name, **_run(desk, streets, messages, progress)})
    is_same = rows[0]["hash"] == rows[1]["hash"] and rows[0]["readings"] == rows[1]["readings"]
    ratio = float(str(rows[1]["seconds"])) / float(str(rows[0]["seconds"]))
    tell(
        f"order: symptoms identical: {'yes' if is_same else 'NO'}; time ratio {ratio:.2f}",
        rows,
        {"benchmark": "order", "identical": is_same, "time_ratio": round(ratio, 3)},
    )
    raise SystemExit(0 if is_same else 1)


def _streets(readings: int) -> tuple[Street, Street]:
    meter_steps, vehicle_steps = 1000, 1000
    return (
        Street("smart_meter", max(1, readings * 9 // 10 // meter_steps), meter_steps, 12),
        Street("electric_vehicle", max(1, readings // 10 // vehicle_steps), vehicle_steps, 10),
    )


def _run(
    desk: MeasuredDesk, streets: tuple[Street, ...], messages: list[Message], progress: ProgressLine
) -> dict[str, object]:
    for street in streets:
        desk.enrol(street.product, breed_of(street.product).names(street.devices))
    seconds = desk.take(messages, len(messages), progress)
    count, digest = desk.symptoms()
    return {
        "messages": len(messages),
        "readings": desk.readings(),
        "rejections": desk.count("rejection"),
        "symptoms": count,
        "hash": digest,
        "seconds": round(seconds, 1),
    }


def _story(street: Street, seed: int, progress: ProgressLine) -> Iterator[Told]:
    """Live through a street: every fourth device has a fault in the second half of its time."""
    breed = breed_of(street.product)
    span = breed.cadence * street.steps
    begins_at = datetime.now(UTC).replace(microsecond=0) - span - timedelta(minutes=1)
    plant = breed.build([each.place for each in roster(breed, street.devices, "measured", seed)], seed)
    faults = _faults(street, breed, begins_at + span / 2)
    mouths = [_Mouth(name, street.samples_per_message) for name in breed.names(street.devices)]
    for step in range(1, street.steps + 1):
        at = begins_at + breed.cadence * step
        plant.step(breed.cadence.total_seconds(), at, strain_at(street.product, faults, street.devices, at))
        for row, (mouth, sample) in enumerate(zip(mouths, plant.samples(), strict=True)):
            yield from mouth.take(at, dict(sample), plant.codes(row))
        progress.show(f"{street.product}: {step:,} of {street.steps:,} steps lived")
    for mouth in mouths:
        yield from mouth.flush()


def _faults(street: Street, breed: Breed, onset_at: datetime) -> list[Fault]:
    kinds = _FAULTS[street.product]
    return [
        Fault(street.product, row, kind, onset_at, breed.kinds[kind].usual, breed.kinds[kind].channels)
        for row in range(0, street.devices, 4)
        for kind in [kinds[row // 4 % len(kinds)]]
    ]


class _Mouth:
    """Puts the samples of a device into messages."""

    def __init__(self, device: str, size: int) -> None:
        self._device, self._size = device, size
        self._batch: list[tuple[datetime, dict[str, object]]] = []
        self._codes: tuple[str, ...] = ()
        self._seq = 0

    def take(self, at: datetime, sample: dict[str, object], codes: tuple[str, ...]) -> Iterator[Told]:
        self._batch.append((at, {"at": at.isoformat(), **sample}))
        if len(self._batch) >= self._size or codes != self._codes:
            yield from self.flush()
        if codes != self._codes:
            self._codes = codes
            yield self._told(at, at, "event", {"schema": EVENT_SCHEMA, "at": at.isoformat(), "codes": codes})

    def flush(self) -> Iterator[Told]:
        batch, self._batch = self._batch, []
        if batch:
            samples = [sample for _, sample in batch]
            yield self._told(batch[0][0], batch[-1][0], "telemetry", {"schema": TELEMETRY_SCHEMA, "samples": samples})

    def _told(self, first_at: datetime, last_at: datetime, channel: str, content: dict[str, object]) -> Told:
        self._seq += 1
        payload = msgspec.json.encode({**content, "boot": 1, "seq": self._seq, "backfill": True})
        return Told(
            first_at, last_at, Message(topic(self._device, channel), payload, datetime.now(UTC), (1, self._seq))
        )


def _disordered(told: list[Told], chance: random.Random) -> list[Message]:
    """Let a fifth come late and a tenth twice, no reading later than its product's horizon."""
    places: list[tuple[datetime, Message]] = []
    for each in told:
        latest = _latest(each)
        is_late = chance.random() < _LATE_SHARE
        places.append((each.last_at + latest(chance.random()) if is_late else each.last_at, each.message))
        if chance.random() < _TWICE_SHARE:
            places.append((each.last_at + latest(chance.random()), each.message))
    return [message for _, message in sorted(places, key=lambda pair: pair[0])]


def _latest(told: Told) -> Callable[[float], timedelta]:
    """Give how late a message may come: its first reading must not be later than the horizon."""
    device = told.message.topic.split("/")[4]
    product = "smart_meter" if device.startswith(breed_of("smart_meter").prefix) else "electric_vehicle"
    horizon = timedelta(seconds=product_type(product).lateness_s * _USED_HORIZON)
    room = max(timedelta(), horizon - (told.last_at - told.first_at))
    return lambda share: room * share


if __name__ == "__main__":
    main()
