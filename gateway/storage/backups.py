"""What a backup and a restore ask of a database: a snapshot that is held, whether a place is free, who has rights."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql

from gateway.storage.connection import JOBS_SCHEMA, SCHEMA, Connection
from gateway.storage.migrate import RESTORING, applied_migrations


@dataclass(frozen=True, slots=True)
class Facts:
    """What a database is as of one snapshot; `timescaledb` is the extension's version, `tables` those with rows of ours."""

    snapshot: str
    snapshot_at: datetime
    migrations: dict[str, str]
    postgres: int
    timescaledb: str | None
    roles: list[str]
    tables: int


@contextmanager
def held_snapshot(connection: Connection) -> Generator[Facts]:
    """Hold one snapshot of the database while the block runs; other sessions can read as of it by its name."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # A server may end those who hold a transaction and say nothing: a dump takes its time.
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        row = connection.execute(
            """SELECT pg_export_snapshot(), now(), current_setting('server_version_num')::int / 10000,
                (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
                (SELECT coalesce(array_agg(rolname::text ORDER BY rolname), '{}') FROM pg_roles
                 WHERE rolname LIKE 'callout\\_%%'),
                (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relpersistence <> 't'
                    AND relnamespace <> ALL (ARRAY['pg_catalog', 'information_schema']::regnamespace[]))"""
        ).fetchall()[0]
        snapshot, snapshot_at, postgres, timescaledb, roles, tables = row
        yield Facts(snapshot, snapshot_at, applied_migrations(connection), postgres, timescaledb, roles, tables)


def server_major(connection: Connection) -> int:
    """Return the server's major version."""
    return connection.info.server_version // 10000


def is_occupied(connection: Connection) -> bool:
    """Tell whether a desk lives in the database; what a restore has left unfinished is none."""
    row = connection.execute(
        "SELECT to_regnamespace(%s) IS NOT NULL OR to_regnamespace(%s) IS NOT NULL, to_regnamespace(%s) IS NOT NULL",
        [SCHEMA, JOBS_SCHEMA, RESTORING],
    ).fetchall()[0]
    return row == (True, False)


def clear_unfinished(connection: Connection) -> None:
    """Take TimescaleDB out of a database in which a restore with it was interrupted; the session is of no use afterwards.

    What it knew of tables that came half is in its own catalogue, where a second try would meet it. Without the mark of a
    restore nothing is done.
    """
    row = connection.execute(
        """SELECT to_regnamespace(%s) IS NOT NULL
            AND EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')""",
        [RESTORING],
    ).fetchone()
    if row != (True,):
        return
    connection.execute("DROP EXTENSION timescaledb CASCADE")
    name = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("ALTER DATABASE {} RESET timescaledb.restoring").format(name))


def begin_restore(connection: Connection, roles: list[str]) -> None:
    """Mark the database as one that is being restored, take away what an earlier try has left, and make the roles.

    While the mark is there, no process of the desk starts on the database.
    """
    with connection.transaction():
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(RESTORING)))
        for schema in (SCHEMA, JOBS_SCHEMA):
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
        for role in roles:
            known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))


def end_restore(connection: Connection) -> None:
    """Take the mark away: the database is whole. What the planner knows of the tables is gathered first."""
    connection.execute("ANALYZE")
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {}").format(sql.Identifier(RESTORING)))


def timescaledb_versions(connection: Connection) -> set[str]:
    """Return the versions of TimescaleDB that this database can have: the one that it has, or all of the server's."""
    rows = connection.execute(
        """SELECT version FROM pg_available_extension_versions
        WHERE name = 'timescaledb' AND version = coalesce(
            (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), version)"""
    )
    return {version for (version,) in rows.fetchall()}


def before_timescaledb(connection: Connection, version: str) -> None:
    """Bring the extension into an empty database in just the version of the backup, and tell it that rows will come."""
    connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS timescaledb VERSION {}").format(sql.Literal(version)))
    connection.execute("SELECT timescaledb_pre_restore()")


def after_timescaledb(connection: Connection) -> None:
    """Tell the extension that all rows are there: from now on it works again."""
    connection.execute("SELECT timescaledb_post_restore()")
