"""Migrations: plain SQL files in order, each in a transaction of its own, under one advisory lock, with checksums."""

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import LiteralString, cast

from procrastinate.schema import SchemaManager
from psycopg import sql

from gateway.errors import CalloutError
from gateway.storage import timescale
from gateway.storage.connection import JOBS_SCHEMA, SCHEMA, Connection, Role, connect

_LOCK = 0x0CA1_1007


class SchemaError(CalloutError):
    """The database's schema and this program do not fit together."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration file; `checksum` is the SHA-256 of its text."""

    name: str
    text: str
    checksum: str


def migrations() -> list[Migration]:
    """Return every migration in order of its number, the library's job tables first."""
    files = sorted(resources.files("gateway.storage.migrations").iterdir(), key=lambda file: file.name)
    ours = [
        _migration(file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in files
        if file.name.endswith(".sql")
    ]
    return [_migration("0000_jobs", SchemaManager.get_schema()), *ours]


def _migration(name: str, text: str) -> Migration:
    return Migration(name, text, hashlib.sha256(text.encode()).hexdigest())


def migrate(database_url: str) -> list[str]:
    """Bring the database's schema to this program's, and return the names of the migrations that were applied.

    It can be run again and again, and by several processes at once.

    Raises
    ------
    SchemaError
        When the database was migrated by a newer program, or by files that were changed afterwards.
    TimescaleError
        When the server's TimescaleDB is too old.
    """
    with connect(database_url, Role.ADMIN) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        _prepare(connection)
        known = {migration.name: migration for migration in migrations()}
        applied = _applied(connection)
        _check(known, applied)
        pending = [migration for migration in known.values() if migration.name not in applied]
        if pending:
            timescale.prepare(connection)
        for migration in pending:
            _apply(connection, migration)
        timescale.make_empty_ones_hypertables(connection)
        return [migration.name for migration in pending]


def check_schema(connection: Connection) -> None:
    """Check at the start of a process that the database has just the schema that this program knows.

    Raises
    ------
    SchemaError
        When it is newer, older, empty, or was migrated by other files; the message says the next move.
    """
    row = connection.execute("SELECT to_regclass('callout.schema_migration') IS NOT NULL").fetchone()
    applied = _applied(connection) if row == (True,) else {}
    known = {migration.name: migration for migration in migrations()}
    _check(known, applied)
    if missing := [name for name in known if name not in applied]:
        raise SchemaError(f"the database lacks {', '.join(missing)}: run 'callout migrate' first")


def _prepare(connection: Connection) -> None:
    with connection.transaction():
        for schema in (SCHEMA, JOBS_SCHEMA):
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        connection.execute(
            """CREATE TABLE IF NOT EXISTS callout.schema_migration (
                name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"""
        )
        connection.execute("GRANT USAGE ON SCHEMA callout TO PUBLIC")
        connection.execute("GRANT SELECT ON callout.schema_migration TO PUBLIC")


def _applied(connection: Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, checksum FROM callout.schema_migration ORDER BY name").fetchall())


def _check(known: dict[str, Migration], applied: dict[str, str]) -> None:
    if newer := sorted(applied.keys() - known.keys()):
        raise SchemaError(
            f"the database has {', '.join(newer)}, which this program does not know: it was migrated by a newer "
            f"version. This one knows up to {max(known)}. Run the newer version, or restore a backup from before."
        )
    for name, checksum in applied.items():
        if known[name].checksum != checksum:
            raise SchemaError(
                f"migration {name} was applied from another text (checksum {checksum[:12]}, here "
                f"{known[name].checksum[:12]}). Applied migrations are never edited: put the file back and add a new one."
            )


def _apply(connection: Connection, migration: Migration) -> None:
    """Apply one file in one transaction, its tables in the right schema."""
    schema = JOBS_SCHEMA if migration.name == "0000_jobs" else SCHEMA
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL search_path = {}, public").format(sql.Identifier(schema)))
        # The text is a file of this package, not somebody's input.
        connection.execute(cast("LiteralString", migration.text))
        connection.execute(
            "INSERT INTO callout.schema_migration (name, checksum) VALUES (%s, %s)",
            [migration.name, migration.checksum],
        )
