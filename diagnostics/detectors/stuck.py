"""Stuck: a value that stands still for longer than it ever did.

A counter that has stopped looks like a household on holiday, so what is long is learned from each device itself: the
longest pause it has had, slowly forgotten. Wrong is a pause that is longer than the monitor's shortest (two weeks, say)
and several times the longest one remembered, or one that no pause before it excuses (six weeks, say): what once stood for
half a year would not be suspected for a year. A device that always pauses for less is never suspected; one of which little is
known is not suspected yet. Only time in which the device reported counts, so silence is not a standstill.

The value is the running pause in days.
"""

import numpy as np

from devices.monitors import Stuck
from devices.readings import FloatArray, IntArray
from diagnostics.conditions import Conditions
from diagnostics.detector import Memory, Readings, Values

_DAY_S = 86_400.0


class Standstills:
    """The pauses of one monitor over all devices.

    Parameters
    ----------
    monitor : Stuck
        Shortest pause in days, factor on the longest one remembered, and how long a device is learned first.

    Examples
    --------
    A value that moves every day for ten days, then stands:

    >>> row = Stuck("stuck", "Stuck", "meter", "water_l", 5.0, 3.0, 7 * 86_400.0, 90 * 86_400.0, 0, 0)
    >>> stills = Standstills(row)
    >>> stills.memory.grow(1, 1)
    >>> values = [*range(10), *([9] * 6)]
    >>> said = [
    ...     stills.judge(np.array([0]), stills.read(np.array([[float(value)]])), np.array([0]), np.array([86_400.0]))
    ...     for value in values
    ... ]
    >>> [float(now.value[0, 0]) for now in said if now.wrong[0, 0]]
    [5.0, 6.0]
    """

    def __init__(self, monitor: Stuck) -> None:
        self._monitor = monitor
        none = np.float32(0)
        self.memory = Memory({"before": np.float64(np.nan), "pause_s": none, "longest_s": none, "age_s": none})

    def read(self, feature: FloatArray) -> Values:
        """Take the value as it is."""
        return Values(feature)

    def judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:  # noqa: ARG002
        """Let pauses grow and end; the value is the running pause in days."""
        if not isinstance(now, Values):
            raise TypeError(f"monitor {self._monitor.name} needs values, not {type(now).__name__}")
        memory, monitor, known = self.memory, self._monitor, now.known
        before, pause_s, longest_s = memory["before"][slots], memory["pause_s"][slots], memory["longest_s"][slots]
        is_first = np.isnan(before)
        passed_s = np.where(known & ~is_first, dt_s[:, None], 0.0)
        moves = known & ~is_first & (now.value != before)
        longest_s = longest_s * np.exp(-passed_s / monitor.tau_s)
        longest_s = np.where(moves, np.fmax(longest_s, pause_s + passed_s), longest_s)
        pause_s = np.where(moves, 0.0, pause_s + passed_s)
        age_s = memory["age_s"][slots] + passed_s
        memory["before"][slots] = np.where(known, now.value, before)
        memory["pause_s"][slots], memory["longest_s"][slots], memory["age_s"][slots] = pause_s, longest_s, age_s
        # Learned is what it was watched for before it stood still.
        is_learned = age_s - pause_s >= monitor.learn_s
        excused_s = np.fmin(np.fmax(monitor.limit * _DAY_S, monitor.factor * longest_s), monitor.at_most * _DAY_S)
        is_long = pause_s >= excused_s
        return Conditions(pause_s / _DAY_S, known, known & is_learned & is_long, known & ~(is_learned & is_long))
