"""Scratch databases: a server of its own that need not outlive the run, or the one that the settings name.

Every seed begins in the same empty database, down to the numbers that its tables give next, so that it ends the same.
"""

import os
import secrets
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, LiteralString, cast
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.errors import LockNotAvailable

from gateway.embedded.folder import open_folder
from gateway.embedded.ports import next_free_port
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.errors import CalloutError
from gateway.storage.connection import Connection, Role, connect
from gateway.storage.migrate import migrate

# What is rehearsed need not outlive a power cut.
_HASTY: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_compression": "off",
    "track_activities": "off",
    "track_counts": "off",
}
_ROLES_LOCK: Final = 0x0CA1_7E57
# As many processes as may play make their databases one after the other in less.
_LOCK_WAIT_S: Final = 600
_TABLES: Final = """SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relnamespace IN ('callout'::regnamespace, 'jobs'::regnamespace) ORDER BY 1"""

# Triggers that are asked before a table is emptied, those that are switched on.
_REFUSING: Final = """SELECT t.tgrelid::regclass::text, quote_ident(t.tgname) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgtype & 32 > 0 AND t.tgenabled <> 'D'
        AND c.relnamespace IN ('callout'::regnamespace, 'jobs'::regnamespace) ORDER BY 1, 2"""


class ScratchError(CalloutError):
    """The server that is named cannot be rehearsed on."""


@contextmanager
def server(database_url: str) -> Generator[str]:
    """Give the address of a server to make databases on: the one named, or an embedded one that is removed afterwards."""
    if database_url:
        _see_that_it_may(database_url)
        yield database_url
        return
    with tempfile.TemporaryDirectory(prefix="callout-rehearsal-", ignore_cleanup_errors=True) as folder:
        # As root, the server's account has to walk through it.
        Path(folder).chmod(0o755)
        port = next_free_port(22000 + os.getpid() * 16 % 10_000)
        with EmbeddedPostgres(open_folder(Path(folder) / "data"), port, _HASTY) as embedded:
            yield embedded.dsn


def _see_that_it_may(database_url: str) -> None:
    """See that the login of a named server may make databases and their roles.

    Raises
    ------
    ScratchError
        It may not.
    """
    with connect(database_url, Role.ADMIN) as connection:
        row = connection.execute(
            "SELECT rolname, rolsuper OR (rolcreatedb AND rolcreaterole) FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    if row is None or not row[1]:
        raise ScratchError(
            f"the login {row[0] if row else ''!r} of CALLOUT_DATABASE_URL may not make databases and roles, and each process of "
            "a rehearsal makes a database of its own. Name a login with CREATEDB and CREATEROLE, or leave "
            "CALLOUT_DATABASE_URL empty: a server is brought along then."
        )


@contextmanager
def scratch_database(server_url: str, plant: LiteralString = "", *, lock_wait_s: int = _LOCK_WAIT_S) -> Generator[str]:
    """Give the address of a fresh migrated database that is dropped afterwards.

    Parameters
    ----------
    server_url
        Where it is made; the login may create databases and roles.
    plant
        SQL that breaks something in it on purpose.
    lock_wait_s
        How long others may take to make theirs on the same server.

    Raises
    ------
    ScratchError
        Somebody else makes one all the while, or holds the lock for it and does nothing; the message says who.
    """
    name = f"callout_rehearsal_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    try:
        with psycopg.connect(server_url, autocommit=True) as connection:
            # Roles are the whole server's: two who make them at once stand in each other's way.
            _wait_for_roles(connection, lock_wait_s)
            migrate(url)
        if plant:
            with psycopg.connect(url, options="-c search_path=callout,jobs,public", autocommit=True) as connection:
                connection.execute(plant)
        yield url
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _wait_for_roles(connection: psycopg.Connection, lock_wait_s: int) -> None:
    connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{lock_wait_s}s"])
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", [_ROLES_LOCK])
    except LockNotAvailable as error:
        holder = connection.execute(
            """SELECT a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.state,
                extract(epoch FROM clock_timestamp() - a.state_change)::int
            FROM pg_locks l JOIN pg_stat_activity a USING (pid)
            WHERE l.locktype = 'advisory' AND l.granted AND l.database = (
                SELECT oid FROM pg_database WHERE datname = current_database()) AND l.classid = 0 AND l.objid = %s""",
            [_ROLES_LOCK],
        ).fetchone()
        who = "that of process {} ({}, {} for {} s)".format(*holder) if holder else "gone by now"
        raise ScratchError(
            f"for {lock_wait_s} s others have been making databases on this server; the last connection at it is {who}. "
            "Wait until they are done, end what is stuck there, or leave CALLOUT_DATABASE_URL empty: a server is "
            "brought along then."
        ) from error


class Slate:
    """Wipes a scratch database clean: what its migrations have put there stays, everything else goes.

    Parameters
    ----------
    connection : Connection
        As the owner of the tables, to a database in which nothing has happened yet.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        tables = [str(name) for (name,) in connection.execute(_TABLES).fetchall()]
        self._all = tables
        self._kept = frozenset(self._filled())
        self._refusing = self._connection.execute(_REFUSING).fetchall()

    def _filled(self) -> list[str]:
        asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in self._all)  # noqa: S608  # names of our own tables
        return [str(name) for (name,) in self._connection.execute(cast("LiteralString", asked)).fetchall()]

    def _let_truncate(self, word: str) -> None:
        """Let the tables' own triggers say nothing; their owner may do that, where only a superuser may stop them all."""
        alter = "; ".join(f"ALTER TABLE {table} {word} TRIGGER {name}" for table, name in self._refusing)
        self._connection.execute(cast("LiteralString", alter))

    def wipe(self) -> None:
        """Empty every table that was empty at first, and begin all numbers anew."""
        filled = [name for name in self._filled() if name not in self._kept]
        if filled:
            # Tables that are only ever added to would refuse it.
            with self._connection.transaction():
                self._let_truncate("DISABLE")
                self._connection.execute(cast("LiteralString", f"TRUNCATE {', '.join(filled)} CASCADE"))
                self._let_truncate("ENABLE")
        # Each wipe leaves a dead row for each table and index in the catalogues, which every statement reads, and no
        # autovacuum runs here: after some two hundred seeds all was half as fast.
        self._connection.execute("VACUUM pg_class, pg_trigger, ingest_partition")
        self._connection.execute("UPDATE ingest_partition SET last_ingest_no = 0, settled_ingest_no = 0")
        self._connection.execute(
            """SELECT setval(s.seqrelid, s.seqstart, false) FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
            LEFT JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass
            WHERE c.relnamespace IN ('callout'::regnamespace, 'jobs'::regnamespace)
                AND coalesce(d.refobjid::regclass::text <> ALL(%s), true) AND pg_sequence_last_value(s.seqrelid) IS NOT NULL""",
            [sorted(self._kept)],
        )
