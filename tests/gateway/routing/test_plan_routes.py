"""`callout plan-routes`: from a file to routes that are checked, within its limit."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.app import app
from gateway.errors import CalloutError
from gateway.routing.instance import read_best, read_instance
from gateway.routing.split import solve_all
from gateway.settings import CHECKOUT
from tests.gateway.routing.instances import CORDEAU, SITE_DEPENDENT, capacitated, solomon
from workflows.routing import empty_plan

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


# A library in the solver's place that is deaf to every signal that can be refused, starts a child, and never comes back.
HANGING = """
import os, signal, subprocess, sys, time
from pathlib import Path
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
    signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=sys.stdout)
Path(os.environ["HANGS_INTO"]).joinpath(f"{os.getpid()}").write_text(str(child.pid))
while True:
    time.sleep(60)
"""


def test_a_solver_that_hangs_is_ended_and_the_routes_so_far_are_there_before_the_limit_is_over(tmp_path: Path) -> None:
    """The whole command, from the start of its process to its end, as somebody waits for it; the limit is a promise."""
    limit_s = 15.0
    file, out, pids = tmp_path / "pr01", tmp_path / "routes.sol", tmp_path / "pids"
    file.write_text(CORDEAU, "utf-8")
    pids.mkdir()
    (tmp_path / "library" / "pyvrp").mkdir(parents=True)
    (tmp_path / "library" / "pyvrp" / "__init__.py").write_text(HANGING, "utf-8")
    # The folder that a process is started in is not always among those that Python looks into.
    path = os.pathsep.join([str(tmp_path / "library"), str(CHECKOUT)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", "HANGS_INTO": str(pids)}
    command = [sys.executable, "-m", "gateway", "plan-routes", str(file), "--limit-s", str(limit_s), "--out", str(out)]
    began_s = time.monotonic()
    ended = subprocess.run(command, check=False, env=environment, cwd=CHECKOUT, capture_output=True, text=True)
    took_s = time.monotonic() - began_s
    assert ended.returncode == 0, ended.stderr
    assert took_s < limit_s, ended.stderr
    assert "the solver ended: killed" in ended.stderr
    best = read_best(out, read_instance(file))
    assert best.is_kept, "what insertion alone has found is a plan, too"
    assert list(pids.iterdir()), "nothing hung"
    started = [int(pid) for file in pids.iterdir() for pid in (file.name, file.read_text())]
    until_s = time.monotonic() + 30.0
    while time.monotonic() < until_s and any(_lives(pid) for pid in started):
        time.sleep(0.05)
    assert not any(_lives(pid) for pid in started)


def _lives(pid: int) -> bool:
    """Whether a process does anything any more; one that has ended and was not waited for is no more than an entry."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_where_there_is_no_time_for_a_solver_insertion_alone_answers(tmp_path: Path) -> None:
    problem = read_instance(_written(tmp_path / "pr01", CORDEAU)).problem
    solved = solve_all(problem, empty_plan(problem), limit_s=0.9)
    assert (solved.ended, solved.account.is_kept, solved.account.left_out) == ("no_time", True, [])
    nothing = solve_all(problem, empty_plan(problem), limit_s=0.0)
    assert (nothing.ended, nothing.account.is_kept, nothing.account.left_out) == ("no_time", True, [0, 1, 2, 3])


def test_a_problem_of_a_thousand_clients_is_given_up_in_time_and_says_so(tmp_path: Path) -> None:
    file = _written(tmp_path / "big.txt", solomon(1000))
    result = RUN.invoke(app, ["plan-routes", str(file), "--limit-s", "6", "--json", str(tmp_path / "told.json")])
    figures = json.loads((tmp_path / "told.json").read_text())
    assert result.exit_code == 1
    assert len(figures["left_out"]) > 500
    assert "more are left out; there is no time left to look for the reasons" in result.stderr


def _written(file: Path, text: str) -> Path:
    file.write_text(text, "utf-8")
    return file
