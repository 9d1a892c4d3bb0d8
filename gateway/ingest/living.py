"""One ingest process among the living: entered, heard from once a second, and gone when it is not.

Its connection is a sign of life as well: one that breaks says that a process was killed, long before its time is up.
"""

import logging
import os
import socket
import time
from collections.abc import Callable

from psycopg.conninfo import make_conninfo

from gateway.storage import leases
from gateway.storage.connection import Connection, Role, connect
from gateway.storage.leases import LEASE_S, Standing

_log = logging.getLogger(__name__)


class Living:
    """A process as the others know it.

    Parameters
    ----------
    database_url : str
        The database.
    ranges : int
        Into how many ranges this process wants the partitions divided; said once, when it starts.
    clock : callable
        Seconds of a clock of this machine; a pause hangs on it, no lease.
    """

    def __init__(self, database_url: str, ranges: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._database_url = database_url
        self._ranges = ranges
        self._clock = clock
        self._connection: Connection | None = None
        self._is_shown = False
        self._judges_at_s = float("-inf")
        # 0 until it has entered.
        self.process_no = 0

    def connected(self) -> Connection:
        """Return the connection that it lives with, made anew when it broke."""
        if self._connection is None or self._connection.closed:
            is_first = self._connection is None
            self._connection = self.connect()
            self._is_shown = False
            if is_first:
                leases.wish(self._connection, self._ranges)
        if self.process_no and not self._is_shown:
            self._is_shown = leases.show(self._connection, self.process_no)
        return self._connection

    def connect(self) -> Connection:
        """Return a new connection in the role of ingest, under the name by which others can end it."""
        name = leases.application_name(self.process_no)
        return connect(make_conninfo(self._database_url, application_name=name), Role.INGEST)

    def show_up(self) -> Standing:
        """Be heard from, take what the dead owned from them, and return how things stand.

        Whoever was given up by the others enters again under another number, and owns nothing.
        """
        connection = self.connected()
        if self.process_no and not leases.beat(connection, self.process_no):
            _log.warning("this process was not heard from, and others have its ranges; it begins anew without any")
            connection.close()
            self.process_no = 0
            connection = self.connected()
        if not self.process_no:
            self.process_no = leases.enter(connection, socket.gethostname(), os.getpid())
            self._is_shown = True
        if self._clock() >= self._judges_at_s:
            for number in leases.dead(connection, self.process_no):
                leases.bury(connection, number)
                _log.warning("ingest process %d is gone: what it owned has no owner", number)
        return leases.standing(connection)

    def beat(self) -> None:
        """Be heard from, and no more."""
        if self.process_no:
            leases.beat(self.connected(), self.process_no)

    def was_away(self) -> None:
        """Take note of a database that does not answer: the others may not have reached it either.

        Who was away himself cannot tell who else was: they get as long as a lease lasts.
        """
        if self._connection is not None:
            self._connection.close()
        self._judges_at_s = self._clock() + LEASE_S

    def leave(self) -> None:
        """Be gone; what it still owns has no owner from now on."""
        if self.process_no:
            leases.leave(self.connected(), self.process_no)
        if self._connection is not None:
            self._connection.close()
