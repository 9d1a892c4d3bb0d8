"""Register: a cumulative register that takes a step which consumption cannot explain, told apart by what the step is.

A register only grows, by no more than can flow. What else it does is one of seven things. Let `before` be its last value,
`older` the one before that, `now` the new one, and let `possible` be the most that can have flowed in the time between
(an hour at least, so that a jittering clock makes no jump):

- **rollover**: `before` was in the last tenth of its digits, `now` is in the first, and what lies between through zero
  is possible. The register goes on; nothing is lost.
- **jitter**: back by a few units; or back to between `older` and `before`, as a reading that its successor overtook.
- **spike**: back to between `older`, less jitter, and `before` by far more than jitter: `before` was a false reading. Its
  rise need not have been a jump: what can flow through a pipe in an hour is much more than anybody uses. A register that
  jitters may come back a unit below where it was.
- **rollback**: down, but to the upper half of what it was: the register was turned back and counts on.
- **reset**: down to what can have flowed since zero.
- **exchange**: down to anything else: another meter stands in its place.
- **jump**: up by more than is possible.

Rollback and exchange cannot be told apart with certainty by the register alone; half is a convention, and whoever
decides sees the step itself. Steps of the monitor's kinds are counted, and forgotten with its time constant: one
rollback is a symptom, jitter is one when it keeps coming. A first reading is no step, and a missing one none either.

Source: validation rules of meter data management (Oracle and Itron guides); the rule of tenths is theirs, the test for
what is possible removes the resets that it would take for rollovers.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.monitors import Register, StepKind
from devices.readings import FloatArray, IntArray
from diagnostics.conditions import Conditions
from diagnostics.detector import Memory, Readings, Values

KINDS: Final = tuple(StepKind)
NO_STEP: Final = -1
_LAST_TENTH: Final = 0.9
_FIRST_TENTH: Final = 0.1
_UPPER_HALF: Final = 0.5
_SHORTEST_H: Final = 1.0
# A return by more than so many times the jitter is one from a false reading, and not from an overtaken one.
_SPIKES: Final = 20.0
_US_PER_H: Final = 3.6e9

Steps = NDArray[np.int8]


def classify(now: FloatArray, before: FloatArray, older: FloatArray, possible: FloatArray, jitter: float) -> Steps:
    """Tell what each step is.

    Parameters
    ----------
    now, before, older : float64 [...]
        The new value, the last and the one before it, in the feature's unit; NaN where there is none.
    possible : float64 [...]
        The most that can have flowed since the last value.
    jitter : float
        A decrease up to this is jitter.

    Returns
    -------
    int8 [...]
        Place in `KINDS`, or `NO_STEP` for ordinary consumption and where nothing is known.

    Examples
    --------
    >>> before = np.array([999_990.0, 555_000, 555_000, 555_000, 555_000, 555_000, 555_000, np.nan])
    >>> now = np.array([12.0, 20, 120_000, 550_000, 554_997, 790_000, 554_100, 5])
    >>> older = np.array([np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, 554_090, np.nan])
    >>> kinds = classify(now, before, older, np.full(8, 3000.0), jitter=10)
    >>> [str(KINDS[kind]) if kind >= 0 else "" for kind in kinds]
    ['rollover', 'reset', 'exchange', 'rollback', 'jitter', 'jump', 'spike', '']
    """
    step = now - before
    with np.errstate(invalid="ignore", divide="ignore"):
        if not ((step < 0) | (step > possible)).any():
            return np.full(step.shape, NO_STEP, np.int8)
        end = 10.0 ** np.ceil(np.log10(np.fmax(before, 1.0) + 1.0))
        rolls = (
            (before > _LAST_TENTH * end) & (now < _FIRST_TENTH * end) & (now >= 0) & (now + end - before <= possible)
        )
        is_back = step < 0
        chain: list[tuple[StepKind, NDArray[np.bool_]]] = [
            (StepKind.ROLLOVER, is_back & rolls),
            (StepKind.SPIKE, is_back & (-step > _SPIKES * jitter) & (now >= older - jitter)),
            (StepKind.JITTER, is_back & ((-step <= jitter) | (now >= older))),
            (StepKind.ROLLBACK, is_back & (now >= _UPPER_HALF * before)),
            (StepKind.RESET, is_back & (now <= possible)),
            (StepKind.EXCHANGE, is_back),
            (StepKind.JUMP, step > possible),
        ]
    kinds = np.select([is_so for _, is_so in chain], [KINDS.index(kind) for kind, _ in chain], NO_STEP)
    return kinds.astype(np.int8)


class Registers:
    """The registers of some monitors over all devices.

    Parameters
    ----------
    monitors : sequence of Register
        Kinds of steps that count, and limits in the feature's unit; of one feature, and alike in what is jitter or too much.
        They share what is remembered of the register itself.
    """

    def __init__(self, monitors: Sequence[Register]) -> None:
        self._first = monitors[0]
        # [kind, monitor]; the last kind is NO_STEP.
        self._counts = np.array(
            [[kind in each.steps for each in monitors] for kind in KINDS] + [[False] * len(monitors)]
        )
        self._tau_s, self._limit, self._clear = (
            np.array([getattr(each, name) for each in monitors]) for name in ("tau_s", "limit", "clear")
        )
        nothing, none = np.float64(np.nan), np.zeros(len(monitors), np.float32)
        self.memory = Memory(
            {
                "before": nothing,
                "older": nothing,
                "seen_us": np.int64(0),
                "count": none,
                "step": np.full(len(monitors), np.nan, np.float32),
            }
        )

    def read(self, feature: FloatArray) -> Values:
        """Take the register as it is."""
        return Values(feature)

    def judge(self, slots: IntArray, now: Readings, at_us: IntArray, dt_s: FloatArray) -> Conditions:  # noqa: ARG002
        """Count steps of the monitors' kinds; the value is the last of them, in the feature's unit.

        The monitors of an element stand side by side: [n, w * monitors].
        """
        if not isinstance(now, Values):
            raise TypeError(f"monitor {self._first.name} needs values, not {type(now).__name__}")
        memory, monitor, known, value = self.memory, self._first, now.known, now.value
        before, older, seen_us = memory["before"][slots], memory["older"][slots], memory["seen_us"][slots]
        elapsed_h = np.where(seen_us == 0, 0.0, (at_us[:, None] - seen_us) / _US_PER_H)
        kinds = classify(value, before, older, monitor.most_per_h * np.fmax(elapsed_h, _SHORTEST_H), monitor.jitter)
        is_counted = self._counts[kinds]
        faded = memory["count"][slots] * np.exp(-elapsed_h[..., None] * 3600.0 / self._tau_s)
        count = np.where(known[..., None], faded, memory["count"][slots]) + is_counted
        step = np.where(is_counted, (value - before)[..., None], memory["step"][slots])
        memory["count"][slots], memory["step"][slots] = count, step
        memory["older"][slots] = np.where(known, before, older)
        memory["before"][slots] = np.where(known, value, before)
        memory["seen_us"][slots] = np.where(known, at_us[:, None], seen_us)
        wrong, well = is_counted & (count >= self._limit), known[..., None] & (count <= self._clear)
        shape = (len(slots), -1)
        known = np.repeat(known, len(self._tau_s), axis=1)
        return Conditions(step.reshape(shape), known, wrong.reshape(shape), well.reshape(shape))
