"""The latch: on and off delays for every monitor, so that symptoms are pending, confirmed and healed.

Delays count seconds of event time in which the device reported. The state is a few arrays over devices and elements:
it can be checkpointed, and rebuilt from the readings. Of devices that are well, which are nearly all, none is held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.rows import stretch
from diagnostics.state import Array

CLEAR: Final = 0
PENDING: Final = 1
CONFIRMED: Final = 2
_NOT_RUNNING: Final = -1.0
_NONE: Final = np.zeros(0, np.int64)
_NOWHERE: Final = -1
_FEW: Final = 8
# Elements are held in blocks: one cell of a pack that is ill does not cost the room of all of them.
_BLOCK: Final = 16
_ZERO: Final = np.float32(0)


@dataclass(frozen=True, slots=True)
class Changes:
    """Elements that changed their phase: row among the stepped samples, element, phase before and after, onset."""

    row: IntArray
    element: IntArray
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    since_us: IntArray


@dataclass(frozen=True, slots=True)
class Phases:
    """Phases of w elements of n devices, [n, w].

    `since_us` is the instant from which the element has not been well without a break (0: it is well): the onset that
    evidence names. `wrong_s` and `well_s` are the running delays (-1: not running). What is clear waits for nothing: its
    delays do not run.
    """

    phase: NDArray[np.uint8]
    since_us: IntArray
    wrong_s: NDArray[np.float32]
    well_s: NDArray[np.float32]

    @classmethod
    def clear(cls, devices: int, width: int) -> "Phases":
        """Return the phases of devices of which nothing is known."""
        shape = (devices, width)
        return cls(
            np.zeros(shape, np.uint8),
            np.zeros(shape, np.int64),
            np.full(shape, _NOT_RUNNING, np.float32),
            np.full(shape, _NOT_RUNNING, np.float32),
        )

    def arrays(self) -> dict[str, Array]:
        """Return them by name, as a snapshot has them."""
        return {"phase": self.phase, "since_us": self.since_us, "wrong_s": self.wrong_s, "well_s": self.well_s}

    def at(self, rows: IntArray) -> "Phases":
        """Return those of some devices."""
        return Phases(self.phase[rows], self.since_us[rows], self.wrong_s[rows], self.well_s[rows])

    def until(self, width: int) -> "Phases":
        """Return those of the first elements."""
        return Phases(*(array[:, :width] for array in self.arrays().values()))

    def widened(self, width: int) -> "Phases":
        """Return the same with elements up to `width` that are clear."""
        if width <= self.phase.shape[1]:
            return self
        wide = Phases.clear(len(self.phase), width)
        for name, array in self.arrays().items():
            wide.arrays()[name][:, : array.shape[1]] = array
        return wide

    @property
    def stirs(self) -> BoolArray:
        """Where a device has an element that is anything but well, [n]."""
        return np.asarray(((self.phase != CLEAR) | (self.since_us != 0)).any(axis=1))

    def stepped(
        self,
        now: Conditions,
        at_us: IntArray,
        dt_s: FloatArray,
        on_delay_s: Sequence[float] | FloatArray,
        off_delay_s: Sequence[float] | FloatArray,
    ) -> "tuple[Phases, IntArray]":
        """Take one sample of each device; return the phases after it, and since when each was not well until then, [n, w]."""
        onset = np.where(now.known & ~now.well & (self.since_us == 0), at_us[:, None], self.since_us)
        passed_s = dt_s.astype(np.float32)
        wrong_s = _run(self.wrong_s, now.wrong, now.known, passed_s)
        well_s = _run(self.well_s, now.well, now.known, passed_s)
        is_due_on, is_due_off = wrong_s >= np.asarray(on_delay_s), well_s >= np.asarray(off_delay_s)
        after = _next_phase(self.phase, now, is_due_on, is_due_off)
        is_clear = after == CLEAR
        since_us = np.where(is_clear & now.well, 0, onset)
        return Phases(after, since_us, wrong_s, np.where(is_clear, np.float32(_NOT_RUNNING), well_s)), onset


class Latch:
    """The phases of all devices, of which nearly all are well: only of the others anything is remembered, block by block.

    Parameters
    ----------
    devices, width : int
        Rows to begin with, and elements of each.
    """

    def __init__(self, devices: int, width: int) -> None:
        self._width = width
        # Where each block of a device's phases is held, [devices, blocks], and which places are free again.
        self._place: NDArray[np.int32] = np.full((devices, _blocks(width)), _NOWHERE, np.int32)
        self._free: IntArray = _NONE
        self._held = Phases.clear(0, min(width, _BLOCK))

    @property
    def width(self) -> int:
        """Number of elements."""
        return self._width

    def used_bytes(self, devices: int) -> int:
        """Bytes that so many devices use, without room for those to come."""
        held = len(self._held.phase) - len(self._free)
        each = sum(array.nbytes for array in Phases.clear(1, self._block).arrays().values())
        return self._place.itemsize * self._place.shape[1] * devices + held * each

    def grow(self, devices: int, width: int) -> None:
        """Make room for devices and elements that were not seen before."""
        more = max(0, devices - len(self._place)), max(0, _blocks(width) - self._place.shape[1])
        if any(more):
            self._place = np.pad(self._place, ((0, more[0]), (0, more[1])), constant_values=_NOWHERE)
        if width > self._width:
            self._width = width
            if min(width, _BLOCK) > self._block:
                self._held = self._moved(len(self._held.phase), min(width, _BLOCK))

    def _moved(self, places: int, width: int) -> Phases:
        fresh = Phases.clear(places, width)
        for name, array in self._held.arrays().items():
            fresh.arrays()[name][: array.shape[0], : array.shape[1]] = array
        return fresh

    def step(
        self,
        slots: IntArray,
        now: Conditions,
        at_us: IntArray,
        dt_s: FloatArray,
        on_delay_s: Sequence[float] | FloatArray,
        off_delay_s: Sequence[float] | FloatArray,
    ) -> Changes | None:
        """Take one sample of each of n different devices; return what changed, or None.

        Parameters
        ----------
        slots : int64 [n]
            Row of each device in the state; no device twice.
        now : Conditions
            [n, w].
        at_us : int64 [n]
            Event time of each sample.
        dt_s : float64 [n, w] or [n, 1]
            Seconds that an element was reported since its last sample.
        on_delay_s, off_delay_s : [w] or [1]
            Delays by element.
        """
        unwell = now.wrong | (now.known & ~now.well)
        stirs = unwell[:, 0] if now.width == 1 else unwell.any(axis=1)
        samples = np.flatnonzero(stirs | self._holds(self._place[stretch(slots)]))
        if not len(samples):
            return None
        before = self.take(slots[samples])
        after, onset = before.stepped(now.at(samples), at_us[samples], dt_s[samples], on_delay_s, off_delay_s)
        self.put(slots[samples], after)
        rows, elements = np.nonzero(after.phase != before.phase)
        if not len(rows):
            return None
        at = rows, elements
        return Changes(samples[rows], elements, before.phase[at], after.phase[at], onset[at])

    def _holds(self, places: NDArray[np.int32]) -> BoolArray:
        return np.asarray(places[:, 0] != _NOWHERE if places.shape[1] == 1 else (places != _NOWHERE).any(axis=1))

    def take(self, slots: IntArray) -> Phases:
        """Return the phases of some devices."""
        places = self._place[slots]
        taken = Phases.clear(len(slots), self._padded)
        rows, blocks = np.nonzero(places != _NOWHERE)
        held = self._held.at(places[rows, blocks].astype(np.int64)).arrays()
        for name, array in taken.arrays().items():
            array.reshape(*places.shape, self._block)[rows, blocks] = held[name]
        return taken if self._padded == self._width else taken.until(self._width)

    def put(self, slots: IntArray, phases: Phases) -> None:
        """Put back what `take` returned; nothing is held of those that are well."""
        wide = phases.widened(self._padded)
        places = self._place[slots]
        blocks = {name: array.reshape(places.size, self._block) for name, array in wide.arrays().items()}
        stirs = Phases(**blocks).stirs.reshape(places.shape)
        gone = places[~stirs & (places != _NOWHERE)].astype(np.int64)
        self._free = np.concatenate([self._free, gone])
        places[~stirs] = _NOWHERE
        fresh = stirs & (places == _NOWHERE)
        places[fresh] = self._places(int(fresh.sum()))
        self._place[slots] = places
        for name, array in blocks.items():
            self._held.arrays()[name][places[stirs]] = array[stirs.ravel()]

    @property
    def _padded(self) -> int:
        """Elements of all blocks of a device, those that fill up the last one included."""
        return self._place.shape[1] * self._block

    @property
    def _block(self) -> int:
        """Elements of a block."""
        return self._held.phase.shape[1]

    def _places(self, count: int) -> IntArray:
        """Return places that are free, and make more of them where there are too few."""
        if (lacking := count - len(self._free)) > 0:
            have = len(self._held.phase)
            more = max(lacking, have // 2)
            self._held = self._moved(have + more, self._block)
            self._free = np.concatenate([np.arange(have + more - 1, have - 1, -1), self._free])
        taken, self._free = self._free[len(self._free) - count :], self._free[: len(self._free) - count]
        return taken

    def clear(self, slots: IntArray) -> None:
        """Forget some devices."""
        self.put(slots, Phases.clear(len(slots), self.width))


def slim(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return a snapshot's arrays without the phases of vectors all of whose elements are well: of those there is nothing to say.

    Whoever puts it back takes what is not there for clear.
    """
    slimmed = dict(arrays)
    for name, phase in arrays.items():
        group, _, of = name.rpartition(".")
        if of == "phase" and len(arrays[f"{group}.monitors"]) == 1 and phase.shape[1] > 1:
            whole = {each: arrays[f"{group}.{each}"] for each in ("phase", "since_us", "wrong_s", "well_s")}
            if not Phases(**whole).stirs.any():
                slimmed |= {f"{group}.{each}": array[:, :0] for each, array in whole.items()}
    return slimmed


def _blocks(width: int) -> int:
    return max(1, -(-width // _BLOCK))


def _run(
    running: NDArray[np.float32], is_on: BoolArray, known: BoolArray, passed_s: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Run a delay: it starts at zero with the first sample, grows while the condition holds, stands still when unknown."""
    stands = np.where(known, np.float32(_NOT_RUNNING), running)
    if np.count_nonzero(is_on) * _FEW < is_on.size:
        # Hardly anything is wrong: only that is looked at.
        on = running[is_on]
        stands[is_on] = np.where(on < 0, _ZERO, on + np.broadcast_to(passed_s, is_on.shape)[is_on])
        return stands
    return np.where(is_on, np.where(running < 0, _ZERO, running + passed_s), stands)


def _next_phase(
    phase: NDArray[np.uint8], now: Conditions, is_due_on: BoolArray, is_due_off: BoolArray
) -> NDArray[np.uint8]:
    after = phase.copy()
    after[now.wrong & (phase == CLEAR)] = PENDING
    after[now.wrong & (phase != CONFIRMED) & is_due_on] = CONFIRMED
    after[now.well & (phase == PENDING)] = CLEAR
    after[now.well & (phase == CONFIRMED) & is_due_off] = CLEAR
    return after
