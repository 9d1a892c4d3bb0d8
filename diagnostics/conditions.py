"""Conditions: what a detector says of each element of each sample before delays are applied."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from devices.readings import FloatArray, IntArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a detector says of n samples and w elements; all arrays are [n, w].

    An element is `wrong` beyond its limit, `well` beyond its clearing limit on the good side, neither in between, and
    says nothing where it is not `known`: then its delays stand still. A statistical detector may add how abnormal each
    element is as a `score`: larger is more abnormal, NaN where nothing is said.
    """

    value: FloatArray
    known: BoolArray
    wrong: BoolArray
    well: BoolArray
    score: FloatArray | None = None

    @property
    def width(self) -> int:
        """Number of elements."""
        return self.value.shape[1]

    @classmethod
    def side_by_side(cls, parts: Sequence["Conditions"]) -> "Conditions":
        """Join the conditions of several monitors over the same samples."""
        return cls(
            np.hstack([part.value for part in parts]),
            np.hstack([part.known for part in parts]),
            np.hstack([part.wrong for part in parts]),
            np.hstack([part.well for part in parts]),
        )

    def widened(self, width: int) -> "Conditions":
        """Return the same with elements up to `width` that say nothing."""
        missing = width - self.value.shape[1]
        if missing <= 0:
            return self
        pad = ((0, 0), (0, missing))
        return Conditions(
            np.pad(self.value, pad, constant_values=np.nan),
            np.pad(self.known, pad),
            np.pad(self.wrong, pad),
            np.pad(self.well, pad),
        )

    @classmethod
    def silent(cls, shape: tuple[int, ...]) -> "Conditions":
        """Return conditions that say nothing."""
        known, wrong, well = (np.zeros(shape, np.bool_) for _ in range(3))
        return cls(np.full(shape, np.nan), known, wrong, well)

    def among(self, length: int, rows: IntArray) -> "Conditions":
        """Return these conditions at their rows among `length` samples of which the others say nothing."""
        whole = Conditions.silent((length, self.width))
        whole.value[rows], whole.known[rows] = self.value, self.known
        whole.wrong[rows], whole.well[rows] = self.wrong, self.well
        if self.score is None:
            return whole
        score = np.full(whole.value.shape, np.nan)
        score[rows] = self.score
        return replace(whole, score=score)

    def at(self, rows: IntArray) -> "Conditions":
        """Return the conditions of some samples."""
        return Conditions(self.value[rows], self.known[rows], self.wrong[rows], self.well[rows])
