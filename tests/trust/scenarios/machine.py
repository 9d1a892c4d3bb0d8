"""Everything is killed at once (kill -9): ingest, broker, and PostgreSQL with all its processes; then all starts again.

It is the end of all processes, not of the power: what the kernel had taken for the disk still reaches it.
"""

import random
from collections.abc import Sequence

from tests.trust.desk import Desk
from tests.trust.ledger import Ledger
from tests.trust.trial import Asked, trial

TIMES = 3


def run(asked: Asked) -> Sequence[Ledger]:
    """Strike as often as asked."""
    return [trial("everything killed at once", asked, [_strike] * (asked.times or TIMES), asked.habit())]


def _strike(desk: Desk, chance: random.Random) -> None:
    del chance
    desk.kill_everything()
    desk.postgres.start()
    desk.broker.start()
    desk.ingest.start()
