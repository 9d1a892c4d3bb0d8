"""NAB through production's engine: made-up series of its layout, and the real ones where they are there."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from gateway.evaluate.nab import cropped, evaluate, read, run
from gateway.evaluate.report import EvaluateError, Options

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
BEGIN = datetime(2014, 4, 1, tzinfo=UTC)
ROWS = 288 * 14
FAULT = slice(288 * 10, 288 * 10 + 100)


def quiet(*_: object) -> None:
    """Progress that nobody watches."""


def write(home: Path, windows: dict[str, list[list[str]]] | None = None) -> Path:
    """One series with a daily course, noise, and a fault on its eleventh day; another with no fault."""
    rng = np.random.default_rng(5)
    days = np.arange(ROWS) / 288
    for name, fault in (("made/faulty", 6.0), ("made/sound", 0.0)):
        values = 20 + 5 * np.sin(2 * np.pi * days) + rng.normal(0, 0.5, ROWS)
        values[FAULT] += fault
        lines = [f"{at(row)},{value:.4f}" for row, value in enumerate(values.tolist())]
        file = home / "nab" / f"{name}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(["timestamp,value", *lines]) + "\n")
    known = {"made/faulty.csv": [[at(FAULT.start - 20), at(FAULT.stop)]], "made/sound.csv": []}
    (home / "nab" / "windows.json").write_text(json.dumps(known if windows is None else windows))
    return home


def at(row: int) -> str:
    return f"{BEGIN + timedelta(minutes=5 * row):%Y-%m-%d %H:%M:%S}"


def test_a_shift_is_found_where_it_begins_and_a_sound_series_is_left_alone(tmp_path: Path) -> None:
    report = evaluate(write(tmp_path), Options(), quiet)
    assert report.metrics["windows"] == report.metrics["windows_found"] == 1
    assert report.metrics["false_alarms"] == 0
    assert isinstance(report.metrics["standard"], float)
    assert 90 < report.metrics["standard"] <= 100
    assert [plot.name for plot in report.plots] == ["made-faulty", "made-sound"]


def test_a_crop_takes_windows_with_it_and_keeps_those_that_are_left_at_their_instants(tmp_path: Path) -> None:
    faulty = read(write(tmp_path))[0]
    begins_before = set[bool]()
    for seed in range(8):
        cut = cropped(faulty, seed)
        assert cut.at_us[-1] < faulty.at_us[-1]
        assert (np.diff(cut.at_us) == np.diff(faulty.at_us)[0]).all()
        begins_before.add(bool(cut.at_us[0] < faulty.at_us[0]))
        for first, last in cut.windows:
            assert cut.at_us[first] == faulty.at_us[faulty.windows[0][0]]
            assert cut.at_us[last] <= faulty.at_us[faulty.windows[0][1]]
    assert begins_before == {True, False}


def test_a_series_is_judged_alike_beside_others_and_alone(tmp_path: Path) -> None:
    both = read(write(tmp_path))
    assert run(both[:1], quiet)[0].alarms == run(both, quiet)[0].alarms


@pytest.mark.parametrize(
    ("windows", "says"),
    [({"made/faulty.csv": []}, "does not name made/sound.csv"), ({"made/faulty.csv": [["2014-04-02", "x"]]}, "layout")],
)
def test_windows_that_do_not_fit_are_named(tmp_path: Path, windows: dict[str, list[list[str]]], says: str) -> None:
    with pytest.raises(EvaluateError, match=says):
        evaluate(write(tmp_path, windows), Options(), quiet)


def test_a_folder_without_windows_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(EvaluateError, match="Name the folder that holds nab/"):
        evaluate(tmp_path, Options(), quiet)


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "nab").is_dir(), reason="the real series are not beside the checkout")
@pytest.mark.parametrize("seed", [None, 1])
def test_the_real_series_score_above_what_is_published_for_simple_detectors(seed: int | None) -> None:
    standard = evaluate(DATA, Options(crop_seed=seed), quiet).metrics["standard"]
    assert isinstance(standard, float)
    assert standard >= 55
