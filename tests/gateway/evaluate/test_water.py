"""The set of water meters: what is injected, what labels say, and what counts as found."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from gateway.evaluate.injection import Series, injected, load_plan
from gateway.evaluate.onsets import never_rests
from gateway.evaluate.recordings import read, read_labels
from gateway.evaluate.report import EvaluateError, Options
from gateway.evaluate.water import cropped, evaluate
from tests.gateway.evaluate.test_run import silent

BEGIN = datetime(2016, 3, 1, tzinfo=UTC)
HOUR_US = 3_600_000_000


def household(days: int, leak_from_h: int | None = None) -> list[float]:
    """A register of somebody who draws 20 l an hour by day, and rests by night."""
    flows = [
        20.0 * (7 <= hour % 24 < 22) + 3.0 * (leak_from_h is not None and hour >= leak_from_h)
        for hour in range(days * 24)
    ]
    return list(np.cumsum([1000.0, *flows]))


def written(folder: Path, meters: dict[str, list[float]]) -> Path:
    with (folder / "readings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["meter", "ts", "register_l"])
        for meter, register in meters.items():
            writer.writerows(
                [meter, f"{BEGIN + timedelta(hours=hour):%Y-%m-%d %H:%M:%S}", value]
                for hour, value in enumerate(register)
            )
    return folder


def test_labelled_leaks_are_found_and_what_nobody_labelled_is_another_onset(tmp_path: Path) -> None:
    folder = written(
        tmp_path, {"1": household(40, leak_from_h=480), "2": household(40, leak_from_h=480), "3": household(40)}
    )
    labels = tmp_path / "labels.csv"
    labels.write_text("device,fault,onset,end\n1,Leak,2016-03-21 00:00:00,\n")
    metrics = evaluate(folder, Options(labels=labels), silent).metrics
    leak = metrics["leak"]
    assert isinstance(leak, dict)
    assert (leak["recall_48h"], leak["injected"], leak["open_already"]) == (1.0, 1, 0)
    # The second meter's leak was not labelled, and by the recording itself is a natural one.
    assert leak["natural_onsets_per_meter_year"] * metrics["meter_years"] == pytest.approx(1.0)
    assert leak["other_onsets_per_meter_year"] == 0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1,moonlight,2016-03-21 00:00:00,", "no fault 'moonlight'"),
        ("1,leak,soon,", "Write times as"),
        ("1,leak,,", "Write times as"),
    ],
)
def test_a_label_that_cannot_be_read_is_named_with_its_line(line: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(f"device,fault,onset,end\n{line}\n")
    with pytest.raises(EvaluateError, match=f"line 2: .*{says}"):
        read_labels(file, ["leak"])


def test_meters_that_say_little_are_neither_injected_nor_found_wrong(tmp_path: Path) -> None:
    nan = float("nan")
    report = evaluate(written(tmp_path, {"1": [1000.0], "2": [nan] * 500, "3": [7.0] * 500}), Options(), silent)
    assert report.metrics["injected"] == 0
    assert report.tables[1].rows == []
    assert report.metrics["meters"] == 3


def test_each_fault_is_injected_once_a_severity_from_its_onset_on_and_the_same_again(tmp_path: Path) -> None:
    (series,) = read(written(tmp_path, {"1": household(150)}) / "readings.csv")
    plan = load_plan()
    pairs = injected(plan, series, None)
    assert len(pairs) == sum(len(kind.severities) for kind in plan.faults.values())
    again = injected(plan, series, None)
    assert [label for _, label in pairs] == [label for _, label in again]
    assert [label for _, label in pairs] != [label for _, label in injected(plan, series, 5)]
    for made, label in pairs:
        before = series.at_us < label.onset_us
        assert np.array_equal(made.register_l[before], series.register_l[before]), label
        assert not np.array_equal(made.register_l, series.register_l), label


def test_a_clock_that_is_set_back_in_autumn_keeps_the_order_of_its_readings(tmp_path: Path) -> None:
    rows = ["01:30:00", "02:30:00", "02:30:05", "02:10:00", "03:10:00"]
    text = "\n".join(f"1,2016-10-30 {at},{100 + number}" for number, at in enumerate(rows))
    (tmp_path / "readings.csv").write_text(f"meter,ts,register_l\n{text}\n")
    (series,) = read(tmp_path / "readings.csv")
    assert series.register_l.tolist() == [100, 101, 102, 103, 104]


def test_a_flow_that_rests_for_an_hour_is_no_natural_leak() -> None:
    at_us = np.arange(100) * HOUR_US
    flowing = Series("1", at_us, np.arange(100) * 2.0)
    assert never_rests(flowing, 0, 3.0)
    rested = flowing.register_l - 2.0 * (np.arange(100) >= 40)
    assert not never_rests(Series("1", at_us, rested), 0, 3.0)
    assert not never_rests(flowing, int(at_us[-10]), 3.0)


def test_a_crop_repeats_whole_weeks_ahead_of_any_label_or_cuts_and_the_flow_is_what_it_was(tmp_path: Path) -> None:
    (series,) = read(written(tmp_path, {"1": household(150)}) / "readings.csv")
    usual = set(np.diff(series.register_l).tolist())
    weeks: list[int] = []
    for seed in range(12):
        cut = cropped(series, seed)
        assert set(np.diff(cut.register_l).tolist()) == usual
        assert cut.at_us[-1] < series.at_us[-1]
        ahead_us = int(series.at_us[0] - cut.at_us[0])
        weeks.append(round(ahead_us / (7 * 24 * HOUR_US)) if ahead_us > 0 else 0)
        assert cropped(series, seed, first_onset_us=int(series.at_us[100])).at_us[0] >= series.at_us[0]
    assert min(weeks) == 0 < max(weeks) <= 4
    assert cropped(series, None).at_us.tolist() == series.at_us.tolist()
