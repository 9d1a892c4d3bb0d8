"""The watch: all monitors of one product type over all devices that a worker holds, a batch at a time.

State is a value: arrays over device rows that grow as devices are seen, that can be taken out as bytes for a
checkpoint and put back. It never reads a clock and knows neither databases nor messages.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from devices.monitors import Limit, OfReadings, Reported, Silence
from devices.product import ProductType
from devices.readings import Columns, FloatArray, IntArray
from diagnostics.conditions import Conditions
from diagnostics.detector import Readings
from diagnostics.detectors import limit, reported
from diagnostics.group import Group
from diagnostics.latch import CLEAR, CONFIRMED, Changes, slim
from diagnostics.roster import detector_of, side_by_side, threshold_of
from diagnostics.rows import DeviceRows
from diagnostics.scores import Score, Scorer
from diagnostics.state import Array, pack, unpack

Phase = Literal["pending", "confirmed", "healed"]
# A gap counts as this many cadences at most: a vehicle that sleeps for a night has not been wrong for a night.
_GAP_CADENCES: Final = 2.0


@dataclass(frozen=True, slots=True)
class SymptomChange:
    """A symptom that became pending, confirmed or healed.

    `row` is the deciding sample's index in the batch; `element` counts from 1 for cells, tyres and the like and is 0
    where there is one only; `since_us` is the onset; `value` is in the feature's unit.
    """

    row: int
    device_id: int
    monitor: str
    element: int
    phase: Phase
    since_us: int
    value: float
    threshold: float
    text: str


class Watch:
    """Detector state and monitors of one product type.

    Parameters
    ----------
    product : ProductType
        Features and monitors to run.
    only : collection of str, optional
        Run no other groups of monitors than those that hold one of these names. Groups do not know of each other.
    """

    def __init__(self, product: ProductType, only: Collection[str] | None = None) -> None:
        self.product = product
        self.codes_signals = frozenset(feature.of_codes for feature in product.features.values() if feature.of_codes)
        self._rows = DeviceRows()
        limits = [monitor for monitor in product.monitors if isinstance(monitor, Limit)]
        scalars = [monitor for monitor in limits if not product.features[monitor.feature].element]
        codes = [monitor for monitor in product.monitors if isinstance(monitor, Reported)]
        self._groups = [
            Group(name, monitors) for name, monitors in (("scalars", scalars), ("codes", codes)) if monitors
        ]
        rest = [
            monitor
            for monitor in product.monitors
            if not isinstance(monitor, Silence) and monitor not in scalars and monitor not in codes
        ]
        self._places = {monitor.feature: DeviceRows() for monitor in rest}
        self._groups += [
            Group(row[0].name, row, detector_of(row), self._places[row[0].feature]) for row in side_by_side(rest)
        ]
        # Modes of the device are told in event time by rows of the same kinds; in groups of their own, so that the
        # monitors' state stands as it is where a mode is added.
        self._groups += [Group(f"mode.{row.name}", [row]) for row in product.mode_rows]
        if only is not None:
            self._groups = [group for group in self._groups if any(each.name in only for each in group.monitors)]

    def step(
        self, device_ids: IntArray, at_us: IntArray, columns: Columns, scores: list[Score] | None = None
    ) -> list[SymptomChange]:
        """Take a batch of samples into the state and return the symptoms that changed, in the order they did.

        Parameters
        ----------
        device_ids, at_us : int64 [n]
            Device and event time of each sample. Samples of one device are taken in the order given; one that is older
            than what a group of monitors has already seen does not move that group.
        columns : Columns
            The n samples' values.
        scores : list of Score, optional
            When given, it is appended with one entry for each monitor whose detector says how abnormal a sample is.
        """
        slots = self._rows.of(device_ids)
        features = _Features(self.product, columns)
        readings = [self._read(group, features) for group in self._groups]
        for group, reading in zip(self._groups, readings, strict=True):
            group.widen(reading.width)
        changes: list[SymptomChange] = []
        scorers = None if scores is None else [Scorer(group) for group in self._groups]
        gap_s = self.product.cadence_s * _GAP_CADENCES
        for rows in rounds(slots):
            for place, (group, reading) in enumerate(zip(self._groups, readings, strict=True)):
                changed = (
                    group.step(slots, reading, at_us, gap_s)
                    if len(rows) == len(slots)
                    else group.step(slots[rows], reading.at(rows), at_us[rows], gap_s)
                )
                if scorers is not None:
                    scorers[place].note(rows)
                if changed is not None:
                    changes += self._told(group, changed, rows, device_ids, columns)
        if scores is not None and scorers is not None:
            scores += [score for scorer in scorers if (score := scorer.score(self.product)) is not None]
        return changes

    def _read(self, group: Group, features: "_Features") -> Readings:
        """Conditions of a group's monitors, side by side, over the whole batch."""
        first, *others = group.monitors
        if group.detector is not None:
            return group.detector.read(features.values(first))
        parts = [_conditions(monitor, features) for monitor in (first, *others)]
        return Conditions.side_by_side(parts) if others else parts[0]

    def _told(
        self, group: Group, changed: Changes, rows: IntArray, device_ids: IntArray, columns: Columns
    ) -> Iterator[SymptomChange]:
        for index in range(len(changed.row)):
            monitor, element = group.monitor_and_element(int(changed.element[index]))
            row = int(rows[changed.row[index]])
            yield SymptomChange(
                row=row,
                device_id=int(device_ids[row]),
                monitor=monitor.name,
                element=element + 1 if self.product.features[monitor.feature].element else 0,
                phase=_phase(int(changed.after[index])),
                since_us=int(changed.since_us[index]),
                value=group.changed_value(index),
                threshold=threshold_of(monitor),
                text=self._codes_text(monitor, row, columns),
            )

    def _codes_text(self, monitor: OfReadings, row: int, columns: Columns) -> str:
        if not isinstance(monitor, Reported):
            return ""
        codes = columns.codes(self.product.features[monitor.feature].of_codes)[row]
        return " ".join(reported.active_codes(monitor, codes or frozenset()))

    def slots(self, device_ids: IntArray) -> IntArray:
        """Return the row of each device in the state, int64 [n]; new devices are given new rows."""
        return self._rows.of(device_ids)

    def newest_us(self, slots: IntArray) -> tuple[IntArray, IntArray]:
        """Return the event time of the newest sample that moved each device's detectors, 0 where none did.

        Parameters
        ----------
        slots : int64 [n]
            As `slots` gave them.

        Returns
        -------
        tuple of int64 [n]
            Of the monitors over numbers, and of those over trouble codes: events run ahead of buffered telemetry.
        """
        newest = {True: np.zeros(len(slots), np.int64), False: np.zeros(len(slots), np.int64)}
        for group in self._groups:
            is_codes = isinstance(group.monitors[0], Reported)
            newest[is_codes] = np.maximum(newest[is_codes], group.newest_us(slots))
        return newest[False], newest[True]

    @property
    def used_bytes(self) -> int:
        """Bytes that are remembered of all devices, without room for those to come."""
        tables = (1 + len(self._places)) * self._rows.row_bytes * len(self._rows)
        own = sum(self._rows.row_bytes * len(self._rows) for group in self._groups if len(group.monitors) > 1)
        return sum(group.used_bytes for group in self._groups) + tables + own

    def forget(self, device_ids: Sequence[int]) -> None:
        """Forget all about some devices, as if they had never reported."""
        slots = self._rows.of(np.array(device_ids, dtype=np.int64))
        for group in self._groups:
            group.clear(slots)

    def snapshot(self, device_ids: Sequence[int]) -> bytes:
        """Return the state of some devices as bytes; see `restore`."""
        known = [device_id for device_id in device_ids if device_id in self._rows]
        slots = self._rows.of(np.array(known, dtype=np.int64))
        arrays: dict[str, Array] = {"device_ids": np.array(known, dtype=np.int64)}
        for group in self._groups:
            arrays |= group.take(slots)
        return pack(slim(arrays))

    def snapshots(self, ids: IntArray) -> list[bytes]:
        """Return the state of each of some devices, as `snapshot` would one by one; all of them have to be known."""
        slots = self._rows.of(ids)
        by_device: dict[str, Array] = {"device_ids": ids}
        of_all: dict[str, Array] = {}
        for group in self._groups:
            for name, array in group.take(slots).items():
                (of_all if name.endswith(".monitors") else by_device)[name] = array
        return [
            pack(slim({name: array[row : row + 1] for name, array in by_device.items()} | of_all))
            for row in range(len(ids))
        ]

    def restore(self, state: bytes) -> list[int]:
        """Put back what `snapshot` took out, and return the device ids that it held.

        A group of monitors that the snapshot does not know begins anew; one that is no longer run is passed over.
        """
        arrays = unpack(state)
        slots = self._rows.of(arrays["device_ids"])
        for group in self._groups:
            group.put(slots, arrays)
        return [int(device_id) for device_id in arrays["device_ids"]]


class _Features:
    """The features of a batch, each computed once however many monitors look at it."""

    def __init__(self, product: ProductType, columns: Columns) -> None:
        self._product = product
        self._columns = columns
        self._values: dict[str, FloatArray] = {}

    def values(self, monitor: OfReadings) -> FloatArray:
        """Return the feature of a monitor, float64 [n, w]."""
        name = monitor.feature
        if name not in self._values:
            compute = self._product.features[name].compute
            if compute is None:
                raise TypeError(f"monitor {monitor.name} needs numbers, but feature {name} holds codes")
            self._values[name] = compute(self._columns)
        return self._values[name]

    def codes(self, monitor: Reported) -> list[frozenset[str] | None]:
        """Return the trouble codes that a monitor looks at."""
        return self._columns.codes(self._product.features[monitor.feature].of_codes)


def _conditions(monitor: OfReadings, features: _Features) -> Conditions:
    if isinstance(monitor, Reported):
        return reported.evaluate(monitor, features.codes(monitor))
    if isinstance(monitor, Limit):
        return limit.evaluate(monitor, features.values(monitor))
    raise TypeError(f"monitor {monitor.name} has a memory, so it is a group of its own")


def rounds(slots: IntArray) -> Iterator[IntArray]:
    """Split a batch into rounds in which no device occurs twice, keeping each device's order.

    >>> [rows.tolist() for rows in rounds(np.array([5, 7, 5, 5]))]
    [[0, 1], [2], [3]]
    """
    if len(slots) and (slots[1:] > slots[:-1]).all():
        # A whole fleet's hour, device by device, is one round as it is.
        yield np.arange(len(slots))
        return
    order = np.argsort(slots, kind="stable")
    ordered = slots[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]] if len(slots) else np.zeros(0, bool)
    starts = np.maximum.accumulate(np.where(first, np.arange(len(slots)), 0))
    rank = np.empty(len(slots), np.int64)
    rank[order] = np.arange(len(slots)) - starts
    by_rank = np.argsort(rank, kind="stable")
    bounds = np.flatnonzero(np.diff(rank[by_rank])) + 1
    yield from (rows for rows in np.split(by_rank, bounds) if len(rows))


def _phase(after: int) -> Phase:
    return "healed" if after == CLEAR else "confirmed" if after == CONFIRMED else "pending"
