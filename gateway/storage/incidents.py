"""Incidents: the silence of a region as one row with a named human and a clock, and the devices that belong to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from devices.instants import to_us
from devices.readings import IntArray
from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Change:
    """A device that fell silent, or was well again, and has not been thought of yet."""

    device_id: int
    product: str
    region: int
    since_at: datetime
    is_silent: bool


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An incident that is open; `recovering_at` is since when most of its devices are heard again."""

    incident_id: int
    product: str
    region: int
    since_at: datetime
    recovering_at: datetime | None


def take_changes(connection: Connection, *, noticed_before: datetime, most: int) -> list[Change]:
    """Take changes that have settled out of the line, the oldest first; they are gone when the transaction commits."""
    taken = connection.execute(
        """DELETE FROM silence_change WHERE device_id IN (
            SELECT device_id FROM silence_change WHERE tenant_id = current_tenant() AND noticed_at <= %(before)s
            ORDER BY noticed_at, device_id LIMIT %(most)s FOR UPDATE SKIP LOCKED)
        RETURNING device_id, since_at, is_silent""",
        {"before": noticed_before, "most": most},
    ).fetchall()
    # Apart from the above: the table is empty on most days, and a join planned for that takes minutes after a storm.
    places = connection.execute(
        "SELECT device_id, product, region FROM device WHERE device_id = ANY(%s) AND retired_at IS NULL",
        [[row[0] for row in taken]],
    )
    living = {device_id: (product, region) for device_id, product, region in places}
    changes = [Change(device_id, *living[device_id], *rest) for device_id, *rest in taken if device_id in living]
    return sorted(changes, key=lambda change: (change.product, change.region, change.since_at, change.device_id))


def quiet_in_region(
    connection: Connection, *, product: str, region: int, since_at: datetime, until_at: datetime
) -> tuple[IntArray, int]:
    """Return when the devices of a region were last heard that were last heard between two instants, and how many live.

    Returns
    -------
    tuple of int64 [m] and int
        Microseconds; and how many devices of the region were heard at `since_at` or later.
    """
    # Each device's newest sign is looked for once: it stands in its lanes, or in its presence.
    row = connection.execute(
        """WITH heard AS MATERIALIZED (
            SELECT h.heard_at FROM device d JOIN device_heard h USING (device_id)
            WHERE d.tenant_id = current_tenant() AND d.region = %(region)s AND d.product = %(product)s
                AND d.retired_at IS NULL)
        SELECT coalesce(array_agg(heard_at) FILTER (WHERE heard_at BETWEEN %(since)s AND %(until)s), '{}'),
            count(*) FILTER (WHERE heard_at >= %(since)s)
        FROM heard""",
        {"region": region, "product": product, "since": since_at, "until": until_at},
    ).fetchone()
    quiet, alive = row or ([], 0)
    return np.array([to_us(heard_at) for heard_at in quiet], dtype=np.int64), alive


def silences_of(connection: Connection, device_ids: Sequence[int], monitor: str) -> set[tuple[int, int]]:
    """Return the silences that were ever confirmed of some devices: device id, and since when in microseconds."""
    rows = connection.execute(
        "SELECT device_id, since_at FROM symptom WHERE device_id = ANY(%s) AND monitor = %s",
        [list(device_ids), monitor],
    )
    return {(device_id, to_us(since_at)) for device_id, since_at in rows}


def lock_open_incident(connection: Connection, *, product: str, region: int) -> OpenIncident | None:
    """Return the open incident of a region, locked; there is one at most."""
    with connection.cursor(row_factory=class_row(OpenIncident)) as cursor:
        return cursor.execute(
            """SELECT incident_id, product, region, since_at, recovering_at FROM incident
            WHERE product = %s AND region = %s AND kind = 'silence' AND closed_at IS NULL FOR UPDATE""",
            [product, region],
        ).fetchone()


def open_incident(
    connection: Connection, *, product: str, region: int, since_at: datetime, due_at: datetime, now: datetime
) -> tuple[int, str, str]:
    """Open an incident of the staff member with the least to decide; return (incident id, e-mail, language).

    The region is called by the name that most of its devices' places have.

    Raises
    ------
    LookupError
        When the tenant has no staff.
    """
    row = connection.execute(
        """INSERT INTO incident (kind, product, region, place, latitude, longitude, since_at, opened_at, staff_id, due_at,
            looked_at)
        SELECT 'silence', %(product)s, %(region)s, here.place, here.latitude, here.longitude, %(since)s, %(now)s,
            who.staff_id, %(due)s, %(now)s
        FROM (SELECT coalesce(mode() WITHIN GROUP (ORDER BY nullif(place_name, '')), '') AS place,
                avg(latitude) AS latitude, avg(longitude) AS longitude
            FROM device WHERE tenant_id = current_tenant() AND region = %(region)s AND product = %(product)s
                AND retired_at IS NULL) AS here,
            (SELECT s.staff_id FROM staff s
            ORDER BY s.role = 'case_owner' DESC,
                (SELECT count(*) FROM human_case c WHERE c.staff_id = s.staff_id AND c.closed_at IS NULL)
                    + (SELECT count(*) FROM incident i WHERE i.staff_id = s.staff_id AND i.closed_at IS NULL),
                s.staff_id LIMIT 1) AS who
        RETURNING incident_id, staff_id""",
        {"product": product, "region": region, "since": since_at, "due": due_at, "now": now},
    ).fetchone()
    if row is None:
        raise LookupError("this tenant has no staff who could own an incident: add one with 'callout configure'")
    staff = connection.execute("SELECT email, language FROM staff WHERE staff_id = %s", [row[1]]).fetchone()
    if staff is None:
        raise LookupError(f"staff member {row[1]} is not there any more: add staff with 'callout configure'")
    return row[0], staff[0], staff[1]


def join_incident(
    connection: Connection, incident_id: int, devices: Sequence[tuple[int, datetime]], now: datetime
) -> None:
    """Let (device id, silent since) join an incident, and count them; one that joined before is counted once."""
    connection.execute(
        """INSERT INTO incident_device (incident_id, device_id, since_at, joined_at)
        SELECT %(incident)s, *, %(now)s::timestamptz FROM unnest(%(devices)s::int[], %(since)s::timestamptz[])
        ON CONFLICT (incident_id, device_id) DO UPDATE SET since_at = EXCLUDED.since_at, joined_at = EXCLUDED.joined_at""",
        {
            "incident": incident_id,
            "devices": [device_id for device_id, _ in devices],
            "since": [since_at for _, since_at in devices],
            "now": now,
        },
    )
    connection.execute(
        """UPDATE incident SET
            devices = (SELECT count(*) FROM incident_device d WHERE d.incident_id = incident.incident_id),
            since_at = least(since_at, (SELECT min(since_at) FROM incident_device d WHERE d.incident_id = incident.incident_id))
        WHERE incident_id = %s""",
        [incident_id],
    )


def tell_staff(connection: Connection, incident_id: int, *, recipient: str, language: str, now: datetime) -> None:
    """Put the notice of an incident into the outbox; a step that runs twice puts it there once."""
    connection.execute(
        """INSERT INTO notice (incident_id, kind, recipient, language, cause, detail, written_at)
        VALUES (%s, 'incident_opened', %s, %s, 'opened', %s, %s)
        ON CONFLICT ON CONSTRAINT notice_of_an_incident_is_written_once DO NOTHING""",
        [incident_id, recipient, language, Jsonb({}), now],
    )


def open_incidents_to_look_at(connection: Connection, *, looked_before: datetime) -> list[OpenIncident]:
    """Return open incidents that were not looked at since an instant, locked."""
    with connection.cursor(row_factory=class_row(OpenIncident)) as cursor:
        return cursor.execute(
            """SELECT incident_id, product, region, since_at, recovering_at FROM incident
            WHERE closed_at IS NULL AND looked_at <= %s ORDER BY looked_at LIMIT 100 FOR UPDATE SKIP LOCKED""",
            [looked_before],
        ).fetchall()


def count_heard_again(connection: Connection, incident_id: int, now: datetime) -> tuple[int, int]:
    """Count an incident's devices and those that are heard again or retired, and keep the figures."""
    row = connection.execute(
        """UPDATE incident i SET devices = c.devices, heard_again = c.heard_again, looked_at = %(now)s
        FROM (SELECT count(*) AS devices, count(*) FILTER (
                WHERE d.retired_at IS NOT NULL OR p.silent_since_at IS NULL OR p.returned_at IS NOT NULL) AS heard_again
            FROM incident_device m JOIN device d USING (device_id) JOIN device_presence p USING (device_id)
            WHERE m.incident_id = %(incident)s) AS c
        WHERE i.incident_id = %(incident)s RETURNING i.devices, i.heard_again""",
        {"incident": incident_id, "now": now},
    ).fetchone()
    if row is None:
        raise LookupError(f"incident {incident_id} is not there: is the tenant of the transaction set?")
    return row[0], row[1]


def note_recovery(connection: Connection, incident_id: int, recovering_at: datetime | None) -> None:
    """Note since when most devices are heard again, or that they are not."""
    connection.execute("UPDATE incident SET recovering_at = %s WHERE incident_id = %s", [recovering_at, incident_id])


def product_of(connection: Connection, incident_id: int) -> str | None:
    """Return the product of an incident's devices; None when the tenant has no such incident."""
    row = connection.execute("SELECT product FROM incident WHERE incident_id = %s", [incident_id]).fetchone()
    return None if row is None else row[0]


def close_incident(
    connection: Connection, incident_id: int, now: datetime, *, staff_id: int | None = None, word: str = ""
) -> bool:
    """Close an incident, by itself or by a person with his word; False when it was closed already."""
    row = connection.execute(
        """UPDATE incident SET closed_at = %s, closed_by = %s, word = %s
        WHERE incident_id = %s AND closed_at IS NULL RETURNING incident_id""",
        [now, staff_id, word, incident_id],
    ).fetchone()
    return row is not None


def release_silent(connection: Connection, incident_id: int, now: datetime) -> list[int]:
    """Let the devices of an incident that are still silent go their own way; return them."""
    rows = connection.execute(
        """UPDATE incident_device m SET released_at = %s
        FROM device_presence p JOIN device d USING (device_id)
        WHERE m.incident_id = %s AND m.released_at IS NULL AND p.device_id = m.device_id AND d.retired_at IS NULL
            AND p.silent_since_at IS NOT NULL AND p.returned_at IS NULL
        RETURNING m.device_id""",
        [now, incident_id],
    ).fetchall()
    return sorted(device_id for (device_id,) in rows)


def with_open_request(connection: Connection, device_ids: Sequence[int], component: str) -> list[int]:
    """Return those of some devices that have an open request for a component."""
    rows = connection.execute(
        """SELECT device_id FROM service_request
        WHERE device_id = ANY(%s) AND component = %s AND closed_at IS NULL ORDER BY device_id""",
        [list(device_ids), component],
    ).fetchall()
    return [device_id for (device_id,) in rows]
