"""Settling: what readings say beside their values - numbers, signs of life, hours to roll up - is written in due time.

With time to spare all of it is written with its batch. While messages wait, a device that was heard often is written
once in a while, so that a batch costs little more than its readings. What is not written is not lost: readings say it
again, from the number up to which each partition is settled, after whatever has cut the worker off.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np

from devices.codecs.foreign import UNNUMBERED
from devices.numbering import UNMARKED, Numbered
from gateway.ingest.backlog import Backlog
from gateway.ingest.decode import Decoded
from gateway.ingest.directory import Known
from gateway.ingest.numbering import Numbering
from gateway.ingest.silences import DeviceSilences
from gateway.storage.connection import Connection
from gateway.storage.door import mark_hours_due, settle_numbers, settled_numbers
from gateway.storage.readings import Heard, Readings, ReadingTable
from gateway.storage.troubles import tell

_US_PER_HOUR: Final = 3_600_000_000
_LATEST_S: Final = 5.0
# Devices, and hours, written with one batch while messages wait.
_AT_ONCE: Final = 4000
_EVERYTHING: Final = 10**9


@dataclass(slots=True)
class _Batch:
    """A batch that left something to be written: when it was, and the last ingest number of each partition in it."""

    number: int
    at_s: float
    last: dict[int, int] = field(default_factory=dict[int, int])


class Settling:
    """What is left to be written of the batches of one worker.

    Parameters
    ----------
    partitions : range
        Those that the worker serves.
    silences : DeviceSilences
        Where signs of life go.
    clock_s : callable
        A monotonic clock, in seconds.
    """

    def __init__(
        self, partitions: range, silences: DeviceSilences, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._partitions = partitions
        self._silences = silences
        self._clock_s = clock_s
        self._numbering = Numbering()
        self._number = 0
        self._batches: deque[_Batch] = deque()
        self._counted, self._heard = Backlog[int](), Backlog[int]()
        self._hours = Backlog[tuple[str, int, int]]()

    @property
    def has_some(self) -> bool:
        """Whether anything is left to be written."""
        return bool(self._batches)

    def begin(self) -> None:
        """Begin a batch."""
        self._number += 1
        self._batches.append(_Batch(self._number, self._clock_s()))

    def stored(self, product: str, readings: Readings) -> None:
        """Take note of readings of the batch that were new."""
        hours = np.unique(readings.device_id * _HOURS + readings.at_us // _US_PER_HOUR)
        pairs = zip((hours // _HOURS).tolist(), (hours % _HOURS).tolist(), strict=True)
        self._hours.add([(product, device_id, hour) for device_id, hour in pairs], self._number)
        newest = np.full(int(readings.partition.max(initial=-1)) + 1, -1, np.int64)
        np.maximum.at(newest, readings.partition, readings.ingest_no)
        last = self._batches[-1].last
        for partition in np.flatnonzero(newest >= 0).tolist():
            last[partition] = max(last.get(partition, 0), int(newest[partition]))

    def keep(self, connection: Connection, decoded: Decoded, now: datetime) -> None:
        """Take in numbers and signs of life of the batch, in its transaction."""
        self._counted.add(self._numbering.keep(connection, decoded, now), self._number)
        self._heard.add(self._silences.hear(connection, decoded), self._number)

    def settle(self, connection: Connection, now: datetime, *, is_pressed: bool) -> None:
        """Write all that is left, or, while messages wait, some of what is old; in the batch's transaction."""
        before = self._number + 1
        if is_pressed:
            young_s = self._clock_s() - _LATEST_S
            before = next((batch.number for batch in self._batches if batch.at_s >= young_s), before)
        most = _AT_ONCE if is_pressed else _EVERYTHING
        mark_hours_due(connection, self._hours.take(before, most))
        written = self._numbering.write(connection, self._counted.take(before, most), now)
        self._silences.write(connection, self._heard.take(before, most), written)
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        """Write up to which number each partition is settled: up to the first batch that has something left."""
        left = [each.oldest for each in (self._counted, self._heard, self._hours) if each.oldest is not None]
        oldest = min(left, default=self._number + 1)
        settled: dict[int, int] = {}
        while self._batches and self._batches[0].number < oldest:
            settled |= self._batches.popleft().last
        if settled:
            settle_numbers(connection, settled)

    def rebuild(self, connection: Connection, tables: Mapping[str, ReadingTable], now: datetime) -> None:
        """Begin anew from what is stored: take in what the readings say that are not settled."""
        for backlog in (self._counted, self._heard, self._hours):
            backlog.clear()
        self._batches.clear()
        self._numbering.forget()
        since = settled_numbers(connection, self._partitions)
        for product, table in tables.items():
            for heard in table.heard_since(connection, since):
                self._take_in_again(connection, product, heard, now)

    def _take_in_again(self, connection: Connection, product: str, heard: Sequence[Heard], now: datetime) -> None:
        devices = {each.device_id: Known(each.device_id, each.tenant_id, each.partition, product) for each in heard}
        numbered = [
            (
                each.device_id,
                Numbered(
                    each.boot,
                    each.seq,
                    each.newest_us,
                    each.newest_us,
                    each.received_us,
                    UNMARKED,
                    each.is_backfill,
                    each.is_event,
                ),
            )
            for each in heard
            if each.boot != UNNUMBERED
        ]
        with connection.transaction():
            self.begin()
            self._hours.add({(product, each.device_id, hour) for each in heard for hour in each.hours}, self._number)
            last = self._batches[-1].last
            for each in heard:
                last[each.partition] = max(last.get(each.partition, 0), each.ingest_no)
            went_on, troubles = self._numbering.count(connection, numbered, devices, now) if numbered else ([], [])
            if troubles:
                tell(connection, troubles, now)
            self._counted.add(went_on, self._number)
            heard_us = {each.device_id: each.received_us for each in heard}
            self._silences.note(devices, heard_us, {each.device_id: each.newest_us for each in heard})
            self._heard.add(heard_us, self._number)
            self.settle(connection, now, is_pressed=False)


# Hours since 1970 until the year 9999 are fewer, so that a device and an hour make one number.
_HOURS: Final = 10**8
