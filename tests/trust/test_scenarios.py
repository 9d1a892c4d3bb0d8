"""Each scenario in small: struck a few times under load, nothing is lost, nothing doubled, each fault said once."""

import json
import subprocess
import sys

import pytest

from gateway.settings import CHECKOUT
from tests.trust.__main__ import names, run
from tests.trust.trial import Asked

SMALL = {"worker": 3, "broker": 1, "database": 2, "handovers": 6}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scenario", list(SMALL))
def test_nothing_is_lost_or_doubled_by(scenario: str) -> None:
    ledgers = run(scenario, Asked(times=SMALL[scenario], seed=11, readings_per_s=1500, devices=20))
    for ledger in ledgers:
        told = "\n".join(ledger.lines())
        assert ledger.is_clean, told
        assert ledger.balance.sent == ledger.balance.stored == ledger.balance.acknowledged, told
        assert ledger.strikes == SMALL[scenario] == len(ledger.recoveries_s), told
        assert ledger.symptoms > 0, told
        figures = json.loads(json.dumps(ledger.figures()))
        assert figures["lost"] == figures["doubled"] == 0
        assert 0 < figures["recovery_median_s"] <= figures["recovery_worst_s"]


def test_the_command_names_its_scenarios_and_refuses_another() -> None:
    asked = [sys.executable, "-m", "tests.trust", "earthquake"]
    done = subprocess.run(asked, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert all(name in done.stderr for name in (*names(), "all"))
