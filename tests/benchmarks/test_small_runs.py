"""Each benchmark in small: it runs, its last line is JSON, and what it claims holds."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import CHECKOUT

pytestmark = pytest.mark.slow


def measured(dsn: str, name: str, *words: str) -> dict[str, Any]:
    """Run a benchmark on the session's PostgreSQL, and give its last line."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *words],
        cwd=CHECKOUT,
        env={**os.environ, "CALLOUT_TEST_DSN": dsn},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_disordered_and_doubled_readings_end_in_the_same_symptoms(postgres_dsn: str) -> None:
    told = measured(postgres_dsn, "order", "--readings", "4000")
    assert told["identical"] is True
    assert {row["readings"] for row in told["rows"]} == {4000}
    assert told["rows"][0]["symptoms"] > 0


def test_malformed_payloads_are_all_kept_with_a_reason_or_readable(postgres_dsn: str) -> None:
    told = measured(postgres_dsn, "malformed", "--payloads", "1500")
    assert told["lost"] == 0
    assert told["kept_with_a_reason"] + told["stored_whole"] + told["absorbed"] == 1500
    assert {row["reason"] for row in told["rows"]} >= {"not_json", "wrong_form", "wrong_topic"}


def test_a_step_of_the_engine_and_its_bare_arithmetic_come_to_the_same(postgres_dsn: str) -> None:
    told = measured(postgres_dsn, "engine", "--devices", "3000")
    assert told["apart_nats"] < 1e-3
    assert told["rows"][0]["ratio"] > 0


def test_leaks_are_offered_dates_while_a_fleet_reports(postgres_dsn: str) -> None:
    told = measured(postgres_dsn, "promise", "--seconds", "3", "--leaks", "3", "--devices", "200", "--warm", "2000")
    *stages, typical, worst = told["figures"]
    assert [stage["name"] for stage in stages] == [
        f"of it {stage}, p50 and beside it p99"
        for stage in ("stored and detected", "waiting to diagnose", "diagnosing", "waiting to offer", "offering")
    ]
    assert all(0 <= stage["value"] <= stage["limit"] for stage in stages)
    assert 0 < typical["value"] <= worst["value"]
    # No stage is longer than the way that it is a part of: from the deciding reading to the offer.
    assert max(stage["limit"] for stage in stages[:-1]) <= worst["value"]
    assert worst["note"].startswith("3 of 3 leaks")


def test_a_queue_is_drained_by_each_way_of_receiving(postgres_dsn: str) -> None:
    told = measured(postgres_dsn, "receive", "--messages", "3000")
    assert [row["receiver"] for row in told["rows"]] == ["plain paho", "fast client", "bare socket"]
    assert {row["messages"] for row in told["rows"]} == {3000}


def test_a_small_run_gives_each_figure_of_ingest_and_says_which_machine_it_was(
    postgres_dsn: str, tmp_path: Path
) -> None:
    told = bench(postgres_dsn, tmp_path, "ingest")
    assert told["quick"] is True
    assert told["machine"].keys() >= {
        "processor",
        "cores",
        "memory",
        "disk",
        "kernel",
        "python",
        "postgresql",
        "mosquitto",
    }
    names = [figure["name"] for figure in told["figures"]]
    assert names[0] == "ingest, end to end, 10 values a message"
    assert "ingest, end to end, 100 values a message" in names
    assert all(figure["value"] > 0 and figure["limit"] > 0 for figure in told["figures"])
    assert told["figures"][0]["verdict"] in ("met", "missed")
    assert told["left_out"] == {}


def test_a_fleet_that_was_copied_is_remembered_device_by_device(postgres_dsn: str, tmp_path: Path) -> None:
    told = bench(postgres_dsn, tmp_path, "memory", "scale")
    assert told["left_out"] == {}
    by_part = {part: [each for each in told["figures"] if each["benchmark"] == part] for part in ("memory", "scale")}
    assert {each["name"].rpartition(", ")[2] for each in by_part["memory"]} == {"electric_vehicle", "smart_meter"}
    assert all(each["value"] > 0 for each in by_part["memory"])
    assert [each["at_most"] for each in by_part["scale"]] == [1.3]


def bench(dsn: str, folder: Path, *parts: str) -> dict[str, Any]:
    """Run parts of `callout bench` in small, and give what it writes down."""
    file = folder / "figures.json"
    words = [word for part in parts for word in ("--only", part)]
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "bench", "--quick", "--json", str(file), *words],
        cwd=folder,
        env={**os.environ, "CALLOUT_TEST_DSN": dsn, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The machine" in done.stdout
    return json.loads(file.read_text())
