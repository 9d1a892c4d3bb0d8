"""The port through which messages come in. A broker is one source; the worker knows no broker."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import msgspec

# Said in the log when what is sent from now on will come, or wait.
SUBSCRIBED: Final = "subscribed to"


# One is made for every message: a frozen dataclass of six fields takes five times as long to make.
class Message(msgspec.Struct, frozen=True, gc=False):
    """One message as it came.

    `receipt` is the source's own mark for acknowledging it; `is_redelivered` says that it was handed over before.
    A retained one was kept by the broker and says nothing of when its device sent it.
    """

    topic: str
    payload: bytes
    received_at: datetime
    receipt: tuple[int, int]
    is_redelivered: bool = False
    is_retained: bool = False


class Source(Protocol):
    """Hands over messages in batches, and again after a restart those that were not acknowledged."""

    @property
    def is_connected(self) -> bool:
        """Whether what devices send would arrive now."""
        ...

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        """Return at most `most` messages, waiting up to `timeout_s` seconds for the first."""
        ...

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the source that these are committed and need not come again."""
        ...

    def close(self) -> None:
        """Leave in order; what was not acknowledged comes again later."""
        ...


@dataclass(frozen=True, slots=True)
class Return:
    """Where an answer is expected, and what it is known by there: MQTT 5's response topic and correlation data."""

    topic: str
    correlation: bytes


class Commands(Protocol):
    """Takes commands for devices, and says later which of them have been received."""

    def send(self, topic: str, payload: bytes, expiry_s: int, answer: Return | None = None) -> int | None:
        """Publish a command that is worth nothing after `expiry_s` seconds.

        Returns
        -------
        int or None
            The number that `receipts` will name; None when nobody is there to take it.
        """
        ...

    def receipts(self) -> Sequence[tuple[int, str | None]]:
        """Return the numbers that were answered for since the last call, each with why it was refused, or None."""
        ...


class NoCommands:
    """For a worker whose source takes no commands: they wait in their outbox."""

    def send(self, topic: str, payload: bytes, expiry_s: int, answer: Return | None = None) -> int | None:
        """Take nothing."""
        del topic, payload, expiry_s, answer
        return None

    def receipts(self) -> Sequence[tuple[int, str | None]]:
        """Return nothing."""
        return ()
