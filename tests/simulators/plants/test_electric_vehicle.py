"""The vehicles' physics: healthy ones look like real ones, and the same seed gives the same vehicles."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from devices.products.electric_vehicle.signals import SIGNALS
from simulators.faults import Fault, strain_at
from simulators.plants.electric_vehicle import ElectricVehicles, Sample, Site

START_AT = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
SITES = [Site(ZoneInfo("Asia/Seoul"), 37.5), Site(ZoneInfo("Asia/Tokyo"), 35.7), Site(ZoneInfo("Europe/Berlin"), 52.5)]


def lived(
    hours: float, faults: list[Fault] | None = None, seed: int = 3, count: int = 6, step_s: float = 60.0
) -> list[list[Sample]]:
    """Samples by time and vehicle."""
    plant = ElectricVehicles((SITES * count)[:count], seed)
    rows: list[list[Sample]] = []
    at = START_AT
    while at < START_AT + timedelta(hours=hours):
        at += timedelta(seconds=step_s)
        plant.step(step_s, at, strain_at("electric_vehicle", faults or [], count, at))
        rows.append(plant.samples())
    return rows


@pytest.fixture(scope="module")
def three_days() -> list[list[Sample]]:
    return lived(72, step_s=180.0)


def numbers(rows: list[list[Sample]], signal: str) -> np.ndarray:
    return np.array([[sample[signal] for sample in row] for row in rows], dtype=float)


def test_healthy_cells_spread_as_in_real_packs(three_days: list[list[Sample]]) -> None:
    cells_v = numbers(three_days, "cell_voltages_v")
    spread_mv = (cells_v.max(axis=2) - cells_v.min(axis=2)) * 1000
    assert 9 < np.median(spread_mv) < 24
    assert np.percentile(spread_mv, 99) < 40


def test_every_signal_stays_where_its_declaration_says(three_days: list[list[Sample]]) -> None:
    for name in three_days[0][0]:
        low, high = SIGNALS[name].plausible
        values = numbers(three_days, name)
        assert low <= values.min(), name
        assert values.max() <= high, name


def test_vehicles_drive_charge_and_rest_every_working_day(three_days: list[list[Sample]]) -> None:
    assert (numbers(three_days, "speed_kmh").max(axis=0) > 25).all()
    assert (np.diff(numbers(three_days, "odometer_m"), axis=0) >= 0).all()
    assert (numbers(three_days, "odometer_m")[-1] - numbers(three_days, "odometer_m")[0] > 30_000).all()
    assert numbers(three_days, "is_charging").any()
    assert (numbers(three_days, "soc_pct") > 8).all()


def test_current_and_charge_agree(three_days: list[list[Sample]]) -> None:
    current_a, charging = numbers(three_days, "pack_current_a"), numbers(three_days, "is_charging") == 1
    assert (current_a[charging] > 0.5).all()
    assert current_a[numbers(three_days, "speed_kmh") > 20].mean() < -5


def test_low_voltage_rests_and_runs_as_batteries_do(three_days: list[list[Sample]]) -> None:
    low_voltage_v = numbers(three_days, "low_voltage_v")
    rests = (numbers(three_days, "speed_kmh") == 0) & (numbers(three_days, "is_charging") == 0)
    assert 12.3 < np.median(low_voltage_v[rests]) < 12.9
    assert 13.4 < np.median(low_voltage_v[~rests]) < 14.6


def test_the_same_seed_gives_the_same_vehicles() -> None:
    assert lived(1) == lived(1)
    assert lived(1) != lived(1, seed=4)


def test_a_plant_goes_on_from_its_memory_as_if_it_had_never_stopped() -> None:
    whole, first = ElectricVehicles(SITES, 3), ElectricVehicles(SITES, 3)
    second = ElectricVehicles(SITES, 3)
    strain = strain_at("electric_vehicle", [], 3, START_AT)
    for minute in range(20):
        whole.step(60, START_AT + timedelta(minutes=minute), strain)
        (first if minute < 10 else second).step(60, START_AT + timedelta(minutes=minute), strain)
        if minute == 9:
            second.remember(first.memory())
            second.rng.bit_generator.state = first.rng.bit_generator.state
    assert second.samples() == whole.samples()


def fault(kind: str, severity: float, channel: int = 1, hours: float = 0.0) -> list[Fault]:
    return [Fault("electric_vehicle", 0, kind, START_AT + timedelta(hours=hours), severity, channel)]


def test_a_cell_with_an_internal_short_drifts_steadily_away_from_its_pack() -> None:
    cells_v = numbers(lived(14, fault("internal_short", 4.5, 48)), "cell_voltages_v")[:, 0]
    gap_mv = (cells_v[:, 47] - np.median(cells_v, axis=1)) * 1000
    per_hour = np.polyfit(np.arange(len(gap_mv)) / 60, gap_mv, 1)[0]
    assert -6.5 < per_hour < -3.0
    assert gap_mv[-30:].mean() < -40


def test_a_weak_cell_opens_a_gap_that_grows_with_discharge() -> None:
    well, ill = lived(30, step_s=300), lived(30, fault("weak_cell", 25.0, 10), step_s=300)
    gap_v = numbers(ill, "cell_voltages_v")[:, 0, 9] - numbers(well, "cell_voltages_v")[:, 0, 9]
    assert np.abs(gap_v).max() > 0.015


def test_a_loose_joint_shows_only_under_current() -> None:
    rows = lived(24, fault("loose_joint", 2.0, 30))
    cells_v, current_a = numbers(rows, "cell_voltages_v")[:, 0], numbers(rows, "pack_current_a")[:, 0]
    off_v = cells_v[:, 29] - np.median(cells_v, axis=1)
    assert np.corrcoef(off_v, current_a)[0, 1] > 0.7


def test_an_insulation_breakdown_is_reported_by_the_vehicle_itself() -> None:
    plant = ElectricVehicles(SITES, 3)
    for minute in range(60):
        at = START_AT + timedelta(minutes=minute)
        plant.step(60, at, strain_at("electric_vehicle", fault("insulation_breakdown", 24.0), 3, at))
        sample = plant.samples()[0]
    assert plant.diagnosis.codes(0) == ("P0AA6",)
    assert plant.diagnosis.codes(1) == ()
    assert sample["insulation_kohm"] < 60


def test_a_thermal_event_is_hot_at_the_highest_level_and_its_cells_read_nonsense() -> None:
    sample = lived(1, fault("thermal_event", 105.0, 40))[-1][0]
    cells_v, probes_degc = sample["cell_voltages_v"], sample["probe_temps_degc"]
    assert sample["bms_level"] == 3
    assert max(probes_degc) > 80
    assert cells_v.count(None) == 8
    assert min(cell for cell in cells_v if cell is not None) < 2.4


def test_a_frozen_sensor_repeats_or_says_nothing() -> None:
    held = numbers(lived(2, fault("frozen_cell_sensor", 0, 5, hours=1)), "cell_voltages_v")[:, 0, 4]
    assert len(set(held[60:])) == 1
    silent = lived(2, fault("frozen_probe", 1, 5, hours=1))
    assert silent[-1][0]["probe_temps_degc"][4] is None
    assert silent[0][0]["probe_temps_degc"][4] is not None


@pytest.mark.parametrize(
    ("kind", "severity", "signal", "hours"),
    [("tyre_leak", 45.0, "tyre_pressures_kpa", 24), ("brake_wear", 2.0, "brake_pads_mm", 24)],
)
def test_a_wheel_falls_behind_the_other_three(kind: str, severity: float, signal: str, hours: float) -> None:
    well, ill = (
        lived(hours, step_s=600)[-1][0][signal],
        lived(hours, fault(kind, severity, 2), step_s=600)[-1][0][signal],
    )
    lost = [before - after for before, after in zip(well, ill, strict=True)]
    assert lost[1] == pytest.approx(severity, rel=0.1)
    assert lost[0] == lost[2] == lost[3] == 0


def test_a_dead_converter_lets_the_12_v_battery_run_down() -> None:
    rows = lived(36, fault("dcdc_failure", 1.5), step_s=300)
    low_voltage_v = numbers(rows, "low_voltage_v")
    assert low_voltage_v[12:, 0].max() < 13.0
    assert low_voltage_v[:, 1].max() > 13.4


def test_a_failed_pump_makes_the_pack_hotter() -> None:
    well, ill = lived(30, step_s=300), lived(30, fault("coolant_pump", 95.0), step_s=300)
    hotter_k = numbers(ill, "probe_temps_degc")[:, 0] - numbers(well, "probe_temps_degc")[:, 0]
    assert hotter_k.mean() > 0.05
    assert (numbers(ill, "coolant_temp_degc") - numbers(well, "coolant_temp_degc"))[:, 0].max() > 3
