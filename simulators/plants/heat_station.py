"""Heating stations of houses on a district's network: water comes hot, gives its heat, and goes back cooler.

The network's water is the hotter the colder it is outside; what a house takes follows the weather and its hot water. A
meter integrates flow times cooling into energy, as real ones do: so a sensor on the wrong pipe stops the count. It knows
no monitor.
"""

from dataclasses import dataclass

import numpy as np

from simulators.plants.meter_strain import Floats, MeterStrain

Value = float | int | bool | list[float | None] | None

# Heat capacity of a litre of water.
_WH_PER_L_K = 1.163
_WARM_INSIDE_DEGC = 18.0
_HOT_WATER_WH = 900.0
_ENERGY_RESOLUTION_WH = 1000
_VOLUME_RESOLUTION_L = 10
_DIGITS = 10**9
_LEAST_COOLING_K = 4.0


@dataclass(slots=True)
class HeatStations:
    """So many stations side by side; arrays are (stations,). Registers hold what has flowed since they were built."""

    rng: np.random.Generator
    heat_wh: Floats
    volume_l: Floats
    stood_wh: Floats
    hung_wh: Floats
    hung_l: Floats
    w_per_k: Floats
    cooling_k: Floats
    wander_k: Floats
    power_w: Floats
    flow_l_h: Floats
    supply_degc: Floats
    return_degc: Floats

    @classmethod
    def built(cls, count: int, rng: np.random.Generator) -> "HeatStations":
        """Draw stations that have run for some winters."""
        heat_wh = rng.uniform(1e6, 8e7, count)
        return cls(
            rng=rng,
            heat_wh=heat_wh,
            volume_l=heat_wh / 45.0,
            stood_wh=np.full(count, np.nan),
            hung_wh=np.full(count, np.nan),
            hung_l=np.full(count, np.nan),
            w_per_k=rng.uniform(90.0, 260.0, count),
            cooling_k=rng.uniform(28.0, 42.0, count),
            wander_k=rng.normal(0.0, 1.5, count),
            power_w=np.zeros(count),
            flow_l_h=np.zeros(count),
            supply_degc=np.full(count, 70.0),
            return_degc=np.full(count, 38.0),
        )

    def step(self, dt_s: float, air_degc: Floats, draws_per_h: Floats, strain: MeterStrain) -> None:
        """Let time pass.

        Parameters
        ----------
        dt_s
            Seconds.
        air_degc
            Air temperature outside.
        draws_per_h
            How often hot water is drawn.
        strain
            What is wrong meanwhile.
        """
        rng, count = self.rng, len(air_degc)
        keep = float(np.exp(-dt_s / 200_000.0))
        self.wander_k = self.wander_k * keep + 1.5 * np.sqrt(1 - keep**2) * rng.standard_normal(count)
        self.supply_degc = 70.0 + np.clip(0.9 * (5.0 - air_degc), 0.0, 25.0) + self.wander_k
        # Part of what cools the water is the return's, so that colder days cool it a little more.
        cooling_k = self.cooling_k + 0.3 * (self.supply_degc - 70.0) + rng.normal(0.0, 1.0, count)
        cooling_k = np.clip(cooling_k - strain.heat_return_k, _LEAST_COOLING_K, None)
        hot_wh = rng.poisson(draws_per_h * dt_s / 3600) * _HOT_WATER_WH * rng.uniform(0.3, 1.5, count)
        taken_wh = np.clip(_WARM_INSIDE_DEGC - air_degc, 0.0, None) * self.w_per_k * dt_s / 3600 + hot_wh
        litres = taken_wh / cooling_k / _WH_PER_L_K
        self.return_degc = self.supply_degc - cooling_k
        self.flow_l_h, self.power_w = litres / dt_s * 3600, taken_wh / dt_s * 3600
        self.volume_l = self.volume_l + litres
        self.heat_wh = self.heat_wh + np.where(strain.heat_swapped, 0.0, taken_wh)

    def columns(self, strain: MeterStrain) -> dict[str, list[Value]]:
        """Read all: n values by signal."""
        begun = np.isnan(self.stood_wh)
        self.stood_wh = np.where(strain.heat_stuck, np.where(begun, self.heat_wh, self.stood_wh), np.nan)
        heat_wh = np.where(strain.heat_stuck, self.stood_wh, self.heat_wh) + strain.heat_off_wh
        is_new = strain.heat_exchanged
        self.hung_wh = np.where(is_new, np.where(np.isnan(self.hung_wh), self.heat_wh, self.hung_wh), np.nan)
        self.hung_l = np.where(is_new, np.where(np.isnan(self.hung_l), self.volume_l, self.hung_l), np.nan)
        heat_wh, volume_l = heat_wh - np.nan_to_num(self.hung_wh), self.volume_l - np.nan_to_num(self.hung_l)
        supply_degc = np.where(strain.heat_swapped, self.return_degc, self.supply_degc)
        return_degc = np.where(strain.heat_swapped, self.supply_degc, self.return_degc)
        return {
            "heat_wh": _shown(heat_wh, _ENERGY_RESOLUTION_WH),
            "heat_l": _shown(volume_l, _VOLUME_RESOLUTION_L),
            "heat_power_w": _rounded(self.power_w, 0),
            "heat_flow_l_h": _rounded(self.flow_l_h, 1),
            "heat_supply_degc": _rounded(supply_degc, 1),
            "heat_return_degc": _rounded(return_degc, 1),
        }


def _rounded(values: Floats, decimals: int) -> list[Value]:
    return list[Value](np.round(values, decimals).tolist())


def _shown(flowed: Floats, resolution: int) -> list[Value]:
    units = np.floor(flowed / resolution).astype(np.int64) * resolution
    return list[Value]((units % _DIGITS).tolist())
