"""Migrations: plain SQL files in order, each in a transaction of its own, under one advisory lock, with checksums.

They are made to run while the desk lives: one waits for a table for seconds only, and lets everybody pass before it
tries again, because whoever comes after a lock that waits has to wait behind it.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final, LiteralString, cast

from procrastinate.schema import SchemaManager
from psycopg import sql
from psycopg.errors import DeadlockDetected, LockNotAvailable

from gateway.errors import CalloutError
from gateway.storage import timescale
from gateway.storage.connection import JOBS_SCHEMA, SCHEMA, Connection, Role, connect

# A schema of this name says that a restore into the database has not ended.
RESTORING: Final = "callout_restoring"
_LOCK: Final = 0x0CA1_1007
_LOCK_WAIT_MS: Final = 2000
# Between two tries everybody else gets on with his work; together they wait for some minutes.
_PAUSE_S: Final = 3.0
_TRIES: Final = 40


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


def migrate(
    database_url: str,
    *,
    wanted: Sequence[Migration] | None = None,
    pause: Callable[[float], None] = time.sleep,
    tries: int = _TRIES,
) -> list[str]:
    """Bring the database's schema to this program's, and return the names of the migrations that were applied.

    It can be run again and again, by several processes at once, and while the desk lives.

    Parameters
    ----------
    database_url
        The database.
    wanted
        The migrations that this program has; those of its package when None.
    pause
        Waits for some seconds between two tries.
    tries
        How often a migration tries to get its locks.

    Raises
    ------
    SchemaError
        When the database was migrated by a newer program, or by files that were changed afterwards, is just being
        restored, or when somebody holds a lock all the while; the message says who.
    TimescaleError
        When the server's TimescaleDB is too old.
    """
    with connect(database_url, Role.ADMIN) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        _see_that_it_is_whole(connection)
        _prepare(connection)
        known = {migration.name: migration for migration in wanted or migrations()}
        applied = applied_migrations(connection)
        _check(known, applied, "the database")
        pending = [migration for migration in known.values() if migration.name not in applied]
        if pending:
            timescale.prepare(connection)
        for migration in pending:
            _apply_when_it_may(connection, migration, pause, tries)
        if wanted is None:
            timescale.make_empty_ones_hypertables(connection)
        return [migration.name for migration in pending]


def check_schema(connection: Connection) -> None:
    """Check at the start of a process that the database has just the schema that this program knows.

    Raises
    ------
    SchemaError
        When it is newer, older, empty, or was migrated by other files; the message says the next move.
    """
    _see_that_it_is_whole(connection)
    applied = applied_migrations(connection)
    known = {migration.name: migration for migration in migrations()}
    _check(known, applied, "the database")
    if missing := [name for name in known if name not in applied]:
        raise SchemaError(f"the database lacks {', '.join(missing)}: run 'callout migrate' first")


def applied_migrations(connection: Connection) -> dict[str, str]:
    """Return the names of the migrations that a database has, with their checksums; none where there is no desk."""
    row = connection.execute("SELECT to_regclass('callout.schema_migration') IS NOT NULL").fetchone()
    if row != (True,):
        return {}
    return dict(connection.execute("SELECT name, checksum FROM callout.schema_migration ORDER BY name").fetchall())


def check_known(applied: dict[str, str], where: str) -> None:
    """Check that this program knows all of some applied migrations, by name and by text.

    Parameters
    ----------
    applied
        Names with checksums.
    where
        What has them: ``"the backup /backups/callout-20261122T051507Z"``.

    Raises
    ------
    SchemaError
        It does not.
    """
    _check({migration.name: migration for migration in migrations()}, applied, where)


def _see_that_it_is_whole(connection: Connection) -> None:
    row = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", [RESTORING]).fetchone()
    if row == (True,):
        raise SchemaError(
            "a restore into the database has not ended: it is under way, or it was interrupted. Wait for it, or "
            "begin it again with 'callout restore'."
        )


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


def _check(known: dict[str, Migration], applied: dict[str, str], where: str) -> None:
    if newer := sorted(applied.keys() - known.keys()):
        raise SchemaError(
            f"{where} has {', '.join(newer)}, which this program does not know: it was migrated by a newer "
            f"version. This one knows up to {max(known)}. Run the newer version, or restore a backup from before."
        )
    for name, checksum in applied.items():
        if known[name].checksum != checksum:
            raise SchemaError(
                f"migration {name} was applied from another text (checksum {checksum[:12]}, here "
                f"{known[name].checksum[:12]}). Applied migrations are never edited: put the file back and add a new one."
            )


def _apply_when_it_may(
    connection: Connection, migration: Migration, pause: Callable[[float], None], tries: int
) -> None:
    """Apply one file as soon as nobody holds what it needs, and make nobody wait longer than `_LOCK_WAIT_MS`."""
    for attempt in range(1, tries + 1):
        try:
            _apply(connection, migration)
        except (LockNotAvailable, DeadlockDetected) as error:
            if attempt == tries:
                raise SchemaError(
                    f"migration {migration.name} could not get its locks in {tries} tries: "
                    f"{str(error).splitlines()[0]}. {_who_is_long_at_it(connection)} End that, or wait for it, and "
                    "run 'callout migrate' again; nothing of this migration has been applied."
                ) from error
            pause(_PAUSE_S)
        else:
            return


def _who_is_long_at_it(connection: Connection) -> str:
    row = connection.execute(
        """SELECT pid, coalesce(nullif(application_name, ''), backend_type), state,
            extract(epoch FROM clock_timestamp() - xact_start)::int, left(regexp_replace(query, '\\s+', ' ', 'g'), 80)
        FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
        ORDER BY xact_start LIMIT 1"""
    ).fetchone()
    if row is None:
        return "Nobody is in a long transaction now."
    pid, name, state, for_s, query = row
    return f"The oldest transaction is that of process {pid} ({name}, {state}, since {for_s} s): {query}."


def _apply(connection: Connection, migration: Migration) -> None:
    """Apply one file in one transaction, its tables in the right schema."""
    schema = JOBS_SCHEMA if migration.name == "0000_jobs" else SCHEMA
    with connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', %s, true)", [f"{_LOCK_WAIT_MS}ms"])
        connection.execute(sql.SQL("SET LOCAL search_path = {}, public").format(sql.Identifier(schema)))
        # The text is a file of this package, not somebody's input.
        connection.execute(cast("LiteralString", migration.text))
        connection.execute(
            "INSERT INTO callout.schema_migration (name, checksum) VALUES (%s, %s)",
            [migration.name, migration.checksum],
        )
