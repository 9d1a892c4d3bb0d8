"""The broker is ended in order (TERM), and killed (kill -9), which may lose what it acknowledged in its last second.

A tenth of the devices forget what is acknowledged: their ledger shows what an acknowledgement alone is worth.
"""

import random
import signal
from collections.abc import Sequence

from tests.trust.desk import Desk
from tests.trust.ledger import Ledger
from tests.trust.trial import Asked, Strike, trial

TIMES = 10
_FORGETFUL_SHARE = 10


def run(asked: Asked) -> Sequence[Ledger]:
    """Strike as often as asked, once by each signal."""
    times = asked.times or TIMES
    habit = asked.habit(forgetful=asked.devices // _FORGETFUL_SHARE)
    return [
        trial("broker ended by TERM", asked, [_by(signal.SIGTERM)] * times, habit),
        trial("broker killed", asked, [_by(signal.SIGKILL)] * times, habit),
    ]


def _by(number: signal.Signals) -> Strike:
    def strike(desk: Desk, chance: random.Random) -> None:
        del chance
        desk.kill_broker(number)
        desk.broker.start()

    return strike
