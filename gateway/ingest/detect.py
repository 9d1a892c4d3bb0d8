"""Detect: the detectors of every product type that this worker holds, with their checkpoints and their rebuilding.

A device's detectors take its readings in the order of their claimed times. A reading that comes late, within the
product's lateness horizon, is taken in at its own place: the detectors go back to an anchor from before it and take in
again what is stored since. So any order and any repetition of the same messages ends in the same symptoms.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from typing import Final

import numpy as np

from devices.products import product_types
from devices.readings import Columns
from diagnostics.watch import SymptomChange, Watch
from gateway.storage.connection import Connection
from gateway.storage.door import (
    Checkpoint,
    load_checkpoints,
    prune_anchors,
    rewind_symptoms,
    save_anchors,
    save_checkpoints,
    take_anchors,
)
from gateway.storage.readings import ReadingTable, Stored

_log = logging.getLogger(__name__)

# About how many readings are loaded together when devices are taken in again: many devices side by side cost little
# more than one, and memory is bounded.
_TOGETHER: Final = 40_000


@dataclass(frozen=True, slots=True)
class Told:
    """A symptom that changed, and the reading that decided it."""

    change: SymptomChange
    reading: Stored


@dataclass(slots=True)
class Outcome:
    """What a batch did to the symptoms: those that changed, and components in which some were taken back first."""

    told: list[Told]
    rewound: set[tuple[int, str]]


class Detectors:
    """Detector state of a range of partitions.

    Parameters
    ----------
    partitions : range
        Those that this worker serves.
    tables : dict of str to ReadingTable
        By product; the readings from which state is rebuilt.
    """

    def __init__(self, partitions: range, tables: dict[str, ReadingTable]) -> None:
        self._partitions = partitions
        self._tables = tables
        self._watches = {name: Watch(product) for name, product in product_types().items()}
        # What each (partition, product) holds, and the last number it has seen since its last checkpoint.
        self._devices: defaultdict[tuple[int, str], set[int]] = defaultdict(set)
        self._moved: dict[tuple[int, str], int] = {}
        # Time, boot, seq and sample of each device's newest reading with numbers, and with codes.
        self._newest_order: dict[tuple[int, bool], tuple[int, int, int, int]] = {}

    def step(self, connection: Connection, product: str, readings: Sequence[Stored]) -> Outcome:
        """Take in new readings of one product, which are stored already, and return what that did to the symptoms.

        Parameters
        ----------
        connection : Connection
            In the batch's transaction.
        product : str
            Product type of all readings.
        readings : sequence of Stored
            Sorted by claimed time, boot, seq and sample.
        """
        if not readings:
            return Outcome([], set())
        for reading in readings:
            key = (reading.partition, product)
            self._devices[key].add(reading.device_id)
            self._moved[key] = max(self._moved.get(key, 0), reading.ingest_no)
        in_time, late_us = self._sorted_out(product, readings)
        outcome = Outcome(self._advance(connection, product, in_time), set())
        for devices in _batches(late_us, self._watches[product]):
            starts_us = {device: late_us[device] for device in devices}
            begun_us = self._go_back(connection, product, starts_us)
            outcome.rewound |= rewind_symptoms(connection, begun_us)
            outcome.told += self._take_in_again(connection, product, begun_us)
        return outcome

    def _sorted_out(self, product: str, readings: Sequence[Stored]) -> tuple[list[Stored], dict[int, int]]:
        """Split new readings into those that come in time, and the devices with late ones (device -> earliest, in us).

        What is later than the horizon is stored and shown, but moves no detector.
        """
        watch = self._watches[product]
        at_us = np.array([reading.at_us for reading in readings], dtype=np.int64)
        numbers_us, codes_us = watch.newest_us(np.array([reading.device_id for reading in readings], dtype=np.int64))
        too_late_us = np.maximum(numbers_us, codes_us) - _horizon_us(watch)
        in_time: list[Stored] = []
        late_us: dict[int, int] = {}
        for index, reading in enumerate(readings):
            is_behind = any(
                at_us[index] < newest or (at_us[index] == newest and not self._follows(reading, is_codes))
                for is_codes, newest in self._carried(watch, reading, int(numbers_us[index]), int(codes_us[index]))
            )
            if is_behind and at_us[index] >= too_late_us[index]:
                late_us.setdefault(reading.device_id, reading.at_us)
            elif not is_behind:
                in_time.append(reading)
        return [reading for reading in in_time if reading.device_id not in late_us], late_us

    def _follows(self, reading: Stored, is_codes: bool) -> bool:
        """Whether a reading with the time of the newest one comes after it: so do the parts of a split message."""
        newest = self._newest_order.get((reading.device_id, is_codes))
        return newest is not None and newest < (reading.at_us, *reading.order)

    @staticmethod
    def _carried(watch: Watch, reading: Stored, numbers_us: int, codes_us: int) -> list[tuple[bool, int]]:
        """Of numbers and codes, those that a reading carries, as (is codes, newest time seen)."""
        named = {name for name, value in reading.values.items() if value is not None}
        codes = watch.codes_signals
        return [
            (is_codes, newest)
            for is_codes, newest, is_there in (
                (False, numbers_us, not named <= codes),
                (True, codes_us, not codes.isdisjoint(named)),
            )
            if is_there
        ]

    def _advance(self, connection: Connection, product: str, readings: Sequence[Stored]) -> list[Told]:
        """Take in readings in their order; leave an anchor wherever a device enters another span of time."""
        watch = self._watches[product]
        span_us = _horizon_us(watch)
        told: list[Told] = []
        entered_us: dict[int, int] = {}
        for span, group in groupby(readings, lambda reading: reading.at_us // span_us):
            part = list(group)
            anchors = _anchors(watch, part, span, span_us)
            save_anchors(connection, product, anchors)
            entered_us |= {device_id: (span - 1) * span_us for device_id, _, _ in anchors}
            columns = Columns(
                {name: [reading.values.get(name) for reading in part] for name in watch.product.signals}, len(part)
            )
            device_ids = np.array([reading.device_id for reading in part], dtype=np.int64)
            at_us = np.array([reading.at_us for reading in part], dtype=np.int64)
            told += [Told(change, part[change.row]) for change in watch.step(device_ids, at_us, columns)]
            for reading in part:
                for is_codes, _ in self._carried(watch, reading, 0, 0):
                    self._newest_order[reading.device_id, is_codes] = (reading.at_us, *reading.order)
        if entered_us:
            prune_anchors(connection, product, entered_us)
        return told

    def _go_back(self, connection: Connection, product: str, starts_us: Mapping[int, int]) -> dict[int, int]:
        """Put devices back to their anchors at or before an instant; return from when on readings are to be taken in."""
        anchors = take_anchors(connection, product, starts_us)
        watch = self._watches[product]
        watch.forget(list(starts_us))
        for _, state in anchors.values():
            watch.restore(state)
        return {device: anchors[device][0] if device in anchors else 0 for device in starts_us}

    def _take_in_again(self, connection: Connection, product: str, begun_us: Mapping[int, int]) -> list[Told]:
        readings = self._tables[product].of_devices(
            connection, {device: begun or None for device, begun in begun_us.items()}
        )
        return self._advance(connection, product, readings)

    def save(self, connection: Connection, now: datetime) -> None:
        """Write checkpoints of all that moved, in the transaction of the batch that moved it last."""
        checkpoints = [
            Checkpoint(
                partition, product, number, self._watches[product].snapshot(sorted(self._devices[partition, product]))
            )
            for (partition, product), number in sorted(self._moved.items())
        ]
        save_checkpoints(connection, checkpoints, now)

    def saved(self) -> None:
        """Take note that the transaction of `save` has been committed."""
        self._moved.clear()

    def rebuild(self, connection: Connection) -> int:
        """Begin anew from the last checkpoints and the readings after them; return how many devices had some.

        The symptoms that come out again were committed with their readings, so they are not written twice.
        """
        self._watches = {name: Watch(product) for name, product in product_types().items()}
        self._devices.clear()
        self._moved.clear()
        self._newest_order.clear()
        seen: dict[tuple[int, str], int] = {}
        for checkpoint in load_checkpoints(connection, self._partitions):
            if checkpoint.product in self._watches:
                held = self._watches[checkpoint.product].restore(checkpoint.state)
                self._devices[checkpoint.partition, checkpoint.product].update(held)
                seen[checkpoint.partition, checkpoint.product] = checkpoint.last_ingest_no
        count = sum(self._catch_up(connection, product, seen) for product in self._tables)
        if count:
            _log.info("detectors of %d devices rebuilt from their readings", count)
        return count

    def _catch_up(self, connection: Connection, product: str, seen: Mapping[tuple[int, str], int]) -> int:
        """Take in again what devices have reported since the checkpoints."""
        watch = self._watches[product]
        moved = self._tables[product].moved_since(
            connection, {partition: seen.get((partition, product), 0) for partition in self._partitions}
        )
        moved_us = {device: at_us for _, device, at_us, _ in moved}
        for devices in _batches(moved_us, watch):
            numbers_us, codes_us = watch.newest_us(np.array(devices, dtype=np.int64))
            newest_us = np.maximum(numbers_us, codes_us)
            starts_us = {
                device: max(moved_us[device], int(newest) - _horizon_us(watch))
                for device, newest in zip(devices, newest_us, strict=True)
            }
            with connection.transaction():
                self._take_in_again(connection, product, self._go_back(connection, product, starts_us))
        for partition, device, _, number in moved:
            key = (partition, product)
            self._devices[key].add(device)
            self._moved[key] = max(self._moved.get(key, 0), number)
        return len(moved)


def _batches(devices: Iterable[int], watch: Watch) -> Iterator[list[int]]:
    """Split devices into lists that are taken in together: each goes back by up to two horizons."""
    rest = iter(devices)
    readings_each = max(1.0, 2 * watch.product.lateness_s / watch.product.cadence_s)
    while batch := list(islice(rest, max(1, int(_TOGETHER / readings_each)))):
        yield batch


def _horizon_us(watch: Watch) -> int:
    return int(watch.product.lateness_s * 1e6)


def _anchors(watch: Watch, readings: Iterable[Stored], span: int, span_us: int) -> list[tuple[int, int, bytes]]:
    """Anchors of the devices that enter a span of time with these readings: what is remembered of them until then.

    An anchor stands at the end of the last span in which the device reported: nothing lies between there and here.
    """
    devices = sorted({reading.device_id for reading in readings})
    numbers_us, codes_us = watch.newest_us(np.array(devices, dtype=np.int64))
    last_spans = np.maximum(numbers_us, codes_us) // span_us
    entering = [(device, int(last)) for device, last in zip(devices, last_spans, strict=True) if 0 < last < span]
    states = watch.snapshots([device for device, _ in entering])
    return [(device, (last + 1) * span_us, state) for (device, last), state in zip(entering, states, strict=True)]
