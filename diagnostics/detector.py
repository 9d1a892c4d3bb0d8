"""What a detector with a memory is: it reads a whole batch at once, and judges it sample by sample against its memory.

A memory is a set of named arrays over devices and elements, so that it can grow, be checkpointed and be put back
without anybody knowing what is in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.state import Array


class Readings(Protocol):
    """What is known of n samples and w elements before memory is asked."""

    @property
    def known(self) -> BoolArray:
        """Where there is a value, [n, w]."""
        ...

    @property
    def width(self) -> int:
        """Number of elements."""
        ...

    def at(self, rows: IntArray) -> "Readings":
        """Return the readings of some samples."""
        ...

    def widened(self, width: int) -> "Readings":
        """Return the same with elements up to `width` that say nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Values:
    """A feature as it is, float64 [n, w], NaN where unknown."""

    value: FloatArray

    @property
    def known(self) -> BoolArray:
        """Where there is a value."""
        return ~np.isnan(self.value)

    @property
    def width(self) -> int:
        """Number of elements."""
        return self.value.shape[1]

    def at(self, rows: IntArray) -> "Values":
        """Return the values of some samples."""
        return Values(self.value[rows])

    def widened(self, width: int) -> "Values":
        """Return the same with elements up to `width` that have no value."""
        if width <= self.width:
            return self
        return Values(np.pad(self.value, ((0, 0), (0, width - self.width)), constant_values=np.nan))


class Detector(Protocol):
    """A detector of one monitor over all devices that a worker holds."""

    def read(self, feature: FloatArray) -> Readings:
        """Prepare a batch, float64 [n, w]; memory is neither asked nor changed."""
        ...

    def judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:
        """Take one sample of each of n different devices into the memory and say what is wrong.

        Parameters
        ----------
        slots : int64 [n]
            Row of each device in the memory; no device twice.
        now : Readings
            What `read` gave, at these samples, as wide as the memory.
        at_us : int64 [n]
            Event time.
        dt_s : float64 [n]
            Seconds that each device reported since its last sample: 0 for the first, no more than a gap counts.
        """
        ...

    @property
    def memory(self) -> "Memory":
        """All that it remembers."""
        ...


class Memory:
    """Named arrays [devices, w], each with the value that stands for "nothing is known yet".

    A value that is an array [k] stands for an array [devices, w, k], as a window of the last k levels. What is known of a
    device and not of each of its elements stands in `of_devices`: arrays [devices, 1].

    Examples
    --------
    >>> memory = Memory({"score": np.float32(0), "before": np.float64("nan")})
    >>> memory.grow(2, 1)
    >>> memory["before"].tolist(), memory["score"].dtype.name
    ([[nan], [nan]], 'float32')
    """

    def __init__(
        self, unknown: Mapping[str, np.generic | Array], of_devices: Mapping[str, np.generic] | None = None
    ) -> None:
        self._of_devices = frozenset(of_devices or ())
        self._unknown = {name: np.asarray(value) for name, value in (*unknown.items(), *(of_devices or {}).items())}
        self._arrays: dict[str, Array] = {
            name: np.zeros((0, 0, *value.shape), value.dtype) for name, value in self._unknown.items()
        }

    def __getitem__(self, name: str) -> Array:
        """Return one array; it may be written to."""
        return self._arrays[name]

    def grow(self, devices: int, width: int) -> None:
        """Make room for devices and elements that were not seen before."""
        for name, old in self._arrays.items():
            wide = min(width, 1) if name in self._of_devices else width
            shape = (max(devices, old.shape[0]), max(wide, old.shape[1]))
            if shape != old.shape[:2]:
                unknown = self._unknown[name]
                fresh = np.full((*shape, *unknown.shape), unknown)
                fresh[: old.shape[0], : old.shape[1]] = old
                self._arrays[name] = fresh

    def clear(self, slots: IntArray) -> None:
        """Forget some devices."""
        for name, array in self._arrays.items():
            array[slots] = self._unknown[name]

    def take(self, slots: IntArray) -> dict[str, Array]:
        """Return what is remembered of some devices; nothing is known of those whose row is -1."""
        taken: dict[str, Array] = {}
        for name, array in self._arrays.items():
            unknown = self._unknown[name]
            taken[name] = np.full((len(slots), *array.shape[1:]), unknown, unknown.dtype)
            taken[name][slots >= 0] = array[slots[slots >= 0]]
        return taken

    def is_of_monitors(self, name: str) -> bool:
        """Whether an array has a last axis [k]: for a detector of several monitors, what is each one's own."""
        return self._unknown[name].ndim > 0

    @property
    def row_bytes(self) -> int:
        """Bytes of one device."""
        return sum(array.itemsize * int(np.prod(array.shape[1:])) for array in self._arrays.values())

    def put(self, slots: IntArray, taken: Mapping[str, Array]) -> None:
        """Put back what `take` returned; there has to be room for it."""
        for name, array in taken.items():
            self._arrays[name][slots, : array.shape[1]] = array
