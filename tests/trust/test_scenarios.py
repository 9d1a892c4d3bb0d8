"""Each scenario in small: struck a few times under load, nothing is lost, nothing doubled, each fault said once."""

import json
import subprocess
import sys

import psycopg
import pytest

from gateway.settings import CHECKOUT
from tests.trust.__main__ import names, run
from tests.trust.desk import NotOursError
from tests.trust.trial import Asked

SMALL = {"worker": 3, "broker": 1, "database": 2, "handovers": 6}
KILLS_THE_DATABASE = {"database"}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scenario", list(SMALL))
def test_nothing_is_lost_or_doubled_by(scenario: str, postgres_dsn: str) -> None:
    dsn = "" if scenario in KILLS_THE_DATABASE else postgres_dsn
    ledgers = run(scenario, Asked(SMALL[scenario], seed=11, readings_per_s=600, devices=10, outside_dsn=dsn))
    for ledger in ledgers:
        told = "\n".join(ledger.lines())
        assert ledger.is_clean, told
        assert ledger.balance.sent == ledger.balance.stored == ledger.balance.acknowledged, told
        assert ledger.strikes == SMALL[scenario] == len(ledger.recoveries_s), told
        assert ledger.symptoms > 0, told
        figures = json.loads(json.dumps(ledger.figures()))
        assert figures["lost"] == figures["doubled"] == 0
        assert 0 < figures["recovery_median_s"] <= figures["recovery_worst_s"]


def test_a_database_that_is_not_ours_is_not_killed(postgres_dsn: str) -> None:
    with pytest.raises(NotOursError, match="run it without"):
        run("database", Asked(1, readings_per_s=500, devices=5, outside_dsn=postgres_dsn))
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute("SELECT FROM pg_database WHERE datname LIKE 'callout_trust_%'").fetchall() == []


def test_the_command_names_its_scenarios_and_refuses_another() -> None:
    asked = [sys.executable, "-m", "tests.trust", "earthquake"]
    done = subprocess.run(asked, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert all(name in done.stderr for name in (*names(), "all"))
