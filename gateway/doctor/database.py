"""The database: does it answer, is it the right one, may each role do what it must and no more."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from psycopg.conninfo import make_conninfo

from devices.products import product_types
from gateway.doctor.point import START_IT, Point, Setup, not_looked, ok, warning, wrong
from gateway.storage.connection import Connection, DatabaseUnreachableError, Role, connect
from gateway.storage.lacking import lacking
from gateway.storage.migrate import SchemaError, check_schema

ANSWER_S: Final = 5
_OLDEST_VERSION: Final = 140000
_TESTED_VERSION: Final = 180000
_CLOCK_WARN_S: Final = 2.0
_CLOCK_WRONG_S: Final = 30.0
# What each role must be able to do, and what it must not: one line that would hurt for each.
_MUST: Final = (
    (Role.INGEST, "electric_vehicle_reading", "INSERT"),
    (Role.INGEST, "rejection", "INSERT"),
    (Role.WORK, "service_request", "UPDATE"),
    (Role.WORK, "notice", "UPDATE"),
    (Role.SERVE, "service_request", "UPDATE"),
    (Role.SERVE, "electric_vehicle_reading_seen", "SELECT"),
)
_MUST_NOT: Final = (
    (Role.INGEST, "owner", "SELECT"),
    (Role.INGEST, "electric_vehicle_reading", "UPDATE"),
    (Role.WORK, "electric_vehicle_reading", "UPDATE"),
    (Role.SERVE, "electric_vehicle_reading", "SELECT"),
    (Role.SERVE, "request_event", "UPDATE"),
)


def open_database(setup: Setup) -> tuple[Connection | None, Point]:
    """Connect as the owner of the schema; return the connection, and what is to be said of it."""
    if not setup.settings.database_url:
        return None, not_looked("reachable", "no database is set, and nothing runs on the data folder", START_IT)
    try:
        connection = connect(make_conninfo(setup.settings.database_url, connect_timeout=ANSWER_S), Role.ADMIN)
    except DatabaseUnreachableError as error:
        if not setup.given.database_url and not setup.is_home:
            return None, not_looked("reachable", "the embedded PostgreSQL does not run", START_IT)
        return None, wrong("reachable", _plain(error), _move_for(str(error)))
    connection.execute("SELECT set_config('statement_timeout', %s, false)", [f"{ANSWER_S}s"])
    where = connection.info
    return connection, ok("reachable", f"{where.host}:{where.port}/{where.dbname} as {where.user}")


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()).partition(" Start it, or set")[0]


def _move_for(said: str) -> str:
    if "password authentication failed" in said or "no password supplied" in said:
        return "Correct user and password in CALLOUT_DATABASE_URL."
    if "does not exist" in said:
        return "Create what is missing (createdb, createuser), or correct CALLOUT_DATABASE_URL."
    return "Start the server, or correct host and port in CALLOUT_DATABASE_URL; look at its log."


def server_version(setup: Setup) -> Point:
    """Look at the server's version."""
    number = _connection(setup).info.server_version
    shown = f"{number // 10000}.{number % 10000}"
    if number < _OLDEST_VERSION:
        return wrong("version", f"PostgreSQL {shown} is too old", "Upgrade it to 14 or newer; 18 is what is tested.")
    if number < _TESTED_VERSION:
        return warning("version", f"PostgreSQL {shown}; 18 is what is tested", "Upgrade it when you can.")
    return ok("version", f"PostgreSQL {shown}")


def extensions(setup: Setup) -> Point:
    """Look at the extensions that are needed or useful."""
    rows = _connection(setup).execute(
        "SELECT name, installed_version FROM pg_available_extensions WHERE name IN ('btree_gist', 'timescaledb')"
    )
    found: dict[str, str | None] = dict(rows.fetchall())
    if "btree_gist" not in found:
        return wrong("extensions", "btree_gist is not there", "Install PostgreSQL's contrib package on its machine.")
    if found["btree_gist"] is None:
        return warning("extensions", "btree_gist is there but not made", "Run: ./callout migrate")
    timescale = found.get("timescaledb")
    return ok("extensions", f"btree_gist {found['btree_gist']}" + (f", timescaledb {timescale}" if timescale else ""))


def schema(setup: Setup) -> Point:
    """Look whether the schema is this version's."""
    try:
        check_schema(_connection(setup))
    except SchemaError as error:
        move = "Run: ./callout migrate" if "lacks" in str(error) else "Run the version that fits, or restore a backup."
        return wrong("schema", str(error), move)
    return ok("schema", "at this version")


def products(setup: Setup) -> Iterable[Point]:
    """Look whether every product type has its tables, with a column for each signal."""
    without = lacking(_connection(setup))
    for name, told in without.items():
        found, _, move = told.partition(". ")
        yield wrong(f"product {name}", found, move)
    if not without:
        yield ok("products", f"tables and columns are there for {', '.join(sorted(product_types()))}")


def roles(setup: Setup) -> Iterable[Point]:
    """Look whether each role can be taken, has its rights, and none that it must not have."""
    dsn = make_conninfo(setup.settings.database_url, connect_timeout=ANSWER_S)
    for role in (Role.INGEST, Role.WORK, Role.SERVE):
        name = f"role {role.name.lower()}"
        try:
            with connect(dsn, role) as connection:
                yield _rights(connection, role, name)
        except DatabaseUnreachableError as error:
            yield wrong(name, _plain(error), f"Let the login take it: GRANT {role.value} TO (the user of the DSN)")


def _rights(connection: Connection, role: Role, name: str) -> Point:
    def has(table: str, right: str) -> bool:
        row = connection.execute(
            "SELECT coalesce(has_any_column_privilege(to_regclass(%s), %s), false)", [f"callout.{table}", right]
        ).fetchone()
        return row == (True,)

    lacking = [f"{right} on {table}" for who, table, right in _MUST if who is role and not has(table, right)]
    if lacking:
        return wrong(name, f"lacks {', '.join(lacking)}", "Run ./callout migrate; else grant it as the migrations do.")
    extra = [f"{right} on {table}" for who, table, right in _MUST_NOT if who is role and has(table, right)]
    if extra:
        return wrong(name, f"has {', '.join(extra)}, which it must not have", "Revoke it, and find out who granted it.")
    return ok(name, "has what it needs and no more")


def walls(setup: Setup) -> Point:
    """Look whether row-level security stands wherever rows belong to a tenant."""
    rows = _connection(setup).execute(
        """SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'callout'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND a.attname = 'tenant_id' AND c.relname <> 'tenant' AND NOT c.relrowsecurity
            AND (has_table_privilege('callout_serve', c.oid, 'SELECT')
                OR has_table_privilege('callout_work', c.oid, 'SELECT'))
        ORDER BY c.relname"""
    )
    bare = [name for (name,) in rows]
    if bare:
        return wrong("tenants apart", f"no row-level security on {', '.join(bare)}", "Enable it as the migrations do.")
    return ok("tenants apart", "row-level security is on wherever rows belong to a tenant")


def clock(setup: Setup) -> Point:
    """Look how far the database's clock is from ours."""
    before = datetime.now(UTC)
    row = _connection(setup).execute("SELECT clock_timestamp()").fetchone()
    after = datetime.now(UTC)
    middle = before + (after - before) / 2
    apart_s = (row[0] - middle).total_seconds() if row else 0.0
    found = f"{apart_s:+.1f} s from ours"
    if abs(apart_s) > _CLOCK_WRONG_S:
        return wrong("clock", found, "Set both by NTP: links, offers and silence are judged by these clocks.")
    if abs(apart_s) > _CLOCK_WARN_S:
        return warning("clock", found, "Set both by NTP.")
    return ok("clock", found)


def _connection(setup: Setup) -> Connection:
    if setup.database is None:
        message = "the database is looked at only when it answers"
        raise LookupError(message)
    return setup.database


CHECKS: Final = (server_version, extensions, schema, products, roles, walls, clock)
