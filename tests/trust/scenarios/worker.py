"""The ingest worker is killed (kill -9) at random instants of its batches, now and then while it is still starting."""

import random
from collections.abc import Sequence

from tests.trust.desk import Desk
from tests.trust.ledger import Ledger
from tests.trust.trial import Asked, trial

TIMES = 50
_WHILE_STARTING = 0.2
_START_S = 3.0


def run(asked: Asked) -> Sequence[Ledger]:
    """Strike as often as asked."""
    return [trial("worker killed", asked, [_strike] * (asked.times or TIMES), asked.habit())]


def _strike(desk: Desk, chance: random.Random) -> None:
    desk.kill_ingest()
    if chance.random() < _WHILE_STARTING:
        desk.start_ingest_and_kill_it(chance.uniform(0.0, _START_S))
    desk.ingest.start()
