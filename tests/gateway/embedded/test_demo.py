"""The whole way, as a stranger sees it: one command, and a vehicle's reading becomes its owner's confirmed date."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.settings import CHECKOUT
from tests.conftest import make_enterable


def play(data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    make_enterable(data_dir.parent)
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "CALLOUT_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "gateway", "demo", "--once", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)


def processes_of(data_dir: Path) -> list[str]:
    """The command lines of living processes that name the folder."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(data_dir) in line:
            found.append(line)
    return found


@pytest.mark.slow
def test_a_reading_becomes_a_confirmed_date_and_nothing_is_left_running(tmp_path: Path) -> None:
    outcome = play(tmp_path / "data")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    told = json.loads(outcome.stdout.splitlines()[-1])
    assert told["confirmed"] is True
    assert told["readings_stored"] > 1000
    assert told["requests_opened"] >= 1
    assert 0 < told["seconds_reading_to_offer"] < told["seconds_reading_to_confirmation"] < 60
    assert outcome.stderr == ""
    whole = [each for each in told["journeys"] if each["remedy"]]
    for product in ("electric_vehicle", "smart_meter"):
        ways = {each["remedy"]["outcome"]: each for each in whole if each["product"] == product}
        assert ways["verified"]["state"] == "solved"
        assert ways["failed"]["state"] == "confirmed"
        assert ways["failed"]["part"]
        assert ways["failed"]["fulfilment"] == ("visit" if product == "smart_meter" else "drop_off")
        assert next(iter(ways["failed"]["seconds"])) == "opened"
        assert all(seconds >= 0 for seconds in ways["failed"]["seconds"].values())
    ordered = next(each for each in whole if each["source"] == "order")
    assert list(ordered["seconds"])[-3:] == ["part_ordered", "confirmed", "part_promised"]
    assert "the supplier promises the part, signed: EV-CELL-HARNESS comes by" in outcome.stdout
    assert list((tmp_path / "data").iterdir()) == []
    assert processes_of(tmp_path / "data") == []


@pytest.mark.slow
def test_a_demonstration_out_of_time_says_how_far_it_came_and_keeps_its_logs(tmp_path: Path) -> None:
    outcome = play(tmp_path / "data", "--limit-s", "1")
    assert outcome.returncode == 1
    assert "error: no date was confirmed: 1 s have passed and no" in outcome.stdout
    told = json.loads(outcome.stdout.splitlines()[-1])
    assert told["confirmed"] is False
    assert told["reason"].startswith("1 s have passed")
    assert list((tmp_path / "data").glob("once-*/logs/ingest.log"))
    assert processes_of(tmp_path / "data") == []
