"""Sheets: the samples of one product type in a batch, gathered message by message and turned into columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from devices.codecs import typed
from devices.product import ProductType
from devices.readings import IntArray, Sample, Value
from gateway.ingest.directory import Known
from gateway.storage.readings import Readings

# Of a sample: device, partition, claimed time, boot, seq, place in its message, time of receipt, whether it is backfill.
# Device, partition, claimed time, boot, seq, place in its message, time of receipt, whether it is backfill: the first
# columns of Readings.
Head = tuple[int, int, int, int, int, int, int, bool]


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
        self._heads: list[Head] = []
        # As `typed.values` gives them: what stands before the values is passed over.
        self._bodies: list[tuple[Any, ...]] = []
        self._rare: dict[int, tuple[Value, bytes | None]] = {}

    def __len__(self) -> int:
        return len(self._heads)

    def add(self, head: Head, body: tuple[Any, ...]) -> None:
        """Add a sample as `typed` reads it."""
        self._heads.append(head)
        self._bodies.append(body)

    def add_sample(
        self, device: Known, boot: int, seq: int, sample: Sample, received_us: int, is_backfill: bool
    ) -> None:
        """Add a sample as a codec reads it."""
        codes = sample.values.get(self._codes)
        if codes is not None or sample.other is not None:
            self._rare[len(self._heads)] = (codes, sample.other)
        self._heads.append(
            (device.device_id, device.partition, sample.at_us, boot, seq, sample.number, received_us, is_backfill)
        )
        self._bodies.append((None, *map(sample.values.get, self._signals)))

    def readings(self) -> Readings:
        """Return all that was gathered, in the order of time."""
        heads: IntArray = np.array(self._heads, dtype=np.int64).reshape(len(self._heads), 8)
        columns = list(zip(*self._bodies, strict=True))[1:]
        values: dict[str, Sequence[Value]] = {
            name: typed.without_no_values(signal, column)
            for (name, signal), column in zip(self._signals.items(), columns, strict=True)
            if column.count(None) < len(column)
        }
        codes, other = self._rare_column(0), self._rare_column(1)
        if codes is not None:
            values[self._codes] = codes
        return Readings(
            *heads.T,
            ingest_no=np.zeros(len(heads), np.int64),
            values=values,
            other=other,
        ).in_order()

    def _rare_column(self, part: int) -> list[Any] | None:
        if all(pair[part] is None for pair in self._rare.values()):
            return None
        return [self._rare[row][part] if row in self._rare else None for row in range(len(self._heads))]
