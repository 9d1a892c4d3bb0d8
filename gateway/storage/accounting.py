"""What became of everything that devices said: readings stored, pieces refused, symptoms and requests, by device."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql
from psycopg.rows import class_row

from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class RefusedPiece:
    """A message, or a piece of one, of a device that was refused and has not come in by a replay."""

    device: str
    reason: str
    detail: str
    place: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """How many readings of a device are stored, and of how many messages they are."""

    readings: int
    messages: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of something a device has."""

    device: str
    what: str
    count: int


def devices(connection: Connection) -> list[tuple[str, str]]:
    """Return names and products of the present tenant's devices, in order."""
    rows = connection.execute("SELECT name, product FROM device ORDER BY product, length(name), name").fetchall()
    return [(str(name), str(product)) for name, product in rows]


def stored(connection: Connection, products: Iterable[str]) -> dict[str, Kept]:
    """Count the stored readings of the present tenant by device; those without any are left out."""
    counted: dict[str, Kept] = {}
    for product in products:
        query = sql.SQL(
            """SELECT d.name, r.readings, r.messages FROM (
                SELECT device_id, sum(readings)::bigint AS readings, count(*) AS messages
                FROM (SELECT device_id, count(*) AS readings FROM {} GROUP BY device_id, boot, seq) m GROUP BY device_id
            ) r JOIN device d USING (device_id)"""
        ).format(sql.Identifier(f"{product}_reading_seen"))
        counted |= {str(name): Kept(readings, messages) for name, readings, messages in connection.execute(query)}
    return counted


def refused(connection: Connection) -> list[RefusedPiece]:
    """Return what was refused of the present tenant's devices and has not come in since."""
    with connection.cursor(row_factory=class_row(RefusedPiece)) as cursor:
        return cursor.execute(
            """SELECT d.name AS device, j.reason, j.detail, j.place, j.payload
            FROM rejection j JOIN device d USING (device_id)
            WHERE j.outcome IS NULL OR j.outcome = 'refused' ORDER BY j.rejection_id"""
        ).fetchall()


def symptoms(connection: Connection) -> list[Counted]:
    """Count the confirmed symptoms of the present tenant, healed ones too, by device and monitor."""
    return _counted(
        connection,
        """SELECT d.name AS device, s.monitor AS what, count(*) AS count FROM symptom s JOIN device d USING (device_id)
        WHERE s.confirmed_at IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2""",
    )


def requests(connection: Connection) -> list[Counted]:
    """Count the service requests of the present tenant by device and fault."""
    return _counted(
        connection,
        """SELECT d.name AS device, coalesce(f.code, 'unknown') AS what, count(*) AS count
        FROM service_request r JOIN device d USING (device_id) LEFT JOIN fault f USING (fault_id)
        GROUP BY 1, 2 ORDER BY 1, 2""",
    )


def _counted(connection: Connection, query: LiteralString) -> list[Counted]:
    with connection.cursor(row_factory=class_row(Counted)) as cursor:
        return cursor.execute(query).fetchall()
