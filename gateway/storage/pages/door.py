"""What the machine's door refused, and who works at the desk."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class RejectionRow:
    """A message, or a piece of one, that could not be read; `payload_head` is its first 200 bytes."""

    rejection_id: int
    received_at: datetime
    device: str | None
    topic: str
    reason: str
    detail: str
    place: str
    payload_head: bytes
    payload_size: int


@dataclass(frozen=True, slots=True)
class StaffRow:
    """A member of staff."""

    staff_id: int
    name: str
    email: str
    role: str
    language: str
    tenant_title: str


def rejections(conn: Connection, *, before: tuple[datetime, int] | None, limit: int) -> list[RejectionRow]:
    """Return what was refused, newest first, before an instant and number; at most `limit`."""
    with conn.cursor(row_factory=class_row(RejectionRow)) as cursor:
        return cursor.execute(
            """SELECT j.rejection_id, j.received_at, d.name AS device, j.topic, j.reason, j.detail, j.place,
                      substring(j.payload FOR 200) AS payload_head, octet_length(j.payload) AS payload_size
               FROM rejection j LEFT JOIN device d USING (device_id)
               WHERE %(id)s::bigint IS NULL OR (j.received_at, j.rejection_id) < (%(at)s, %(id)s)
               ORDER BY j.received_at DESC, j.rejection_id DESC LIMIT %(limit)s""",
            {"at": before[0] if before else None, "id": before[1] if before else None, "limit": limit},
        ).fetchall()


def find_staff(conn: Connection, staff_id: int) -> StaffRow | None:
    """Return a member of the present tenant's staff."""
    with conn.cursor(row_factory=class_row(StaffRow)) as cursor:
        return cursor.execute(
            """SELECT s.staff_id, s.name, s.email, s.role, s.language, t.title AS tenant_title
               FROM staff s JOIN tenant t USING (tenant_id) WHERE s.staff_id = %s""",
            [staff_id],
        ).fetchone()


def staff_name_for(conn: Connection, email: str) -> str | None:
    """Return the name of the member of staff with this e-mail."""
    found = conn.execute("SELECT name FROM staff WHERE lower(email) = lower(%s)", [email]).fetchone()
    return str(found[0]) if found else None
