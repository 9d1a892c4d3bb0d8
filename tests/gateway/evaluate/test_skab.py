"""SKAB through production's engine: made-up files of its layout, and the real ones where they are there."""

from pathlib import Path

import numpy as np
import pytest

from gateway.evaluate.report import EvaluateError, Options
from gateway.evaluate.skab import SENSORS, TEACHING_ROWS, cropped, evaluate, figures, read

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
ROWS = 900


def quiet(*_: object) -> None:
    """Progress that nobody watches."""


def write(home: Path, begin: int = 600, *, is_labelled: bool = True, gone: tuple[str, ...] = ()) -> Path:
    """Write a file in which sensors follow a load, and the flow falls behind from row `begin` on for 200 rows."""
    rng = np.random.default_rng(begin)
    load = np.sin(np.arange(ROWS) / 40)
    names = [column for column, _, _ in SENSORS.values() if column not in gone]
    values = 10 + load[:, None] + rng.normal(0, 0.2, (ROWS, len(names)))
    is_wrong = (np.arange(ROWS) >= begin) & (np.arange(ROWS) < begin + 200)
    values[is_wrong, -1] -= 2
    head = ["datetime", *names, *(["anomaly", "changepoint"] if is_labelled else [])]
    lines = [";".join(head)]
    for row in range(ROWS):
        labels = [str(float(is_wrong[row])), "0.0"] if is_labelled else []
        clock = f"2020-03-09 10:{row // 60:02}:{row % 60:02}"
        lines.append(";".join([clock, *(f"{value:.5f}" for value in values[row].tolist()), *labels]))
    file = home / "skab" / "valve1" / f"{begin}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
    return home


@pytest.mark.parametrize("begin", [450, 600, 680])
def test_a_flow_that_falls_behind_is_flagged_wherever_it_stands(tmp_path: Path, begin: int) -> None:
    metrics = evaluate(write(tmp_path, begin), Options(), quiet).metrics
    assert metrics["files"] == 1
    assert isinstance(metrics["f1"], float)
    assert metrics["f1"] > 0.85


def test_files_without_labels_are_passed_over_and_a_folder_of_them_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvaluateError, match="no file has the column `anomaly`"):
        evaluate(write(tmp_path, is_labelled=False), Options(), quiet)


def test_files_that_end_before_anything_could_be_tested_are_an_error(tmp_path: Path) -> None:
    file = write(tmp_path) / "skab" / "valve1" / "600.csv"
    file.write_text("\n".join(file.read_text().splitlines()[:300]) + "\n")
    with pytest.raises(EvaluateError, match="more than the 400 rows that teach"):
        evaluate(tmp_path, Options(), quiet)


def test_a_dead_sensor_hides_nothing_of_the_others(tmp_path: Path) -> None:
    file = write(tmp_path) / "skab" / "valve1" / "600.csv"
    rows = [line.split(";") for line in file.read_text().splitlines()]
    place = rows[0].index("Pressure")
    for row in rows[1:]:
        row[place] = ""
    file.write_text("\n".join(";".join(row) for row in rows) + "\n")
    f1 = evaluate(tmp_path, Options(), quiet).metrics["f1"]
    assert isinstance(f1, float)
    assert f1 > 0.85


def test_a_missing_sensor_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluateError, match="no column 'Pressure'"):
        evaluate(write(tmp_path, gone=("Pressure",)), Options(), quiet)


def test_a_cropped_file_still_begins_with_healthy_rows_for_teaching(tmp_path: Path) -> None:
    recording = read(write(tmp_path, 566) / "skab" / "valve1" / "566.csv")
    assert recording is not None
    starts = set()
    for seed in range(20):
        cut = cropped(recording, seed)
        assert not cut.is_anomalous[:TEACHING_ROWS].any()
        assert (np.diff(cut.at_us) == 1_000_000).all()
        starts.add(int(np.argmax(cut.is_anomalous)))
    assert min(starts) < 566 < max(starts)


def test_rows_without_anomalies_have_no_f1_and_no_auc() -> None:
    of = figures(np.zeros(3, bool), np.array([True, False, False]), np.ones(3))
    assert of["far"] == pytest.approx(1 / 3)
    assert np.isnan([of["f1"], of["mar"], of["auc"]]).all()


@pytest.mark.skipif(not (DATA / "skab").is_dir(), reason="the real files are not beside the checkout")
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_the_real_rig_is_judged_as_well_when_it_is_cropped(seed: int | None) -> None:
    metrics = evaluate(DATA, Options(crop_seed=seed), quiet).metrics
    f1, far, auc = (metrics[name] for name in ("f1", "far", "auc"))
    assert isinstance(f1, float)
    assert isinstance(far, float)
    assert isinstance(auc, float)
    assert f1 >= 0.85
    assert far <= 0.15
    assert auc >= 0.85
