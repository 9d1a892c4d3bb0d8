"""Scores: how abnormal each sample of a batch is to each statistical monitor, beside the symptoms it leads to.

A symptom says yes or no. Calibration and the figures of an evaluation need the number behind it. Nothing here decides
anything, and what is not asked for is not gathered.
"""

from dataclasses import dataclass

import numpy as np

from devices.product import ProductType
from devices.readings import FloatArray, IntArray
from diagnostics.group import Group


@dataclass(frozen=True, slots=True)
class Score:
    """How abnormal k elements of samples are to one monitor.

    Parameters
    ----------
    monitor : str
        Its name.
    rows : int64 [k]
        Index of each sample in the batch.
    element : int64 [k]
        Counts from 1 for cells, tyres and the like, and is 0 where there is one only.
    value : float64 [k]
        Larger is more abnormal; in robust sigmas, or in the detector's own unit.
    """

    monitor: str
    rows: IntArray
    element: IntArray
    value: FloatArray


class Scorer:
    """Gathers the scores of one group over the rounds of a batch.

    Parameters
    ----------
    group : Group
        Whose detector may say scores.
    """

    def __init__(self, group: Group) -> None:
        self._group = group
        self._rows: list[IntArray] = []
        self._element: list[IntArray] = []
        self._value: list[FloatArray] = []

    def note(self, rows: IntArray) -> None:
        """Take what the group's last step over these rows of the batch has said."""
        scored = self._group.scored
        if scored is None:
            return
        kept, value = scored
        sample, element = np.nonzero(~np.isnan(value))
        self._rows.append(rows[kept[sample]])
        self._element.append(element)
        self._value.append(value[sample, element])

    def score(self, product: ProductType) -> Score | None:
        """Return all that was noted; None when nothing was said."""
        if not self._rows:
            return None
        monitor = self._group.monitors[0]
        element = np.concatenate(self._element)
        is_one = not product.features[monitor.feature].element
        return Score(
            monitor.name,
            np.concatenate(self._rows),
            np.zeros_like(element) if is_one else element + 1,
            np.concatenate(self._value),
        )
