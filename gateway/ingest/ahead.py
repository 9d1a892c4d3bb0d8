"""Ahead: the next messages are received and decoded by a thread of its own while a batch waits for the database.

It only reads: what it cannot decode without asking the database is left to whoever takes the batch. Nothing that was
looked at ahead is acknowledged or stored; when the worker ends before its turn comes, the source hands it over again.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from gateway.ingest.decode import Decoded, decode
from gateway.ingest.directory import Directory
from gateway.ingest.source import Message, Source

MOST_BYTES: Final = 2_000_000


class Ahead:
    """Receives from a source, one portion ahead when there is more.

    Parameters
    ----------
    source : Source
        Where messages come from.
    directory : Directory
        Topics that are known already.
    most_messages : int
        Received together.
    """

    def __init__(self, source: Source, directory: Directory, most_messages: int) -> None:
        self._source = source
        self._directory = directory
        self._most = most_messages
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="decode")
        self._next: tuple[Sequence[Message], Future[Decoded | None]] | None = None

    def receive(self, timeout_s: float) -> tuple[Sequence[Message], Future[Decoded | None] | None]:
        """Return the next messages, and what they hold where that was looked at ahead; wait for the first if need be."""
        taken, self._next = self._next, None
        return taken or (self._source.receive(self._most, timeout_s), None)

    def look(self) -> Sequence[Message]:
        """Begin to look at what has arrived meanwhile, if it is a batch; return it."""
        if self._next is None:
            messages = self._source.receive(self._most, 0.0)
            if messages:
                self._next = (messages, self._pool.submit(self._decoded, messages))
        return self._next[0] if self._next else ()

    def _decoded(self, messages: Sequence[Message]) -> Decoded | None:
        places = self._directory.known(message.topic for message in messages)
        return None if places is None or is_large(messages) else decode(messages, places)

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown(cancel_futures=True)


def is_large(messages: Sequence[Message]) -> bool:
    """Whether messages are too many bytes for one transaction."""
    return sum(len(message.payload) for message in messages) > MOST_BYTES


def batches(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Split messages so that no transaction grows without bound when a recording comes in with many samples each."""
    start = size = 0
    for index, message in enumerate(messages):
        if size and size + len(message.payload) > MOST_BYTES:
            yield messages[start:index]
            start, size = index, 0
        size += len(message.payload)
    yield messages[start:]
