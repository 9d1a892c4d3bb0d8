"""Ahead: while the database has one full batch, the next one is received and decoded by a thread of its own.

Only under pressure, when messages wait already; nothing is hurried otherwise. What is ahead and never taken was not
acknowledged: it comes again to whoever serves the session next. It writes nothing and asks the database nothing.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.ingest.decode import Decoded, decode
from gateway.ingest.directory import Directory
from gateway.ingest.source import Message, Source

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """Messages that arrived, from when on later ones may be missing, and what they hold if that is known already."""

    asked_at: datetime
    messages: Sequence[Message]
    decoded: Decoded | None = None


class Ahead:
    """One batch ahead of the worker at most.

    Parameters
    ----------
    source : Source
        Where messages come from. While a batch is on its way nobody else may ask it.
    directory : Directory
        What topics stand for; it is only read here.
    most : int
        Messages of a batch.
    """

    def __init__(self, source: Source, directory: Directory, most: int) -> None:
        self._source = source
        self._directory = directory
        self._most = most
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._coming: Future[Received] | None = None

    def begin(self) -> None:
        """Let the next batch come, unless it is coming already."""
        if self._coming is None:
            self._coming = self._thread.submit(self._receive)

    def take(self) -> Received | None:
        """Return the batch that was let come, or None; raises what the source raised."""
        coming, self._coming = self._coming, None
        return None if coming is None else coming.result()

    def close(self) -> None:
        """Wait for what is on its way, and let go of it."""
        self._thread.shutdown()

    def _receive(self) -> Received:
        asked_at = datetime.now(UTC)
        messages = self._source.receive(self._most, 0.0)
        places = self._directory.known({message.topic for message in messages})
        if places is None:
            # Somebody new is among them: the worker asks the database who that is, and decodes.
            return Received(asked_at, messages)
        try:
            return Received(asked_at, messages, decode(messages, places))
        except Exception:  # noqa: BLE001
            # Whatever a message does, the worker meets it again, and sets it apart from the others.
            _log.exception("a batch could not be decoded ahead")
            return Received(asked_at, messages)
