"""Every set on data that nobody can tell anything from: a clear error, or an honest abstention, and never an alarm."""

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from gateway.evaluate.report import EvaluateError, Metric, Options
from gateway.evaluate.run import run, set_names
from gateway.evaluate.skab import SENSORS
from tests.gateway.evaluate.test_run import silent

BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
Write = Callable[[Path, Sequence[datetime], str], None]


def table(file: Path, head: Sequence[str], rows: Sequence[Sequence[object]], delimiter: str = ",") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened, delimiter=delimiter)
        writer.writerows([head, *rows])


def skab(folder: Path, times: Sequence[datetime], value: str) -> None:
    names = [column for column, _, _ in SENSORS.values()]
    rows = [[f"{at:%Y-%m-%d %H:%M:%S}", *[value] * len(names), 0, 0] for at in times]
    table(folder / "valve1" / "0.csv", ["datetime", *names, "anomaly", "changepoint"], rows, ";")


def nab(folder: Path, times: Sequence[datetime], value: str) -> None:
    table(folder / "real" / "a.csv", ["timestamp", "value"], [[f"{at:%Y-%m-%d %H:%M:%S}", value] for at in times])
    (folder / "windows.json").write_text(json.dumps({"real/a.csv": []}))


def ev(folder: Path, times: Sequence[datetime], value: str) -> None:
    head = ["tboxTime", "BMSWarningInformation", *(f"V_{cell}" for cell in range(1, 9)), "T_1"]
    rows = [[f"{at:%Y-%m-%d %H:%M:%S}", 0, *[value and "3.9"] * 8, value and "60"] for at in times]
    table(folder / "car9.csv", head, rows)


def water(folder: Path, times: Sequence[datetime], value: str) -> None:
    table(
        folder / "readings.csv",
        ["meter", "ts", "register_l"],
        [[1, f"{at:%Y-%m-%d %H:%M:%S}", value] for at in times],
    )


def ai4i(folder: Path, times: Sequence[datetime], value: str) -> None:
    inputs = ["Air temperature [K]", "Process temperature [K]", "Rotational speed [rpm]", "Torque [Nm]"]
    rows = [["L", *[value] * 5, int(place % 10 == 0)] for place in range(1, len(times) + 1)]
    table(folder / "ai4i2020.csv", ["Type", *inputs, "Tool wear [min]", "Machine failure"], rows)


def appliances(folder: Path, times: Sequence[datetime], value: str) -> None:
    rows = [
        [device, fault, f"{device} {fault}", f"{at:%Y-%m-%d %H:%M:%S}", value, 0]
        for device in ("Fridge_1", "Fridge_2")
        for fault, at in [("Normal", at) for at in times] + [("anomaly_Minor", at) for at in times]
    ]
    table(folder / "appliance_minutes.csv", ["device", "fault", "day", "ctime", "activePower", "label"], rows)


WRITES: Mapping[str, Write] = {
    "skab": skab, "nab": nab, "ev": ev, "water": water, "ai4i": ai4i, "appliances": appliances,
}  # fmt: skip


def alarms(metrics: Mapping[str, Metric]) -> list[float]:
    """All that a set counts as said without need, by whatever name: none of them may be above nothing."""
    names = ("far", "false_alarms", "cell_requests", "safety_cases", "automatic", "other_onsets_per_meter_year")
    found: list[float] = []
    for name, metric in metrics.items():
        if isinstance(metric, Mapping):
            inner = cast("Mapping[str, Metric]", metric)
            found += [float(one) for one in inner.values() if name in names and isinstance(one, int | float)]
            found += alarms(inner)
        elif name in names and isinstance(metric, int | float):
            found.append(float(metric))
    return found


HOURS = [BEGIN + timedelta(hours=hour) for hour in range(500)]
JUMPING = [
    at + timedelta(days=365 * (20 * (place % 97 == 5) - 9 * (place % 89 == 7))) for place, at in enumerate(HOURS)
]
STATES: Mapping[str, tuple[Sequence[datetime], str]] = {
    "one reading": (HOURS[:1], "7"),
    "no values": (HOURS, ""),
    "what is no number": (HOURS, "nan"),
    "always the same": (HOURS, "7"),
    "a clock that jumps": (JUMPING, "7"),
}


# Where there is nothing to score at all, the set says so; everywhere else it runs, and alarms nobody.
REFUSED: Mapping[tuple[str, str], str] = {
    ("skab", "one reading"): "no file has more than",
    ("ai4i", "one reading"): "has 0 failures among 1 machines",
    ("ai4i", "no values"): "only 0 of .* machines to learn from have every reading",
    ("ai4i", "what is no number"): "only 0 of .* machines to learn from have every reading",
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", WRITES)
def test_a_set_that_says_nothing_is_an_error_or_is_left_alone(name: str, state: str, tmp_path: Path) -> None:
    WRITES[name](tmp_path, *STATES[state])
    if (name, state) in REFUSED:
        with pytest.raises(EvaluateError, match=REFUSED[name, state]):
            run(name, tmp_path, Options(), silent)
        return
    said = alarms(run(name, tmp_path, Options(), silent).metrics)
    assert said
    assert all(math.isnan(one) or one == 0 for one in said), said


@pytest.mark.parametrize("crop_seed", [1, 2, 3, 4])
@pytest.mark.parametrize("name", WRITES)
def test_a_crop_of_next_to_nothing_is_an_error_or_nothing(name: str, crop_seed: int, tmp_path: Path) -> None:
    WRITES[name](tmp_path, HOURS[:3], "7")
    try:
        metrics = run(name, tmp_path, Options(crop_seed=crop_seed), silent).metrics
    except EvaluateError:
        return
    assert all(math.isnan(one) or one == 0 for one in alarms(metrics))


@pytest.mark.parametrize("name", WRITES)
def test_a_folder_of_another_set_is_told_with_what_is_wanted(name: str, tmp_path: Path) -> None:
    table(tmp_path / "valve1" / "other.csv", ["alpha", "beta"], [[1, 2]])
    table(tmp_path / "other.csv", ["alpha", "beta"], [[1, 2]])
    (tmp_path / "windows.json").write_text("{}")
    with pytest.raises(EvaluateError, match=r"(has no column|no .*csv|does not name|no row|no readings).*"):
        run(name, tmp_path, Options(), silent)


def test_every_set_is_in_the_table_or_makes_its_own_data() -> None:
    assert set(set_names()) == {*WRITES, "fleet", "products"}
