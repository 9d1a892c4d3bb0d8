"""Replay: rejections that the desk asked for go through the worker once more, as if received at their first time.

There is no second path: the worker that takes live messages takes these, one a transaction, and what became of each is
written in that transaction. So a replay that is cut off is done again, and its doubles are absorbed by their keys.
"""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final, Protocol

import psycopg

from devices.identity import EVERY_PARTITION
from gateway.ingest.decode import Decoded
from gateway.ingest.lease import LeaseLostError
from gateway.ingest.refuse import keep
from gateway.ingest.source import Message
from gateway.storage.connection import Connection, DatabaseUnreachableError
from gateway.storage.rejections import Asked, Outcome, asked, known_places, settle

_log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0
# Live messages wait for so long at most while dead letters are replayed.
_AT_A_STRETCH_S: Final = 0.25
# A payload may be a megabyte.
_ROWS: Final = 10

Settle = Callable[[Connection, Decoded, int], None]


class Takes(Protocol):
    """The worker, as far as a replay needs it."""

    def connected(self) -> Connection:
        """Return the worker's connection, made anew when it broke."""
        ...

    def take(self, messages: list[Message], settle: Settle) -> None:
        """Take messages in; `settle` gets connection, what was decoded, and how many readings were new."""
        ...


class Replays:
    """Looks for replays of some partitions that were asked for, now and then, and does them between live batches."""

    def __init__(self, worker: Takes, partitions: range = EVERY_PARTITION) -> None:
        self._worker = worker
        self._partitions = partitions
        self._look_at_s = 0.0

    def look(self) -> int:
        """Do what was asked for, for a moment; return how many were replayed. A database that is away is left alone."""
        if time.monotonic() < self._look_at_s:
            return 0
        done = 0
        until_s = time.monotonic() + _AT_A_STRETCH_S
        try:
            for each in self._waiting():
                self._replay(each)
                done += 1
                if time.monotonic() >= until_s:
                    return done
        except (psycopg.OperationalError, psycopg.InterfaceError, DatabaseUnreachableError) as error:
            _log.warning("replays wait for the database: %s", error)
        self._look_at_s = time.monotonic() + _LOOK_EVERY_S
        return done

    def _waiting(self) -> Iterator[Asked]:
        last = 0
        while rows := asked(self._worker.connected(), self._partitions, last, _ROWS):
            yield from rows
            last = rows[-1].rejection_id

    def _replay(self, each: Asked) -> None:
        # Whether a time is ahead is a question to our own clock, too, and that was the wrong one then.
        received_at = datetime.now(UTC) if each.is_of_a_wrong_clock else each.received_at
        message = Message(each.topic, each.payload, received_at, (0, each.rejection_id))

        def settled(connection: Connection, decoded: Decoded, new: int) -> None:
            outcome, detail = judged(each, decoded, new)
            if _has_content(decoded):
                # A message that was refused as a whole may be readable in part now: its other pieces are news.
                known = known_places(connection, each)
                keep(connection, (piece for piece in decoded.rejected if piece.refusal.place not in known))
            settle(connection, each.rejection_id, outcome, detail, datetime.now(UTC))

        try:
            self._worker.take([message], settled)
        except (
            psycopg.OperationalError,
            psycopg.InterfaceError,
            psycopg.ProgrammingError,
            DatabaseUnreachableError,
            LeaseLostError,
        ):
            raise
        except Exception as error:  # noqa: BLE001  # what was refused once may do anything; the worker goes on
            detail = f"not_storable: {type(error).__name__}: {error}"
            settle(self._worker.connected(), each.rejection_id, "refused", detail, datetime.now(UTC))


def judged(rejection: Asked, decoded: Decoded, new: int) -> tuple[Outcome, str]:
    """Return the outcome of a replay and its detail.

    It is refused when the message is refused as a whole, or the same piece of it again. Otherwise it is stored when it
    brought new readings, a presence or an answer to a command, and absorbed when all were there already.
    """
    for again in decoded.rejected:
        if again.refusal.place == rejection.place or not _has_content(decoded):
            return "refused", f"{again.refusal.reason}: {again.refusal.detail}"
    if new or decoded.presences:
        return "stored", f"{new} readings" if new else "presence"
    if decoded.answers:
        return "stored", "answer to a command"
    return "absorbed", "its readings are there already, and a reading is never changed"


def _has_content(decoded: Decoded) -> bool:
    return bool(decoded.readings) or bool(decoded.presences)
