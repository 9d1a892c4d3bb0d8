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

from gateway.embedded.folder import open_folder
from gateway.embedded.ports import next_free_port
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.storage.connection import Connection
from gateway.storage.migrate import migrate

# What is rehearsed need not outlive a power cut.
_HASTY: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
_ROLES_LOCK: Final = 0x0CA1_7E57
_TABLES: Final = """SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relnamespace IN ('callout'::regnamespace, 'jobs'::regnamespace) ORDER BY 1"""


@contextmanager
def server(database_url: str) -> Generator[str]:
    """Give the address of a server to make databases on: the one named, or an embedded one that is removed afterwards."""
    if database_url:
        yield database_url
        return
    with tempfile.TemporaryDirectory(prefix="callout-rehearsal-", ignore_cleanup_errors=True) as folder:
        # As root, the server's account has to walk through it.
        Path(folder).chmod(0o755)
        port = next_free_port(22000 + os.getpid() * 16 % 10_000)
        with EmbeddedPostgres(open_folder(Path(folder) / "data"), port, _HASTY) as embedded:
            yield embedded.dsn


@contextmanager
def scratch_database(server_url: str, plant: LiteralString = "") -> Generator[str]:
    """Give the address of a fresh migrated database that is dropped afterwards.

    Parameters
    ----------
    server_url
        Where it is made; the login may create databases and roles.
    plant
        SQL that breaks something in it on purpose.
    """
    name = f"callout_rehearsal_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    try:
        with psycopg.connect(server_url, autocommit=True) as connection:
            # Roles are the whole server's: two who make them at once stand in each other's way.
            connection.execute("SELECT pg_advisory_lock(%s)", [_ROLES_LOCK])
            migrate(url)
        if plant:
            with psycopg.connect(url, options="-c search_path=callout,jobs,public", autocommit=True) as connection:
                connection.execute(plant)
        yield url
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


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

    def _filled(self) -> list[str]:
        asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in self._all)  # noqa: S608  # names of our own tables
        return [str(name) for (name,) in self._connection.execute(cast("LiteralString", asked)).fetchall()]

    def wipe(self) -> None:
        """Empty every table that was empty at first, and begin all numbers anew."""
        filled = [name for name in self._filled() if name not in self._kept]
        if filled:
            # Tables that are only ever added to would refuse it.
            with self._connection.transaction():
                self._connection.execute("SET LOCAL session_replication_role = replica")
                self._connection.execute(cast("LiteralString", f"TRUNCATE {', '.join(filled)} CASCADE"))
        self._connection.execute("UPDATE ingest_partition SET last_ingest_no = 0, settled_ingest_no = 0")
        self._connection.execute(
            """SELECT setval(s.seqrelid, s.seqstart, false) FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
            LEFT JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass
            WHERE c.relnamespace IN ('callout'::regnamespace, 'jobs'::regnamespace)
                AND coalesce(d.refobjid::regclass::text <> ALL(%s), true) AND pg_sequence_last_value(s.seqrelid) IS NOT NULL""",
            [sorted(self._kept)],
        )
