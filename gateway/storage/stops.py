"""What an owner's stop does to rows: messages that leave no more, links that lead on, and a request opened again."""

from datetime import datetime, timedelta
from typing import Final

from gateway.storage.connection import Connection
from gateway.storage.findings import one

# For so long after a stop nothing is written to the owner about the same component without a person's word.
_HEEDED: Final = timedelta(days=30)


def withdraw_notices(connection: Connection, request_id: int, now: datetime) -> None:
    """Take back what is in the outbox for a request's owner and has not left yet."""
    connection.execute(
        """UPDATE notice n SET withdrawn_at = %(now)s FROM service_request r JOIN owner o USING (owner_id)
        WHERE n.request_id = %(request_id)s AND r.request_id = n.request_id AND n.sent_at IS NULL
            AND n.withdrawn_at IS NULL AND n.recipient = o.email AND n.kind NOT IN ('safety', 'link')""",
        {"now": now, "request_id": request_id},
    )


def lead_links(connection: Connection, request_id: int, after: int) -> None:
    """Let the owner's links to a request open another one."""
    connection.execute(
        "UPDATE access_token SET request_id = %s WHERE request_id = %s AND purpose = 'owner_request'",
        [after, request_id],
    )


def was_stopped(connection: Connection, device_id: int, component: str, now: datetime) -> bool:
    """Say whether one of its owners has stopped a request about a component lately, and has not taken that back.

    What a former owner wished does not bind the present ones.
    """
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM service_request r WHERE r.device_id = %(device_id)s
            AND r.component = %(component)s AND r.closed_at > %(since)s
            AND EXISTS (SELECT FROM device_owner w
                WHERE w.device_id = r.device_id AND w.owner_id = r.owner_id AND w.until_at IS NULL)
            AND EXISTS (SELECT FROM request_event e WHERE e.request_id = r.request_id AND e.event = 'stopped')
            AND NOT EXISTS (SELECT FROM request_event e WHERE e.request_id = r.request_id AND e.event = 'resumed'))""",
        {"device_id": device_id, "component": component, "since": now - _HEEDED},
    ).fetchone()
    return row == (True,)


def open_again(connection: Connection, request_id: int, now: datetime) -> int:
    """Open a request that says what a closed one said, with its fault, and return its id.

    It is of the same owner while he is one; else of the device's present owner.
    """
    fault_id = one(
        connection.execute(
            """INSERT INTO fault (device_id, component, code, since_at, opened_at)
            SELECT f.device_id, f.component, f.code, f.since_at, %(now)s
            FROM service_request r JOIN fault f USING (fault_id) WHERE r.request_id = %(request_id)s
            ON CONFLICT (device_id, component, code) WHERE closed_at IS NULL
            DO UPDATE SET since_at = least(fault.since_at, EXCLUDED.since_at) RETURNING fault_id""",
            {"now": now, "request_id": request_id},
        ).fetchone()
    )
    return one(
        connection.execute(
            """INSERT INTO service_request (device_id, owner_id, component, fault_id, diagnosis_id, state, is_safety,
                severity, decided_received_at, opened_at, changed_at)
            SELECT r.device_id, coalesce(w.owner_id, d.owner_id), r.component, %(fault_id)s, r.diagnosis_id, 'open',
                r.is_safety, r.severity, %(now)s, %(now)s, %(now)s
            FROM service_request r JOIN device d USING (device_id) LEFT JOIN device_owner w
                ON w.device_id = r.device_id AND w.owner_id = r.owner_id AND w.until_at IS NULL
            WHERE r.request_id = %(request_id)s RETURNING request_id""",
            {"now": now, "request_id": request_id, "fault_id": fault_id},
        ).fetchone()
    )
