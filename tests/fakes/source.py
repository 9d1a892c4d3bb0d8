"""A source of messages in memory, for tests of the worker."""

from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.ingest.source import Message


class ListSource:
    """Hands over the messages that it was given, and remembers which were acknowledged."""

    def __init__(self, messages: Sequence[Message] = ()) -> None:
        self.waiting = list(messages)
        self.acknowledged: list[Message] = []
        self.is_closed = False
        self.is_connected = True

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        del timeout_s
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return taken

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.acknowledged += messages

    def close(self) -> None:
        self.is_closed = True


def message(topic: str, payload: bytes, number: int = 0) -> Message:
    """A message that has just come."""
    return Message(topic, payload, datetime.now(UTC), (1, number))
