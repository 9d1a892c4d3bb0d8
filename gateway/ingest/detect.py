"""Detect: the detectors of every product type that this worker holds, with their checkpoints and their rebuilding.

A device's detectors take its readings in the order of their claimed times. A reading that comes late, within the
product's lateness horizon, is taken in at its own place: the detectors go back to an anchor from before it and take in
again what is stored since. So any order and any repetition of the same messages ends in the same symptoms.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

import numpy as np

from devices.products import product_types
from devices.readings import IntArray
from diagnostics.conditions import BoolArray
from diagnostics.scores import Score
from diagnostics.watch import SymptomChange, Watch
from gateway.ingest import scores
from gateway.ingest.newest import Newest
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
from gateway.storage.readings import Readings, ReadingTable

_log = logging.getLogger(__name__)

# About how many readings are loaded together when devices are taken in again: many devices side by side cost little
# more than one, and memory is bounded.
_TOGETHER: Final = 40_000
# About how many devices' states are written at once: some ten megabytes.
_MOST_SAVED: Final = 5_000


@dataclass(frozen=True, slots=True)
class Told:
    """A symptom that changed, with claimed time, ingest number and time of receipt of the reading that decided it."""

    change: SymptomChange
    at_us: int
    ingest_no: int
    received_us: int


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
        self._met: defaultdict[str, set[int]] = defaultdict(set)
        self._moved: dict[tuple[int, str], int] = {}
        # What is being saved, and when each was saved before, by turns.
        self._saving: list[tuple[int, str]] = []
        self._turns: dict[tuple[int, str], int] = {}
        self._newest = {name: Newest() for name in self._watches}

    def step(self, connection: Connection, product: str, readings: Readings) -> Outcome:
        """Take in new readings of one product, which are stored already, and return what that did to the symptoms.

        Parameters
        ----------
        connection : Connection
            In the batch's transaction.
        product : str
            Product type of all readings.
        readings : Readings
            In the order of claimed time, boot, seq and sample.
        """
        if not len(readings):
            return Outcome([], set())
        self._hold(product, readings)
        in_time, late_us = self._sorted_out(product, readings)
        outcome = Outcome(self._advance(connection, product, in_time), set())
        for devices in _batches(late_us, self._watches[product]):
            starts_us = {device: late_us[device] for device in devices}
            begun_us = self._go_back(connection, product, starts_us)
            outcome.rewound |= rewind_symptoms(connection, begun_us)
            outcome.told += self._take_in_again(connection, product, begun_us)
        return outcome

    def _hold(self, product: str, readings: Readings) -> None:
        """Note which devices are held, and how far each partition has moved since its last checkpoint."""
        if fresh := set(readings.device_id.tolist()) - self._met[product]:
            self._met[product] |= fresh
            for partition, device in zip(readings.partition.tolist(), readings.device_id.tolist(), strict=True):
                if device in fresh:
                    self._devices[partition, product].add(device)
        newest = np.full(int(readings.partition.max()) + 1, -1, np.int64)
        np.maximum.at(newest, readings.partition, readings.ingest_no)
        for partition in np.flatnonzero(newest >= 0).tolist():
            key = (partition, product)
            self._moved[key] = max(self._moved.get(key, 0), int(newest[partition]))

    def _sorted_out(self, product: str, readings: Readings) -> tuple[Readings, dict[int, int]]:
        """Split new readings into those that come in time, and the devices with late ones (device -> earliest, in us).

        What is later than the horizon is stored and shown, but moves no detector.
        """
        watch = self._watches[product]
        slots = watch.slots(readings.device_id)
        numbers_us, codes_us = watch.newest_us(slots)
        is_behind = np.zeros(len(readings), np.bool_)
        for is_codes, newest_us in ((False, numbers_us), (True, codes_us)):
            is_old = (readings.at_us < newest_us) | (
                (readings.at_us == newest_us) & ~self._newest[product].precedes(slots, is_codes, readings.order)
            )
            is_behind |= _carries(watch, readings, is_codes) & is_old
        # Codes run ahead of telemetry: where one has entered another span, the anchor left there has to know this reading.
        newest_us, span_us = np.maximum(numbers_us, codes_us), _horizon_us(watch)
        is_within = readings.at_us >= newest_us - span_us
        is_behind |= is_within & (readings.at_us // span_us < newest_us // span_us)
        is_late = is_behind & is_within
        late_us: dict[int, int] = {}
        for device, at_us in zip(readings.device_id[is_late].tolist(), readings.at_us[is_late].tolist(), strict=True):
            late_us.setdefault(device, at_us)
        is_kept = ~is_behind & ~np.isin(readings.device_id, list(late_us)) if late_us else ~is_behind
        return readings.at(np.flatnonzero(is_kept)), late_us

    def _advance(self, connection: Connection, product: str, readings: Readings) -> list[Told]:
        """Take in readings in their order; leave an anchor wherever a device enters another span of time."""
        if not len(readings):
            return []
        watch = self._watches[product]
        span_us = _horizon_us(watch)
        told: list[Told] = []
        entered_us: dict[int, int] = {}
        spans = readings.at_us // span_us
        for rows in np.split(np.arange(len(readings)), np.flatnonzero(np.diff(spans)) + 1):
            part, span = readings.at(rows), int(spans[rows[0]])
            said: list[Score] | None = [] if scores.calibrated(watch.product) else None
            anchors = _anchors(watch, part, span, span_us)
            save_anchors(connection, product, anchors)
            entered_us |= {device_id: (span - 1) * span_us for device_id, _, _ in anchors}
            told += [
                Told(
                    change,
                    int(part.at_us[change.row]),
                    int(part.ingest_no[change.row]),
                    int(part.received_us[change.row]),
                )
                for change in watch.step(part.device_id, part.at_us, part.columns(), said)
            ]
            if said:
                scores.keep(connection, watch.product, part.device_id, part.at_us, said)
            slots = watch.slots(part.device_id)
            for is_codes in (False, True):
                carried = _carries(watch, part, is_codes)
                self._newest[product].put(slots[carried], is_codes, part.order[carried])
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
        begun_us = {device: anchors[device][0] if device in anchors else 0 for device in starts_us}
        scores.drop(connection, watch.product, begun_us)
        return begun_us

    def _take_in_again(self, connection: Connection, product: str, begun_us: Mapping[int, int]) -> list[Told]:
        readings = self._tables[product].of_devices(
            connection, {device: begun or None for device, begun in begun_us.items()}
        )
        return self._advance(connection, product, readings)

    def save(self, connection: Connection, now: datetime, *, is_last: bool = False) -> None:
        """Write checkpoints of what moved, in the transaction of the batch that moved it last.

        Of a large fleet a part has its turn each time, those first that have waited longest: a checkpoint holds all
        devices of a partition, and must not take more time than their readings. Only the last one, `is_last`, is whole.
        """
        self._saving = []
        room = _MOST_SAVED
        for key in sorted(self._moved, key=lambda key: self._turns.get(key, 0)):
            room -= len(self._devices[key])
            if room < 0 and self._saving and not is_last:
                break
            self._saving.append(key)
        checkpoints = [
            Checkpoint(
                partition,
                product,
                self._moved[partition, product],
                self._watches[product].snapshot(sorted(self._devices[partition, product])),
            )
            for partition, product in sorted(self._saving)
        ]
        save_checkpoints(connection, checkpoints, now)

    def saved(self) -> None:
        """Take note that the transaction of `save` has been committed."""
        turn = max(self._turns.values(), default=0) + 1
        for key in self._saving:
            self._turns[key] = turn
            del self._moved[key]

    def rebuild(self, connection: Connection) -> int:
        """Begin anew from the last checkpoints and the readings after them; return how many devices had some.

        The symptoms that come out again were committed with their readings, so they are not written twice.
        """
        self._watches = {name: Watch(product) for name, product in product_types().items()}
        self._devices.clear()
        self._met.clear()
        self._moved.clear()
        self._newest = {name: Newest() for name in self._watches}
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
            numbers_us, codes_us = watch.newest_us(watch.slots(np.array(devices, dtype=np.int64)))
            newest_us = dict(zip(devices, np.maximum(numbers_us, codes_us).tolist(), strict=True))
            # What came in its order since the checkpoint goes on from there; only for what came late is it gone back.
            on_us = {device: moved_us[device] for device in devices if moved_us[device] > newest_us[device]}
            back_us = {
                device: max(moved_us[device], newest_us[device] - _horizon_us(watch))
                for device in devices
                if device not in on_us
            }
            with connection.transaction():
                self._take_in_again(connection, product, on_us | self._go_back(connection, product, back_us))
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


def _carries(watch: Watch, readings: Readings, is_codes: bool) -> BoolArray:
    """Where a reading has trouble codes, or has numbers."""
    carried = np.zeros(len(readings), np.bool_)
    for name, column in readings.values.items():
        if (name in watch.codes_signals) is is_codes:
            if None not in column:
                return np.ones(len(readings), np.bool_)
            carried |= np.array([value is not None for value in column])
    return carried


def _anchors(watch: Watch, readings: Readings, span: int, span_us: int) -> list[tuple[int, int, bytes]]:
    """Anchors of the devices that enter a span of time with these readings: what is remembered of them until then.

    An anchor stands at the end of the last span in which the device reported: nothing lies between there and here.
    """
    devices: IntArray = np.unique(readings.device_id)
    last_spans = np.maximum(*watch.newest_us(watch.slots(devices))) // span_us
    entering = (last_spans > 0) & (last_spans < span)
    if not entering.any():
        return []
    states = watch.snapshots(devices[entering])
    ends_us = (last_spans[entering] + 1) * span_us
    return list(zip(devices[entering].tolist(), ends_us.tolist(), states, strict=True))
