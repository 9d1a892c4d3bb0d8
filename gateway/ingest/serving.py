"""A range being served: one source and one worker, in a thread of their own, until they are stopped or fail."""

import logging
import threading
import time
from collections.abc import Callable

from gateway.errors import CalloutError
from gateway.ingest.lease import Lease, LeaseLostError, Whole, told
from gateway.ingest.mqtt import SessionTakenError
from gateway.ingest.sessions import RangeSource, Sessions
from gateway.ingest.source import Commands, Source
from gateway.ingest.worker import Worker

_log = logging.getLogger(__name__)

Employ = Callable[[Lease | Whole, Source, Commands], Worker]


class Serving:
    """Serves a range from the moment it is made.

    Parameters
    ----------
    lease : Lease
        The right to serve it.
    sessions : Sessions
        Where its messages wait.
    employ : callable
        Returns a worker for a lease, a source and the way of commands.
    """

    def __init__(self, lease: Lease, sessions: Sessions, employ: Employ) -> None:
        self.lease = lease
        self.failure: Exception | None = None
        self.began_s = time.monotonic()
        self._sessions = sessions
        self._employ = employ
        self._source: RangeSource | None = None
        self._worker: Worker | None = None
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ingest of {told(lease.partitions)}", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, by itself or because it was stopped."""
        return not self._thread.is_alive()

    @property
    def is_up(self) -> bool:
        """Whether its worker works."""
        return self._worker is not None and not self.is_over

    @property
    def is_connected(self) -> bool:
        """Whether what devices send would arrive now."""
        return self._source is not None and self._source.is_connected

    @property
    def trouble(self) -> str:
        """Why nothing would arrive, as far as the source can say it; empty when it cannot."""
        told_by: Callable[[], str] | None = getattr(self._source, "trouble", None)
        return told_by() if told_by is not None else ""

    def stop(self) -> None:
        """Let it end after the batch in hand, and leave a checkpoint."""
        self._is_stopping.set()
        if self._worker is not None:
            self._worker.stop()

    def _run(self) -> None:
        try:
            self._serve()
        except (LeaseLostError, SessionTakenError) as lost:
            _log.warning("%s is no longer served here: %s", told(self.lease.partitions), lost)
        except CalloutError as error:
            self.failure = error
            _log.error("the ingest of %s has failed: %s", told(self.lease.partitions), error)
        except Exception as error:  # noqa: BLE001  # whatever it was, the process looks at it and goes on or ends
            self.failure = error
            _log.exception("the ingest of %s has failed", told(self.lease.partitions))

    def _serve(self) -> None:
        self._source = source = self._sessions.open(self.lease.partitions)
        try:
            worker = self._employ(self.lease, source, source)
            self._worker = worker
            if self._is_stopping.is_set():
                worker.stop()
            try:
                worker.run()
            finally:
                worker.close()
        finally:
            source.close()
