"""Silence: devices of which nothing is heard while the server listens.

Its inputs are the newest instant at which each device was heard, and the ticks of the server's clock, both stored. A
tick says that the server listened until then and had taken in all that came. Ticks that are further apart than two
minutes count as two minutes of listening, so that the time in which the server was away is nobody's silence.

Between two ticks only the newest instant of each device counts, so any order of the same messages gives the same
silences; and all that is remembered can be made again from what is stored. One tick is a few operations on arrays over
all devices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from devices.monitors import Silence
from devices.readings import IntArray
from diagnostics.detector import Memory
from diagnostics.rows import DeviceRows

# The most that the time between two ticks counts as listening.
LONGEST_US: Final = 120_000_000
_US_PER_H: Final = 3.6e9
_NONE: Final = np.int64(0)
# heard_at_us and returned_at_us are on the clock of listening; is_new says that heard_at_us is still to be found.
_NAMES: Final = (
    "device_id", "after_us", "off_us", "heard_us", "is_new", "heard_at_us", "since_us", "returned_us", "returned_at_us",
)  # fmt: skip

Turn = Literal["silent", "returned", "lost", "healed"]


@dataclass(frozen=True, slots=True)
class SilenceChange:
    """A device that fell silent, was heard again, was lost again before it was well, or has healed.

    `since_us` is when it was last heard before the silence; `quiet_h` is how long the server had listened by then.
    """

    device_id: int
    turn: Turn
    since_us: int
    quiet_h: float


@dataclass(frozen=True, slots=True)
class Remembered:
    """One device as it is stored; 0 stands for never. `returned_us` is the tick at which it was first heard again."""

    device_id: int
    product: str
    heard_us: int
    since_us: int = 0
    returned_us: int = 0


def listened_us(ticks_us: IntArray, at_us: IntArray) -> IntArray:
    """Return for how long the server had listened at some instants, counted from its first tick.

    Parameters
    ----------
    ticks_us : int64 [m]
        Ticks of the server's clock, ascending.
    at_us : int64 [n]
        Instants; those after the last tick count until it, those before the first are up to two minutes below zero.

    Examples
    --------
    Ticks at 0, 1 and 2 minutes, then an hour of absence:

    >>> minutes = np.array([0, 1, 2, 62]) * 60_000_000
    >>> (listened_us(minutes, np.array([60, 90, 3_700, 3_720]) * 1_000_000) / 60_000_000).tolist()
    [1.0, 1.5, 3.6666666666666665, 4.0]
    """
    if not len(ticks_us):
        return np.zeros(len(at_us), np.int64)
    at_ticks_us = np.r_[0, np.cumsum(np.minimum(np.diff(ticks_us), LONGEST_US))].astype(np.int64)
    next_tick = np.minimum(np.searchsorted(ticks_us, at_us, side="left"), len(ticks_us) - 1)
    before_us = np.clip(ticks_us[next_tick] - at_us, 0, LONGEST_US)
    return at_ticks_us[next_tick] - before_us


class Silences:
    """The silences of all devices that a worker hears, of every product type that has a monitor for it.

    Parameters
    ----------
    monitors : mapping of str to Silence
        By product.
    ticks_us : int64 [m]
        The stored ticks, ascending.
    devices : sequence of Remembered
        What is stored of each device that was heard once.

    Examples
    --------
    >>> silences = Silences({"meter": Silence("silent", "Silent", "radio", 180, 0)}, np.zeros(0, np.int64), [])
    >>> silences.hear([7], ["meter"], [1])
    >>> [change for minute in range(1, 9) for change in silences.tick(minute * 60_000_000)]
    [SilenceChange(device_id=7, turn='silent', since_us=1, quiet_h=0.06666666638888889)]
    """

    def __init__(self, monitors: Mapping[str, Silence], ticks_us: IntArray, devices: Sequence[Remembered]) -> None:
        self._monitors = monitors
        self._rows = DeviceRows()
        self._memory = Memory(dict.fromkeys(_NAMES, _NONE))
        self._memory.grow(0, 1)
        self._ticks_us = ticks_us
        self._put(devices)

    def _put(self, devices: Sequence[Remembered]) -> None:
        known = [device for device in devices if device.product in self._monitors]
        slots = self._slots([device.device_id for device in known], [device.product for device in known])
        for name in ("heard_us", "since_us", "returned_us"):
            self._memory[name][slots, 0] = [getattr(device, name) for device in known]
        self._memory["is_new"][slots, 0] = 1
        self._memory["returned_at_us"][slots, 0] = listened_us(self._ticks_us, self._memory["returned_us"][slots, 0])

    def _slots(self, device_ids: Sequence[int], products: Sequence[str]) -> IntArray:
        slots = self._rows.of(np.array(device_ids, dtype=np.int64))
        room = len(self._memory["heard_us"])
        if len(self._rows) > room:
            self._memory.grow(len(self._rows) + len(self._rows) // 2, 1)
        limits = [self._limits(product) for product in products]
        self._memory["device_id"][slots, 0] = device_ids
        self._memory["after_us"][slots, 0] = [after for after, _ in limits]
        self._memory["off_us"][slots, 0] = [off for _, off in limits]
        return slots

    def _limits(self, product: str) -> tuple[int, int]:
        monitor = self._monitors[product]
        return int(monitor.after_s * 1e6), int(monitor.off_delay_s * 1e6)

    def hear(self, device_ids: Sequence[int], products: Sequence[str], heard_us: Sequence[int]) -> None:
        """Take note of when devices were heard; an older instant than the newest known changes nothing."""
        known = [index for index, product in enumerate(products) if product in self._monitors]
        slots = self._slots([device_ids[index] for index in known], [products[index] for index in known])
        newest: IntArray = self._memory["heard_us"][:, 0]
        np.maximum.at(newest, slots, np.array([heard_us[index] for index in known], np.int64))
        self._memory["is_new"][slots, 0] = 1

    def tick(self, at_us: int) -> list[SilenceChange]:
        """Move the server's clock on, and return what that changes; a clock that was set back moves nothing.

        Parameters
        ----------
        at_us : int
            The server has taken in all that it received until then.
        """
        if len(self._ticks_us) and at_us <= self._ticks_us[-1]:
            return []
        self._ticks_us = np.append(self._ticks_us, at_us)
        state: dict[str, IntArray] = {name: self._memory[name][:, 0] for name in _NAMES}
        new = np.flatnonzero(state["is_new"])
        now_us, *heard_at_us = listened_us(self._ticks_us, np.r_[at_us, state["heard_us"][new]])
        state["heard_at_us"][new] = heard_at_us
        # Heard after this tick: where that is on the clock of listening, the next one tells.
        state["is_new"][new] = state["heard_us"][new] > at_us
        return self._turned(state, at_us, int(now_us))

    def _turned(self, state: Mapping[str, IntArray], at_us: int, now_us: int) -> list[SilenceChange]:
        """Take every device's turn at an instant, which is `now_us` on the clock of listening."""
        quiet_us = now_us - state["heard_at_us"]
        watched = (state["after_us"] > 0) & (state["heard_us"] > 0)
        silent = watched & (quiet_us >= state["after_us"])
        was, is_back = state["since_us"] > 0, state["returned_us"] > 0
        fallen, lost, returned = silent & ~was, silent & was & is_back, watched & ~silent & was & ~is_back
        state["since_us"][fallen] = state["heard_us"][fallen]
        state["returned_us"][lost] = 0
        state["returned_us"][returned], state["returned_at_us"][returned] = at_us, now_us
        # A single word in a long silence makes nobody well.
        is_long = state["heard_at_us"] - state["returned_at_us"] >= state["off_us"]
        healed = watched & ~silent & was & (state["returned_us"] > 0) & is_long
        turns: tuple[tuple[Turn, IntArray], ...] = (
            ("silent", np.flatnonzero(fallen)),
            ("lost", np.flatnonzero(lost)),
            ("returned", np.flatnonzero(returned & ~healed)),
            ("healed", np.flatnonzero(healed)),
        )
        ids = state["device_id"]
        changed = [
            SilenceChange(int(ids[slot]), turn, int(state["since_us"][slot]), float(quiet_us[slot]) / _US_PER_H)
            for turn, slots in turns
            for slot in slots.tolist()
        ]
        state["since_us"][healed] = state["returned_us"][healed] = 0
        return changed

    def forget(self, device_ids: Sequence[int]) -> None:
        """Watch some devices no longer until they are heard again, for they were retired."""
        self._memory.clear(self._rows.of(np.array(device_ids, dtype=np.int64)))
