"""The outbox: which tenants have letters waiting, and which of them are due; how one is marked when it sets out."""

from datetime import datetime
from typing import Final

from psycopg import Cursor
from psycopg.rows import TupleRow

from gateway.storage.connection import Connection

_AT_MOST: Final = 200


def tenants_waiting(connection: Connection) -> list[int]:
    """Return the tenants of which letters have not left, in order.

    Row-level security shows a role one tenant at a time, so each is asked; all of them in one transaction and in one way to
    the database and back, for mostly nothing waits.

    Parameters
    ----------
    connection : Connection
        In autocommit mode.
    """
    tenants = [int(row[0]) for row in connection.execute("SELECT tenant_id FROM tenant ORDER BY tenant_id").fetchall()]
    with connection.pipeline(), connection.transaction():
        asked = [(tenant_id, _ask(connection, tenant_id)) for tenant_id in tenants]
        return [tenant_id for tenant_id, answer in asked if answer.fetchone() == (True,)]


def _ask(connection: Connection, tenant_id: int) -> Cursor[TupleRow]:
    connection.execute("SELECT set_config('callout.tenant', %s, true)", [str(tenant_id)])
    return connection.execute(
        """SELECT EXISTS (SELECT FROM notice
            WHERE tenant_id = %(tenant_id)s AND sent_at IS NULL AND withdrawn_at IS NULL)""",
        {"tenant_id": tenant_id},
    )


def due(connection: Connection, tenant_id: int, now: datetime) -> list[int]:
    """Return the letters of a tenant that are to leave now, safety first; in a transaction of the tenant.

    One that failed is tried again after 5, 15, 35, ... seconds, later every quarter of an hour, and for about a day.
    """
    rows = connection.execute(
        """SELECT notice_id FROM notice
           WHERE tenant_id = %(tenant_id)s AND sent_at IS NULL AND withdrawn_at IS NULL AND attempts < 100
             AND written_at <= %(now)s - make_interval(
                 secs => 5 * (2 ^ least(attempts, 7) - 1) + 900 * greatest(attempts - 7, 0))
           ORDER BY kind = 'safety' DESC, attempts, notice_id LIMIT %(limit)s""",
        {"tenant_id": tenant_id, "now": now, "limit": _AT_MOST},
    ).fetchall()
    return [int(row[0]) for row in rows]


def set_out(connection: Connection, notice_id: int) -> None:
    """Count an attempt at a locked letter: until its end is written down, nobody knows whether it has left."""
    connection.execute("UPDATE notice SET attempts = attempts + 1, last_error = NULL WHERE notice_id = %s", [notice_id])


def arrived(connection: Connection, notice_id: int, now: datetime) -> None:
    """Note that the mail server has taken a letter."""
    connection.execute("UPDATE notice SET sent_at = %s WHERE notice_id = %s", [now, notice_id])


def stays(connection: Connection, notice_id: int, reason: str) -> None:
    """Note that a letter has not left, and why."""
    connection.execute("UPDATE notice SET last_error = %s WHERE notice_id = %s", [reason[:500], notice_id])
