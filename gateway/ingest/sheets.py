"""Sheets: the samples of one product type in a batch, gathered message by message and turned into columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from devices.codecs import typed
from devices.product import ProductType
from devices.readings import IntArray, Sample, Value
from gateway.storage.readings import Readings

# Of a sample: device, partition, claimed time, boot, seq, place in its message, time of receipt, whether it is backfill.
# Device, partition, boot, seq, time of receipt, whether it is backfill.
Head = tuple[int, int, int, int, int, bool]


class Sheet:
    """Samples of one product type.

    Parameters
    ----------
    product : ProductType
        Whose signals make the columns, in their order.
    """

    def __init__(self, product: ProductType) -> None:
        self._signals = {name: product.signals[name] for name in typed.names(product.signals)}
        self._codes = next((name for name in product.signals if name not in self._signals), "")
        # By message: what all of its samples share, and how many they are.
        self._heads: list[Head] = []
        self._counts: list[int] = []
        # By sample: its place in the message, its claimed time, and its values after one field that is passed over.
        self._numbers: list[int] = []
        self._at_us: list[int] = []
        self._bodies: list[tuple[Any, ...]] = []
        self._rare: dict[int, tuple[Value, bytes | None]] = {}

    def __len__(self) -> int:
        return len(self._bodies)

    def add(self, head: Head, at_us: Sequence[int], samples: Sequence[Any]) -> None:
        """Add a message as `typed` reads it, with the claimed times of its samples."""
        self._heads.append(head)
        self._counts.append(len(at_us))
        if len(at_us) == 1:
            # As nearly all messages have it: three calls of lists for one sample cost as much as reading it.
            self._numbers.append(0)
            self._at_us.append(at_us[0])
            self._bodies.append(typed.values(samples[0]))
            return
        self._numbers.extend(range(len(at_us)))
        self._at_us.extend(at_us)
        self._bodies.extend(map(typed.values, samples))

    def add_samples(self, head: Head, samples: Sequence[Sample]) -> None:
        """Add a message as a codec reads it."""
        self._heads.append(head)
        self._counts.append(len(samples))
        for sample in samples:
            codes = sample.values.get(self._codes)
            if codes is not None or sample.other is not None:
                self._rare[len(self._bodies)] = (codes, sample.other)
            self._numbers.append(sample.number)
            self._at_us.append(sample.at_us)
            self._bodies.append((None, *map(sample.values.get, self._signals)))

    def readings(self) -> Readings:
        """Return all that was gathered, in the order of time."""
        heads: IntArray = np.array(self._heads, dtype=np.int64).reshape(len(self._heads), 6)
        device_id, partition, boot, seq, received_us, is_backfill = heads.repeat(self._counts, axis=0).T
        columns = list(zip(*self._bodies, strict=True))[1:]
        values: dict[str, Sequence[Value]] = {
            name: typed.without_no_values(signal, column)
            for (name, signal), column in zip(self._signals.items(), columns, strict=True)
            if column.count(None) < len(column)
        }
        if (codes := self._rare_column(0)) is not None:
            values[self._codes] = codes
        return Readings(
            device_id=device_id,
            partition=partition,
            at_us=np.array(self._at_us, dtype=np.int64),
            boot=boot,
            seq=seq,
            sample=np.array(self._numbers, dtype=np.int64),
            received_us=received_us,
            is_backfill=is_backfill,
            ingest_no=np.zeros(len(self), np.int64),
            values=values,
            other=self._rare_column(1),
        ).in_order()

    def _rare_column(self, part: int) -> list[Any] | None:
        if all(pair[part] is None for pair in self._rare.values()):
            return None
        return [self._rare[row][part] if row in self._rare else None for row in range(len(self))]
