"""Two ingest processes share four ranges, which change hands by force.

Politely, by kill -9, by a lease that is taken away, by a clock that jumps, by a pause beyond the lease, and by a new
division of the partitions.
"""

import random
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.embedded.program import Program
from gateway.embedded.service import Service
from gateway.ingest.sharing import SERVES
from gateway.storage.leases import LEASE_S
from tests.trust.desk import Desk, kill
from tests.trust.ledger import Ledger
from tests.trust.trial import Asked, trial

TIMES = 50
_RANGES = 4
_BEYOND_S = 3.0


def run(asked: Asked) -> Sequence[Ledger]:
    """Hand over as often as asked."""
    pair = Pair()
    try:
        return [trial("handovers", asked, [pair.strike] * (asked.times or TIMES), asked.habit(), pair.prepare)]
    finally:
        pair.close()


@dataclass(slots=True)
class Pair:
    """The desk's own ingest and a second one beside it."""

    services: list[Service] = field(default_factory=list[Service])
    _turn: int = 0

    def prepare(self, desk: Desk) -> None:
        """Begin the first one again with four ranges, and the second."""
        before = desk.ingest.environment

        def environment() -> Mapping[str, str]:
            return {**before(), "CALLOUT_INGEST_RANGES": str(_RANGES)}

        desk.ingest.stop()
        desk.ingest.environment, desk.ingest.says = environment, SERVES
        second = Service("ingest-2", desk.ingest.words, desk.folder, environment, says=SERVES)
        self.services = [desk.ingest, second]
        for service in self.services:
            service.start()

    def strike(self, desk: Desk, chance: random.Random) -> None:
        """Force a handover; the ways take turns, chance says whom it hits and when."""
        second = self.services[1]
        if not second.is_running:
            desk.crashes.append(f"ingest-2: {second.last_words()}")
            second.start()
        ways = (self._politely, self._killed, self._taken, self._expired, self._paused, self._divided)
        ways[self._turn % len(ways)](desk, chance)
        self._turn += 1

    def close(self) -> None:
        """End the second one; the desk ends its own."""
        for service in self.services[1:]:
            service.stop()

    def _politely(self, _desk: Desk, chance: random.Random) -> None:
        service = chance.choice(self.services)
        service.stop()
        service.start()

    def _killed(self, _desk: Desk, chance: random.Random) -> None:
        service = chance.choice(self.services)
        kill(_program(service), signal.SIGKILL)
        service.start()

    def _paused(self, _desk: Desk, chance: random.Random) -> None:
        """A pause beyond the lease: the other one serves all, and the one that wakes up must not write."""
        process = _program(chance.choice(self.services)).process
        process.send_signal(signal.SIGSTOP)
        time.sleep(LEASE_S + chance.uniform(0.0, _BEYOND_S))
        process.send_signal(signal.SIGCONT)

    def _taken(self, desk: Desk, _chance: random.Random) -> None:
        """Each lease goes to the other one, who did not ask, without a word to its owner."""
        with desk.connect() as connection:
            connection.execute(
                """UPDATE ingest_lease l SET epoch = epoch + 1, owner = (
                    SELECT process_no FROM ingest_process p WHERE p.process_no <> l.owner ORDER BY process_no DESC LIMIT 1)
                WHERE owner IS NOT NULL"""
            )

    def _expired(self, desk: Desk, _chance: random.Random) -> None:
        """To a clock of the database that has jumped ahead, all leases are over."""
        with desk.connect() as connection:
            connection.execute("UPDATE ingest_process SET expires_at = expires_at - interval '1 hour'")

    def _divided(self, desk: Desk, chance: random.Random) -> None:
        """The partitions are divided anew, in the middle of all that is under way."""
        with desk.connect() as connection:
            connection.execute("UPDATE ingest_division SET ranges = %s", [chance.choice((1, 2, 4, 8, 16))])


def _program(service: Service) -> Program:
    """Return the process of a service."""
    found = service._program
    assert found is not None, f"{service.name} has not been started"
    return found
