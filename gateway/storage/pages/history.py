"""What happened to one request: its events, its held parts, its human cases and its messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from gateway.storage.connection import Connection
from gateway.storage.pages.request import OfferedDate


@dataclass(frozen=True, slots=True)
class EventRow:
    """One thing that happened to a request; `actor` is who did it: a name, "owner" or "desk"."""

    happened_at: datetime
    actor: str
    event: str
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ReservedPart:
    """A part put aside for a request."""

    reservation_id: int
    part_no: str
    title: str
    quantity: int
    centre: str
    reserved_at: datetime
    released_at: datetime | None
    issued_at: datetime | None
    role: str
    expected_at: datetime | None
    origin: str | None
    delivery: str | None
    is_extra: bool


@dataclass(frozen=True, slots=True)
class HumanCase:
    """A case that waits, or waited, for the judgement of a named person."""

    queue: str
    reason: str
    staff_name: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One message to a person, about a request, an incident or a device."""

    notice_id: int
    request_id: int | None
    incident_id: int | None
    kind: str
    recipient: str
    language: str
    written_at: datetime
    sent_at: datetime | None
    attempts: int
    last_error: str | None
    device: str | None = None
    withdrawn_at: datetime | None = None


def events(conn: Connection, request_id: int) -> list[EventRow]:
    """Return what happened to a request, newest first, at most forty events."""
    with conn.cursor(row_factory=class_row(EventRow)) as cursor:
        return cursor.execute(
            """SELECT e.happened_at, coalesce(s.name, c.name, e.actor) AS actor, e.event, e.detail
               FROM request_event e LEFT JOIN staff s ON e.actor = 'staff-' || s.staff_id
               LEFT JOIN technician c ON e.actor = 'technician-' || c.technician_id
               WHERE e.request_id = %s ORDER BY e.event_id DESC LIMIT 40""",
            [request_id],
        ).fetchall()


def reserved_parts(conn: Connection, request_id: int, language: str) -> list[ReservedPart]:
    """Return the parts that are or were put aside for a request, titled in a language."""
    with conn.cursor(row_factory=class_row(ReservedPart)) as cursor:
        return cursor.execute(
            """SELECT v.reservation_id, v.part_no, coalesce(p.titles ->> %(language)s, p.title) AS title, v.quantity,
                   c.title AS centre, v.reserved_at, v.released_at, v.issued_at,
                   coalesce(nullif(v.role, ''), v.part_no) AS role, v.expected_at, coalesce(s.title, o.title) AS origin,
                   i.state AS delivery, v.is_extra
               FROM reservation v JOIN part p USING (tenant_id, part_no)
               JOIN service_centre c ON c.centre_id = v.centre_id
               LEFT JOIN inbound i USING (inbound_id) LEFT JOIN supplier s USING (supplier_id)
               LEFT JOIN service_centre o ON o.centre_id = i.from_centre_id
               WHERE v.request_id = %(request)s
               ORDER BY v.released_at IS NOT NULL, v.reservation_id LIMIT 50""",
            {"request": request_id, "language": language},
        ).fetchall()


def human_cases(conn: Connection, request_id: int) -> list[HumanCase]:
    """Return the human cases of a request, open ones first."""
    with conn.cursor(row_factory=class_row(HumanCase)) as cursor:
        return cursor.execute(
            """SELECT h.queue, h.reason, s.name AS staff_name, h.opened_at, h.due_at, h.closed_at
               FROM human_case h JOIN staff s USING (staff_id)
               WHERE h.request_id = %s ORDER BY h.closed_at IS NOT NULL, h.due_at LIMIT 20""",
            [request_id],
        ).fetchall()


def past_dates(conn: Connection, request_id: int) -> list[OfferedDate]:
    """Return the dates of the last closed offer of a request, in the order they were offered."""
    with conn.cursor(row_factory=class_row(OfferedDate)) as cursor:
        return cursor.execute(
            """SELECT b.booking_id, o.offer_id, b.centre_id, b.is_visit, b.who, b.begins_at, b.ends_at, b.arrives_at,
                      b.rank, b.why, o.expires_at
               FROM booking_seen b JOIN offer o USING (offer_id)
               WHERE o.offer_id = (SELECT max(offer_id) FROM offer
                                   WHERE request_id = %s AND closed_at IS NOT NULL)
               ORDER BY b.rank""",
            [request_id],
        ).fetchall()


def notices_of(conn: Connection, request_id: int) -> list[NoticeRow]:
    """Return the messages about a request, newest first."""
    with conn.cursor(row_factory=class_row(NoticeRow)) as cursor:
        return cursor.execute(
            """SELECT notice_id, request_id, incident_id, kind, recipient, language, written_at, sent_at, attempts,
                      last_error, withdrawn_at, (SELECT name FROM device d WHERE d.device_id = notice.device_id) AS device
               FROM notice WHERE request_id = %s ORDER BY notice_id DESC LIMIT 50""",
            [request_id],
        ).fetchall()


def outbox(conn: Connection, *, before_id: int | None, limit: int) -> list[NoticeRow]:
    """Return the tenant's messages, newest first, below `before_id`; at most `limit`."""
    with conn.cursor(row_factory=class_row(NoticeRow)) as cursor:
        return cursor.execute(
            """SELECT notice_id, request_id, incident_id, kind, recipient, language, written_at, sent_at, attempts,
                      last_error, withdrawn_at, (SELECT name FROM device d WHERE d.device_id = notice.device_id) AS device
               FROM notice WHERE %(before_id)s::bigint IS NULL OR notice_id < %(before_id)s
               ORDER BY notice_id DESC LIMIT %(limit)s""",
            {"before_id": before_id, "limit": limit},
        ).fetchall()
