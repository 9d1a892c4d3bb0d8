"""Sharing the partitions with other ingest processes.

Once a second this process says that it lives, looks how things stand, and brings what it serves nearer to its share.
What that is is decided in `shares`; the fence between two owners is the lease that each batch holds. So this may be
late, or wrong about the others for a while, and nothing is lost or written twice.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import psycopg

from gateway.ingest.dividing import Dividing
from gateway.ingest.lease import Lease, told
from gateway.ingest.living import Living
from gateway.ingest.serving import Employ, Serving
from gateway.ingest.sessions import Sessions
from gateway.ingest.shares import Plan, is_dividing, plan
from gateway.storage import leases
from gateway.storage.connection import DatabaseUnreachableError
from gateway.storage.leases import Standing

_log = logging.getLogger(__name__)

# Said in the log when all that is this process's share is listened to.
SERVES: Final = "ingest serves"
_BEAT_S: Final = 1.0
# While ranges are on their way to or from this process.
_SOON_S: Final = 0.1
_PAUSES_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
# A range that was served for so long has recovered: its next failure is a first one again.
_RECOVERED_S: Final = 60.0
_AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, DatabaseUnreachableError)


class Sharing:
    """One process among those that share the partitions.

    Parameters
    ----------
    database_url : str
        The database.
    ranges : int
        Into how many ranges the partitions are to be divided.
    sessions : Sessions
        Where the messages of ranges wait.
    employ : callable
        Returns a worker for a lease, a source and the way of commands.
    clock : callable
        Seconds of a clock of this machine; only pauses hang on it, no lease.
    """

    def __init__(
        self,
        database_url: str,
        ranges: int,
        sessions: Sessions,
        employ: Employ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._living = Living(database_url, ranges, clock)
        self._sessions = sessions
        self._employ = employ
        self._clock = clock
        self._serving: dict[range, Serving] = {}
        self._ending: list[Serving] = []
        self._dividing: Dividing | None = None
        self._failures: dict[range, int] = {}
        self._again_at_s: dict[range, float] = {}
        self._fatal: Exception | None = None
        self._has_served = False
        self._told: tuple[range, ...] | None = None
        self._is_away = False
        self._is_settled = False
        self._is_stopping = threading.Event()

    @property
    def serving(self) -> Mapping[range, Serving]:
        """What is being served here, by range."""
        return dict(self._serving)

    @property
    def is_connected(self) -> bool:
        """Whether what devices of every range that is served here send would arrive now."""
        return all(serves.is_connected for serves in self.serving.values())

    def troubles(self) -> list[str]:
        """Return what is wrong with the ranges that are this process's share; nothing when all is well."""
        serving = self.serving
        found = [f"{told(each)} are not served yet" for each, serves in serving.items() if not serves.is_up]
        away = [each for each, serves in serving.items() if serves.is_up and not serves.is_connected]
        if away:
            why = serving[away[0]].trouble or "the broker does not answer"
            found.append(f"{', '.join(map(told, away))}: {why}")
        if self._dividing is not None:
            found.append("the partitions are being divided anew")
        return found

    def stop(self) -> None:
        """Let `run` end: all ranges are handed over."""
        self._is_stopping.set()

    def run(self) -> None:
        """Serve this process's share until `stop`.

        Raises
        ------
        Exception
            What kept the first range from being served, or a database whose schema or rights do not fit.
        """
        while not self._is_stopping.is_set() and self._fatal is None:
            self.beat()
            self._is_stopping.wait(_BEAT_S if self._is_settled else _SOON_S)
        self._end()
        if self._fatal is not None:
            raise self._fatal

    def beat(self) -> None:
        """Say that this process lives, and do the next of what is to be done."""
        try:
            now = self._living.show_up()
            self._carry_out(plan(self._living.process_no, now), now)
        except _AWAY as error:
            if not self._is_away:
                _log.warning("the leases wait for the database: %s", " ".join(str(error).split()))
            self._is_away = True
            self._living.was_away()
        else:
            self._is_away = False

    def _carry_out(self, todo: Plan, now: Standing) -> None:
        connection, process_no = self._living.connected(), self._living.process_no
        self._drop_lost(now)
        for row in todo.give_back:
            if self._has_ended(row.partitions):
                leases.give_back(connection, row.partitions, row.epoch, process_no)
                _log.info("%s handed over", told(row.partitions))
        if self._gives_up_dividing(todo):
            return
        for partitions in todo.take:
            epoch = leases.take(connection, partitions, process_no)
            if epoch is not None and not is_dividing(now):
                self._serve(Lease(partitions, epoch, process_no))
        for row in todo.serve:
            self._keep_serving(Lease(row.partitions, row.epoch, process_no))
        self._divide(todo, now, process_no)
        self._ending = [serving for serving in self._ending if not serving.is_over]
        self._tell(todo, now)

    def _drop_lost(self, now: Standing) -> None:
        """Stop serving what is another's, or this process's in another epoch."""
        process_no = self._living.process_no
        owned = {Lease(row.partitions, row.epoch, process_no) for row in now.leases if row.owner == process_no}
        for partitions, serving in list(self._serving.items()):
            if serving.lease not in owned:
                serving.stop()
                self._ending.append(self._serving.pop(partitions))

    def _has_ended(self, partitions: range) -> bool:
        """Stop serving a range; True when that is done."""
        serving = self._serving.get(partitions)
        if serving is None:
            return True
        serving.stop()
        if serving.is_over:
            del self._serving[partitions]
        return serving.is_over

    def _serve(self, lease: Lease) -> None:
        _log.info("taking in %s, epoch %d", told(lease.partitions), lease.epoch)
        self._serving[lease.partitions] = Serving(lease, self._sessions, self._employ)

    def _keep_serving(self, lease: Lease) -> None:
        """Serve a range; one that has ended by itself is begun again, at once at first and ever later if it fails again."""
        serving = self._serving.get(lease.partitions)
        if serving is not None and not serving.is_over:
            self._has_served = self._has_served or serving.is_up
            return
        if serving is not None:
            self._put_off(serving)
        if self._clock() >= self._again_at_s.get(lease.partitions, float("-inf")) and self._fatal is None:
            self._serve(lease)

    def _put_off(self, ended: Serving) -> None:
        partitions = ended.lease.partitions
        del self._serving[partitions]
        if ended.failure is not None and (not self._has_served or isinstance(ended.failure, psycopg.ProgrammingError)):
            self._fatal = ended.failure
        if time.monotonic() - ended.began_s > _RECOVERED_S:
            self._failures[partitions] = 0
        count = self._failures.get(partitions, 0)
        pause_s = _PAUSES_S[min(count, len(_PAUSES_S) - 1)]
        self._failures[partitions] = count + 1
        self._again_at_s[partitions] = self._clock() + pause_s
        _log.warning("%s ended here; served again in %g s if nobody else has them", told(partitions), pause_s)

    def _gives_up_dividing(self, todo: Plan) -> bool:
        """Stop dividing when that is not this process's matter any more; True as long as it has not stopped.

        Until then nothing is served: its sessions would be taken from themselves.
        """
        if self._dividing is None or todo.divides or self._dividing.is_over:
            return False
        self._dividing.stop()
        return True

    def _divide(self, todo: Plan, now: Standing, process_no: int) -> None:
        """Divide the partitions anew, once nothing is served any more."""
        if self._dividing is not None and self._dividing.is_over:
            if self._dividing.failure is not None and not self._has_served:
                self._fatal = self._dividing.failure
            self._dividing = None
        if not todo.divides:
            return
        is_free = [self._has_ended(row.partitions) for row in now.leases]
        if all(is_free) and self._dividing is None and self._fatal is None:
            self._dividing = Dividing(process_no, now, self._sessions, self._employ, self._living.connect)

    def _tell(self, todo: Plan, now: Standing) -> None:
        """Say what is served, whenever all of it is and it has become another."""
        due = tuple(row.partitions for row in todo.serve)
        is_up = all(each in self._serving and self._serving[each].is_up for each in due)
        self._is_settled = is_up and not todo.is_short and not todo.give_back and not is_dividing(now)
        if not self._is_settled or due == self._told:
            return
        self._told = due
        self._has_served = True
        _log.info("%s %s", SERVES, ", ".join(map(told, due)) or "nothing: every range has another owner")

    def _end(self) -> None:
        """Hand all ranges over; this process lives until the last batch in hand is committed."""
        ending: list[Serving | Dividing] = [*self._serving.values(), *self._ending]
        if self._dividing is not None:
            ending.append(self._dividing)
        for each in ending:
            each.stop()
        beat_at_s = self._clock() + _BEAT_S
        while not all(each.is_over for each in ending):
            time.sleep(_SOON_S)
            if self._clock() >= beat_at_s:
                beat_at_s = self._clock() + _BEAT_S
                self._beat_only()
        self._leave()

    def _beat_only(self) -> None:
        try:
            self._living.beat()
        except _AWAY as error:
            _log.debug("no beat while ending: %s", error)

    def _leave(self) -> None:
        try:
            self._living.leave()
            _log.info("all ranges are handed over")
        except _AWAY as error:
            _log.warning("the leases expire by themselves: %s", error)
