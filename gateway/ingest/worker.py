"""The ingest worker: receive, decode, derive, detect, store, and only then acknowledge. A batch is one transaction."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import psycopg

from devices.products import product_types
from devices.readings import Refusal
from gateway.health.measures import IngestMeasures
from gateway.ingest.ahead import Ahead, Received
from gateway.ingest.decode import Decoded, decode
from gateway.ingest.detect import Detectors
from gateway.ingest.directory import Directory, Known
from gateway.ingest.lease import Holds, LeaseLostError, Unshared
from gateway.ingest.refuse import keep_refused, keep_unstorable
from gateway.ingest.replay import Replays, Settle
from gateway.ingest.resend import Resends
from gateway.ingest.settling import Settling
from gateway.ingest.silences import DeviceSilences
from gateway.ingest.source import Commands, Message, NoCommands, Source
from gateway.ingest.symptoms import tell
from gateway.storage.connection import Connection, DatabaseUnreachableError
from gateway.storage.door import number
from gateway.storage.lacking import lacking
from gateway.storage.readings import Readings, ReadingTable

_log = logging.getLogger(__name__)

MOST_MESSAGES: Final = 4000
_MOST_BYTES: Final = 2_000_000
_WAIT_S: Final = 0.5
# Let a batch fill for a moment: one commit for many messages, and still far from anybody's notice.
_FILL_S: Final = 0.02
_CHECKPOINT_EVERY_S: Final = 10.0
_PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0)
_AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, DatabaseUnreachableError)


class Worker:
    """Takes messages from a source into the database.

    Parameters
    ----------
    source : Source
        Where messages come from, and where they are acknowledged.
    connect : callable
        Returns a new connection in the role of ingest; called again after the old one broke.
    partitions : range
        The partitions that the source delivers.
    measures : IngestMeasures, optional
        Where the worker's figures are counted.
    commands : Commands, optional
        Where commands to devices are published.
    patience_s : float
        Seconds that missing messages may take to come by themselves before they are asked for.
    lease : Holds, optional
        The right to write for the partitions, held in each transaction; without it nobody else has them.

    Raises
    ------
    LeaseLostError
        By whatever writes: another process has the partitions now.
    """

    def __init__(
        self,
        source: Source,
        connect: Callable[[], Connection],
        partitions: range,
        *,
        measures: IngestMeasures | None = None,
        commands: Commands | None = None,
        patience_s: float = 20.0,
        lease: Holds | None = None,
    ) -> None:
        self._source = source
        self._lease = lease or Unshared()
        self._measures = measures or IngestMeasures()
        self._connect = connect
        self._connection = connect()
        unserved = lacking(self._connection)
        for told in unserved.values():
            _log.error("%s", told)
        self._directory = Directory({name: Refusal("no_table", told) for name, told in unserved.items()})
        self._ahead = Ahead(source, self._directory, MOST_MESSAGES)
        self._tables = {
            name: ReadingTable(product) for name, product in product_types().items() if name not in unserved
        }
        self._detectors = Detectors(partitions, self._tables)
        self._silences = DeviceSilences(partitions)
        self._settling = Settling(partitions, self._silences)
        self._checkpoint_at_s = 0.0
        self._rebuild()
        self._is_stopping = False
        self._replays = Replays(self, partitions)
        self._resends = Resends(self.connected, commands or NoCommands(), patience_s, partitions, self._lease)

    def stop(self) -> None:
        """Let `run` end after the batch in hand."""
        self._is_stopping = True

    def run(self) -> None:
        """Work until `stop`; a database that is away is waited for, and nothing is acknowledged meanwhile."""
        while not self._is_stopping:
            received = self._ahead.take() or self._receive()
            self._measures.received(received.messages)
            self._replays.look()
            self._resends.look()
            is_pressed = len(received.messages) >= MOST_MESSAGES
            for batch, decoded in _batches(received):
                with self._measures.committing(batch):
                    self.commit(batch, decoded, is_pressed=is_pressed)
                self._source.acknowledge(batch)
            if not is_pressed:
                self.settle()
                if self._source.is_connected:
                    self.tick(received.asked_at)
        self._checkpoint()
        self.close()

    def _receive(self) -> Received:
        """Wait for messages for a moment, and then for a batch to fill."""
        asked_at = datetime.now(UTC)
        messages = self._source.receive(MOST_MESSAGES, _WAIT_S)
        if messages and len(messages) < MOST_MESSAGES:
            time.sleep(_FILL_S)
            messages = [*messages, *self._source.receive(MOST_MESSAGES - len(messages), 0.0)]
        return Received(asked_at, messages)

    def tick(self, at: datetime) -> None:
        """Tell the silences that all that was received until an instant is committed; a database that is away misses it."""
        if not self._silences.is_due(at):
            return
        try:
            with self.connected().transaction():
                self._lease.hold(self._connection)
                self._silences.tick(self._connection, at)
        except _AWAY as error:
            _log.warning("the server's clock waits for the database: %s", error)
            self._connection.close()

    def settle(self) -> None:
        """Write what batches have left to be written while messages waited; a database that is away gets it later."""
        if not self._settling.has_some:
            return
        try:
            with self.connected().transaction():
                self._lease.hold(self._connection)
                self._settling.settle(self._connection, datetime.now(UTC), is_pressed=False)
        except _AWAY as error:
            _log.warning("what is left to be written waits for the database: %s", error)
            self._connection.close()

    def close(self) -> None:
        """Leave the database and the source."""
        self._ahead.close()
        self._connection.close()
        self._source.close()

    def connected(self) -> Connection:
        """Return the connection; one that broke is made anew, and the detectors with it."""
        if self._connection.closed:
            self._connection = self._connect()
            self._rebuild()
        return self._connection

    def _rebuild(self) -> None:
        """Begin anew from what is stored; whoever has lost the partitions must not even put an anchor there."""
        try:
            with self._connection.transaction():
                self._lease.hold(self._connection)
                self._detectors.rebuild(self._connection)
                self._silences.rebuild(self._connection)
                self._settling.rebuild(self._connection, self._tables, datetime.now(UTC))
        except Exception:
            # Half of it is not to be gone on with: whoever asks for the connection next begins anew once more.
            self._connection.close()
            raise

    def _checkpoint(self) -> None:
        """Leave all to whoever comes next, so that nothing has to be made again from readings."""
        try:
            with self._connection.transaction():
                self._lease.hold(self._connection)
                self._settling.settle(self._connection, datetime.now(UTC), is_pressed=False)
                self._detectors.save(self._connection, datetime.now(UTC), is_last=True)
        except _AWAY as error:
            _log.warning("the last checkpoint is left out: %s", error)

    def commit(self, messages: Sequence[Message], decoded: Decoded | None = None, *, is_pressed: bool = False) -> None:
        """Commit a batch, however long that takes; what was decoded of it ahead is good for one attempt."""
        for attempt in range(1_000_000):
            try:
                self.connected()
                self.take(messages, decoded=None if attempt else decoded, is_pressed=is_pressed)
            except _AWAY as error:
                if _is_too_much(error) and len(messages) > 1:
                    self._commit_apart(messages, error)
                    return
                self._wait(attempt, len(messages), error)
            except (psycopg.ProgrammingError, LeaseLostError):
                # The schema or the rights do not fit, or are another's: no message's fault, and nothing is acknowledged.
                raise
            except Exception as error:  # noqa: BLE001  # whatever a message does, it must not stop the others
                self._commit_apart(messages, error)
                return
            else:
                return

    def _wait(self, attempt: int, count: int, error: Exception) -> None:
        """Wait for a database that is away. The detectors may have moved with a batch that was undone: they begin anew."""
        pause_s = _PAUSES_S[min(attempt, len(_PAUSES_S) - 1)]
        _log.warning("the database did not take a batch of %d: %s; again in %g s", count, error, pause_s)
        self._connection.close()
        self._measures.waited()
        if self._is_stopping:
            raise error
        time.sleep(pause_s)

    def _commit_apart(self, messages: Sequence[Message], error: Exception) -> None:
        """Something in the batch cannot be stored: find the message by halving, refuse it, and let the others live."""
        self._connection.close()
        if len(messages) > 1:
            middle = len(messages) // 2
            self.commit(messages[:middle])
            self.commit(messages[middle:])
            return
        _log.error("a message on %s passed decoding but cannot be stored: %s", messages[0].topic, error)
        refusal = Refusal("not_storable", f"{type(error).__name__}: {error}")
        for attempt in range(1_000_000):
            try:
                with self._connect() as connection, connection.transaction():
                    self._lease.hold(connection)
                    keep_unstorable(connection, messages[0], self._directory.device_of(messages[0].topic), refusal)
            except _AWAY as away:
                self._wait(attempt, 1, away)
            else:
                self._measures.refused(refusal.reason)
                return

    def take(
        self,
        messages: Sequence[Message],
        settle: Settle = keep_refused,
        *,
        decoded: Decoded | None = None,
        is_pressed: bool = False,
    ) -> None:
        """Take one batch into the database, in one transaction.

        `settle` has the last word in it, with what was decoded and how many readings were new: for live messages it
        keeps what was refused, for a replay it writes down what became of it. While more messages wait, `is_pressed`,
        what can be said again by the readings is written later, and the next batch is decoded meanwhile.
        """
        if decoded is None:
            topics = [message.topic for message in messages]
            decoded = decode(messages, self._directory.places(self._connection, topics, time.monotonic()))
        else:
            self._directory.forget_old(time.monotonic())
        is_due = time.monotonic() >= self._checkpoint_at_s
        try:
            with self._connection.transaction():
                self._lease.hold(self._connection)
                self._settling.begin()
                new = self._store(decoded, self._ahead.begin if is_pressed else None)
                self._settling.keep(self._connection, decoded, datetime.now(UTC))
                settle(self._connection, decoded, new)
                self._settling.settle(self._connection, datetime.now(UTC), is_pressed=is_pressed)
                if is_due:
                    self._detectors.save(self._connection, datetime.now(UTC))
        except Exception:
            for table in self._tables.values():
                table.forget_days()
            self._connection.close()
            raise
        self._measures.stored(decoded, new)
        if is_due:
            self._detectors.saved()
            self._checkpoint_at_s = time.monotonic() + _CHECKPOINT_EVERY_S

    def _store(self, decoded: Decoded, meanwhile: Callable[[], None] | None) -> int:
        """Store a batch's readings, and call `meanwhile` as soon as the database is busy with them."""
        return sum(
            self._store_readings(product, readings, decoded.devices, meanwhile)
            for product, readings in decoded.readings.items()
        )

    def _store_readings(
        self, product: str, readings: Readings, devices: Mapping[int, Known], meanwhile: Callable[[], None] | None
    ) -> int:
        numbered = readings.numbered(number(self._connection, readings.partition))
        # Two threads of Python only wait for each other while both have something to do.
        stored = numbered.at(self._tables[product].write(self._connection, numbered, meanwhile))
        outcome = self._detectors.step(self._connection, product, stored)
        self._settling.stored(product, stored)
        tell(self._connection, product, outcome, devices)
        return len(stored)


def _batches(received: Received) -> Iterator[tuple[Sequence[Message], Decoded | None]]:
    """Split messages so that no transaction grows without bound when a recording comes in with many samples each."""
    messages = received.messages
    if sum(len(message.payload) for message in messages) <= _MOST_BYTES:
        if messages:
            yield messages, received.decoded
        return
    start = size = 0
    for index, message in enumerate(messages):
        if size and size + len(message.payload) > _MOST_BYTES:
            yield messages[start:index], None
            start, size = index, 0
        size += len(message.payload)
    yield messages[start:], None


def _is_too_much(error: Exception) -> bool:
    """Whether the database says that a batch needs more than it has (locks, memory), not that it is away."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    return state is not None and (state.startswith("54") or state == "53200")
