"""Newest: time, boot, seq and sample of each device's newest reading, those with numbers and those with codes apart."""

import numpy as np

from devices.readings import IntArray
from diagnostics.conditions import BoolArray


class Newest:
    """The newest readings of the devices of one product, by their row in the detectors' state."""

    def __init__(self) -> None:
        self._order: dict[bool, IntArray] = {is_codes: np.zeros((0, 4), np.int64) for is_codes in (False, True)}

    def precedes(self, slots: IntArray, is_codes: bool, order: IntArray) -> BoolArray:
        """Whether readings, [n, 4], come after the newest one of their device: so do the parts of a split message.

        A device of which nothing was taken in has none to come after.
        """
        newest = self._grown(slots, is_codes)[slots]
        differs = newest != order
        first = differs.argmax(axis=1)[:, None]
        is_less = np.take_along_axis(newest, first, 1) < np.take_along_axis(order, first, 1)
        return (newest[:, 0] != 0) & differs.any(axis=1) & is_less[:, 0]

    def put(self, slots: IntArray, is_codes: bool, order: IntArray) -> None:
        """Note readings that were taken in, in their order."""
        self._grown(slots, is_codes)[slots] = order

    def _grown(self, slots: IntArray, is_codes: bool) -> IntArray:
        held = self._order[is_codes]
        wanted = int(slots.max(initial=-1)) + 1
        if wanted > len(held):
            room = wanted + wanted // 2
            held = self._order[is_codes] = np.concatenate([held, np.zeros((room - len(held), 4), np.int64)])
        return held
