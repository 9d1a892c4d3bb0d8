"""The fleet: a small one, simulated and already injected; what is scored as found and as false; bad folders and labels."""

from pathlib import Path

import numpy as np
import pytest

from gateway.evaluate.fleet import evaluate
from gateway.evaluate.fleet_life import load_plan, recorded, simulated
from gateway.evaluate.report import EvaluateError, Options, Report

DEVICES, DAYS = 6_000, 21


def quiet(what: str, done: float, of: float) -> None:
    """Say nothing."""


def metrics(report: Report) -> dict[str, float]:
    return {name: value for name, value in report.metrics.items() if isinstance(value, float)}


def small_plan(folder: Path, **changed: float) -> Path:
    keys = load_plan(folder).model_dump() | {"devices": DEVICES, "days": DAYS, "shifts": 12, "to_day": 14} | changed
    (folder / "fleet.toml").write_text("\n".join(f"{key} = {value}" for key, value in keys.items()), "utf-8")
    return folder


def test_a_small_fleet_is_lived_through_and_most_shifts_are_found_and_few_requests_are_false(tmp_path: Path) -> None:
    report = evaluate(small_plan(tmp_path), Options(), quiet)
    told = metrics(report)
    assert told["devices"] == DEVICES
    assert told["faulty"] == 12
    assert told["found_share"] >= 0.75
    assert told["median_delay_d"] <= 4
    assert told["false_share"] <= 0.2
    assert report.plots


def test_a_fleet_without_shifts_is_almost_left_in_peace(tmp_path: Path) -> None:
    told = metrics(evaluate(small_plan(tmp_path, shifts=0), Options(), quiet))
    # A tenth of the cycles may let somebody pass by chance.
    assert told["requests"] <= 3
    assert np.isnan(told["found_share"])


def test_the_same_plan_is_the_same_fleet_and_another_crop_is_another(tmp_path: Path) -> None:
    plan = load_plan(small_plan(tmp_path))
    one, same, other = simulated(plan, None), simulated(plan, None), simulated(plan, 3)
    assert np.array_equal(next(one.hours), next(same.hours))
    assert np.array_equal(one.onsets_us, same.onsets_us)
    assert not np.array_equal(one.onsets_us, other.onsets_us)
    assert np.isnan(next(other.hours)).any(), "devices begin at hours of their own"


def test_the_plan_of_the_package_is_the_one_that_is_asked_for(tmp_path: Path) -> None:
    plan = load_plan(tmp_path)
    assert (plan.devices, plan.days, plan.shifts, plan.shift_sigmas) == (100_000, 56, 100, 1.5)
    assert (plan.from_day, plan.to_day, plan.freedom, plan.within_h) == (7, 42, 4, 120)


def injected(folder: Path, end: str = "") -> tuple[np.ndarray, Path]:
    values = np.random.default_rng(3).standard_normal((DAYS * 24, DEVICES)).astype(np.float32)
    values[10 * 24 :, :4] += 2.0
    labels = folder / "labels.csv"
    lines = [f"{device},shift,240,{end}" for device in range(4)]
    labels.write_text("\n".join(["device,fault,onset,end", *lines]), "utf-8")
    return values, labels


def test_data_that_is_already_injected_is_scored_by_its_labels(tmp_path: Path) -> None:
    values, labels = injected(tmp_path)
    np.save(tmp_path / "readings.npy", values)
    told = metrics(evaluate(tmp_path, Options(labels=labels), quiet))
    assert told["found_share"] == 1.0
    assert 0.5 <= told["median_delay_d"] <= 4


def test_a_request_after_the_end_of_a_fault_is_false(tmp_path: Path) -> None:
    values, labels = injected(tmp_path, end="245")
    np.save(tmp_path / "readings.npy", values)
    told = metrics(evaluate(tmp_path, Options(labels=labels), quiet))
    assert told["found_share"] == 0.0
    assert told["false_requests"] >= 4


def test_csv_files_are_put_into_hours(tmp_path: Path) -> None:
    rows = ["device,at,value", "a,2026-01-01T00:10:00,1", "a,2026-01-01T00:50:00,3", "b,2026-01-01T02:00:00+00:00,"]
    (tmp_path / "readings.csv").write_text("\n".join(rows), "utf-8")
    labels = tmp_path / "labels.csv"
    labels.write_text("device,fault,onset,end\nb,shift,2026-01-01T01:00:00,", "utf-8")
    life = recorded(tmp_path, labels, 120.0)
    assert (life.devices, life.length_h) == (["a", "b"], 3)
    first, second, third = life.hours
    assert first[0] == 2.0
    assert np.isnan([first[1], *second, *third]).all()


@pytest.mark.parametrize(
    ("data", "labels", "says"),
    [
        ("device,at,value\na,1,2", "device,fault,onset,end\nb,x,1,", "no readings"),
        ("device,at,value\na,1,2", "device,fault,onset,end\na,x,1,\na,x,2,", "twice"),
        ("device,at,value\na,1,2", "device,fault,onset,end\na,x,soon,", "no instant"),
        ("device,at,value\na,1,much", "device,fault,onset,end\na,x,1,", "no number"),
        ("device,time\na,1", "device,fault,onset,end\na,x,1,", "no column"),
        ("device,at,value", "device,fault,onset,end\na,x,1,", "no rows"),
        ("device,at,value\na,1,2\na,999999999,2", "device,fault,onset,end\na,x,1,", "hours apart"),
    ],
)
def test_data_or_labels_of_the_wrong_kind_are_a_clear_error(tmp_path: Path, data: str, labels: str, says: str) -> None:
    (tmp_path / "readings.csv").write_text(data, "utf-8")
    file = tmp_path / "labels.csv"
    file.write_text(labels, "utf-8")
    with pytest.raises(EvaluateError, match=says):
        evaluate(tmp_path, Options(labels=file), quiet)


def test_a_matrix_of_objects_or_a_plan_of_nonsense_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "readings.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    labels = tmp_path / "labels.csv"
    labels.write_text("device,fault,onset,end", "utf-8")
    with pytest.raises(EvaluateError, match="cannot be read"):
        evaluate(tmp_path, Options(labels=labels), quiet)
    (tmp_path / "fleet.toml").write_text("seed = 'x'", "utf-8")
    with pytest.raises(EvaluateError, match="no plan"):
        evaluate(tmp_path, Options(), quiet)


def test_devices_that_never_say_anything_or_always_the_same_ask_for_nothing(tmp_path: Path) -> None:
    values = np.random.default_rng(4).standard_normal((DAYS * 24, 3_000)).astype(np.float32)
    values[:, :500] = np.nan
    values[:, 500:1000] = 7.0
    values[1:, 1000:1100] = np.nan
    np.save(tmp_path / "readings.npy", values)
    labels = tmp_path / "labels.csv"
    labels.write_text("device,fault,onset,end\n0,shift,240,", "utf-8")
    told = metrics(evaluate(tmp_path, Options(labels=labels), quiet))
    assert told["requests"] <= 1
    assert told["found_share"] == 0.0
