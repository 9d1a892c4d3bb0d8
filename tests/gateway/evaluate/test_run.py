"""The frame of `callout evaluate`: sets by their modules, errors that name the next move, and the three forms of a report."""

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.app import app
from gateway.evaluate.drawing import Band, Line, Mark, Panel, draw
from gateway.evaluate.folder import find_files, read_rows
from gateway.evaluate.report import EvaluateError, Options, Report, Table
from gateway.evaluate.run import as_json, lines, run, set_names, write_plots


def silent(what: str, done: float, of: float) -> None:
    """Progress that nobody reads."""


def test_every_set_is_offered_by_the_command_and_is_found_by_its_module() -> None:
    assert {"ev", "water", "ai4i"} <= set(set_names())
    told = CliRunner().invoke(app, ["evaluate", "--help"], env={"COLUMNS": "200"}).output
    assert all(name in told for name in set_names())


def test_a_set_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(EvaluateError, match=r"no set 'moon'; there are: .*water"):
        run("moon", Path(), Options(), silent)


@pytest.mark.parametrize("name", ["ev", "water", "ai4i"])
def test_a_folder_of_the_wrong_layout_is_told_with_the_folder_that_is_wanted(name: str, tmp_path: Path) -> None:
    with pytest.raises(EvaluateError, match="there is no such folder. Name the folder"):
        run(name, tmp_path / "missing", Options(), silent)
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(EvaluateError, match=r"no .*csv.* in .*Name the folder that holds"):
        run(name, tmp_path, Options(), silent)


@pytest.mark.parametrize(
    "content", [b"", b"not gzip", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], gzip.compress(b"\xff\xfe\x00", mtime=0)]
)
def test_a_file_that_cannot_be_read_or_lacks_a_column_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "readings.csv.gz"
    file.write_bytes(content)
    with pytest.raises(EvaluateError, match=r"readings\.csv\.gz (cannot be read|has no column 'meter')"):
        list(read_rows(file, ["meter"]))


def test_the_folder_above_and_the_folder_itself_are_the_same_set(tmp_path: Path) -> None:
    (tmp_path / "ai4i").mkdir()
    (tmp_path / "ai4i" / "ai4i2020.csv").write_text("x\n")
    assert find_files(tmp_path, "ai4i", "*.csv") == find_files(tmp_path / "ai4i", "ai4i", "*.csv")


def test_a_report_is_a_table_json_with_metrics_on_top_and_drawings(tmp_path: Path) -> None:
    nan = float("nan")
    panel = Panel("P <&>", "l/h", [Line("a", range(5000), [nan, *range(4999)])], [Band(1, 2)], [Mark(3, "m")], [9.0])
    report = Report(
        {"f1": 0.5, "leak": {"recall": nan}}, [Table("T", ("x",), [(None,), (1.25,)])], [draw("d", "D", [panel], "s")]
    )
    text = "\n".join(lines(report))
    assert "f1           0.500" in text
    assert "leak.recall      -" in text
    told = json.loads(as_json("demo", Options(crop_seed=3), 1.0, report))
    assert (told["f1"], told["leak"], told["crop_seed"]) == (0.5, {"recall": None}, 3)
    (file,) = write_plots(tmp_path / "new" / "plots", report)
    assert file.read_text().count("<path") > 2
    assert "P &lt;&amp;&gt; [l/h]" in file.read_text()
    assert len(file.read_text()) < 60_000
