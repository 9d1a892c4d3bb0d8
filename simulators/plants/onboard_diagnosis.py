"""What the vehicle's own control units notice: the battery management's level and latched trouble codes.

These are a maker's thresholds inside the car. They are coarse and late on purpose, as in real cars, and no monitor
of ours reads them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.plants.strain import Flags
from simulators.plants.traction_pack import Floats

CODES = ("P0AA6", "P0562", "P0A7E")
"""Isolation of the high voltage; voltage of the 12 V system low; traction battery too hot."""

_ISOLATION_KOHM = 180.0
_ISOLATION_SEVERE_KOHM = 45.0
_SYSTEM_LOW_V = 11.4
_HOT_DEGC = 62.0
_SPREAD_V = 0.24
_CELL_RANGE_V = (2.4, 4.32)


@dataclass(slots=True)
class OnboardDiagnosis:
    """Trouble codes of many vehicles; a code stays until the workshop clears it."""

    latched: Flags

    @classmethod
    def cleared(cls, count: int) -> "OnboardDiagnosis":
        """Start so many vehicles without a code."""
        return cls(np.zeros((count, len(CODES)), dtype=np.bool_))

    def watch(
        self, cells_v: Floats, probes_degc: Floats, insulation_kohm: Floats, low_voltage_v: Floats
    ) -> NDArray[np.int64]:
        """Look at what the sensors say and latch what is out of order.

        Parameters
        ----------
        cells_v, probes_degc
            Readings of shape (vehicles, cells) and (vehicles, probes); not-a-number where a sensor is silent.
        insulation_kohm, low_voltage_v
            Readings of shape (vehicles,).

        Returns
        -------
        The level of the battery management, 0 (well) to 3 (stop), shape (vehicles,).
        """
        hottest_degc = np.nanmax(probes_degc, axis=1)
        lowest_v, highest_v = np.nanmin(cells_v, axis=1), np.nanmax(cells_v, axis=1)
        is_hot = hottest_degc > _HOT_DEGC
        is_out = (lowest_v < _CELL_RANGE_V[0]) | (highest_v > _CELL_RANGE_V[1])
        leaks = insulation_kohm < _ISOLATION_KOHM
        self.latched |= np.stack([leaks, low_voltage_v < _SYSTEM_LOW_V, is_hot], axis=1)
        level = np.where(leaks | (highest_v - lowest_v > _SPREAD_V), 1, 0)
        level = np.where(insulation_kohm < _ISOLATION_SEVERE_KOHM, 2, level)
        return np.where(is_hot | is_out, 3, level).astype(np.int64)

    def codes(self, vehicle: int) -> tuple[str, ...]:
        """Name the codes that a vehicle shows now."""
        return tuple(code for code, is_set in zip(CODES, self.latched[vehicle], strict=True) if is_set)
