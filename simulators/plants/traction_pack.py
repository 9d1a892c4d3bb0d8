"""Physics of a traction battery of 96 NMC cells in series, for many vehicles at once.

Every cell has its own capacity, resistance and charge. It knows volts, amperes and heat; it does not know what a
fault is called, nor who measures it.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
"""An array of doubles; its shape stands in the docstring of whoever takes or gives it."""

CELLS = 96
PROBES = 24

# Open-circuit voltage of an NMC cell over its charge (0 empty, 1 full), read off the published curves of 2.9 to 4.2 V cells.
_CHARGE = np.array([0.0, 0.03, 0.07, 0.12, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 1.0])
_OCV_V = np.array([2.95, 3.25, 3.40, 3.47, 3.55, 3.62, 3.67, 3.73, 3.82, 3.92, 4.02, 4.10, 4.19])

_CAPACITY_AH = 172.0
_CAPACITY_SPREAD = 0.01
_CHARGE_SPREAD = 0.003
_RESISTANCE_OHM = 0.0009
_RESISTANCE_SPREAD = 0.03
_RC_OHM = 0.0005
_RC_S = 55.0
_HEAT_CAPACITY_J_K = 3.4e5
_STILL_AIR_W_K = 45.0
_PUMPED_W_K = 260.0
_PROBE_SPREAD_K = 0.7
_SECONDS_PER_HOUR = 3600.0


def ocv_v(charge: Floats) -> Floats:
    """Open-circuit voltage of NMC cells.

    Parameters
    ----------
    charge
        Charge from 0 (empty) to 1 (full), any shape. Outside of that the curve goes on flat.

    Returns
    -------
    Volts, the same shape.

    Examples
    --------
    >>> ocv_v(np.array([0.5, 1.0])).round(2).tolist()
    [3.73, 4.19]
    """
    return np.interp(charge, _CHARGE, _OCV_V)


@dataclass(frozen=True, slots=True)
class PackLoad:
    """What acts on the packs during one step.

    Attributes
    ----------
    current_a
        Current into the pack, positive when charging, shape (vehicles,).
    leak_a
        Current that flows through an internal short, shape (vehicles, cells).
    capacity_factor, extra_resistance_ohm
        Ageing and loose joints, shape (vehicles, cells).
    heat_w
        Heat released inside the pack beside its own resistance, shape (vehicles,).
    cooling_factor
        Share of the pumped cooling that still works, shape (vehicles,).
    is_pumped
        Whether the coolant pump runs, shape (vehicles,).
    ambient_degc
        Air temperature, shape (vehicles,).
    """

    current_a: Floats
    leak_a: Floats
    capacity_factor: Floats
    extra_resistance_ohm: Floats
    heat_w: Floats
    cooling_factor: Floats
    is_pumped: NDArray[np.bool_]
    ambient_degc: Floats


@dataclass(slots=True)
class TractionPacks:
    """The packs of many vehicles; the arrays are (vehicles, cells) or (vehicles,)."""

    capacity_ah: Floats
    resistance_ohm: Floats
    charge: Floats
    rc_v: Floats
    temp_degc: Floats
    probe_offset_k: Floats

    @classmethod
    def assemble(cls, count: int, rng: np.random.Generator) -> "TractionPacks":
        """Build packs as they leave the factory, half to almost fully charged.

        Parameters
        ----------
        count
            Number of vehicles.
        rng
            Where the tolerances come from.
        """
        shape = (count, CELLS)
        level = rng.uniform(0.55, 0.85, (count, 1))
        return cls(
            capacity_ah=_CAPACITY_AH * (1 + _CAPACITY_SPREAD * rng.standard_normal(shape)),
            resistance_ohm=_RESISTANCE_OHM * (1 + _RESISTANCE_SPREAD * rng.standard_normal(shape)),
            charge=level + _CHARGE_SPREAD * rng.standard_normal(shape),
            rc_v=np.zeros(count),
            temp_degc=rng.uniform(14.0, 22.0, count),
            probe_offset_k=_PROBE_SPREAD_K * rng.standard_normal((count, PROBES)),
        )

    def step(self, dt_s: float, load: PackLoad) -> None:
        """Let time pass.

        Parameters
        ----------
        dt_s
            Seconds; up to a minute is accurate enough for voltages, since the slow branch is solved exactly.
        load
            What acts on the packs meanwhile.
        """
        through_a = load.current_a[:, None] - load.leak_a
        moved = through_a * dt_s / _SECONDS_PER_HOUR / (self.capacity_ah * load.capacity_factor)
        self.charge = np.clip(self.charge + moved, 0.0, 1.02)
        decay = float(np.exp(-dt_s / _RC_S))
        self.rc_v = self.rc_v * decay + load.current_a * _RC_OHM * (1 - decay)
        resistance_ohm = (self._resistance_ohm() + load.extra_resistance_ohm).sum(axis=1)
        heat_w = load.current_a**2 * resistance_ohm + load.heat_w
        loss_w_k = _STILL_AIR_W_K + _PUMPED_W_K * load.cooling_factor * load.is_pumped
        settled_degc = load.ambient_degc + heat_w / loss_w_k
        towards = 1 - np.exp(-dt_s * loss_w_k / _HEAT_CAPACITY_J_K)
        self.temp_degc = self.temp_degc + (settled_degc - self.temp_degc) * towards

    def cell_voltages_v(self, load: PackLoad) -> Floats:
        """Terminal voltage of every cell under the given load, shape (vehicles, cells), volts, without sensor error."""
        ohm = self._resistance_ohm() + load.extra_resistance_ohm
        return ocv_v(self.charge) + load.current_a[:, None] * ohm + self.rc_v[:, None]

    def probe_temps_degc(self) -> Floats:
        """Temperature at every probe, shape (vehicles, probes), degrees Celsius, without sensor error."""
        return self.temp_degc[:, None] + self.probe_offset_k

    def soc(self) -> Floats:
        """Charge that the pack can still give, shape (vehicles,), 0 to 1: its mean cell's."""
        return self.charge.mean(axis=1)

    def _resistance_ohm(self) -> Floats:
        # A cold cell resists more: about double at -10 degC.
        cold = np.exp(0.023 * np.clip(25.0 - self.temp_degc, -20.0, 50.0))
        return self.resistance_ohm * cold[:, None]
