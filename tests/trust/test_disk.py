"""A full disk in small: nothing is acknowledged that is not stored, an alarm is written afterwards, all is there in the end."""

import os

import pytest

from tests.trust.scenarios import disk
from tests.trust.trial import Asked

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root"),
]


def test_nothing_is_lost_or_doubled_by_a_disk_that_is_full_and_freed() -> None:
    ledgers = disk.run(Asked(times=1, seed=11, readings_per_s=1500, devices=20))
    if not ledgers:
        pytest.skip("no disk can be mounted here")
    (ledger,) = ledgers
    told = "\n".join(ledger.lines())
    assert ledger.is_clean, told
    assert ledger.balance.sent == ledger.balance.stored == ledger.balance.acknowledged, told
    assert not ledger.crashes, told
    assert ledger.symptoms > 0, told
