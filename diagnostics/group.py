"""Groups: monitors that are stepped side by side, with their latch and their smoothing.

Scalar limits form one group, trouble codes another (events run ahead of telemetry, so they keep their own time), the
monitors of one register a third, and each monitor over a vector, or with a memory of its own, is a group of its own.

A device has a row in a group from its first value on: a water meter takes no room among gas registers.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from devices.monitors import OfReadings
from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.detector import Detector, Readings
from diagnostics.latch import Changes, Latch, Phases
from diagnostics.rows import DeviceRows, stretch
from diagnostics.state import Array


class Group:
    """Monitors that are stepped side by side, and all that is remembered for them.

    Parameters
    ----------
    name : str
        Name in a snapshot; the monitors of a shared detector have their own names there.
    monitors : sequence of Monitor
        One monitor over a vector, or several of one element each, or several that share a detector.
    detector : Detector, optional
        Of monitors that need a memory. Without one the group is given conditions as they are.
    places : DeviceRows, optional
        Which row of the group belongs to which device; groups that look at the same feature share it.
    """

    def __init__(
        self,
        name: str,
        monitors: Sequence[OfReadings],
        detector: Detector | None = None,
        places: DeviceRows | None = None,
    ) -> None:
        self.name = name
        self.monitors = monitors
        self.detector = detector
        self._places = DeviceRows() if places is None else places
        self._on_delay_s = np.array([monitor.on_delay_s for monitor in monitors])
        self._off_delay_s = np.array([monitor.off_delay_s for monitor in monitors])
        # Monitors that stand side by side may read signals of different cadence: each keeps its own time. The elements
        # of a vector come together and share one.
        is_apart = detector is None and len(monitors) > 1
        self._latch = Latch(0, len(monitors) if is_apart else 0)
        self._last_us = np.zeros((0, len(monitors) if is_apart else 1), np.int64)
        # Which monitors of a detector have said anything yet: while one still learns, being clear says nothing.
        self._judged = np.zeros((0, 0 if detector is None else len(monitors)), np.bool_)
        self._value = np.zeros((0, 0))
        self._scored: tuple[IntArray, FloatArray] | None = None

    @property
    def used_bytes(self) -> int:
        """Bytes that are remembered, without room for devices to come, and without `places`, which groups share."""
        row_bytes = self._last_us.itemsize * self._last_us.shape[1]
        if self.detector is not None:
            row_bytes += self.detector.memory.row_bytes + self._judged.shape[1]
        return row_bytes * len(self._places) + self._latch.used_bytes(len(self._places))

    def widen(self, width: int) -> None:
        """Make room for elements that were not seen before."""
        self._grow(len(self._last_us), width * len(self.monitors) if self.detector is not None else width)

    def _grow(self, devices: int, width: int) -> None:
        have = len(self._last_us)
        # Room for half as many again: a fleet that is met one by one is not copied one by one.
        wanted = devices + devices // 2 if devices > have else have
        if wanted > have or width > self._latch.width:
            self._last_us = np.pad(self._last_us, ((0, wanted - have), (0, 0)))
            self._judged = np.pad(self._judged, ((0, wanted - have), (0, 0)))
            self._latch.grow(wanted, width)
            if self.detector is not None:
                self.detector.memory.grow(wanted, self._latch.width // len(self.monitors))

    def step(self, slots: IntArray, now: Readings, at_us: IntArray, gap_s: float) -> Changes | None:
        """Take one sample of each of n different devices; samples older than the group's last are passed over."""
        self._scored = None
        known: BoolArray = now.known
        has = known[:, 0] if known.shape[1] == 1 else np.asarray(known.any(axis=1))
        kept: IntArray | None = None
        if not has.all():
            kept = np.flatnonzero(has)
            if not len(kept):
                return None
            slots, at_us, known, has, now = slots[kept], at_us[kept], known[kept], has[kept], now.at(kept)
        rows = self._places.of(slots)
        self._grow(len(self._places), 0)
        last_us = self._last_us[stretch(rows)]
        takes = at_us >= last_us[:, 0] if last_us.shape[1] == 1 else at_us >= np.where(known, last_us, 0).max(axis=1)
        if not takes.all():
            taken = np.flatnonzero(takes)
            if not len(taken):
                return None
            rows, at_us, last_us, known, now = rows[taken], at_us[taken], last_us[taken], known[taken], now.at(taken)
            kept = taken if kept is None else kept[taken]
        return self._step(rows, now, known, at_us, last_us, gap_s, np.arange(len(rows)) if kept is None else kept)

    def _step(
        self,
        rows: IntArray,
        now: Readings,
        known: BoolArray,
        at_us: IntArray,
        last_us: IntArray,
        gap_s: float,
        kept: IntArray,
    ) -> Changes | None:
        """Take samples that are in their order into the group's rows; `kept` are their places among those given."""
        dt_s = np.minimum((at_us[:, None] - last_us) / 1e6, gap_s)
        dt_s[last_us == 0] = 0.0
        self._last_us[stretch(rows)] = (
            at_us[:, None] if last_us.shape[1] == 1 else np.where(known, at_us[:, None], last_us)
        )
        conditions = self._judge(rows, now, at_us, dt_s)
        self._value = conditions.value
        if conditions.score is not None:
            self._scored = kept, conditions.score
        changes = self._latch.step(
            rows, conditions, at_us, dt_s, self._by_element(self._on_delay_s), self._by_element(self._off_delay_s)
        )
        if changes is None:
            return None
        self._value = self._value[changes.row, changes.element]
        return Changes(kept[changes.row], changes.element, changes.before, changes.after, changes.since_us)

    def _by_element(self, of_monitors: FloatArray) -> FloatArray:
        return of_monitors if len(of_monitors) == 1 else np.tile(of_monitors, self._latch.width // len(of_monitors))

    def _judge(self, rows: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:
        if self.detector is not None:
            wide = now.widened(self._latch.width // len(self.monitors))
            conditions = self.detector.judge(rows, wide, at_us, dt_s[:, 0])
            self._note(rows, conditions.known)
            return conditions
        wide = now.widened(self._latch.width)
        if not isinstance(wide, Conditions):
            raise TypeError(f"group {self.name} has no detector and takes conditions, not {type(wide).__name__}")
        return wide

    def _note(self, rows: IntArray, known: BoolArray) -> None:
        """Remember which monitors have judged any element of a device."""
        among = stretch(rows)
        judged = self._judged[among]
        if not judged.all():
            self._judged[among] = judged | known.reshape(len(rows), -1, len(self.monitors)).any(axis=1)

    def monitor_and_element(self, column: int) -> tuple[OfReadings, int]:
        """Return whose a column of the latch is: the monitors of each element stand side by side."""
        element, monitor = divmod(column, len(self.monitors))
        return self.monitors[monitor], element

    def changed_value(self, index: int) -> float:
        """Return the value that decided the change at this place of the last step's changes."""
        return float(self._value[index])

    @property
    def scored(self) -> tuple[IntArray, FloatArray] | None:
        """Which samples of the last step were taken, int64 [k], and their scores [k, w]; None when there are none."""
        return self._scored

    def newest_us(self, slots: IntArray) -> IntArray:
        """Return the event time of the newest sample that moved each device's monitors, 0 where none did."""
        return self._times(self._places.find(slots)).max(axis=1)

    def _times(self, rows: IntArray) -> IntArray:
        """Return when each row's monitors were moved last, 0 where there is none."""
        self._grow(len(self._places), 0)
        is_there = rows >= 0
        if is_there.all():
            return self._last_us[stretch(rows)]
        last_us = np.zeros((len(rows), self._last_us.shape[1]), np.int64)
        last_us[is_there] = self._last_us[rows[is_there]]
        return last_us

    def clear(self, slots: IntArray) -> None:
        """Forget some devices."""
        rows = self._places.find(slots)
        rows = rows[rows >= 0]
        self._grow(len(self._places), 0)
        self._last_us[rows] = 0
        self._judged[rows] = False
        self._latch.clear(rows)
        if self.detector is not None:
            self.detector.memory.clear(rows)

    def _parts(self) -> Iterator[tuple[str, list[str], slice, int | None]]:
        """Give name in a snapshot, monitors, columns of the latch, and place among those that share the detector."""
        count = len(self.monitors)
        if self.detector is None or count == 1:
            yield self.name, [monitor.name for monitor in self.monitors], slice(None), None
            return
        for place, monitor in enumerate(self.monitors):
            yield monitor.name, [monitor.name], slice(place, None, count), place

    def take(self, slots: IntArray) -> dict[str, Array]:
        """Return the state of some devices, named by group and array."""
        rows = self._places.find(slots)
        last_us = self._times(rows)
        phases = Phases.clear(len(slots), self._latch.width)
        there = np.flatnonzero(rows >= 0)
        for name, array in self._latch.take(rows[there]).arrays().items():
            phases.arrays()[name][there] = array
        memory = {} if self.detector is None else self.detector.memory.take(rows)
        judged = np.zeros((len(slots), self._judged.shape[1]), np.bool_)
        judged[there] = self._judged[rows[there]]
        taken: dict[str, Array] = {}
        for part, names, columns, place in self._parts():
            arrays = {name: array[:, columns] for name, array in phases.arrays().items()}
            arrays |= {"last_us": last_us} | {name: self._own(name, array, place) for name, array in memory.items()}
            if self.detector is not None:
                arrays["judged"] = judged if place is None else judged[:, [place]]
            taken |= {f"{part}.{name}": array for name, array in arrays.items()}
            taken[f"{part}.monitors"] = np.array(names)
        return taken

    def _own(self, name: str, array: Array, place: int | None) -> Array:
        """Return what of a memory's array is a monitor's own, where several share it."""
        if place is None or self.detector is None or not self.detector.memory.is_of_monitors(name):
            return array
        return array[..., place]

    def put(self, slots: IntArray, arrays: dict[str, Array]) -> None:
        """Put back what `take` returned, when it was taken from the same monitors and the same kind of memory."""
        kept = {} if self.detector is None else self.detector.memory.take(slots[:0])
        parts = list(self._parts())
        for part, names, _, _ in parts:
            if arrays.get(f"{part}.monitors", np.array([])).tolist() != names:
                return
            if any(f"{part}.{name}" not in arrays for name in kept):
                return
        self.clear(slots)
        last_us = arrays[f"{parts[0][0]}.last_us"]
        there = np.flatnonzero(last_us.any(axis=1))
        if not len(there):
            return
        rows = self._places.of(slots[there])
        first = parts[0][0]
        # Phases of elements that are all well are left out of a snapshot; what is remembered of them is not.
        width = max(arrays[f"{first}.{name}"].shape[1] for name in ("phase", *kept)) * len(parts)
        self._grow(len(self._places), width)
        self._last_us[rows] = last_us[there]
        phases = Phases.clear(len(rows), width)
        memory: dict[str, Array] = {name: np.zeros((len(rows), 0)) for name in kept}
        for part, _, columns, place in parts:
            if (judged := arrays.get(f"{part}.judged")) is not None:
                self._judged[rows, place or 0] = judged[there, 0]
            for name, target in phases.arrays().items():
                array = arrays[f"{part}.{name}"][there]
                target[:, columns][:, : array.shape[1]] = array
            for name, whole in kept.items():
                array = arrays[f"{part}.{name}"][there]
                if array.ndim == whole.ndim:
                    memory[name] = array
                elif place is not None:
                    if memory[name].shape[1] == 0:
                        memory[name] = np.zeros((*array.shape, len(parts)), array.dtype)
                    memory[name][..., place] = array
        self._latch.put(rows, phases)
        if self.detector is not None:
            self.detector.memory.put(rows, memory)
