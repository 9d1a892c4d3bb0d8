"""`callout plan-routes`: from a file to routes that are checked, within its limit."""

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.errors import CalloutError
from gateway.routing.instance import read_best, read_instance
from tests.gateway.routing.instances import SITE_DEPENDENT, capacitated, solomon

RUN = CliRunner()


def test_routes_go_to_the_output_and_are_a_solution_file(tmp_path: Path) -> None:
    file, told = tmp_path / "small.txt", tmp_path / "told.json"
    file.write_text(solomon(), "utf-8")
    result = RUN.invoke(app, ["plan-routes", str(file), "--limit-s", "5", "--json", str(told), "--best", "100"])
    assert result.exit_code == 0, result.output
    figures = json.loads(told.read_text())
    (tmp_path / "small.sol").write_text(result.stdout, "utf-8")
    best = read_best(tmp_path / "small.sol", read_instance(file))
    assert (best.cost, best.is_kept) == (figures["cost"], True)
    assert figures["gap_percent"] == pytest.approx(figures["cost"] - 100)
    assert figures["left_out"] == []
    assert "best known 100.0 (as stated)" in result.stderr


def test_routes_go_to_a_file_and_the_best_known_ones_beside_it_are_found(tmp_path: Path) -> None:
    file, out = tmp_path / "kinds.vrp", tmp_path / "routes.sol"
    file.write_text(SITE_DEPENDENT, "utf-8")
    file.with_suffix(".sol").write_text("Route #1: 1\nRoute #2: 2 3 4\nCost: 1\n", "utf-8")
    result = RUN.invoke(app, ["plan-routes", str(file), "--limit-s", "5", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "computed from its routes): +0.00 %" in result.stderr or "%" in result.stderr
    assert out.read_text().startswith("Route #1:")
    assert "Route" not in result.stdout


def test_clients_that_nobody_can_visit_are_named_with_the_reason_and_the_exit_says_so(tmp_path: Path) -> None:
    file = tmp_path / "kinds.vrp"
    file.write_text(SITE_DEPENDENT.replace("2 3 4 5\nEOF", "2 3 5\nEOF").replace("2 1\n", "2 99\n", 1), "utf-8")
    result = RUN.invoke(app, ["plan-routes", str(file), "--limit-s", "4"])
    assert result.exit_code == 1
    assert "client 1 is left out: too much" in result.stderr
    assert "client 3 is left out: no skill" in result.stderr


def test_words_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "tiny.vrp"
    file.write_text(capacitated(), "utf-8")
    for words in (["--convention", "metric"], ["--best", "cheap"], ["--out", str(tmp_path)]):
        result = RUN.invoke(app, ["plan-routes", str(file), "--limit-s", "4", *words])
        assert isinstance(result.exception, CalloutError), words


def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyvrp" else found(name))
    result = RUN.invoke(app, ["plan-routes", str(tmp_path / "any.vrp")])
    assert isinstance(result.exception, CalloutError)
    assert "callout[routes]" in str(result.exception)
