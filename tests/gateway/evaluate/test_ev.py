"""The set of real vehicles: what is no value, what is not said of vehicles that say little, and the two real ones."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from gateway.evaluate.ev import evaluate
from gateway.evaluate.report import EvaluateError, Options
from gateway.evaluate.vehicles import driven_twice, read
from gateway.settings import CHECKOUT
from tests.gateway.evaluate.test_run import silent

RECORDINGS = CHECKOUT.parent / "shared" / "data" / "ev_battery"
CELLS = [f"V_{number}" for number in range(1, 9)]


def vehicle(folder: Path, rows: list[tuple[str, list[str]]], name: str = "car9_processed.csv") -> Path:
    head = ",".join(["tboxTime", "BMSWarningInformation", "BMSProbeTempMax", *CELLS, "T_1"])
    text = "\n".join([head, *(",".join([at, *rest]) for at, rest in rows)])
    file = folder / name
    file.write_text(text + "\n")
    return file


def sound(level: str = "0", cells: str = "3.9", highest: str = "20", probe: str = "60") -> list[str]:
    return [level, highest, *([cells] * len(CELLS)), probe]


def test_sentinels_are_no_value_and_the_offset_of_probes_is_told_by_the_battery_s_own(tmp_path: Path) -> None:
    minute = "2020-01-01 00:00:0"
    raw = read(vehicle(tmp_path, [(f"{minute}1", sound(cells="511", probe="255")), (f"{minute}2", sound())], "a.csv"))
    assert raw.signals["probe_temps_degc"][1, 0] == 20
    assert raw.signals["probe_temps_degc"][0, 0] != raw.signals["probe_temps_degc"][0, 0]
    assert bool((raw.signals["cell_voltages_v"][0] != raw.signals["cell_voltages_v"][0]).all())
    plain = read(vehicle(tmp_path, [(f"{minute}1", sound(probe="21"))], "b.csv"))
    assert plain.signals["probe_temps_degc"][0, 0] == 21


@pytest.mark.parametrize(
    "rows",
    [
        [("2020-01-01 00:00:01", sound())],
        [(f"2020-01-01 00:{minute:02}:00", sound(cells="")) for minute in range(60)],
        [(f"2020-01-01 00:{minute:02}:00", sound()) for minute in range(60)],
        [(f"20{year:02}-01-01 00:00:00", sound()) for year in (20, 70, 19, 99, 20, 20)],
    ],
    ids=["one reading", "no values", "constant", "a clock that jumps"],
)
def test_a_vehicle_that_says_little_is_named_nothing(rows: list[tuple[str, list[str]]], tmp_path: Path) -> None:
    vehicle(tmp_path, rows)
    metrics = evaluate(tmp_path, Options(), silent).metrics
    assert metrics["cells_named"] == {"car9": []}
    assert metrics["cell_requests"] == {"car9": 0}
    assert metrics["safety_cases"] == {"car9": 0}


def test_rows_without_a_time_are_counted_and_a_file_of_such_rows_is_refused(tmp_path: Path) -> None:
    vehicle(tmp_path, [("yesterday", sound()), ("2020-01-01 00:00:01", sound())])
    assert evaluate(tmp_path, Options(), silent).metrics["rows_without_a_time"] == {"car9": 1}
    vehicle(tmp_path, [("yesterday", sound())])
    with pytest.raises(EvaluateError, match="no row with a time such as"):
        evaluate(tmp_path, Options(), silent)


def test_a_beginning_that_comes_twice_ends_at_a_stop_and_the_way_goes_on(tmp_path: Path) -> None:
    halves = [
        (f"2020-01-0{day} 0{hour}:{minute:02}:00", sound())
        for day in (1, 2, 3)
        for hour in (1, 3)
        for minute in range(30)
    ]
    recording = read(vehicle(tmp_path, halves))
    way_m = np.arange(180.0)
    recording = dataclasses.replace(recording, signals={**recording.signals, "odometer_m": way_m})
    twice = driven_twice(recording, np.random.default_rng(1))
    assert len(twice.at_us) == 210
    assert (np.diff(twice.at_us) > 0).all()
    assert twice.at_us[30] - twice.at_us[29] == recording.at_us[30] - recording.at_us[29]
    assert twice.signals["odometer_m"].tolist() == [*range(30), *range(30, 210)]
    still = read(vehicle(tmp_path, halves[:30]))
    assert driven_twice(still, np.random.default_rng(1)) is still


@pytest.mark.slow
@pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings of two real vehicles are not beside the checkout")
def test_the_pack_that_fails_is_one_safety_case_at_once_and_no_cell_request_before(tmp_path: Path) -> None:
    (tmp_path / "car4_processed.zip").symlink_to(RECORDINGS / "car4_processed.zip")
    metrics = evaluate(tmp_path, Options(), silent).metrics
    assert metrics["first_alarm_at"] == metrics["first_safety_case_at"] == {"car4": "2019-07-09 22:14:40"}
    assert metrics["safety_cases"] == {"car4": 1}
    assert metrics["cell_requests"] == {"car4": 0}
