"""What goes wrong inside vehicles, in the terms of physics: the plant feels it, the fault list writes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.plants.traction_pack import CELLS, PROBES, Floats

WHEELS = 4

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Strain:
    """All that is not as it was built; the arrays are written in place, one row per vehicle.

    Attributes
    ----------
    leak_a
        Current through an internal short of each cell, amperes, (vehicles, cells).
    capacity_factor, extra_resistance_ohm
        What is left of a cell's capacity; ohms of a loose joint; (vehicles, cells).
    heat_w, cooling_factor
        Heat from inside the pack; what is left of the pumped cooling; (vehicles,).
    insulation_limit_kohm
        Resistance to the body that lies beside the healthy one, infinite when well, (vehicles,).
    low_voltage_drop_v, has_dcdc
        Volts missing at the 12 V battery at rest; whether the converter charges it; (vehicles,).
    soh_lost_pct
        Health lost beyond the usual since the onset, (vehicles,).
    tyre_lost_kpa, brake_lost_mm
        Lost beyond the usual since the onset, (vehicles, wheels).
    cell_offset_v, probe_offset_k
        Errors of the sensors, (vehicles, cells) and (vehicles, probes).
    cell_silent, probe_silent
        Sensors that give no value.
    cell_held, probe_held
        Sensors that repeat their last value for ever.
    own_code, mute
        A control unit reports a code that names no cause; the radio is dead; (vehicles,).
    """

    leak_a: Floats
    capacity_factor: Floats
    extra_resistance_ohm: Floats
    heat_w: Floats
    cooling_factor: Floats
    insulation_limit_kohm: Floats
    low_voltage_drop_v: Floats
    has_dcdc: Flags
    soh_lost_pct: Floats
    tyre_lost_kpa: Floats
    brake_lost_mm: Floats
    cell_offset_v: Floats
    probe_offset_k: Floats
    cell_silent: Flags
    probe_silent: Flags
    cell_held: Flags
    probe_held: Flags
    own_code: Flags
    mute: Flags

    @classmethod
    def none(cls, count: int) -> "Strain":
        """Give so many vehicles with nothing wrong at all."""
        return cls(
            leak_a=np.zeros((count, CELLS)),
            capacity_factor=np.ones((count, CELLS)),
            extra_resistance_ohm=np.zeros((count, CELLS)),
            heat_w=np.zeros(count),
            cooling_factor=np.ones(count),
            insulation_limit_kohm=np.full(count, np.inf),
            low_voltage_drop_v=np.zeros(count),
            has_dcdc=np.ones(count, dtype=np.bool_),
            soh_lost_pct=np.zeros(count),
            tyre_lost_kpa=np.zeros((count, WHEELS)),
            brake_lost_mm=np.zeros((count, WHEELS)),
            cell_offset_v=np.zeros((count, CELLS)),
            probe_offset_k=np.zeros((count, PROBES)),
            cell_silent=np.zeros((count, CELLS), dtype=np.bool_),
            probe_silent=np.zeros((count, PROBES), dtype=np.bool_),
            cell_held=np.zeros((count, CELLS), dtype=np.bool_),
            probe_held=np.zeros((count, PROBES), dtype=np.bool_),
            own_code=np.zeros(count, dtype=np.bool_),
            mute=np.zeros(count, dtype=np.bool_),
        )
