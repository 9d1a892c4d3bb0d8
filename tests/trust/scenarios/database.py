"""PostgreSQL is stopped at once (SIGQUIT: no checkpoint, recovery at its start), and stays away for up to three seconds."""

import random
import time
from collections.abc import Sequence

from tests.trust.desk import Desk
from tests.trust.ledger import Ledger
from tests.trust.trial import Asked, trial

TIMES = 10
_AWAY_S = 3.0


def run(asked: Asked) -> Sequence[Ledger]:
    """Strike as often as asked."""
    return [trial("database stopped at once", asked, [_strike] * (asked.times or TIMES), asked.habit())]


def _strike(desk: Desk, chance: random.Random) -> None:
    desk.stop_database_at_once()
    time.sleep(chance.uniform(0.0, _AWAY_S))
    desk.postgres.start()
