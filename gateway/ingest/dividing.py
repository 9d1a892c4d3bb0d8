"""Dividing the partitions anew: new ranges get their sessions, then the old ones are emptied and ended.

From the moment when a new session has subscribed, messages come to both; those that come twice are absorbed by their
keys. Nobody else serves meanwhile, for all leases are this process's. Any step may be done again after a crash, also
towards another division than the one that was begun: which sessions there are is written down before they are made,
and all that the new division does not need are emptied.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import psycopg

from gateway.ingest.lease import LeaseLostError, Whole, told
from gateway.ingest.serving import Employ
from gateway.ingest.sessions import DrainingSource, Sessions
from gateway.ingest.shares import division
from gateway.ingest.source import NoCommands
from gateway.ingest.worker import Worker
from gateway.storage import leases as kept
from gateway.storage.connection import Connection, DatabaseUnreachableError
from gateway.storage.leases import Standing

_log = logging.getLogger(__name__)

_LOOK_S: Final = 0.05


class Dividing:
    """Divides the partitions anew from the moment it is made.

    Parameters
    ----------
    process_no : int
        This process, which holds all leases that there are.
    now : Standing
        Those leases, the sessions that there may be, and into how many ranges the partitions are to be divided.
    sessions : Sessions
        Where messages wait.
    employ : callable
        Returns a worker for a lease, a source and the way of commands.
    connect : callable
        Returns a connection in the role of ingest.
    """

    def __init__(
        self,
        process_no: int,
        now: Standing,
        sessions: Sessions,
        employ: Employ,
        connect: Callable[[], Connection],
    ) -> None:
        self.failure: Exception | None = None
        self.began_s = time.monotonic()
        self._process_no = process_no
        self._leases = now.leases
        self._new = division(now.wanted_ranges)
        self._old = tuple(each for each in now.sessions if each not in self._new)
        self._sessions = sessions
        self._employ = employ
        self._connect = connect
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dividing", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, done or failed."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Let it end where it is; whoever has the leases next begins again."""
        self._is_stopping.set()

    def _run(self) -> None:
        _log.info("dividing the partitions into %d ranges; until now %d", len(self._new), len(self._leases))
        try:
            self._divide()
        except LeaseLostError as lost:
            _log.warning("the partitions are not divided here: %s", lost)
        except Exception as error:  # noqa: BLE001  # whatever it was, the process looks at it and goes on or ends
            self.failure = error
            _log.exception("dividing the partitions has failed; it is tried again")

    def _divide(self) -> None:
        with self._connect() as connection:
            kept.begin_sessions(connection, self._new)
        for partitions in self._new:
            self._sessions.prepare(partitions)
        with self._connect() as connection:
            # Somebody else may have divided meanwhile, and have emptied what was prepared only after that.
            kept.begin_sessions(connection, self._new)
        for partitions in self._old:
            if self._is_stopping.is_set():
                return
            self._empty(Whole(partitions, self._process_no, self._leases))
        if self._is_stopping.is_set():
            return
        with self._connect() as connection:
            if kept.divide(connection, self._process_no, self._new):
                _log.info("the partitions are divided into %d ranges", len(self._new))

    def _is_ours(self, right: Whole) -> bool:
        """Whether all leases are still held; a database that does not answer says no."""
        try:
            with self._connect() as connection, connection.transaction():
                right.hold(connection)
        except (LeaseLostError, DatabaseUnreachableError, psycopg.OperationalError):
            return False
        return True

    def _empty(self, right: Whole) -> None:
        """Take in all that a session still holds, and end it."""
        is_over = threading.Event()
        source = self._sessions.drain(right.partitions, lambda: self._is_ours(right))
        try:
            worker = self._employ(right, source, NoCommands())
            threading.Thread(target=self._stop_when_drained, args=(worker, source, is_over), daemon=True).start()
            try:
                worker.run()
            finally:
                is_over.set()
                worker.close()
        finally:
            is_drained = source.is_drained
            source.close()
        if is_drained:
            with self._connect() as connection, connection.transaction():
                right.hold(connection)
                kept.end_session(connection, right.partitions)
            _log.info("nothing waits in the session of %s any more", told(right.partitions))

    def _stop_when_drained(self, worker: Worker, source: DrainingSource, is_over: threading.Event) -> None:
        while not (source.is_drained or self._is_stopping.is_set() or is_over.wait(_LOOK_S)):
            pass
        worker.stop()
