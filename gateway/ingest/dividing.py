"""Dividing the partitions anew: new ranges get their sessions, then the old ones are emptied and ended.

From the moment when a new session has subscribed, messages come to both; those that come twice are absorbed by their
keys. Nobody else serves meanwhile, for all leases are this process's. Any step may be done again after a crash.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from gateway.ingest.lease import Lease, LeaseLostError, told
from gateway.ingest.serving import Employ
from gateway.ingest.sessions import DrainingSource, Sessions
from gateway.ingest.source import NoCommands
from gateway.ingest.worker import Worker
from gateway.storage import leases as kept
from gateway.storage.connection import Connection

_log = logging.getLogger(__name__)

_LOOK_S: Final = 0.05


class Dividing:
    """Divides the partitions anew from the moment it is made.

    Parameters
    ----------
    old : sequence of Lease
        All leases that there are, held by this process.
    new : sequence of range
        What the partitions are to be divided into.
    sessions : Sessions
        Where messages wait.
    employ : callable
        Returns a worker for a lease, a source and the way of commands.
    connect : callable
        Returns a connection in the role of ingest.
    """

    def __init__(
        self,
        old: Sequence[Lease],
        new: Sequence[range],
        sessions: Sessions,
        employ: Employ,
        connect: Callable[[], Connection],
    ) -> None:
        self.failure: Exception | None = None
        self.began_s = time.monotonic()
        self._old, self._new = old, new
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
        _log.info("dividing the partitions into %d ranges; until now %d", len(self._new), len(self._old))
        try:
            self._divide()
        except LeaseLostError as lost:
            _log.warning("the partitions are not divided here: %s", lost)
        except Exception as error:  # noqa: BLE001  # whatever it was, the process looks at it and goes on or ends
            self.failure = error
            _log.exception("dividing the partitions has failed; it is tried again")

    def _divide(self) -> None:
        for partitions in self._new:
            self._sessions.prepare(partitions)
        for lease in self._old:
            if self._is_stopping.is_set():
                return
            self._empty(lease, self._sessions.drain(lease.partitions))
        if self._is_stopping.is_set():
            return
        with self._connect() as connection:
            if kept.divide(connection, self._old[0].process_no, self._new):
                _log.info("the partitions are divided into %d ranges", len(self._new))

    def _empty(self, lease: Lease, source: DrainingSource) -> None:
        """Take in all that a session still holds, and end it."""
        is_over = threading.Event()
        try:
            worker = self._employ(lease, source, NoCommands())
            threading.Thread(target=self._stop_when_drained, args=(worker, source, is_over), daemon=True).start()
            try:
                worker.run()
            finally:
                is_over.set()
                worker.close()
        finally:
            source.close()
        _log.info("nothing waits in the session of %s any more", told(lease.partitions))

    def _stop_when_drained(self, worker: Worker, source: DrainingSource, is_over: threading.Event) -> None:
        while not (source.is_drained or self._is_stopping.is_set() or is_over.wait(_LOOK_S)):
            pass
        worker.stop()
