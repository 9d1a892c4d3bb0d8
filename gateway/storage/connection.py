"""Connections to PostgreSQL by role, and transactions that belong to one tenant."""

from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from gateway.errors import CalloutError

Connection = psycopg.Connection[TupleRow]
SCHEMA: Final = "callout"
# procrastinate's tables and functions have a schema of their own, beside ours.
JOBS_SCHEMA: Final = "jobs"


class Role(StrEnum):
    """What a process may do; each is a database role, and none owns a table."""

    ADMIN = ""
    INGEST = "callout_ingest"
    WORK = "callout_work"
    SERVE = "callout_serve"


class DatabaseUnreachableError(CalloutError):
    """The database does not answer, or refuses the login."""


def options(role: Role) -> str:
    """Return the start-up options of a connection in a role: search path, time zone and the role itself."""
    settings = [f"search_path={SCHEMA},{JOBS_SCHEMA},public", "timezone=UTC"]
    if role is not Role.ADMIN:
        settings.append(f"role={role.value}")
    return " ".join(f"-c {setting}" for setting in settings)


def connect(database_url: str, role: Role) -> Connection:
    """Return a connection in autocommit mode; transactions are opened by name.

    Raises
    ------
    DatabaseUnreachableError
        When there is no database, or the login may not take this role.
    """
    try:
        return psycopg.connect(database_url, options=options(role), autocommit=True)
    except psycopg.OperationalError as error:
        raise DatabaseUnreachableError(unreachable(database_url, error)) from error


def unreachable(database_url: str, error: Exception) -> str:
    """Say which database does not answer, without its password, and the next move."""
    where = conninfo_to_dict(database_url)
    name = f"{where.get('host', 'localhost')}:{where.get('port', 5432)}/{where.get('dbname', '')}"
    # libpq says more on further lines, such as a question that this sentence answers.
    said = (str(error).strip().splitlines() or ["it says nothing"])[0].rstrip(" .?")
    return (
        f"the database at {name} does not answer: {said}. "
        "Start it, or set CALLOUT_DATABASE_URL to one that runs; 'callout migrate' prepares an empty one."
    )


def open_pool(database_url: str, role: Role, *, largest: int = 8) -> ConnectionPool[Connection]:
    """Return an open pool of connections in a role; the caller closes it."""
    return ConnectionPool(
        database_url,
        connection_class=psycopg.Connection[TupleRow],
        kwargs={"options": options(role), "autocommit": True},
        min_size=1,
        max_size=largest,
        timeout=5.0,
        check=ConnectionPool.check_connection,
        open=True,
    )


@contextmanager
def tenant_transaction(connection: Connection, tenant_id: int) -> Generator[None]:
    """One transaction in which row-level security shows the rows of one tenant and no other."""
    with connection.transaction():
        connection.execute("SELECT set_config('callout.tenant', %s, true)", [str(tenant_id)])
        yield
