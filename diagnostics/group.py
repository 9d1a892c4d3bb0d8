"""Groups: monitors that are stepped side by side, with their latch and their smoothing.

Scalar limits form one group, trouble codes another (events run ahead of telemetry, so they keep their own time), and
each monitor over a vector, or with a memory of its own, is a group of its own.
"""

from collections.abc import Sequence

import numpy as np

from devices.monitors import OfReadings
from devices.readings import FloatArray, IntArray
from diagnostics.conditions import BoolArray, Conditions
from diagnostics.detector import Detector, Readings
from diagnostics.latch import Changes, Latch
from diagnostics.rows import stretch
from diagnostics.state import Array


class Group:
    """Monitors that are stepped side by side, and all that is remembered for them.

    Parameters
    ----------
    name : str
        Name in a snapshot.
    monitors : sequence of Monitor
        One monitor over a vector, or several of one element each.
    detector : Detector, optional
        Of a single monitor that needs a memory. Without one the group is given conditions as they are.
    """

    def __init__(self, name: str, monitors: Sequence[OfReadings], detector: Detector | None = None) -> None:
        self.name = name
        self.monitors = monitors
        self.detector = detector
        self._on_delay_s = np.array([monitor.on_delay_s for monitor in monitors])
        self._off_delay_s = np.array([monitor.off_delay_s for monitor in monitors])
        width = len(monitors) if len(monitors) > 1 else 0
        self._latch = Latch.empty(0, width)
        # Monitors that stand side by side may read signals of different cadence: each keeps its own time. The elements
        # of a vector come together and share one.
        self._last_us = np.zeros((0, max(1, width)), np.int64)
        self._value = np.zeros((0, 0))
        self._scored: tuple[IntArray, FloatArray] | None = None

    def grow(self, devices: int, width: int) -> None:
        """Make room for devices and elements that were not seen before."""
        have_devices, have_width = self._latch.phase.shape
        if devices <= have_devices and width <= have_width:
            return
        # Room for half as many again: a fleet that is met one by one is not copied one by one.
        wanted = max(have_devices, devices + devices // 2) if devices > have_devices else have_devices
        fresh = Latch.empty(wanted, max(width, have_width))
        for old, new in self._pairs(self._latch, fresh):
            new[:have_devices, :have_width] = old
        self._latch = fresh
        self._last_us = np.pad(self._last_us, ((0, wanted - have_devices), (0, 0)))
        if self.detector is not None:
            self.detector.memory.grow(*self._latch.phase.shape)

    @staticmethod
    def _pairs(old: Latch, new: Latch) -> list[tuple[Array, Array]]:
        return [
            (old.phase, new.phase),
            (old.since_us, new.since_us),
            (old.wrong_s, new.wrong_s),
            (old.well_s, new.well_s),
        ]

    def step(self, slots: IntArray, now: Readings, at_us: IntArray, gap_s: float) -> Changes | None:
        """Take one sample of each of n different devices; samples older than the group's last are passed over."""
        rows = stretch(slots)
        last_us = self._last_us[rows]
        known: BoolArray = now.known
        self._scored = None
        if last_us.shape[1] > 1:
            takes = known.any(axis=1) & (at_us >= np.where(known, last_us, 0).max(axis=1))
        else:
            known = known if known.shape[1] == 1 else np.asarray(known.any(axis=1))[:, None]
            takes = known[:, 0] & (at_us >= last_us[:, 0])
        kept = np.flatnonzero(takes)
        if not len(kept):
            return None
        if len(kept) < len(slots):
            slots, at_us, last_us, known, now = slots[kept], at_us[kept], last_us[kept], known[kept], now.at(kept)
            rows = slots
        dt_s = np.where(last_us == 0, 0.0, np.minimum((at_us[:, None] - last_us) / 1e6, gap_s))
        self._last_us[rows] = np.where(known, at_us[:, None], last_us)
        conditions = self._judge(slots, now, at_us, dt_s)
        self._value = conditions.value
        if conditions.score is not None:
            self._scored = kept, conditions.score
        changes = self._latch.step(slots, conditions, at_us, dt_s, self._on_delay_s, self._off_delay_s)
        if changes is None:
            return None
        self._value = self._value[changes.row, changes.element]
        return Changes(kept[changes.row], changes.element, changes.before, changes.after, changes.since_us)

    def _judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:
        wide = now.widened(self._latch.phase.shape[1])
        if self.detector is not None:
            return self.detector.judge(slots, wide, at_us, dt_s[:, 0])
        if not isinstance(wide, Conditions):
            raise TypeError(f"group {self.name} has no detector and takes conditions, not {type(wide).__name__}")
        return wide

    def changed_value(self, index: int) -> float:
        """Return the value that decided the change at this place of the last step's changes."""
        return float(self._value[index])

    @property
    def scored(self) -> tuple[IntArray, FloatArray] | None:
        """Which samples of the last step were taken, int64 [k], and their scores [k, w]; None when there are none."""
        return self._scored

    def newest_us(self, slots: IntArray) -> IntArray:
        """Return the event time of the newest sample that moved each device's monitors, 0 where none did."""
        return self._last_us[slots].max(axis=1)

    def clear(self, slots: IntArray) -> None:
        """Forget some devices."""
        self._last_us[slots] = 0
        self._latch.clear(slots)
        if self.detector is not None:
            self.detector.memory.clear(slots)

    def take(self, slots: IntArray) -> dict[str, Array]:
        """Return the state of some devices, named by group and array."""
        arrays: dict[str, Array] = {
            "phase": self._latch.phase[slots],
            "since_us": self._latch.since_us[slots],
            "wrong_s": self._latch.wrong_s[slots],
            "well_s": self._latch.well_s[slots],
            "last_us": self._last_us[slots],
        }
        if self.detector is not None:
            arrays |= self.detector.memory.take(slots)
        taken = {f"{self.name}.{name}": array for name, array in arrays.items()}
        return taken | {self.monitors_name: np.array([monitor.name for monitor in self.monitors])}

    @property
    def monitors_name(self) -> str:
        """Under what name the state says of which monitors it is, once for all devices."""
        return f"{self.name}.monitors"

    def put(self, slots: IntArray, arrays: dict[str, Array]) -> None:
        """Put back what `take` returned, when it was taken from the same monitors and the same kind of memory."""
        names = [monitor.name for monitor in self.monitors]
        kept = {} if self.detector is None else self.detector.memory.take(slots[:0])
        if arrays.get(self.monitors_name, np.array([])).tolist() != names:
            return
        if any(f"{self.name}.{name}" not in arrays for name in kept):
            return
        width = arrays[f"{self.name}.phase"].shape[1]
        self.grow(0, width)
        for name, target in (
            ("phase", self._latch.phase),
            ("since_us", self._latch.since_us),
            ("wrong_s", self._latch.wrong_s),
            ("well_s", self._latch.well_s),
        ):
            target[slots, :width] = arrays[f"{self.name}.{name}"]
        if self.detector is not None:
            self.detector.memory.put(slots, {name: arrays[f"{self.name}.{name}"] for name in kept})
        self._last_us[slots] = arrays[f"{self.name}.last_us"]
