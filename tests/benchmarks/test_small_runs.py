"""Each benchmark in small: it runs, its last line is JSON, and what it claims holds."""

import json
import os
import subprocess
import sys
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


def test_a_queue_is_drained_by_each_way_of_receiving(postgres_dsn: str) -> None:
    told = measured(postgres_dsn, "receive", "--messages", "3000")
    assert [row["receiver"] for row in told["rows"]] == ["plain paho", "fast client", "bare socket"]
    assert {row["messages"] for row in told["rows"]} == {3000}
