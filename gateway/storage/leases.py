"""Leases on ranges of partitions: which ingest processes live, who owns which range, and in which epoch.

All times are the database's: no process is asked what time it has. Who may own what is decided in
`gateway.ingest.shares`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from gateway.storage.connection import Connection

# A process that was not heard from for so long has lost what it owned.
LEASE_S: Final = 10.0
# The class of the advisory locks that living processes hold, each the one of its number.
_LOCKS: Final = 0x0CA1_1EA5
# How long the connections of a dead process may take to end before it is tried again.
_END_WITHIN: Final = "2s"


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A range of partitions, its epoch, and the number of the process that owns it, None for nobody."""

    partitions: range
    epoch: int
    owner: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand: all leases in order, the numbers of living processes in order, and how many ranges are wanted.

    `sessions` are the ranges that may have a session where messages wait; but while they are divided, those of the leases.
    """

    leases: tuple[LeaseRow, ...]
    processes: tuple[int, ...]
    wanted_ranges: int
    sessions: tuple[range, ...]


@dataclass(frozen=True, slots=True)
class HeldRange:
    """A range as people see it; host and pid of its owner are empty when it has none or he is gone."""

    first_partition: int
    last_partition: int
    epoch: int
    taken_at: datetime | None
    host: str
    pid: int
    is_alive: bool


def enter(connection: Connection, host: str, pid: int) -> int:
    """Enter a process among the living, and return its number; it lives with this connection."""
    with connection.transaction():
        row = connection.execute(
            """INSERT INTO ingest_process (host, pid, expires_at)
            VALUES (%(host)s, %(pid)s, clock_timestamp() + make_interval(secs => %(lease_s)s)) RETURNING process_no""",
            {"host": host, "pid": pid, "lease_s": LEASE_S},
        ).fetchone()
        number = int(row[0]) if row else 0
        show(connection, number)
    return number


def show(connection: Connection, process_no: int) -> bool:
    """Let a process live with this connection; False when the server still keeps a former one of it for alive."""
    row = connection.execute(
        "SELECT pg_try_advisory_lock(%s, %s), set_config('application_name', %s, false)",
        [_LOCKS, process_no, application_name(process_no)],
    ).fetchone()
    return row is not None and bool(row[0])


def wish(connection: Connection, ranges: int) -> None:
    """Want the partitions divided into so many ranges, from now on."""
    connection.execute("UPDATE ingest_division SET ranges = %(ranges)s WHERE ranges <> %(ranges)s", {"ranges": ranges})


def beat(connection: Connection, process_no: int) -> bool:
    """Say that a process lives; False when the others have given it up, and what it owned with it."""
    cursor = connection.execute(
        """UPDATE ingest_process SET expires_at = clock_timestamp() + make_interval(secs => %(lease_s)s)
        WHERE process_no = %(process_no)s""",
        {"process_no": process_no, "lease_s": LEASE_S},
    )
    return cursor.rowcount == 1


def dead(connection: Connection, process_no: int) -> list[int]:
    """Return the processes other than this one that are gone: expired, or without the connection that they lived with.

    A lease that reaches further than a lease can is one from before the database's clock was set back.
    """
    rows = connection.execute(
        """SELECT process_no FROM ingest_process p
        WHERE process_no <> %(process_no)s AND (expires_at < clock_timestamp()
            OR expires_at > clock_timestamp() + make_interval(secs => 2 * %(lease_s)s)
            OR NOT EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND l.classid = %(class)s::oid AND l.objid = p.process_no::oid))
        ORDER BY process_no""",
        {"process_no": process_no, "lease_s": LEASE_S, "class": _LOCKS},
    )
    return [number for (number,) in rows]


def application_name(process_no: int) -> str:
    """Return what the connections of a process call themselves, so that others can end them when it is gone."""
    return f"callout-ingest-{process_no}"


def bury(connection: Connection, process_no: int) -> None:
    """Take what a dead process owned from it; whatever it has in hand is undone first.

    It may only have stopped, with a transaction open that locks its lease: so its connections are ended.

    Raises
    ------
    psycopg.OperationalError
        Its transaction does not end, as when its connections belong to another login; to be tried again.
    """
    with connection.transaction():
        # Signals are sent by right of the login, not of the role; both end with the transaction.
        connection.execute("SET LOCAL ROLE NONE")
        connection.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = %s AND datname = current_database() AND usename = session_user""",
            [application_name(process_no)],
        )
    with connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', %s, true)", [_END_WITHIN])
        connection.execute("DELETE FROM ingest_process WHERE process_no = %s", [process_no])


def leave(connection: Connection, process_no: int) -> None:
    """Take a process out; what it still owns has no owner from now on."""
    connection.execute("DELETE FROM ingest_process WHERE process_no = %s", [process_no])


def standing(connection: Connection) -> Standing:
    """Return how things stand, at one moment."""
    row = connection.execute(
        """SELECT (SELECT array_agg(process_no ORDER BY process_no) FROM ingest_process),
            (SELECT json_agg(json_build_array(first_partition, last_partition, epoch, owner) ORDER BY first_partition)
                FROM ingest_lease),
            ranges,
            (SELECT json_agg(json_build_array(first_partition, last_partition) ORDER BY first_partition, last_partition)
                FROM ingest_session)
        FROM ingest_division"""
    ).fetchone()
    processes, leases, wanted, sessions = row or ([], [], 1, [])
    found = tuple(LeaseRow(range(first, last + 1), epoch, owner) for first, last, epoch, owner in leases)
    begun = tuple(range(first, last + 1) for first, last in sessions or ())
    return Standing(found, tuple(processes or ()), wanted, begun)


def take(connection: Connection, partitions: range, process_no: int) -> int | None:
    """Take a range that nobody owns, and return its new epoch; None when somebody was faster."""
    row = connection.execute(
        """UPDATE ingest_lease SET owner = %(process_no)s, epoch = epoch + 1, taken_at = clock_timestamp()
        WHERE first_partition = %(first)s AND last_partition = %(last)s AND owner IS NULL RETURNING epoch""",
        {"process_no": process_no, "first": partitions.start, "last": partitions.stop - 1},
    ).fetchone()
    return None if row is None else int(row[0])


def give_back(connection: Connection, partitions: range, epoch: int, process_no: int) -> None:
    """Give a range back; nothing happens when it is another's already."""
    connection.execute(
        """UPDATE ingest_lease SET owner = NULL WHERE first_partition = %(first)s AND last_partition = %(last)s
        AND epoch = %(epoch)s AND owner = %(process_no)s""",
        {"first": partitions.start, "last": partitions.stop - 1, "epoch": epoch, "process_no": process_no},
    )


def is_held(connection: Connection, partitions: range, epoch: int, process_no: int) -> bool:
    """Whether a process still owns a range in an epoch; if so, nobody can take it before this transaction ends."""
    row = connection.execute(
        """SELECT FROM ingest_lease WHERE first_partition = %(first)s AND last_partition = %(last)s
        AND epoch = %(epoch)s AND owner = %(process_no)s FOR SHARE""",
        {"first": partitions.start, "last": partitions.stop - 1, "epoch": epoch, "process_no": process_no},
    ).fetchone()
    return row is not None


def are_all_held(connection: Connection, held: Collection[LeaseRow]) -> bool:
    """Whether these leases are all that there are; if so, none can be taken before this transaction ends."""
    rows = connection.execute(
        "SELECT first_partition, last_partition, epoch, owner FROM ingest_lease ORDER BY first_partition FOR SHARE"
    ).fetchall()
    return {LeaseRow(range(first, last + 1), epoch, owner) for first, last, epoch, owner in rows} == set(held)


def begin_sessions(connection: Connection, ranges: Iterable[range]) -> None:
    """Write down that ranges may have a session from now on; to be called before one is made."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ingest_session (first_partition, last_partition) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [(partitions.start, partitions.stop - 1) for partitions in ranges],
        )


def end_session(connection: Connection, partitions: range) -> None:
    """Write down that nothing waits in the session of a range, and that it is ended."""
    connection.execute(
        "DELETE FROM ingest_session WHERE first_partition = %s AND last_partition = %s",
        [partitions.start, partitions.stop - 1],
    )


def divide(connection: Connection, process_no: int, division: Sequence[range]) -> bool:
    """Divide the partitions anew, without owners; False, and nothing is done, when a process does not own them all."""
    with connection.transaction():
        rows = connection.execute("SELECT owner, epoch FROM ingest_lease FOR UPDATE").fetchall()
        if any(owner != process_no for owner, _ in rows):
            return False
        connection.execute("DELETE FROM ingest_lease")
        _insert(connection, division, max((epoch for _, epoch in rows), default=0))
    return True


def _insert(connection: Connection, division: Iterable[range], epoch: int) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ingest_lease (first_partition, last_partition, epoch) VALUES (%s, %s, %s)",
            [(partitions.start, partitions.stop - 1, epoch) for partitions in division],
        )


def held_ranges(connection: Connection) -> list[HeldRange]:
    """Return who owns which range, for people."""
    with connection.cursor(row_factory=class_row(HeldRange)) as cursor:
        return cursor.execute(
            """SELECT l.first_partition, l.last_partition, l.epoch, l.taken_at, coalesce(p.host, '') AS host,
                coalesce(p.pid, 0) AS pid, coalesce(p.expires_at > clock_timestamp(), false) AS is_alive
            FROM ingest_lease l LEFT JOIN ingest_process p ON p.process_no = l.owner ORDER BY l.first_partition"""
        ).fetchall()
