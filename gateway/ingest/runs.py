"""Runs: devices whose numbers go on one by one, without a gap and in their present boot, as arrays for all at once.

Nearly all messages of nearly all devices are like that. Such a run is remembered here and need not be read from the
database for each batch; what is in any way unusual is left to `devices.numbering`, which then begins from the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.numbering import RECENT, Lane, Numbered
from devices.readings import IntArray
from diagnostics.conditions import BoolArray
from diagnostics.detector import Memory
from diagnostics.rows import DeviceRows
from gateway.storage.sequences import Held

# Higher numbers go by the slow way, which knows where they end.
_HIGHEST: Final = 2**62
_NONE: Final = np.int64(0)
_NAMES: Final = ("is_held", "boot", "epoch", "highest", "newest_us", "heard_us", "count")


@dataclass(frozen=True, slots=True)
class Numbers:
    """n messages in the order of receipt as columns, int64 [n]; `is_odd` where only the slow way knows what to do."""

    device_id: IntArray
    boot: IntArray
    seq: IntArray
    told_us: IntArray
    received_us: IntArray
    mark: IntArray
    is_odd: IntArray

    @classmethod
    def of(cls, numbered: Sequence[tuple[int, Numbered]]) -> "Numbers":
        """Put messages, each with its device, into columns."""
        if not numbered:
            return cls(*np.zeros((7, 0), np.int64))
        devices, messages = zip(*numbered, strict=True)
        boot, seq, claimed_us, told_us, received_us, mark, is_backfill, is_event, is_retained = zip(
            *messages, strict=True
        )
        is_odd = np.array(is_backfill, np.bool_) | np.array(is_event, np.bool_) | np.array(is_retained, np.bool_)
        if claimed_us != told_us or None in told_us:
            pairs = zip(claimed_us, told_us, strict=True)
            is_odd |= np.array([claimed is None or claimed != told for claimed, told in pairs])
            told_us = [each or 0 for each in told_us]
        columns = (devices, boot, seq, told_us, received_us, mark, is_odd)
        return cls(*(np.array(column, dtype=np.int64) for column in columns))

    def at(self, rows: IntArray) -> "Numbers":
        """Return some of them."""
        columns = (self.device_id, self.boot, self.seq, self.told_us, self.received_us, self.mark, self.is_odd)
        return Numbers(*(column[rows] for column in columns))


class Runs:
    """The runs of all devices that were heard since the worker began.

    Examples
    --------
    >>> runs = Runs()
    >>> runs.put(7, Lane(boot=1, epoch=0, begins=1, heard_us=9, is_current=True, received=[(1, 4)], newest_us=9))
    >>> runs.take(Numbers.of([(7, Numbered(1, 5, 10, 10, 11, 0)), (8, Numbered(1, 5, 10, 10, 11, 0))])).tolist()
    [True, False]
    >>> runs.held([7]).highest.tolist()
    [5]
    """

    def __init__(self) -> None:
        self._rows = DeviceRows()
        self._memory = Memory(dict.fromkeys(_NAMES, _NONE) | {"recent": np.zeros((RECENT, 4), np.int64)})
        self._memory.grow(0, 1)

    def put(self, device_id: int, lane: Lane) -> None:
        """Remember a device's present lane when it is a run; forget the device when it is not."""
        slot = int(self._slots(np.array([device_id]))[0])
        is_run = (
            lane.is_current
            and lane.newest_us is not None
            and not (lane.fallen or lane.suspected or lane.noticed)
            and lane.received == [(lane.begins, lane.highest)]
        )
        self._memory["is_held"][slot, 0] = is_run
        if not is_run:
            return
        for name in ("boot", "epoch", "highest", "newest_us", "heard_us"):
            self._memory[name][slot, 0] = getattr(lane, name)
        self._memory["count"][slot, 0] = len(lane.recent)
        self._memory["recent"][slot, 0, : len(lane.recent)] = np.array(lane.recent).reshape(-1, 4)

    def put_all(self, held: Held) -> None:
        """Remember many devices' runs, as `held` returned them or as they were stored."""
        slots = self._slots(held.device_id)
        self._memory["is_held"][slots, 0] = 1
        for name in ("boot", "epoch", "highest", "newest_us", "heard_us", "count"):
            self._memory[name][slots, 0] = getattr(held, name)
        self._memory["recent"][slots, 0] = held.recent

    def forget(self, device_ids: Sequence[int]) -> None:
        """Forget some devices."""
        self._memory["is_held"][self._slots(np.array(device_ids, np.int64)), 0] = 0

    def take(self, new: Numbers) -> BoolArray:
        """Take in messages of devices whose messages all continue their runs; return which were taken in."""
        slots = self._slots(new.device_id)
        order = np.argsort(slots, kind="stable")
        slots, new = slots[order], new.at(order)
        starts = np.flatnonzero(np.r_[True, slots[1:] != slots[:-1]])
        counts = np.diff(np.r_[starts, len(slots)])
        rank = np.arange(len(slots)) - np.repeat(starts, counts)
        column = {name: self._memory[name][:, 0] for name in _NAMES}
        fits = (column["is_held"][slots] == 1) & (new.boot == column["boot"][slots]) & (new.is_odd == 0)
        fits &= (new.seq == column["highest"][slots] + 1 + rank) & (new.seq < _HIGHEST)
        goes_on = np.logical_and.reduceat(fits, starts)
        devices = slots[starts][goes_on]
        column["highest"][devices] += counts[goes_on]
        for name, seen_us in (("newest_us", new.told_us), ("heard_us", new.received_us)):
            column[name][devices] = np.maximum(column[name][devices], np.maximum.reduceat(seen_us, starts)[goes_on])
        is_taken = np.repeat(goes_on, counts)
        self._remember(slots, new, is_taken & (np.repeat(counts, counts) - rank <= RECENT), rank)
        column["count"][devices] += counts[goes_on]
        taken = np.empty(len(order), np.bool_)
        taken[order] = is_taken
        return taken

    def _remember(self, slots: IntArray, new: Numbers, kept: BoolArray, rank: IntArray) -> None:
        """Put messages into their places in the rings of recent ones."""
        places = (self._memory["count"][slots[kept], 0] + rank[kept]) % RECENT
        seen = np.column_stack([new.seq[kept], new.told_us[kept], new.received_us[kept], new.mark[kept]])
        self._memory["recent"][slots[kept], 0, places] = seen

    def held(self, device_ids: Sequence[int]) -> Held:
        """Return what is remembered of those of some devices that are held, their recent messages oldest first."""
        ids = np.array(device_ids, dtype=np.int64)
        slots = self._slots(ids)
        is_held = self._memory["is_held"][slots, 0] == 1
        ids, slots = ids[is_held], slots[is_held]
        column = {name: self._memory[name][slots, 0] for name in _NAMES}
        count = np.minimum(column["count"], RECENT)
        places = (column["count"] - count)[:, None] + np.arange(RECENT)
        recent = np.take_along_axis(self._memory["recent"][slots, 0], (places % RECENT)[:, :, None], axis=1)
        return Held(
            ids,
            column["boot"],
            column["epoch"],
            column["highest"],
            column["newest_us"],
            column["heard_us"],
            count,
            recent,
        )

    def _slots(self, device_ids: IntArray) -> IntArray:
        slots = self._rows.of(device_ids)
        if len(self._rows) > len(self._memory["boot"]):
            self._memory.grow(len(self._rows) + len(self._rows) // 2, 1)
        return slots
