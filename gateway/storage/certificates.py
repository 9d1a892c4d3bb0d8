"""Certificates of devices: what was signed for whom, what was taken back, and who is still to be put out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from psycopg.rows import class_row

from gateway.storage.connection import Connection

Because = Literal["revoked", "reissued", "superseded", "retired"]


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate as it is kept; `certificate` is DER, the fingerprints are SHA-256."""

    device_id: int
    serial: str
    authority_fingerprint: bytes
    fingerprint: bytes
    key_fingerprint: bytes
    certificate: bytes
    issued_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = None
    revoked_because: str | None = None


@dataclass(frozen=True, slots=True)
class RevokedRow:
    """A certificate that was taken back and would else still count."""

    serial: str
    authority_fingerprint: bytes
    revoked_at: datetime


def insert(connection: Connection, row: CertificateRow) -> None:
    """Keep a new certificate of a device of the present tenant."""
    connection.execute(
        """INSERT INTO device_certificate (device_id, serial, authority_fingerprint, fingerprint, key_fingerprint,
            certificate, issued_at, ends_at)
        VALUES (%(device_id)s, %(serial)s, %(authority)s, %(fingerprint)s, %(key)s, %(certificate)s, %(issued_at)s,
            %(ends_at)s)""",
        {
            "device_id": row.device_id,
            "serial": row.serial,
            "authority": row.authority_fingerprint,
            "fingerprint": row.fingerprint,
            "key": row.key_fingerprint,
            "certificate": row.certificate,
            "issued_at": row.issued_at,
            "ends_at": row.ends_at,
        },
    )


def of_device(connection: Connection, device_id: int, *, most: int = 50) -> list[CertificateRow]:
    """Return the certificates of a device of the present tenant, newest first."""
    with connection.cursor(row_factory=class_row(CertificateRow)) as cursor:
        return cursor.execute(
            """SELECT device_id, serial, authority_fingerprint, fingerprint, key_fingerprint, certificate, issued_at,
                ends_at, revoked_at, revoked_because
            FROM device_certificate WHERE device_id = %(device_id)s
            ORDER BY issued_at DESC, certificate_id DESC LIMIT %(most)s""",
            {"device_id": device_id, "most": most},
        ).fetchall()


def revoke(
    connection: Connection, device_id: int, *, because: Because, now: datetime, but: Sequence[bytes] = ()
) -> None:
    """Take back a device's certificates.

    Parameters
    ----------
    because
        Why, for those who look later.
    but
        Fingerprints of those that stay.
    """
    connection.execute(
        """UPDATE device_certificate SET revoked_at = %(now)s, revoked_because = %(because)s
        WHERE device_id = %(device_id)s AND revoked_at IS NULL AND NOT fingerprint = ANY(%(but)s::bytea[])""",
        {"now": now, "because": because, "device_id": device_id, "but": list(but)},
    )


def revoked(connection: Connection, now: datetime) -> list[RevokedRow]:
    """Return what belongs on the revocation list now, of all tenants; asked for by the owner of the schema."""
    with connection.cursor(row_factory=class_row(RevokedRow)) as cursor:
        return cursor.execute(
            """SELECT serial, authority_fingerprint, revoked_at FROM callout.device_certificate
            WHERE revoked_at IS NOT NULL AND ends_at > %(now)s ORDER BY certificate_id""",
            {"now": now},
        ).fetchall()


def to_put_out(connection: Connection, now: datetime, after: Sequence[timedelta], most: int) -> Mapping[int, str]:
    """Return whose connections may rest on a certificate that counts no longer: user names by certificate.

    Each comes up three times: when the spans in `after` have passed since its end.
    """
    rows = connection.execute(
        """WITH ended AS (
            SELECT certificate_id, device_id, times_put_out, revoked_at AS ended_at FROM callout.device_certificate
            WHERE revoked_at IS NOT NULL AND times_put_out < 3
            UNION ALL
            SELECT certificate_id, device_id, times_put_out, ends_at FROM callout.device_certificate
            WHERE revoked_at IS NULL AND times_put_out < 3 AND ends_at <= %(now)s AND ends_at > %(now)s - interval '1 day')
        SELECT e.certificate_id, d.partition || '/' || t.name || '/' || d.name
        FROM ended e JOIN callout.device d USING (device_id) JOIN callout.tenant t ON t.tenant_id = d.tenant_id
        WHERE e.ended_at + (%(after)s::interval[])[e.times_put_out + 1] <= %(now)s
        ORDER BY e.certificate_id LIMIT %(most)s""",
        {"now": now, "after": list(after), "most": most},
    )
    return {int(certificate_id): str(username) for certificate_id, username in rows}


def note_put_out(connection: Connection, certificate_ids: Sequence[int]) -> None:
    """Note that the connections of these were dropped once more."""
    connection.execute(
        """UPDATE callout.device_certificate SET times_put_out = times_put_out + 1
        WHERE certificate_id = ANY(%(ids)s)""",
        {"ids": list(certificate_ids)},
    )


def ending(connection: Connection, now: datetime, within: timedelta) -> tuple[int, int]:
    """Return how many certificates count now, and how many devices have none that counts longer than `within`."""
    row = connection.execute(
        """SELECT coalesce(sum(certificates), 0), count(*) FILTER (WHERE last_at <= %(soon)s)
        FROM (SELECT count(*) AS certificates, max(ends_at) AS last_at FROM callout.device_certificate
            WHERE revoked_at IS NULL AND ends_at > %(now)s GROUP BY device_id) AS devices""",
        {"now": now, "soon": now + within},
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
