"""What the tests of numbers share: a desk with two vehicles, a worker, and commands that are remembered."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.ingest.source import Message, Return
from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect
from tests.fakes.source import ListSource
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

PATIENCE = timedelta(seconds=20)
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@dataclass
class RememberedCommands:
    """Takes commands and remembers them; each is received at once, unless the broker is away."""

    sent: list[tuple[str, dict[str, Any], int]] = field(default_factory=list[tuple[str, dict[str, Any], int]])
    is_away: bool = False
    refusal: str | None = None
    waiting: list[int] = field(default_factory=list[int])

    def send(self, topic: str, payload: bytes, expiry_s: int, answer: Return | None = None) -> int | None:
        if self.is_away:
            return None
        self.sent.append((topic, json.loads(payload), expiry_s))
        self.waiting.append(len(self.sent))
        return len(self.sent)

    def receipts(self) -> Sequence[tuple[int, str | None]]:
        taken, self.waiting = self.waiting, []
        return [(number, self.refusal) for number in taken]


def two_vehicles(database: str, folder: Path) -> Iterator[SmallDesk]:
    """Give a desk with the vehicles ev-1 and ev-2, to a fixture of the test that wants it."""
    opened = open_desk(database, folder)
    opened.vehicle("ev-1")
    opened.vehicle("ev-2")
    yield opened
    opened.close()


def new_worker(desk: SmallDesk, commands: RememberedCommands | None = None) -> Worker:
    return Worker(
        ListSource(),
        lambda: connect(desk.dsn, Role.INGEST),
        range(64),
        commands=commands or RememberedCommands(),
        patience_s=20,
    )


def message(seq: int, boot: int = 1, device: str = "ev-1", delay_s: float = 0.0, **more: Any) -> Message:
    """A message of a second after the one before, received `delay_s` after its sample was taken."""
    at = more.pop("at", START + timedelta(seconds=seq + 3000 * (boot - 1)))
    payload = telemetry(seq, sample(at, soc_pct=50.0, **more.pop("values", {})), boot=boot, **more)
    return Message(topic(device), payload, at + timedelta(seconds=delay_s), (1, seq))


def answer(command: dict[str, Any], outcome: str, device: str = "ev-1", **more: Any) -> Message:
    """A device's answer to a command."""
    body = {"schema": "callout.answer/1", "id": command["id"], "outcome": outcome, **more}
    return Message(topic(device, "answer"), json.dumps(body).encode(), datetime.now(UTC), (1, 0))
