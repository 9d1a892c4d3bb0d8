"""All parts of `callout bench`: one that breaks down is said with its reason, and the others' figures are there."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import engine, offers, outcomes
from benchmarks.figures import Figure
from benchmarks.outcomes import Failed, Measured, outcome_of
from simulators.progress import ProgressLine

GOOD = Figure("gates opened", 12.0, "gates/s")


def gives(*figures: Figure) -> Callable[[bool, ProgressLine], Sequence[Figure]]:
    return lambda _quick, _progress: figures


def breaks(error: BaseException) -> Callable[[bool, ProgressLine], Sequence[Figure]]:
    def figures(_quick: bool, _progress: ProgressLine) -> Sequence[Figure]:
        raise error

    return figures


def run(parts: Sequence[str], file: Path) -> object:
    """Run parts; gives the code of the end."""
    words = [word for part in parts for word in ("--only", part)]
    with pytest.raises(SystemExit) as ended:
        bench.main([*words, "--json", str(file)])
    return ended.value.code


@pytest.fixture(autouse=True)
def _without_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_machine", lambda _progress: {"processor": "any"})


def test_one_part_that_breaks_down_takes_no_other_along(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(offers, "figures", breaks(AssertionError("the broker gave 3 of 5")))
    monkeypatch.setattr(engine, "figures", gives(GOOD))
    assert run(["offers", "engine"], tmp_path / "figures.json") == 1
    told = json.loads((tmp_path / "figures.json").read_text())
    assert told["failed"] == {"offers": "AssertionError: the broker gave 3 of 5"}
    assert [figure["name"] for figure in told["figures"]] == ["gates opened"]
    shown = capsys.readouterr()
    assert "gates opened" in shown.out
    assert "offers failed after 0 s: AssertionError: the broker gave 3 of 5" in shown.out
    assert "part 2 of 2" in shown.err
    assert "in figures" in shown.err, "the trace says where"


def test_who_interrupts_it_is_told_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(offers, "figures", gives(GOOD))
    monkeypatch.setattr(engine, "figures", breaks(KeyboardInterrupt()))
    assert run(["offers", "engine"], tmp_path / "figures.json") == 130
    assert json.loads((tmp_path / "figures.json").read_text())["left_out"] == {"engine": "it was interrupted"}
    shown = capsys.readouterr().out
    assert "gates opened" in shown
    assert "engine is left out: it was interrupted" in shown


def test_a_missed_figure_ends_with_1_and_a_met_one_with_0(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for value, code in ((9.0, 1), (10.0, 0)):
        monkeypatch.setattr(offers, "figures", gives(Figure("gates opened", value, "gates/s", at_least=10.0)))
        assert run(["offers"], tmp_path / "figures.json") == code


def test_a_file_that_cannot_be_written_is_said_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(offers, "figures", breaks(RuntimeError("nobody may come so far")))
    assert "nothing was measured" in str(run(["offers"], tmp_path / "away" / "figures.json"))


def test_a_part_that_waits_for_what_never_comes_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(_quick: bool, _progress: ProgressLine) -> Sequence[Figure]:
        while True:
            pass

    monkeypatch.setattr(outcomes, "_LONGEST_QUICK_S", 1)
    monkeypatch.setattr(offers, "figures", wait)
    outcome = outcome_of("offers", is_quick=True, progress=ProgressLine())
    assert isinstance(outcome, Failed)
    assert "had not ended after 1 s" in outcome.reason
    monkeypatch.setattr(offers, "figures", gives(GOOD))
    assert isinstance(outcome_of("offers", is_quick=True, progress=ProgressLine()), Measured)
