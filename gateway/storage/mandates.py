"""Mandates as they are stored: signed as a whole, ended once, never changed."""

from collections.abc import Mapping
from datetime import datetime

from gateway.storage.connection import Connection
from gateway.storage.findings import one
from workflows.mandate import Clause, Mandate
from workflows.money import Money


def latest_mandate(connection: Connection, device_id: int, *, locked: bool = False) -> Mandate | None:
    """Return the newest mandate of a device of the present tenant, living or not; None when nobody ever signed one.

    With `locked` nobody ends it before this transaction does: what is done on it is done before it is taken back.
    """
    row = connection.execute(
        """SELECT mandate_id, signed_at, expires_at, ended_at FROM mandate
        WHERE device_id = %s ORDER BY mandate_id DESC LIMIT 1""",
        [device_id],
    ).fetchone()
    if row is not None and locked:
        # It may have been ended, and another one signed, while the lock was waited for: so it is read under the lock.
        connection.execute("SELECT FROM mandate WHERE mandate_id = %s FOR SHARE", [row[0]])
        newest = connection.execute(
            """SELECT mandate_id, signed_at, expires_at, ended_at FROM mandate
            WHERE device_id = %s ORDER BY mandate_id DESC LIMIT 1 FOR SHARE""",
            [device_id],
        ).fetchone()
        row = newest or row
    if row is None:
        return None
    return Mandate(row[0], _clauses(connection, row[0]), row[1], row[2], row[3])


def _clauses(connection: Connection, mandate_id: int) -> dict[Clause, Money | None]:
    rows = connection.execute(
        "SELECT clause, limit_minor, currency FROM mandate_clause WHERE mandate_id = %s ORDER BY clause", [mandate_id]
    )
    return {Clause(clause): None if minor is None else Money(minor, currency) for clause, minor, currency in rows}


def end_mandate(connection: Connection, device_id: int, why: str, by: str, now: datetime) -> int | None:
    """End the living mandate of a device and return its number; None when there is none.

    It ends after the last act that stands on it, whatever the clocks of two processes say.
    """
    row = connection.execute(
        "SELECT mandate_id, signed_at FROM mandate WHERE device_id = %s AND ended_at IS NULL FOR UPDATE", [device_id]
    ).fetchone()
    if row is None:
        return None
    connection.execute(
        """UPDATE mandate SET ended_why = %(why)s, ended_by = %(by)s, ended_at = greatest(%(now)s, signed_at,
            (SELECT max(at) + interval '1 microsecond' FROM audit_record WHERE mandate_id = %(mandate_id)s))
        WHERE mandate_id = %(mandate_id)s""",
        {"why": why, "by": by, "now": now, "mandate_id": row[0]},
    )
    return int(row[0])


def sign_mandate(
    connection: Connection,
    *,
    device_id: int,
    owner_id: int,
    clauses: Mapping[Clause, Money | None],
    signed_by: str,
    expires_at: datetime | None,
    now: datetime,
) -> int:
    """Write a mandate and return its number; the one before has to be ended first."""
    mandate_id = one(
        connection.execute(
            """INSERT INTO mandate (device_id, owner_id, signed_at, signed_by, expires_at)
            VALUES (%s, %s, %s, %s, %s) RETURNING mandate_id""",
            [device_id, owner_id, now, signed_by, expires_at],
        ).fetchone()
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO mandate_clause (mandate_id, clause, limit_minor, currency) VALUES (%s, %s, %s, %s)",
            [
                (mandate_id, clause, None if limit is None else limit.minor, None if limit is None else limit.currency)
                for clause, limit in sorted(clauses.items())
            ],
        )
    return mandate_id


def approved_by(connection: Connection, request_id: int) -> int | None:
    """Return who of the staff approved a request; None when nobody did, or something took his word back since."""
    row = connection.execute(
        """SELECT CASE event WHEN 'approved' THEN substring(actor FROM '^staff-([0-9]+)$')::int END FROM request_event
        WHERE request_id = %s AND (event IN ('held', 'clause_missing', 'mandate_revoked')
            OR (event = 'approved' AND actor LIKE 'staff-%%'))
        ORDER BY event_id DESC LIMIT 1""",
        [request_id],
    ).fetchone()
    return None if row is None else row[0]
