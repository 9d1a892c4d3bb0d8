"""Detect: the detectors of every product type that this worker holds, with their checkpoints and their rebuilding."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np

from devices.products import product_types
from devices.readings import Columns
from diagnostics.watch import SymptomChange, Watch
from gateway.storage.connection import Connection
from gateway.storage.door import Checkpoint, load_checkpoints, save_checkpoints
from gateway.storage.readings import ReadingTable, Stored

_log = logging.getLogger(__name__)

_REBUILD_ROWS: Final = 2000


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

    def step(self, product: str, readings: Sequence[Stored]) -> list[SymptomChange]:
        """Take readings of one product, in the order of their ingest numbers, and return the symptoms that changed."""
        if not readings:
            return []
        for reading in readings:
            key = (reading.partition, product)
            self._devices[key].add(reading.device_id)
            self._moved[key] = reading.ingest_no
        signals = self._tables[product].product.signals
        columns = Columns({name: [reading.values.get(name) for reading in readings] for name in signals}, len(readings))
        device_ids = np.array([reading.device_id for reading in readings], dtype=np.int64)
        at_us = np.array([reading.at_us for reading in readings], dtype=np.int64)
        return self._watches[product].step(device_ids, at_us, columns)

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
        """Begin anew from the last checkpoints and the readings after them; return how many readings that took.

        The symptoms that come out again were committed with their readings, so they are not written twice.
        """
        self._watches = {name: Watch(product) for name, product in product_types().items()}
        self._devices.clear()
        self._moved.clear()
        seen: dict[tuple[int, str], int] = {}
        for checkpoint in load_checkpoints(connection, self._partitions):
            if checkpoint.product in self._watches:
                held = self._watches[checkpoint.product].restore(checkpoint.state)
                self._devices[checkpoint.partition, checkpoint.product].update(held)
                seen[checkpoint.partition, checkpoint.product] = checkpoint.last_ingest_no
        count = 0
        for product, table in self._tables.items():
            for partition in self._partitions:
                for readings in table.since(connection, partition, seen.get((partition, product), 0), _REBUILD_ROWS):
                    self.step(product, readings)
                    count += len(readings)
        if count:
            _log.info("detectors rebuilt from %d readings after their checkpoints", count)
        return count
