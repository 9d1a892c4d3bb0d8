"""What has arrived over a connection and was not received yet: one thread puts it in by lists, another takes it out.

Bounded: whoever reads the connection waits here for room. A broker need not keep to the receive maximum that it was
told (mosquitto 2.0 sends all of a queue once the first acknowledgement is in), and a queue of it may hold more than
our memory. It knows no broker and no packet.
"""

import threading
from collections.abc import Sequence
from typing import Final

from gateway.ingest.source import Message

MOST_MESSAGES: Final = 8000
MOST_BYTES: Final = 32_000_000


class Inbox:
    """A list between two threads, handed over as a whole.

    Parameters
    ----------
    most_messages, most_bytes : int
        When so much waits, there is no room. What was on its way is still let in: at most one reading of the socket.

    Examples
    --------
    >>> from datetime import datetime
    >>> inbox = Inbox(most_messages=2)
    >>> inbox.take([Message("a", b"", datetime(2026, 11, 22), (1, mid)) for mid in (1, 2)])
    >>> inbox.has_room(0.0), [message.receipt for message in inbox.receive(1, 0.0)], inbox.has_room(0.0)
    (False, [(1, 1)], True)
    """

    def __init__(self, most_messages: int = MOST_MESSAGES, most_bytes: int = MOST_BYTES) -> None:
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._lock = threading.RLock()
        self._arrived = threading.Condition(self._lock)
        self._taken = threading.Condition(self._lock)
        self._waiting: list[Message] = []
        self._bytes = 0
        self._generation = 0
        self._is_closed = False

    @property
    def generation(self) -> int:
        """The number of the connection: a message id means something in its own only."""
        return self._generation

    @property
    def lock(self) -> threading.RLock:
        """Held by whoever must not see a connection end meanwhile."""
        return self._lock

    def end_connection(self) -> None:
        """Count on: receipts of the connection that ended are worth nothing from now on."""
        with self._lock:
            self._generation += 1

    def begin_connection(self) -> None:
        """Let go of what the former connection delivered: the broker sends it again."""
        with self._lock:
            self._generation += 1
            self._waiting = []
            self._bytes = 0
            self._taken.notify()

    def take(self, messages: list[Message]) -> None:
        """Put in what has arrived, in its order."""
        size_bytes = sum(len(message.payload) for message in messages)
        with self._lock:
            if self._is_closed:
                return
            if not self._waiting:
                self._arrived.notify()
            self._waiting += messages
            self._bytes += size_bytes

    def has_room(self, timeout_s: float) -> bool:
        """Tell whether more may be read, waiting up to `timeout_s` seconds for it."""
        with self._lock:
            return self._is_open() or (self._taken.wait(timeout_s) and self._is_open())

    def _is_open(self) -> bool:
        return len(self._waiting) < self._most_messages and self._bytes < self._most_bytes

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        """Take out at most `most` messages, the oldest first, waiting up to `timeout_s` seconds for the first."""
        with self._lock:
            if not self._waiting:
                self._arrived.wait(timeout_s)
            taken, self._waiting = self._waiting[:most], self._waiting[most:]
            self._bytes -= sum(len(message.payload) for message in taken)
            self._taken.notify()
        return taken

    def waiting(self) -> Sequence[Message]:
        """Return what has arrived and was not received yet, the oldest first."""
        with self._lock:
            return tuple(self._waiting)

    def close(self) -> None:
        """Let go of all that is here and all that still comes: nobody will receive it."""
        with self._lock:
            self._is_closed = True
            self._waiting = []
            self._bytes = 0
            self._taken.notify()

    def wake(self) -> None:
        """Let whoever waits look again, for something other than a message has happened."""
        with self._lock:
            self._arrived.notify()
