"""The pulse of a process: a thread that says in the database that it is alive, measures, and raises alarms.

It has a connection of its own and waits for nobody: while the database is away it goes on measuring and logging, and
writes down what was, and when it ended, once the database is back.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from gateway.health.alarms import Alarm, Alarms, Kind, Value
from gateway.storage import alarms as kept
from gateway.storage.connection import Connection, DatabaseUnreachableError, Role, connect
from gateway.storage.migrate import SchemaError, check_schema

_log = logging.getLogger(__name__)

_EVERY_S: Final = 2.0
_ANSWER_S: Final = 5
# Reading the schema's checksums is not for every beat.
_CHECK_SCHEMA_EVERY_S: Final = 60.0
# A process that has not beaten for so long is not ready, whatever else is true of it.
LATE_S: Final = 20.0

Measure = Callable[[Connection | None, datetime], Mapping[Kind, Value]]


@dataclass(frozen=True, slots=True)
class Beat:
    """How the last beat went: since when the database has not answered and why; None and empty when all is well."""

    at_s: float
    away_since_s: float | None
    reason: str


class Pulse:
    """Beats until it is stopped.

    Parameters
    ----------
    process : str
        "ingest", "work" or "serve".
    database_url : str
        The database.
    role : Role
        The role of the process.
    kinds : sequence of Kind
        The alarms that this process looks after; nobody else may.
    measure : callable
        Takes a connection, None while the database is away, and now; returns values. `Kind.DATABASE_AWAY` is measured
        by the pulse itself.
    sends_letters : bool, optional
        Whether the process has a mail server; None of one that sends no letters.
    """

    def __init__(
        self,
        process: str,
        database_url: str,
        role: Role,
        kinds: Sequence[Kind],
        measure: Measure,
        *,
        sends_letters: bool | None = None,
    ) -> None:
        self._process = process
        self._sends_letters = sends_letters
        self._dsn = make_conninfo(database_url, connect_timeout=_ANSWER_S)
        self._role = role
        self._kinds = kinds
        self._measure = measure
        self._alarms = Alarms()
        self._ended: list[Alarm] = []
        self._connection: Connection | None = None
        self._schema_at_s = float("-inf")
        self._started_at = datetime.now(UTC)
        self._stopping = threading.Event()
        self._beat = Beat(time.monotonic(), None, "")
        self._thread = threading.Thread(target=self._run, name=f"pulse of {process}", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the beat in hand."""
        self._stopping.set()
        # It may be waiting for a database that is away, which is no reason to stay.
        self._thread.join(timeout=_EVERY_S)

    def trouble(self) -> str:
        """Return why the process is not ready as far as the database goes; empty when it is."""
        beat = self._beat
        late_s = time.monotonic() - beat.at_s
        if late_s > LATE_S:
            return f"the pulse has not beaten for {late_s:.0f} s"
        return beat.reason

    def _run(self) -> None:
        while True:
            self._once()
            if self._stopping.wait(_EVERY_S):
                break
        if self._connection is not None:
            self._connection.close()

    def _once(self) -> None:
        away_since_s, reason = self._beat.away_since_s, ""
        try:
            self._with_database()
            away_since_s = None
        except (psycopg.Error, DatabaseUnreachableError, SchemaError) as error:
            away_since_s = time.monotonic() if away_since_s is None else away_since_s
            reason = " ".join(str(error).split())
            if self._connection is not None:
                self._connection.close()
            self._look(None, time.monotonic() - away_since_s)
        self._beat = Beat(time.monotonic(), away_since_s, reason)

    def _with_database(self) -> None:
        connection = self._connected()
        kept.say_alive(connection, self._process, self._started_at, sends_letters=self._sends_letters)
        self._look(connection, 0.0)
        if wanted := [*self._ended, *self._alarms.open.values()]:
            kept.keep_alarms(connection, wanted)
            self._ended.clear()

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._dsn, self._role)
            self._connection.execute("SELECT set_config('statement_timeout', %s, false)", [f"{_ANSWER_S}s"])
            self._schema_at_s = float("-inf")
            self._alarms.adopt(kept.open_alarms(self._connection, self._kinds))
        if time.monotonic() - self._schema_at_s > _CHECK_SCHEMA_EVERY_S:
            check_schema(self._connection)
            self._schema_at_s = time.monotonic()
        return self._connection

    def _look(self, connection: Connection | None, away_s: float) -> None:
        now = datetime.now(UTC)
        values = dict(self._measure(connection, now))
        if Kind.DATABASE_AWAY in self._kinds:
            values[Kind.DATABASE_AWAY] = away_s
        for alarm in self._alarms.look(values, now):
            if alarm.closed_at is not None:
                self._ended.append(alarm)
                why = f": {alarm.reason}" if alarm.reason else ""
                _log.warning("alarm %s has ended after %s%s", alarm.kind, alarm.closed_at - alarm.since_at, why)
            else:
                _log.log(logging.CRITICAL if alarm.is_critical else logging.ERROR, "alarm %s: %s", alarm.kind, alarm)
