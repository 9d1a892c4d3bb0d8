"""The latch: on and off delays for every monitor, so that symptoms are pending, confirmed and healed.

Delays count seconds of event time in which the device reported. The state is a few arrays over devices and elements:
it can be checkpointed, and rebuilt from the readings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.rows import stretch

CLEAR: Final = 0
PENDING: Final = 1
CONFIRMED: Final = 2
_NOT_RUNNING: Final = -1.0
_NONE: Final = np.zeros(0, np.int64)
_FEW: Final = 8
_ZERO: Final = np.float32(0)


@dataclass(frozen=True, slots=True)
class Changes:
    """Elements that changed their phase: row among the stepped samples, element, phase before and after, onset."""

    row: IntArray
    element: IntArray
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    since_us: IntArray


@dataclass(slots=True)
class Latch:
    """Phases of w elements of each device, [devices, w].

    `since_us` is the instant from which the element has not been well without a break (0: it is well): the onset that
    evidence names. `wrong_s` and `well_s` are the running delays (-1: not running).
    """

    phase: NDArray[np.uint8]
    since_us: IntArray
    wrong_s: NDArray[np.float32]
    well_s: NDArray[np.float32]

    @classmethod
    def empty(cls, devices: int, width: int) -> "Latch":
        """Return the latch of devices of which nothing is known."""
        shape = (devices, width)
        return cls(
            np.zeros(shape, np.uint8),
            np.zeros(shape, np.int64),
            np.full(shape, _NOT_RUNNING, np.float32),
            np.full(shape, _NOT_RUNNING, np.float32),
        )

    def clear(self, slots: IntArray) -> None:
        """Forget some devices."""
        self.phase[slots], self.since_us[slots] = CLEAR, 0
        self.wrong_s[slots] = self.well_s[slots] = _NOT_RUNNING

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
        rows = stretch(slots)
        phase = self.phase[rows]
        since = self.since_us[rows]
        since = np.where(now.known & ~now.well & (since == 0), at_us[:, None], since)
        passed_s = dt_s.astype(np.float32)
        wrong_s = _run(self.wrong_s[rows], now.wrong, now.known, passed_s)
        well_s = _run(self.well_s[rows], now.well, now.known, passed_s)
        after = _next_phase(phase, now, wrong_s >= np.asarray(on_delay_s), well_s >= np.asarray(off_delay_s))
        changed = after != phase
        onset = since
        since = np.where((after == CLEAR) & now.well, 0, since)
        has_changed = bool(changed.any())
        samples, elements = np.nonzero(changed) if has_changed else (_NONE, _NONE)
        before = phase[samples, elements]
        self.phase[rows], self.since_us[rows] = after, since
        self.wrong_s[rows], self.well_s[rows] = wrong_s, well_s
        if not has_changed:
            return None
        return Changes(samples, elements, before, after[samples, elements], onset[samples, elements])


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
