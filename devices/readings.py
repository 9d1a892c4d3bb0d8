"""Readings: what devices have sent, as columns over a batch, and the pieces that could not be read.

Raw values are kept as they came, save that a declared "no value" is no value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

Value = float | int | bool | Sequence[float | None] | Sequence[str] | None
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A piece of a message that could not be read: `reason` to count by, `detail` for people, `place` in the payload."""

    reason: str
    detail: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One instant of one message; `at_us` is the device's claimed time, in microseconds since 1970 UTC.

    `other` is JSON of what came beside the declared signals. When the payload knows no time, or only one relative to now,
    `counts_from_receipt` is true and `at_us` counts from the time of receipt, which a codec does not know.
    """

    at_us: int
    number: int
    values: Mapping[str, Value]
    other: bytes | None = None
    counts_from_receipt: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """One decoded message: its samples, and the refusals of the pieces that were not readable."""

    boot: int
    seq: int
    is_backfill: bool
    samples: Sequence[Sample]
    refusals: Sequence[Refusal] = ()


@dataclass(slots=True)
class Columns:
    """The values of n samples by signal, with the views that features are computed from.

    Parameters
    ----------
    values : mapping of str to sequence
        Signal name -> n raw values, None where there is none. A signal that is not named has no values.
    length : int
        n, the number of samples.
    """

    values: Mapping[str, Sequence[Value]]
    length: int
    _arrays: dict[str, FloatArray] = field(default_factory=dict[str, FloatArray])

    def array(self, signal: str) -> FloatArray:
        """Return a scalar signal as float64 [n], NaN where there is no value."""
        if signal not in self._arrays:
            column = self.values.get(signal)
            self._arrays[signal] = np.full(self.length, np.nan) if column is None else _as_stored(column)
        return self._arrays[signal]

    def counter(self, signal: str) -> FloatArray:
        """Return a counter as float64 [n], exact up to 2^53 and NaN where there is no value."""
        if signal not in self._arrays:
            column = self.values.get(signal)
            empty = np.full(self.length, np.nan)
            self._arrays[signal] = empty if column is None else np.array(column, dtype=np.float64)
        return self._arrays[signal]

    def matrix(self, signal: str) -> FloatArray:
        """Return a vector signal as float64 [n, widest], NaN where there is no value or no such element."""
        if signal not in self._arrays:
            rows = self.values.get(signal) or [None] * self.length
            lists = [row if isinstance(row, list | tuple) else () for row in rows]
            width = max((len(row) for row in lists), default=0)
            if all(len(row) == width for row in lists):
                matrix = _as_stored(lists).reshape(self.length, width)
            else:
                matrix = np.full((self.length, width), np.nan)
                for index, row in enumerate(lists):
                    matrix[index, : len(row)] = _as_stored(row)
            self._arrays[signal] = matrix
        return self._arrays[signal]

    def codes(self, signal: str) -> list[frozenset[str] | None]:
        """Return a codes signal as n sets of active codes, None where the device said nothing about codes."""
        column = cast("Sequence[Sequence[str] | None]", self.values.get(signal) or [None] * self.length)
        return [None if row is None else frozenset(row) for row in column]


def _as_stored(values: object) -> FloatArray:
    """Round to single precision, as the tables do: a detector sees the same number live and rebuilt from the rows."""
    return np.array(values, dtype=np.float32).astype(np.float64)
