"""Retiring a device, and taking it back: what a planner may do to a device itself. Each can be repeated.

A retired device is cut off, its open requests are cancelled as a planner would cancel them, and its faults are closed;
its readings and its story stay. A device that is taken back needs new credentials: the old ones stay revoked.
"""

from datetime import datetime

from gateway import planner
from gateway.admission.credentials import take_away
from gateway.storage import attention
from gateway.storage.connection import Connection
from gateway.storage.findings import one


def retire(connection: Connection, *, device_id: int, staff_id: int, reason: str, now: datetime) -> None:
    """Retire a device of the present tenant.

    Parts and bays that are held for it are free again, and an owner who knew of dates is told that they are off.
    """
    # Whoever diagnoses the device, or takes its owner's report, holds it too: no request is opened a moment later.
    attention.hold_device(connection, device_id)
    if not _mark(connection, device_id, retired_at=now):
        return
    take_away(connection, device_id, "retired", now)
    open_requests = connection.execute(
        "SELECT request_id FROM service_request WHERE device_id = %s AND closed_at IS NULL ORDER BY request_id",
        [device_id],
    ).fetchall()
    for (request_id,) in open_requests:
        planner.cancel(connection, request_id=request_id, staff_id=staff_id, reason=reason, now=now)
    connection.execute("UPDATE fault SET closed_at = %s WHERE device_id = %s AND closed_at IS NULL", [now, device_id])
    _write_down(connection, device_id, staff_id, "retired", reason, now)


def take_back(connection: Connection, *, device_id: int, staff_id: int, reason: str, now: datetime) -> None:
    """Take a retired device of the present tenant back; it can connect once it has new credentials."""
    if _mark(connection, device_id, retired_at=None):
        _write_down(connection, device_id, staff_id, "returned", reason, now)


def _mark(connection: Connection, device_id: int, *, retired_at: datetime | None) -> bool:
    """Set or take away the mark, and say whether that changed anything; the row stays locked."""
    changed = connection.execute(
        """UPDATE device SET retired_at = %(at)s
        WHERE device_id = %(device_id)s AND (retired_at IS NULL) <> (%(at)s::timestamptz IS NULL) RETURNING device_id""",
        {"at": retired_at, "device_id": device_id},
    ).fetchone()
    return changed is not None


def _write_down(connection: Connection, device_id: int, staff_id: int, act: str, reason: str, now: datetime) -> int:
    return one(
        connection.execute(
            """INSERT INTO device_history (device_id, happened_at, staff_id, act, reason)
            VALUES (%s, %s, %s, %s, %s) RETURNING history_id""",
            [device_id, now, staff_id, act, reason],
        ).fetchone()
    )
