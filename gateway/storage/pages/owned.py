"""A device as its owner's own page names it."""

from dataclasses import dataclass

from psycopg.rows import class_row

from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class OwnedDevice:
    """A device, and the owner who looks at it."""

    device_id: int
    device: str
    product: str
    model: str
    serial: str
    place_name: str
    tenant_title: str
    owner_name: str
    owner_language: str
    owner_time_zone: str


def find_owned(conn: Connection, device_id: int, owner_id: int) -> OwnedDevice | None:
    """Return a device to somebody who owns or owned it; a former owner does not learn where it is now."""
    with conn.cursor(row_factory=class_row(OwnedDevice)) as cursor:
        return cursor.execute(
            """SELECT d.device_id, d.name AS device, d.product, d.model, d.serial,
                CASE WHEN w.until_at IS NULL THEN d.place_name ELSE '' END AS place_name,
                t.title AS tenant_title, o.name AS owner_name, o.language AS owner_language,
                o.time_zone AS owner_time_zone
            FROM device d JOIN tenant t USING (tenant_id) JOIN device_owner w USING (device_id)
            JOIN owner o ON o.owner_id = w.owner_id
            WHERE d.device_id = %s AND w.owner_id = %s ORDER BY w.since_at DESC LIMIT 1""",
            [device_id, owner_id],
        ).fetchone()
