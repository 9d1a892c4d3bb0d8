"""TimescaleDB where the server has it: which versions will do, and the tables of readings as its hypertables.

Without it the same tables are partitioned by PostgreSQL itself. Who reads and writes readings knows no difference.
"""

import re
from typing import Final

from psycopg import sql

from gateway.errors import CalloutError
from gateway.storage.connection import Connection

WANTED: Final = (2, 29)
_WANTED_TOLD: Final = "2.29 or newer, with PostgreSQL 16 to 18"


class TimescaleError(CalloutError):
    """TimescaleDB is there, and cannot be used as it is."""


def prepare(connection: Connection) -> bool:
    """Make the extension in this database where the server has it; return whether the database uses it now.

    A server that has its files but does not load them at its start is used without it.

    Raises
    ------
    TimescaleError
        It is older than what is supported; the message says found, wanted, and the next move.
    """
    row = connection.execute(
        """SELECT default_version, installed_version,
            'timescaledb' = ANY (regexp_split_to_array(coalesce(current_setting('shared_preload_libraries', true), ''), '[ ,]+'))
        FROM pg_available_extensions WHERE name = 'timescaledb'"""
    ).fetchone()
    if row is None:
        return False
    offered, installed, is_loaded = row
    check_version(installed or offered, is_installed=installed is not None)
    if installed is None and is_loaded:
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb WITH SCHEMA public")
    return installed is not None or bool(is_loaded)


def check_version(found: str, *, is_installed: bool) -> None:
    """Refuse a version of TimescaleDB that is too old.

    Raises
    ------
    TimescaleError
        It is.

    Examples
    --------
    >>> check_version("2.29.2", is_installed=True)
    """
    numbers = re.findall(r"\d+", found)[:2]
    if tuple(int(number) for number in numbers) >= WANTED:
        return
    move = (
        "Update its package and run ALTER EXTENSION timescaledb UPDATE in this database"
        if is_installed
        else "Update its package, or remove it from the server to use plain PostgreSQL"
    )
    raise TimescaleError(
        f"the server has TimescaleDB {found}, and Callout wants {_WANTED_TOLD}. {move}, then run 'callout migrate' "
        "again. Nothing was changed."
    )


def has_timescale(connection: Connection) -> bool:
    """Return whether this database uses TimescaleDB; its schema must be this version's."""
    return connection.execute("SELECT callout.timescale_schema() IS NOT NULL").fetchone() == (True,)


def plain_tables(connection: Connection) -> list[str]:
    """Return the tables of readings that PostgreSQL itself partitions although this database has TimescaleDB."""
    rows = connection.execute(
        r"""SELECT relname FROM pg_class
        WHERE relnamespace = 'callout'::regnamespace AND relkind = 'p' AND relname LIKE '%%\_reading'
            AND callout.timescale_schema() IS NOT NULL
        ORDER BY relname"""
    )
    return [str(name) for (name,) in rows]


def make_empty_ones_hypertables(connection: Connection) -> list[str]:
    """Turn the tables that hold no reading yet into hypertables; return their names."""
    return [table for table in plain_tables(connection) if _is_empty(connection, table) and _turn(connection, table)]


def make_hypertables(connection: Connection) -> list[tuple[str, int]]:
    """Turn every table of readings into a hypertable with what it holds; return their names and numbers of readings.

    Each in one transaction, so that it is done or not at all. Ingest and pages wait meanwhile; what devices say waits in
    the broker. The database needs room for the largest table twice.

    Parameters
    ----------
    connection : Connection
        As the owner of the schema.

    Raises
    ------
    TimescaleError
        The database has no TimescaleDB, or one that is too old.
    """
    if not prepare(connection):
        raise TimescaleError(
            "this database has no TimescaleDB: install its package on the server, add timescaledb to "
            "shared_preload_libraries, start the server again, and then run this again."
        )
    done: list[tuple[str, int]] = []
    for table in plain_tables(connection):
        _turn(connection, table)
        row = connection.execute(sql.SQL("SELECT count(*) FROM callout.{}").format(sql.Identifier(table))).fetchone()
        done.append((table, int(row[0]) if row else 0))
    return done


def _turn(connection: Connection, table: str) -> bool:
    with connection.transaction():
        # The tables' names are found without a schema in front of them.
        return connection.execute("SELECT callout.become_hypertable(%s)", [table]).fetchone() == (True,)


def _is_empty(connection: Connection, table: str) -> bool:
    query = sql.SQL("SELECT NOT EXISTS (SELECT FROM callout.{})").format(sql.Identifier(table))
    return connection.execute(query).fetchone() == (True,)
