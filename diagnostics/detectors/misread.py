"""Misread: an element whose sensor, and not the element itself, is at fault; it repeats itself, or it jumps.

Peers in one chain carry one current, so the pack's median tells how much each of them has to move. Two things no cell can do,
and a sensor can:

- **it repeats**: its value stands exactly, to the last digit, while the median moved on by `stands`. So it is said until
  the value changes.
- **it jumps**: it leaves its peers from one sample to the next by `jumps`, and by more than the `per_h` that anything could
  empty it by in the time between, while the median stays where it was: a load would have moved that, too, and explains a
  step of a cell that resists more. So it is said until it is half-way back. A jump while the median moves may be either:
  it is not wrong, nor is the element well while it lasts. After a time without samples a drive may lie between, and a
  jump with another median is none.

Values that are told coarsely stand long and step far: both limits are at least some of the smallest steps that the sample
itself shows between its elements. A step that no sample saw, as before the first one, cannot be told from a cell that has
left its pack: so nothing is said of it.

The value is the distance from the peers' median, in the feature's unit. Eleven bytes are remembered of an element.

Source: tests for persistence and rate of change as in quality control of measured series (WMO-No. 8, part V), held against
peers in place of climate.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.monitors import Misread
from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.detector import Memory, Readings
from diagnostics.detectors.peer import row_median

# A value that stands, or steps, by fewer than so many of the smallest steps there are says nothing.
_STEPS: Final = 2.5
# The same number, written twice, may differ in its last bits.
_ALIKE: Final = 1e-6
# A jump that may be a load's stays while it is within so much of its size; the median is as before within so much of it;
# a jump that no load explains ends half-way back.
_STAYS: Final = 0.35
_AS_BEFORE: Final = 0.1
_HALF_WAY: Final = 0.5
_LARGEST: Final = 6e4
_US_PER_H: Final = 3.6e9


@dataclass(frozen=True, slots=True)
class AmongPeers:
    """Elements [n, w] with the median of each sample and the smallest step between its elements, both [n, 1]."""

    value: FloatArray
    middle: FloatArray
    smallest: FloatArray

    @property
    def known(self) -> BoolArray:
        """Where an element and enough of its peers have a value."""
        return ~np.isnan(self.value - self.middle)

    @property
    def width(self) -> int:
        """Number of elements."""
        return self.value.shape[1]

    def at(self, rows: IntArray) -> "AmongPeers":
        """Return those of some samples."""
        return AmongPeers(self.value[rows], self.middle[rows], self.smallest[rows])

    def widened(self, width: int) -> "AmongPeers":
        """Return the same with elements up to `width` that have no value."""
        if width <= self.width:
            return self
        value = np.pad(self.value, ((0, 0), (0, width - self.width)), constant_values=np.nan)
        return AmongPeers(value, self.middle, self.smallest)


def smallest_step(feature: FloatArray) -> FloatArray:
    """Return the smallest difference between two elements of each sample [n, w] as [n, 1]; infinite where there is none.

    >>> smallest_step(np.array([[3.70, 3.72, 3.72, 3.76]])).round(3).tolist()
    [[0.02]]
    """
    steps = np.diff(np.sort(feature, axis=1), axis=1)
    differs = steps > _ALIKE
    return np.min(np.where(differs, steps, np.inf), axis=1, keepdims=True, initial=np.inf)


class Misreadings:
    """The sensors of one monitor's elements over all devices.

    Parameters
    ----------
    monitor : Misread
        What no element can do, in the feature's unit.

    Examples
    --------
    The fourth of five cells stands while the others are discharged:

    >>> row = Misread("m", "M", "pack", "cell_v", 0.012, 0.025, 0.01, 300.0, 0, 0)
    >>> sensors = Misreadings(row)
    >>> sensors.memory.grow(1, 5)
    >>> for minute in range(4):
    ...     others = 3.700 - 0.005 * minute
    ...     pack = np.array([[others, others + 0.001, others, 3.701, others - 0.001]])
    ...     now = sensors.read(pack)
    ...     said = sensors.judge(np.array([0]), now, np.array([(minute + 1) * 60_000_000]), np.array([60.0]))
    >>> said.wrong[0].tolist()
    [False, False, False, True, False]
    """

    def __init__(self, monitor: Misread) -> None:
        self._monitor = monitor
        half, nothing = np.float16(np.nan), np.float32(np.nan)
        # `stood` is the distance from the median when the value changed last, `usual` the last one or that before a jump;
        # `jump` is 0 without one and NaN of an element that repeats.
        self.memory = Memory(
            {"value": nothing, "stood": half, "usual": half, "jump": np.float16(0), "is_proven": np.bool_(False)},
            of_devices={"seen_us": np.int64(0)},
        )

    def read(self, feature: FloatArray) -> AmongPeers:
        """Hold each element against its peers."""
        return AmongPeers(feature, row_median(feature), smallest_step(feature))

    def judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:  # noqa: ARG002
        """Say which elements repeat or have jumped; the value is the distance from the peers' median."""
        if not isinstance(now, AmongPeers):
            raise TypeError(f"monitor {self._monitor.name} needs elements among peers, not {type(now).__name__}")
        memory, known = self.memory, now.known
        residual = np.clip(now.value - now.middle, -_LARGEST, _LARGEST)
        is_same, moved = self._standing(slots, now, residual)
        limit = np.fmax(self._monitor.stands, _STEPS * now.smallest)
        repeated = np.isnan(memory["jump"][slots])
        repeats = is_same & (repeated | (moved >= limit))
        jumped, proven = self._jumping(slots, now, residual, at_us, repeats | repeated)
        memory["value"][slots] = np.where(known, now.value, memory["value"][slots])
        memory["seen_us"][slots] = at_us[:, None]
        wrong = known & (repeats | proven)
        well = known & ~wrong & ~jumped & ~(is_same & (moved >= limit / 2))
        return Conditions(np.where(known, residual, np.nan), known, wrong, well)

    def _standing(self, slots: IntArray, now: AmongPeers, residual: FloatArray) -> tuple[BoolArray, FloatArray]:
        """Return which values are those of before, and how far the median has moved since each changed last."""
        memory, known = self.memory, now.known
        is_same = known & (now.value.astype(np.float32) == memory["value"][slots])
        before = memory["stood"][slots].astype(np.float64)
        stood = np.where(known & ~is_same, residual, before)
        memory["stood"][slots] = stood
        moved = np.abs(residual - stood)
        return is_same & ~np.isnan(moved), np.where(np.isnan(moved), 0.0, moved)

    def _jumping(
        self, slots: IntArray, now: AmongPeers, residual: FloatArray, at_us: IntArray, stands: BoolArray
    ) -> tuple[BoolArray, BoolArray]:
        """Begin and end jumps; return which elements are away from where they were, and which of them by no load."""
        memory, monitor, known = self.memory, self._monitor, now.known
        before, usual = memory["value"][slots].astype(np.float64), memory["usual"][slots].astype(np.float64)
        jump = np.nan_to_num(memory["jump"][slots].astype(np.float64))
        elapsed_h = (at_us[:, None] - memory["seen_us"][slots]) / _US_PER_H
        limit = np.fmax(monitor.jumps, _STEPS * now.smallest) + monitor.per_h * elapsed_h
        step = residual - usual
        as_before = np.abs(now.middle - (before - usual)) <= np.fmax(_AS_BEFORE * np.abs(step), now.smallest)
        is_near = (elapsed_h * 3600.0 <= monitor.within_s) | as_before
        begins = known & (jump == 0) & (np.abs(step) >= limit) & is_near & ~stands
        jump, is_proven = np.where(begins, step, jump), np.where(begins, as_before, memory["is_proven"][slots])
        stays = np.where(
            is_proven, np.abs(step) >= _HALF_WAY * np.abs(jump), np.abs(step - jump) <= _STAYS * np.abs(jump)
        )
        is_away = (jump != 0) & (~known | stays) & ~stands
        is_repeating = stands & (~known | (now.value.astype(np.float32) == memory["value"][slots]))
        memory["jump"][slots] = np.where(is_repeating, np.nan, np.where(is_away, jump, 0.0))
        memory["is_proven"][slots] = is_away & is_proven
        memory["usual"][slots] = np.where(known & ~is_away, residual, usual)
        return is_away, is_away & is_proven & known
