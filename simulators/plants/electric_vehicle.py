"""Electric vehicles as they live: driven, charged, parked, warmed by the sun, worn by the road; many at once.

State and a random generator go in, samples come out; the same seed gives the same samples. The signals bear the
names of the product type ``electric_vehicle``.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from simulators.plants.daily_use import DailyUse, Habits
from simulators.plants.onboard_diagnosis import OnboardDiagnosis
from simulators.plants.strain import WHEELS, Flags, Strain
from simulators.plants.traction_pack import CELLS, PROBES, Floats, PackLoad, TractionPacks

Value = float | int | bool | list[float | None] | None
Sample = dict[str, Value]

LONGEST_STEP_S = 30.0
_MASS_KG = 1900.0
_ROLLING_N = 210.0
_DRAG_N_PER_M2_S2 = 0.42
_IDLE_W = 450.0
_REGENERATION_SHARE = 0.65
_GRAVITY_BAR_KPA = 101.3
_YEAR_S = 365.25 * 86_400
# A control unit has lost touch with another one.
_OTHER_UNITS_CODE = "U0100"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a vehicle lives: its time zone and its latitude, which decide its clock and its weather."""

    zone: ZoneInfo
    latitude: float


@dataclass(slots=True)
class Body:
    """All of a vehicle but its traction battery; arrays are (vehicles,) or (vehicles, wheels)."""

    speed_kmh: Floats
    acceleration_m_s2: Floats
    odometer_m: Floats
    coolant_temp_degc: Floats
    low_voltage_v: Floats
    log_insulation: Floats
    humidity: Floats
    weather_k: Floats
    tyre_heat_k: Floats
    tyre_cold_kpa: Floats
    brake_pads_mm: Floats
    soh_pct: Floats

    @classmethod
    def used(cls, count: int, rng: np.random.Generator) -> "Body":
        """Draw vehicles that are some months to some years old."""
        odometer_m = rng.uniform(3e6, 70e6, count)
        return cls(
            speed_kmh=np.zeros(count),
            acceleration_m_s2=np.zeros(count),
            odometer_m=odometer_m,
            coolant_temp_degc=np.full(count, 18.0),
            low_voltage_v=rng.uniform(12.45, 12.8, count),
            log_insulation=np.log(rng.uniform(2200.0, 9000.0, count)),
            humidity=rng.uniform(0.3, 0.8, count),
            weather_k=rng.normal(0.0, 2.0, count),
            tyre_heat_k=np.zeros(count),
            tyre_cold_kpa=rng.normal(250.0, 2.5, (count, WHEELS)),
            brake_pads_mm=12.0 - odometer_m[:, None] / 1e7 * rng.uniform(0.45, 0.8, (count, WHEELS)),
            soh_pct=100.0 - 0.9 * np.sqrt(odometer_m / 1e6) - rng.uniform(0.0, 1.0, count),
        )


class ElectricVehicles:
    """So many vehicles with one clock.

    Parameters
    ----------
    sites
        Where each of them lives; there are as many vehicles as sites.
    seed
        Decides tolerances, habits, weather, traffic and noise.
    longest_step_s
        Longer steps of time are cut into ones of this length: the default is true to the cells' voltages, minutes are
        true enough for a year of trips and weather.
    """

    def __init__(self, sites: list[Site], seed: int, longest_step_s: float = LONGEST_STEP_S) -> None:
        count = len(sites)
        self.rng = np.random.default_rng([seed, 1])
        self.packs = TractionPacks.assemble(count, self.rng)
        self.body = Body.used(count, self.rng)
        self.diagnosis = OnboardDiagnosis.cleared(count)
        self.cells_read_v = np.full((count, CELLS), np.nan)
        self.probes_read_degc = np.full((count, PROBES), np.nan)
        self._rest_v = self.rng.uniform(12.45, 12.75, count)
        self._charging_v = self.rng.uniform(13.6, 14.3, count)
        self._usual_insulation = self.body.log_insulation.copy()
        self._habits = Habits.of_people(count, self.rng)
        self.use = DailyUse(self._habits, [site.zone for site in sites], seed)
        self._latitude = np.array([site.latitude for site in sites])
        self._longest_step_s = longest_step_s
        self._count = count
        self._strain = Strain.none(count)
        self._load = self._at_rest()

    def step(self, dt_s: float, at: datetime, strain: Strain) -> None:
        """Let time pass up to an instant.

        Parameters
        ----------
        dt_s
            Seconds since the last step, any length: it is cut into short ones.
        at
            The instant at the end, aware.
        strain
            What is wrong with the vehicles meanwhile.
        """
        pieces = max(1, int(np.ceil(dt_s / self._longest_step_s)))
        for _ in range(pieces):
            self._piece(dt_s / pieces, at, strain)

    def samples(self) -> list[Sample]:
        """Read all sensors once, with their noise and resolution: one sample per vehicle, without its time."""
        columns = self.columns()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def columns(self) -> dict[str, list[Value]]:
        """Read all sensors once: n values by signal, without their time."""
        cells_v = self._read_cells()
        probes_degc = self._read_probes()
        body, noise = self.body, self.rng.standard_normal
        low_voltage_v = np.round(body.low_voltage_v + 0.02 * noise(self._count), 2)
        insulation_kohm = np.round(self._insulation_kohm() * (1 + 0.01 * noise(self._count)))
        level = self.diagnosis.watch(cells_v, probes_degc, insulation_kohm, low_voltage_v)
        pack_voltage_v: Floats = self.packs.cell_voltages_v(self._load).sum(axis=1) + 0.15 * noise(self._count)
        return {
            "pack_voltage_v": np.round(pack_voltage_v, 1).tolist(),
            "pack_current_a": np.round(self._load.current_a + 0.08 * noise(self._count), 1).tolist(),
            "soc_pct": np.round(np.clip(self.packs.soc(), 0.0, 1.0) * 100).tolist(),
            "soh_pct": np.round(body.soh_pct - self._strain.soh_lost_pct, 1).tolist(),
            "cell_voltages_v": _rows(cells_v),
            "probe_temps_degc": _rows(probes_degc),
            "insulation_kohm": insulation_kohm.tolist(),
            "bms_level": level.tolist(),
            "low_voltage_v": low_voltage_v.tolist(),
            "coolant_temp_degc": np.round(body.coolant_temp_degc + 0.2 * noise(self._count), 1).tolist(),
            "tyre_pressures_kpa": _rows(self._tyre_pressures_kpa()),
            "brake_pads_mm": _rows(np.round(body.brake_pads_mm - self._strain.brake_lost_mm, 2)),
            "odometer_m": [round(metres) for metres in (np.floor(body.odometer_m / 100) * 100).tolist()],
            "speed_kmh": np.round(body.speed_kmh, 1).tolist(),
            "is_charging": self.use.is_charging.tolist(),
            "ambient_temp_degc": (np.round(self._load.ambient_degc * 2) / 2).tolist(),
        }

    def codes(self, vehicle: int) -> tuple[str, ...]:
        """Name the trouble codes that a vehicle shows now."""
        own = (_OTHER_UNITS_CODE,) if self._strain.own_code[vehicle] else ()
        return (*self.diagnosis.codes(vehicle), *own)

    def memory(self) -> dict[str, Floats | Flags]:
        """Give all that must be kept so that another run goes on from here, beside the state of ``rng``."""
        return {
            **{f"pack_{name}": getattr(self.packs, name) for name in TractionPacks.__slots__},
            **{f"body_{name}": getattr(self.body, name) for name in Body.__slots__},
            "latched": self.diagnosis.latched,
            "is_charging": self.use.is_charging,
            "cells_read_v": self.cells_read_v,
            "probes_read_degc": self.probes_read_degc,
        }

    def remember(self, memory: dict[str, Floats | Flags]) -> None:
        """Go on from what :meth:`memory` gave, in a fleet of the same size and seed."""
        for name in TractionPacks.__slots__:
            setattr(self.packs, name, memory[f"pack_{name}"])
        for name in Body.__slots__:
            setattr(self.body, name, memory[f"body_{name}"])
        self.diagnosis.latched = memory["latched"].astype(np.bool_)
        self.use.is_charging = memory["is_charging"].astype(np.bool_)
        self.cells_read_v = memory["cells_read_v"].astype(np.float64)
        self.probes_read_degc = memory["probes_read_degc"].astype(np.float64)

    def _piece(self, dt_s: float, at: datetime, strain: Strain) -> None:
        self._strain = strain
        soc = self.packs.soc()
        drives = self.use.driving(at, soc)
        ambient_degc = self._weather(dt_s, at)
        self._drive(dt_s, drives)
        current_a = self._traction_current_a(drives) + self.use.charge_current_a(soc)
        self._load = PackLoad(
            current_a=current_a,
            leak_a=strain.leak_a,
            capacity_factor=strain.capacity_factor,
            extra_resistance_ohm=strain.extra_resistance_ohm,
            heat_w=strain.heat_w,
            cooling_factor=strain.cooling_factor,
            is_pumped=drives | self.use.is_charging,
            ambient_degc=ambient_degc,
        )
        self.packs.step(dt_s, self._load)
        self._live(dt_s, drives, ambient_degc)

    def _at_rest(self) -> PackLoad:
        none, strain = np.zeros(self._count), self._strain
        off = np.zeros(self._count, dtype=np.bool_)
        air_degc = np.full(self._count, 15.0)
        return PackLoad(
            none, strain.leak_a, strain.capacity_factor, strain.extra_resistance_ohm, none, none, off, air_degc
        )

    def _weather(self, dt_s: float, at: datetime) -> Floats:
        body = self.body
        body.weather_k = self._wander(body.weather_k, 0.0, 2.0, 36_000.0, dt_s)
        body.humidity = np.clip(self._wander(body.humidity, 0.6, 0.18, 20_000.0, dt_s), 0.05, 1.0)
        year = at.timestamp() % _YEAR_S / _YEAR_S
        season_k = -11.0 * np.cos(2 * np.pi * (year - 0.05)) * np.sign(self._latitude)
        day_k = -4.0 * np.cos(2 * np.pi * (self.use.local_s(at) / 86_400 - 0.15))
        return 30.0 - 0.42 * np.abs(self._latitude) + season_k + day_k + body.weather_k

    def _drive(self, dt_s: float, drives: Flags) -> None:
        body = self.body
        wanted_kmh = np.clip(self._wander(body.speed_kmh, self._habits.cruise_kmh, 16.0, 70.0, dt_s), 0.0, 130.0)
        speed_kmh = np.where(drives, wanted_kmh, 0.0)
        # Averaged over the step, so that long steps do not add up to emergency braking.
        body.acceleration_m_s2 = np.clip((speed_kmh - body.speed_kmh) / 3.6 / max(dt_s, 8.0), -2.0, 2.0)
        body.odometer_m = body.odometer_m + (speed_kmh + body.speed_kmh) / 7.2 * dt_s
        body.speed_kmh = speed_kmh

    def _traction_current_a(self, drives: Flags) -> Floats:
        body = self.body
        speed_m_s = body.speed_kmh / 3.6
        force_n = _ROLLING_N + _DRAG_N_PER_M2_S2 * speed_m_s**2 + _MASS_KG * body.acceleration_m_s2
        wheel_w = force_n * speed_m_s
        pack_w = np.where(wheel_w > 0, wheel_w / 0.87, wheel_w * _REGENERATION_SHARE) + _IDLE_W
        return np.where(drives, -np.clip(pack_w, -60e3, 130e3) / 350.0, -0.02)

    def _live(self, dt_s: float, drives: Flags, ambient_degc: Floats) -> None:
        body, strain = self.body, self._strain
        is_on = drives | self.use.is_charging
        warm_degc = ambient_degc + np.where(drives, 17.0, np.where(is_on, 8.0, 0.0)) * (2 - strain.cooling_factor)
        body.coolant_temp_degc = _towards(body.coolant_temp_degc, warm_degc, 800.0, dt_s)
        body.tyre_heat_k = _towards(body.tyre_heat_k, np.where(drives, 14.0, 0.0), 1500.0, dt_s)
        rest_v = self._rest_v - strain.low_voltage_drop_v
        aim_v = np.where(is_on & strain.has_dcdc, self._charging_v, np.where(is_on, rest_v - 0.9, rest_v))
        # A charged battery falls back to its resting voltage slowly; the converter lifts it at once.
        body.low_voltage_v = _towards(body.low_voltage_v, aim_v, np.where(is_on, 20.0, 900.0), dt_s)
        body.log_insulation = self._wander(body.log_insulation, self._usual_insulation, 0.15, 90_000.0, dt_s)
        braking_j = _MASS_KG * np.clip(-body.acceleration_m_s2, 0, None) * body.speed_kmh / 3.6 * dt_s
        body.brake_pads_mm = body.brake_pads_mm - 2e-11 * (1 - _REGENERATION_SHARE) * braking_j[:, None]
        body.soh_pct = body.soh_pct - 3e-10 * np.abs(self._load.current_a) * dt_s

    def _insulation_kohm(self) -> Floats:
        healthy_kohm = np.exp(self.body.log_insulation - 0.4 * self.body.humidity)
        return 1 / (1 / healthy_kohm + 1 / self._strain.insulation_limit_kohm)

    def _tyre_pressures_kpa(self) -> Floats:
        tyre_degc = self._load.ambient_degc + self.body.tyre_heat_k
        absolute_kpa = (self.body.tyre_cold_kpa + _GRAVITY_BAR_KPA) * ((tyre_degc + 273.15) / 293.15)[:, None]
        gauge_kpa = absolute_kpa - _GRAVITY_BAR_KPA - self._strain.tyre_lost_kpa
        return np.round(np.clip(gauge_kpa, 0.0, None) + 0.4 * self.rng.standard_normal(gauge_kpa.shape))

    def _read_cells(self) -> Floats:
        strain = self._strain
        fresh_v = self.packs.cell_voltages_v(self._load) + strain.cell_offset_v
        fresh_v = np.round(fresh_v + 0.0006 * self.rng.standard_normal(fresh_v.shape), 3)
        self.cells_read_v = _as_reported(fresh_v, self.cells_read_v, strain.cell_held, strain.cell_silent)
        return self.cells_read_v

    def _read_probes(self) -> Floats:
        strain = self._strain
        fresh_degc = self.packs.probe_temps_degc() + strain.probe_offset_k
        fresh_degc = np.round(fresh_degc + 0.15 * self.rng.standard_normal(fresh_degc.shape))
        self.probes_read_degc = _as_reported(fresh_degc, self.probes_read_degc, strain.probe_held, strain.probe_silent)
        return self.probes_read_degc

    def _wander(self, value: Floats, mean: Floats | float, spread: float, memory_s: float, dt_s: float) -> Floats:
        """Step an Ornstein-Uhlenbeck process exactly: any step length keeps mean and spread."""
        keep = float(np.exp(-dt_s / memory_s))
        jolt = spread * float(np.sqrt(1 - keep**2))
        return mean + (value - mean) * keep + jolt * self.rng.standard_normal(value.shape)


def _towards(value: Floats, aim: Floats, time_constant_s: Floats | float, dt_s: float) -> Floats:
    return aim + (value - aim) * np.exp(-dt_s / time_constant_s)


def _as_reported(fresh: Floats, last: Floats, held: Flags, silent: Flags) -> Floats:
    reported = np.where(held & ~np.isnan(last), last, fresh)
    return np.where(silent, np.nan, reported)


def _rows(values: Floats) -> list[Value]:
    """Make lists of numbers, with None where a sensor gave nothing."""
    rows: list[list[float | None]] = values.tolist()
    for row, cell in np.argwhere(np.isnan(values)).tolist():
        rows[row][cell] = None
    return list[Value](rows)
