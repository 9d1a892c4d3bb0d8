"""Smart meters as they live: electricity, gas, water and heat of households, their registers, voltages and batteries.

Flows in, registers out: a register shows the whole units of what flowed since it was built, modulo its digits. State
and a random generator go in, samples come out; the same seed gives the same samples. The signals bear the names of the
product type ``smart_meter``. Steps may be of any length from seconds to hours.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulators.plants.heat_station import HeatStations
from simulators.plants.meter_strain import Flags, Floats, MeterStrain

Value = float | int | bool | list[float | None] | None
Sample = dict[str, Value]

LONGEST_STEP_S = 7200.0
_YEAR_S = 365.25 * 86_400
_DAY_S = 86_400.0
_PHASES = 3
_WATER_DIGITS_L = 10**8
_GAS_DIGITS_L = 10**8
_ELECTRICITY_DIGITS_WH = 10**9
# Share of a day's draws by local hour: morning, noon, evening, hardly any at night.
_DAY_SHAPE = np.array(
    [0.3, 0.1, 0.03, 0.03, 0.08, 0.5, 2.2, 3.0, 2.4, 1.6, 1.2, 1.3, 1.6, 1.3, 1.0, 1.0, 1.2, 1.7, 2.3, 2.4, 2.0, 1.6, 1.2, 0.8]
)  # fmt: skip
_DRAWS_BY_HOUR = _DAY_SHAPE / _DAY_SHAPE.mean()
_TARIFF_1_FROM_H, _TARIFF_1_TO_H = 7, 23
_KNEE_V = 3.6


@dataclass(frozen=True, slots=True)
class Site:
    """Where a meter hangs: time zone, latitude, nominal voltage, and whether a district's network heats the house."""

    zone: ZoneInfo
    latitude: float
    nominal_v: float = 230.0
    has_heat: bool = False


@dataclass(slots=True)
class Counted:
    """What has flowed through the meters since they were built, (meters,).

    `stood_*` is where a stuck register stands, `hung_*` what had flowed when another meter was hung there; both are
    not-a-number where that has not come about.
    """

    import_wh: Floats
    import_1_wh: Floats
    export_wh: Floats
    export_1_wh: Floats
    gas_l: Floats
    water_l: Floats
    stood_l: Floats
    stood_wh: Floats
    stood_gas_l: Floats
    hung_at_l: Floats
    hung_gas_l: Floats
    hung_import_wh: Floats
    hung_import_1_wh: Floats
    hung_export_wh: Floats
    hung_export_1_wh: Floats

    @classmethod
    def used(cls, count: int, rng: np.random.Generator) -> "Counted":
        """Draw meters that have hung for months to years."""
        import_wh = rng.uniform(0.3e6, 40e6, count)
        export_wh = np.where(rng.random(count) < 0.2, rng.uniform(0.1e6, 20e6, count), 0.0)
        nothing = [np.full(count, np.nan) for _ in range(9)]
        gas_l, water_l = rng.uniform(1e5, 2e7, count), rng.uniform(1e4, 2e6, count)
        return cls(import_wh, 0.62 * import_wh, export_wh, 0.8 * export_wh, gas_l, water_l, *nothing)


class SmartMeters:
    """So many households' meters with one clock.

    Parameters
    ----------
    sites
        Where each of them hangs; there are as many as sites.
    seed
        Decides households, habits, weather and noise.
    """

    def __init__(self, sites: list[Site], seed: int) -> None:
        count = len(sites)
        self.rng = rng = np.random.default_rng([seed, 1])
        self.counted = Counted.used(count, rng)
        self._count = count
        self._zones = [site.zone for site in sites]
        self._latitude = np.array([site.latitude for site in sites])
        self._nominal_v = np.array([site.nominal_v for site in sites])
        self._people = rng.integers(1, 6, count)
        self._base_w = rng.uniform(30.0, 140.0, count)
        self._fridge_phase = rng.uniform(0.0, 1.0, count)
        self._has_sun = self.counted.export_wh > 0
        self._sun_w = rng.uniform(2500.0, 9000.0, count) * self._has_sun
        # Where the nominal voltage is low, a house has two live wires (single-phase three-wire).
        self._phases = np.where(self._nominal_v < 160.0, 2, np.where(rng.random(count) < 0.6, _PHASES, 1))
        self._impedance_ohm = rng.uniform(0.1, 0.4, count)
        self._gas_l_per_k_h = rng.uniform(10.0, 45.0, count)
        self._away_until_s = np.zeros(count)
        self._weather_k = rng.normal(0.0, 2.0, count)
        self._clock_drift_s_per_day = rng.normal(0.0, 0.4, count)
        self._clock_off_s = np.zeros(count)
        self._power_w = self._base_w.copy()
        self._water_l_h = np.zeros(count)
        self._air_degc = np.full(count, 10.0)
        self._at_s = 0.0
        self._battery_used = rng.uniform(0.05, 0.75, count)
        self._strain = MeterStrain.none(count)
        self._has_heat = np.array([site.has_heat for site in sites], dtype=np.bool_)
        self.heat = HeatStations.built(count, np.random.default_rng([seed, 2]))
        self._offset_s = np.zeros(count)
        self._offset_hour = -1

    def step(self, dt_s: float, at: datetime, strain: MeterStrain) -> None:
        """Let time pass up to an instant.

        Parameters
        ----------
        dt_s
            Seconds since the last step, any length: it is cut into shorter ones.
        at
            The instant at the end, aware.
        strain
            What is wrong meanwhile.
        """
        pieces = max(1, int(np.ceil(dt_s / LONGEST_STEP_S)))
        self._strain = strain
        for piece in range(pieces):
            at_s = at.timestamp() - dt_s + (piece + 1) * dt_s / pieces
            self._piece(dt_s / pieces, at_s, at)

    def columns(self) -> dict[str, list[Value]]:
        """Read all registers and sensors once: n values by signal, without their time."""
        strain, count = self._strain, self._count
        voltages_v, current_a = self._voltages_v(), np.abs(self._power_w) / self._phases / self._nominal_v
        terminal_degc = 14.0 + 0.3 * self._air_degc + 0.004 * current_a**2 + strain.terminal_heat_k
        clock_off_s = self._clock_off_s + strain.clock_off_s
        wired = self._phases.tolist()
        return {
            **self._registers(),
            "power_w": self._read(self._power_w, 5.0, 0),
            "voltages_v": [row[:phases] for row, phases in zip(np.round(voltages_v, 1).tolist(), wired, strict=True)],
            "currents_a": [[round(a, 2)] * phases for a, phases in zip(current_a.tolist(), wired, strict=True)],
            "power_factor_pct": self._read(np.full(count, 92.0), 2.0, 0),
            "frequency_hz": self._read(np.full(count, 50.0), 0.02, 3),
            "is_supply_on": [True] * count,
            "terminal_temp_degc": self._read(terminal_degc, 0.3, 1),
            "is_gas_valve_open": (~strain.gas_valve_closed).tolist(),
            "water_flow_l_h": self._read(self._water_l_h, 0.0, 1),
            **self._heat_columns(),
            "battery_v": self._read(self._battery_v(), 0.005, 2),
            "clock_offset_s": self._read(clock_off_s, 0.3, 1),
            "is_cover_open": strain.cover_open.tolist(),
        }

    def _read(self, value: Floats, noise: float, decimals: int) -> list[Value]:
        return list[Value](np.round(value + noise * self.rng.standard_normal(self._count), decimals).tolist())

    def samples(self) -> list[Sample]:
        """Read all once: one sample per meter, without its time."""
        columns = self.columns()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def codes(self, meter: int) -> tuple[str, ...]:
        """Name the events that a meter shows now, as its own coarse and late rules see them."""
        strain = self._strain
        shown = {
            "REPLACE_BATTERY": self._battery_v()[meter] < 3.0,
            "CLOCK_INVALID": abs(strain.clock_off_s[meter]) > 86_400,
            "TERMINAL_COVER_REMOVED": strain.cover_open[meter],
            "COMMUNICATION_ERROR_M_BUS_CHANNEL_1": strain.bus_dead[meter],
            "WATCHDOG_ERROR": strain.own_event[meter],
        }
        return tuple(code for code, is_set in shown.items() if is_set)

    def memory(self) -> dict[str, NDArray[Any]]:
        """Give all that must be kept so that another run goes on from here, beside the state of ``rng``."""
        own: dict[str, NDArray[Any]] = {
            name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)
        }
        return {**own, **{f"counted {name}": getattr(self.counted, name) for name in Counted.__slots__}}

    def remember(self, memory: dict[str, NDArray[Any]]) -> None:
        """Go on from what :meth:`memory` gave, among as many meters and with the same seed."""
        for name, value in memory.items():
            holder, _, slot = name.rpartition(" ")
            setattr(self.counted if holder else self, slot, value)

    def _piece(self, dt_s: float, at_s: float, at: datetime) -> None:
        self._at_s = at_s
        self._refresh_zones(at)
        local_h = self._local_h(at_s)
        self._leave(dt_s, at_s)
        is_home = at_s >= self._away_until_s
        # The gateway sets the clock when it is a few seconds off.
        self._clock_off_s = self._clock_off_s + self._clock_drift_s_per_day * dt_s / _DAY_S
        self._clock_off_s = np.where(np.abs(self._clock_off_s) > 9.0, 0.0, self._clock_off_s)
        use = _DRAWS_BY_HOUR[local_h.astype(np.int64)] * np.where(is_home, 1.0, 0.0)
        self._weather(dt_s, at_s, local_h)
        self._use_electricity(dt_s, at_s, local_h, use)
        self._use_gas(dt_s, use)
        self._use_water(dt_s, use)
        self._use_heat(dt_s, use)

    def _leave(self, dt_s: float, at_s: float) -> None:
        """Send people on journeys: a weekend now and then, a fortnight some time in the year."""
        days = dt_s / _DAY_S
        goes = (at_s >= self._away_until_s) & (self.rng.random(self._count) < days / 45)
        length_s = (
            np.where(self.rng.random(self._count) < 0.2, 14.0, 2.0) * _DAY_S * self.rng.uniform(0.5, 1.1, self._count)
        )
        self._away_until_s = np.where(goes, at_s + length_s, self._away_until_s)

    def _weather(self, dt_s: float, at_s: float, local_h: Floats) -> None:
        keep = float(np.exp(-dt_s / 150_000.0))
        self._weather_k = self._weather_k * keep + 4.0 * np.sqrt(1 - keep**2) * self.rng.standard_normal(self._count)
        year = at_s % _YEAR_S / _YEAR_S
        season_k = -9.0 * np.cos(2 * np.pi * (year - 0.05)) * np.sign(self._latitude)
        day_k = -4.0 * np.cos(2 * np.pi * (local_h / 24 - 0.15))
        self._air_degc = 27.0 - 0.36 * np.abs(self._latitude) + season_k + day_k + self._weather_k

    def _use_electricity(self, dt_s: float, at_s: float, local_h: Floats, use: Floats) -> None:
        strain, rng = self._strain, self.rng
        fridge_w = np.where((at_s / 2700 + self._fridge_phase) % 1 < 0.35, 90.0, 0.0)
        if dt_s > 900:
            fridge_w = np.full(self._count, 31.0)
        # Appliances: so many begin in this step, each takes its energy.
        begun = rng.poisson(0.5 * use * self._people * dt_s / 3600)
        appliance_wh = np.where(begun > 0, rng.gamma(np.fmax(begun, 1) * 1.4, 180.0), 0.0)
        taken_wh = (self._base_w + fridge_w) * dt_s / 3600 + appliance_wh
        sun = np.clip(np.sin((local_h - 6.5) / 11 * np.pi), 0, None) * np.clip(0.6 + self._weather_k / 12, 0.05, 1)
        net_wh = taken_wh - np.where((local_h > 6.5) & (local_h < 17.5), sun, 0.0) * self._sun_w * dt_s / 3600
        self._power_w = net_wh / dt_s * 3600
        in_wh, out_wh = np.clip(net_wh, 0, None) * strain.electricity_share, np.clip(-net_wh, 0, None)
        is_day = (local_h >= _TARIFF_1_FROM_H) & (local_h < _TARIFF_1_TO_H)
        counted = self.counted
        counted.import_wh = counted.import_wh + in_wh
        counted.import_1_wh = counted.import_1_wh + in_wh * is_day
        counted.export_wh = counted.export_wh + out_wh
        counted.export_1_wh = counted.export_1_wh + out_wh * is_day

    def _use_gas(self, dt_s: float, use: Floats) -> None:
        strain = self._strain
        heating_l_h = np.clip(18.0 - self._air_degc, 0, None) * self._gas_l_per_k_h * ~self._has_heat
        hot_water_l = self.rng.poisson(0.25 * use * self._people * dt_s / 3600) * self.rng.uniform(40, 220, self._count)
        gas_l = np.where(strain.gas_valve_closed, 0.0, heating_l_h * dt_s / 3600 + hot_water_l)
        self.counted.gas_l = self.counted.gas_l + gas_l + strain.gas_leak_l_h * dt_s / 3600

    def _use_heat(self, dt_s: float, use: Floats) -> None:
        self.heat.step(dt_s, self._air_degc, 0.25 * use * self._people, self._strain)

    def _heat_columns(self) -> dict[str, list[Value]]:
        """What the heat meter shows, nothing where there is none."""
        columns = self.heat.columns(self._strain)
        silent = np.flatnonzero(~self._has_heat | self._strain.bus_dead).tolist()
        for column in columns.values():
            for row in silent:
                column[row] = None
        return columns

    def _use_water(self, dt_s: float, use: Floats) -> None:
        """Draw water as Poisson events of some litres each; a leak follows the pressure, higher at night."""
        strain, rng = self._strain, self.rng
        draws = rng.poisson(0.75 * use * self._people * dt_s / 3600)
        drawn_l = np.where(draws > 0, rng.gamma(np.fmax(draws, 1) * 0.8, 9.0), 0.0) * strain.water_use_share
        pressure = 1.0 + 0.15 * (1.0 - np.clip(use, 0, 2))
        leaked_l = strain.water_leak_l_h * pressure * dt_s / 3600
        self._water_l_h = (drawn_l * strain.water_share + leaked_l) / dt_s * 3600
        back_l = np.where(
            rng.random(self._count) < strain.backflow_per_day * dt_s / _DAY_S, rng.uniform(1.2, 6, self._count), 0.0
        )
        self.counted.water_l = self.counted.water_l + drawn_l * strain.water_share + leaked_l - back_l

    def _registers(self) -> dict[str, list[Value]]:
        counted, strain = self.counted, self._strain
        counted.stood_l = _since(strain.water_stuck, counted.water_l, counted.stood_l)
        counted.stood_wh = _since(strain.electricity_stuck, counted.import_wh, counted.stood_wh)
        counted.stood_gas_l = _since(strain.gas_stuck, counted.gas_l, counted.stood_gas_l)
        counted.hung_at_l = _since(strain.water_exchanged, counted.water_l, counted.hung_at_l)
        counted.hung_gas_l = _since(strain.gas_exchanged, counted.gas_l, counted.hung_gas_l)
        for name in ("import_wh", "import_1_wh", "export_wh", "export_1_wh"):
            flowed_wh: Floats = getattr(counted, name)
            hung = _since(strain.electricity_exchanged, flowed_wh, getattr(counted, f"hung_{name}"))
            setattr(counted, f"hung_{name}", hung)
        import_wh = np.where(strain.electricity_stuck, counted.stood_wh, counted.import_wh) + strain.electricity_off_wh
        gas_l = np.where(strain.gas_stuck, counted.stood_gas_l, counted.gas_l) + strain.gas_off_l
        water_l = np.where(strain.water_stuck, counted.stood_l, counted.water_l) + strain.water_off_l
        water_l, gas_l = water_l - _hung(counted.hung_at_l), gas_l - _hung(counted.hung_gas_l)
        import_wh = import_wh - _hung(counted.hung_import_wh)
        import_1_wh = counted.import_1_wh - _hung(counted.hung_import_1_wh)
        import_2_wh = counted.import_wh - _hung(counted.hung_import_wh) - import_1_wh
        export_wh = counted.export_wh - _hung(counted.hung_export_wh)
        export_1_wh = counted.export_1_wh - _hung(counted.hung_export_1_wh)
        columns: dict[str, list[Value]] = {
            "import_wh": _shown(import_wh, _ELECTRICITY_DIGITS_WH),
            "import_tariff1_wh": _shown(import_1_wh, _ELECTRICITY_DIGITS_WH),
            "import_tariff2_wh": _shown(import_2_wh, _ELECTRICITY_DIGITS_WH),
            "export_wh": _shown(export_wh, _ELECTRICITY_DIGITS_WH),
            "export_tariff1_wh": _shown(export_1_wh, _ELECTRICITY_DIGITS_WH),
            "export_tariff2_wh": _shown(export_wh - export_1_wh, _ELECTRICITY_DIGITS_WH),
            "gas_l": _shown(gas_l, _GAS_DIGITS_L, resolution=10),
            "water_l": _shown(water_l, _WATER_DIGITS_L),
        }
        for row in np.flatnonzero(strain.bus_dead).tolist():
            columns["gas_l"][row] = columns["water_l"][row] = None
        return columns

    def _voltages_v(self) -> Floats:
        """Phase voltages, (meters, phases): what the load leaves; a lost neutral moves the star point."""
        current_a = np.abs(self._power_w) / self._phases / self._nominal_v
        shape = (self._count, _PHASES)
        loaded_v = self._nominal_v[:, None] - (self._impedance_ohm * current_a)[:, None]
        wander_v = 0.012 * self._nominal_v[:, None] * self.rng.standard_normal(shape)
        shift = self._strain.neutral_shift[:, None] * np.array([1.0, -1.0, 0.3]) * 0.5
        return (loaded_v + wander_v) * (1.0 + shift) * self._strain.supply_share[:, None]

    def _battery_v(self) -> Floats:
        """A lithium thionyl chloride cell: flat for years, then a knee."""
        used = np.clip(self._battery_used + self._strain.battery_used, 0, 1)
        return _KNEE_V - self._strain.battery_sag_v + 0.06 * (1 - used) - 1.6 * np.clip(used - 0.9, 0, None) / 0.1

    def _refresh_zones(self, at: datetime) -> None:
        hour = int(at.timestamp() // 3600)
        if hour != self._offset_hour:
            offset_s = {zone: at.astimezone(zone).utcoffset() for zone in set(self._zones)}
            self._offset_s = np.array(
                [offset.total_seconds() if (offset := offset_s[zone]) else 0.0 for zone in self._zones]
            )
            self._offset_hour = hour

    def _local_h(self, at_s: float) -> Floats:
        return (at_s + self._offset_s) % _DAY_S / 3600


def _since(begun: Flags, value: Floats, kept: Floats) -> Floats:
    """Keep the value at which something began, for as long as it lasts."""
    return np.where(begun, np.where(np.isnan(kept), value, kept), np.nan)


def _hung(at: Floats) -> Floats:
    """Return what another meter that hangs there has not counted, 0 where there is none."""
    return np.nan_to_num(at, nan=0.0)


def _shown(flowed: Floats, digits: int, resolution: int = 1) -> list[Value]:
    """What a register shows: whole units, no more than its digits hold."""
    units = np.floor(flowed / resolution).astype(np.int64) * resolution
    return list[Value]((units % digits).tolist())
