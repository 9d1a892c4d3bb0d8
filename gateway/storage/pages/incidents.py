"""Incidents as pages and letters show them: where, since when, how many devices, whose it is and by when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg import sql
from psycopg.rows import class_row

from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident; `devices` and `heard_again` are as counted a minute ago at most while it is open."""

    incident_id: int
    product: str
    place: str
    latitude: float | None
    longitude: float | None
    since_at: datetime
    opened_at: datetime
    due_at: datetime
    devices: int
    heard_again: int
    recovering_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    word: str
    staff_name: str
    tenant_title: str
    time_zone: str

    @property
    def reference(self) -> str:
        """The number that people use: I-000012."""
        return f"I-{self.incident_id:06d}"


_ROWS: Final[
    LiteralString
] = """SELECT i.incident_id, i.product, i.place, i.latitude, i.longitude, i.since_at, i.opened_at,
        i.due_at, i.devices, i.heard_again, i.recovering_at, i.closed_at, c.name AS closed_by, i.word,
        s.name AS staff_name, t.title AS tenant_title,
        coalesce((SELECT time_zone FROM service_centre ORDER BY centre_id LIMIT 1), 'UTC') AS time_zone
    FROM incident i JOIN staff s USING (staff_id) JOIN tenant t ON t.tenant_id = i.tenant_id
    LEFT JOIN staff c ON c.staff_id = i.closed_by WHERE {}"""


def find_incident(conn: Connection, incident_id: int) -> IncidentRow | None:
    """Return an incident of the present tenant."""
    query = sql.SQL(_ROWS).format(sql.SQL("i.incident_id = %s"))
    with conn.cursor(row_factory=class_row(IncidentRow)) as cursor:
        return cursor.execute(query, [incident_id]).fetchone()


def open_incidents(conn: Connection, *, limit: int) -> list[IncidentRow]:
    """Return the open incidents, by their clock."""
    query = sql.SQL(_ROWS).format(sql.SQL("i.closed_at IS NULL ORDER BY i.due_at, i.incident_id LIMIT %s"))
    with conn.cursor(row_factory=class_row(IncidentRow)) as cursor:
        return cursor.execute(query, [limit]).fetchall()


def closed_incidents(conn: Connection, *, before_id: int | None, limit: int) -> list[IncidentRow]:
    """Return closed incidents, newest first, below `before_id`."""
    query = sql.SQL(_ROWS).format(
        sql.SQL(
            """i.closed_at IS NOT NULL AND (%(before_id)s::bigint IS NULL OR i.incident_id < %(before_id)s)
            ORDER BY i.incident_id DESC LIMIT %(limit)s"""
        )
    )
    with conn.cursor(row_factory=class_row(IncidentRow)) as cursor:
        return cursor.execute(query, {"before_id": before_id, "limit": limit}).fetchall()
