"""Whose a device is and was: several owners at a time, and what a former one may still see."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from gateway.storage.connection import Connection
from gateway.storage.findings import one

# A figure shows some time before its fault: so near to a change of owners it would show the former's life.
_SHOWN_BEFORE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Ownership:
    """One owner of a device, from when until when; None: he owns it now."""

    owner_id: int
    name: str
    email: str
    language: str
    since_at: datetime
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class OwnerCard:
    """A person as letters address him."""

    owner_id: int
    name: str
    email: str
    language: str


def find_owner(connection: Connection, owner_id: int) -> OwnerCard:
    """Return an owner of the present tenant, whatever he owns now.

    Raises
    ------
    LookupError
        There is none of this number.
    """
    with connection.cursor(row_factory=class_row(OwnerCard)) as cursor:
        found = cursor.execute(
            "SELECT owner_id, name, email, language FROM owner WHERE owner_id = %s", [owner_id]
        ).fetchone()
    if found is None:
        raise LookupError(f"there is no owner {owner_id} in this tenant: is the tenant of the transaction set?")
    return found


def add_notice(
    connection: Connection, device_id: int, owner: OwnerCard, kind: str, *, cause: str, now: datetime
) -> None:
    """Put a notice about a device into the outbox; a step that runs twice puts it there once."""
    connection.execute(
        """INSERT INTO notice (device_id, owner_id, kind, recipient, language, cause, detail, written_at)
        VALUES (%s, %s, %s, %s, %s, %s, '{}', %s)
        ON CONFLICT ON CONSTRAINT notice_of_a_device_is_written_once DO NOTHING""",
        [device_id, owner.owner_id, kind, owner.email, owner.language, cause, now],
    )


def owners_of(connection: Connection, device_id: int) -> list[Ownership]:
    """Return who owns a device now, the longest first."""
    with connection.cursor(row_factory=class_row(Ownership)) as cursor:
        return cursor.execute(
            """SELECT w.owner_id, o.name, o.email, o.language, w.since_at, w.until_at
            FROM device_owner w JOIN owner o USING (owner_id)
            WHERE w.device_id = %s AND w.until_at IS NULL ORDER BY w.since_at, w.owner_id""",
            [device_id],
        ).fetchall()


def ownership(connection: Connection, device_id: int, owner_id: int) -> Ownership | None:
    """Return an owner's latest time with a device; None for who never owned it."""
    with connection.cursor(row_factory=class_row(Ownership)) as cursor:
        return cursor.execute(
            """SELECT w.owner_id, o.name, o.email, o.language, w.since_at, w.until_at
            FROM device_owner w JOIN owner o USING (owner_id)
            WHERE w.device_id = %s AND w.owner_id = %s ORDER BY w.since_at DESC LIMIT 1""",
            [device_id, owner_id],
        ).fetchone()


def is_sealed(connection: Connection, device_id: int, owner_id: int, since_at: datetime) -> bool:
    """Say whether readings from about an instant on are not an owner's to see: he is none any more, or was none yet."""
    mine = ownership(connection, device_id, owner_id)
    if mine is None or mine.until_at is not None:
        return True
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM device_owner WHERE device_id = %(device_id)s AND owner_id <> %(owner_id)s
            AND until_at > %(since_at)s AND until_at <= %(mine)s)""",
        {
            "device_id": device_id,
            "owner_id": owner_id,
            "since_at": since_at - _SHOWN_BEFORE,
            "mine": mine.since_at,
        },
    ).fetchone()
    return row == (True,)


def is_sealed_request(connection: Connection, request_id: int) -> bool:
    """Say whether the readings behind a request are not its owner's to see."""
    row = connection.execute(
        """SELECT r.device_id, r.owner_id, g.since_at FROM service_request r JOIN diagnosis g USING (diagnosis_id)
        WHERE r.request_id = %s""",
        [request_id],
    ).fetchone()
    return row is not None and is_sealed(connection, row[0], row[1], row[2])


def join(connection: Connection, device_id: int, owner_id: int, now: datetime) -> bool:
    """Make somebody an owner of a device beside others; say whether he was none."""
    row = connection.execute(
        """INSERT INTO device_owner (device_id, owner_id, since_at) VALUES (%s, %s, %s)
        ON CONFLICT (device_id, owner_id) WHERE until_at IS NULL DO NOTHING RETURNING owner_id""",
        [device_id, owner_id, now],
    ).fetchone()
    return row is not None


def change_owner(connection: Connection, device_id: int, owner_id: int, now: datetime) -> None:
    """End everybody's ownership of a device, and give it to one owner."""
    connection.execute(
        "UPDATE device_owner SET until_at = greatest(%s, since_at) WHERE device_id = %s AND until_at IS NULL",
        [now, device_id],
    )
    connection.execute("UPDATE device SET owner_id = %s WHERE device_id = %s", [owner_id, device_id])
    connection.execute(
        "INSERT INTO device_owner (device_id, owner_id, since_at) VALUES (%s, %s, %s)", [device_id, owner_id, now]
    )


def known_owner(connection: Connection, *, name: str, email: str, language: str, time_zone: str) -> int:
    """Return the owner with an e-mail, who is known by it within a tenant; a new one where there is none."""
    return one(
        connection.execute(
            """INSERT INTO owner (name, email, language, time_zone) VALUES (%s, %s, %s, %s)
            ON CONFLICT ON CONSTRAINT owner_is_known_by_one_email DO UPDATE SET name = EXCLUDED.name
            RETURNING owner_id""",
            [name, email.lower(), language, time_zone],
        ).fetchone()
    )


def open_requests(connection: Connection, device_id: int) -> list[int]:
    """Return the requests of a device that are open."""
    rows = connection.execute(
        "SELECT request_id FROM service_request WHERE device_id = %s AND closed_at IS NULL ORDER BY request_id",
        [device_id],
    )
    return [row[0] for row in rows]
