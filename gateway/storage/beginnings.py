"""What an owner may begin with: his devices, what is open about them, and what he has said before."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class OwnDevice:
    """A device of an owner, as he knows it."""

    device_id: int
    name: str
    product: str
    model: str
    serial: str
    place_name: str


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """A request that is open for one of his devices; `owner_id` is who is written to about it."""

    request_id: int
    device_id: int
    component: str
    state: str
    owner_id: int


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a page speaks to."""

    language: str
    tenant_title: str


def person_of(connection: Connection, owner_id: int) -> Person | None:
    """Return how an owner is spoken to, None for one who is not there."""
    with connection.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(
            """SELECT o.language, t.title AS tenant_title FROM owner o JOIN tenant t USING (tenant_id)
            WHERE o.owner_id = %s""",
            [owner_id],
        ).fetchone()


def devices_of(connection: Connection, owner_id: int, most: int) -> list[OwnDevice]:
    """Return an owner's devices that are in service."""
    with connection.cursor(row_factory=class_row(OwnDevice)) as cursor:
        return cursor.execute(
            """SELECT d.device_id, d.name, d.product, d.model, d.serial, d.place_name
            FROM device_owner w JOIN device d USING (device_id)
            WHERE w.owner_id = %s AND w.until_at IS NULL AND d.retired_at IS NULL
            ORDER BY d.device_id LIMIT %s""",
            [owner_id, most],
        ).fetchall()


def requests_of(connection: Connection, device_id: int) -> list[OwnRequest]:
    """Return what is open about a device."""
    with connection.cursor(row_factory=class_row(OwnRequest)) as cursor:
        return cursor.execute(
            """SELECT request_id, device_id, component, state, owner_id FROM service_request
            WHERE device_id = %s AND closed_at IS NULL ORDER BY request_id""",
            [device_id],
        ).fetchall()


def is_open_to(connection: Connection, request_id: int, owner_id: int) -> bool:
    """Say whether a request is open, and written to this owner about a device that is still his."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM service_request r JOIN device_owner w USING (device_id, owner_id)
            WHERE r.request_id = %s AND r.owner_id = %s AND r.closed_at IS NULL AND w.until_at IS NULL)""",
        [request_id, owner_id],
    ).fetchone()
    return row == (True,)


def is_owned(connection: Connection, device_id: int, owner_id: int) -> bool:
    """Say whether a device is an owner's now."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM device_owner WHERE device_id = %s AND owner_id = %s AND until_at IS NULL)""",
        [device_id, owner_id],
    ).fetchone()
    return row == (True,)


def open_symptoms(connection: Connection, device_id: int) -> list[str]:
    """Return what is open of a device, monitor by monitor."""
    rows = connection.execute(
        """SELECT DISTINCT monitor FROM symptom WHERE device_id = %s AND state = 'confirmed' ORDER BY monitor LIMIT 50""",
        [device_id],
    ).fetchall()
    return [row[0] for row in rows]


def was_said(connection: Connection, request_id: int, wish: str, words: str, since_at: datetime) -> bool:
    """Say whether an owner has just said the same about a request."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM request_event WHERE request_id = %s AND event = 'owner_reported'
            AND detail ->> 'reason' = %s AND detail ->> 'wish' = %s AND happened_at >= %s)""",
        [request_id, words, wish, since_at],
    ).fetchone()
    return row == (True,)
