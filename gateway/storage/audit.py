"""The audit as it is stored: records that are only ever appended, and the chain that the database links them into."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import rfc8785
from psycopg.rows import class_row

from gateway.storage.connection import Connection
from gateway.storage.findings import one
from workflows.audit import Act, Head, Link, act_hash

_AT_A_TIME = 5_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """An act as pages show it; `person` is the name of the member of staff, empty for others."""

    audit_id: int
    at: datetime
    actor: str
    person: str
    act: str
    device_id: int
    request_id: int | None
    mandate_id: int | None
    clause: str | None
    inputs: dict[str, object]
    is_undone: bool


def append(connection: Connection, act: Act) -> int:
    """Append an act and return its number; it is linked into the chain when the transaction is committed.

    Raises
    ------
    ValueError
        When its inputs cannot be written as canonical JSON.
    psycopg.errors.CheckViolation
        `act_has_a_clause_that_is_valid`, `act_stands_on_a_clause_or_a_person_is_named`: it may not be done.
    """
    return one(
        connection.execute(
            """INSERT INTO audit_record
                (tenant_id, at, actor, act, device_id, request_id, mandate_id, clause, inputs, sha256)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::json, %s) RETURNING audit_id""",
            [
                act.tenant_id,
                act.at,
                act.actor,
                act.act,
                act.device_id,
                act.request_id,
                act.mandate_id,
                act.clause,
                rfc8785.dumps(act.inputs).decode(),
                act_hash(act),
            ],
        ).fetchone()
    )


_RECORDED = """SELECT r.audit_id, r.at, r.actor, coalesce(f.name, c.name, '') AS person, r.act, r.device_id, r.request_id,
    r.mandate_id, r.clause, r.inputs,
    EXISTS (SELECT FROM audit_record u WHERE u.request_id = r.request_id AND u.act = 'undone'
        AND (u.inputs ->> 'audit_id')::bigint = r.audit_id) AS is_undone
    FROM audit_record r LEFT JOIN staff f ON r.actor = 'staff-' || f.staff_id
    LEFT JOIN technician c ON r.actor = 'technician-' || c.technician_id"""


def of_request(connection: Connection, request_id: int) -> list[Recorded]:
    """Return what was done for a request, in order."""
    with connection.cursor(row_factory=class_row(Recorded)) as cursor:
        return cursor.execute(f"{_RECORDED} WHERE r.request_id = %s ORDER BY r.audit_id", [request_id]).fetchall()


def of_device(
    connection: Connection, device_id: int, since_at: datetime, until_at: datetime | None, most: int
) -> list[Recorded]:
    """Return what was done for a device while somebody owned it, the newest first."""
    with connection.cursor(row_factory=class_row(Recorded)) as cursor:
        return cursor.execute(
            f"""{_RECORDED} WHERE r.device_id = %(device_id)s AND r.at > %(since_at)s
                AND (%(until_at)s::timestamptz IS NULL OR r.at <= %(until_at)s) ORDER BY r.audit_id DESC LIMIT %(most)s""",
            {"device_id": device_id, "since_at": since_at, "until_at": until_at, "most": most},
        ).fetchall()


def find_record(connection: Connection, audit_id: int) -> Recorded | None:
    """Return one act."""
    with connection.cursor(row_factory=class_row(Recorded)) as cursor:
        return cursor.execute(f"{_RECORDED} WHERE r.audit_id = %s", [audit_id]).fetchone()


def chain_after(connection: Connection, head: Head) -> Iterator[Link]:
    """Give the links of the present tenant's chain after a head, in order; in one transaction."""
    with connection.cursor("audit_chain") as cursor:
        cursor.itersize = _AT_A_TIME
        cursor.execute(
            """SELECT l.number, l.audit_id, l.previous, l.hash, r.audit_id, r.tenant_id, r.at, r.actor, r.act, r.device_id,
                r.request_id, r.mandate_id, r.clause, r.inputs, r.sha256
            FROM audit_link l LEFT JOIN audit_record r USING (audit_id)
            WHERE l.tenant_id = current_tenant() AND l.number > %s ORDER BY l.number""",
            [head.number],
        )
        for number, audit_id, previous, hashed, found, *act, sha256 in cursor:
            yield Link(number, audit_id, previous, hashed, None if found is None else Act(*act), sha256 or b"")


def stored_head(connection: Connection) -> Head:
    """Return where the database says that the present tenant's chain ends."""
    row = connection.execute("SELECT number, hash FROM audit_head WHERE tenant_id = current_tenant()").fetchone()
    return Head() if row is None else Head(row[0], row[1])


def unlinked(connection: Connection) -> int | None:
    """Return the first record of the present tenant that no link names; None when each has one."""
    row = connection.execute(
        """SELECT min(audit_id) FROM audit_record r
        WHERE tenant_id = current_tenant() AND NOT EXISTS (SELECT FROM audit_link l WHERE l.audit_id = r.audit_id)"""
    ).fetchone()
    return None if row is None else row[0]


def changed_mandate(connection: Connection) -> tuple[int, int] | None:
    """Return the link and record of the first signing or taking back that the stored mandate does not agree with; None for none.

    The acts stand on mandates: who widens what was signed, or revives what was taken back, makes an act look allowed.
    """
    return connection.execute(
        """SELECT l.number, r.audit_id FROM audit_record r JOIN audit_link l USING (audit_id)
        LEFT JOIN mandate m ON m.mandate_id = (r.inputs ->> 'mandate_id')::bigint
        WHERE r.tenant_id = current_tenant() AND r.act IN ('mandate_signed', 'mandate_revoked') AND (
            m.device_id IS DISTINCT FROM r.device_id
            OR (r.act = 'mandate_revoked' AND m.ended_at IS NULL)
            OR (r.act = 'mandate_signed' AND (m.signed_at <> r.at
                OR m.expires_at IS DISTINCT FROM (r.inputs ->> 'expires_at')::timestamptz
                OR (r.inputs -> 'clauses')::jsonb IS DISTINCT FROM (
                    SELECT jsonb_object_agg(c.clause, CASE WHEN c.limit_minor IS NULL THEN 'null'::jsonb
                        ELSE jsonb_build_object('minor', c.limit_minor, 'currency', c.currency) END)
                    FROM mandate_clause c WHERE c.mandate_id = m.mandate_id))))
        ORDER BY l.number LIMIT 1"""
    ).fetchone()
