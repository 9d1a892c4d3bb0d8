"""Who may open which page: links, logins and sessions as signed tokens.

A token is 256 random bits with its tenant and its purpose, signed. So a changed bit is refused before the database is
asked, and the tenant is known before row-level security needs it. The database keeps the hash only: who reads it
cannot open a page. A token opens one thing, for one purpose, for a limited time.
"""

import hashlib
import hmac
import logging
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from psycopg.rows import class_row

from gateway.errors import CalloutError
from gateway.settings import Settings
from gateway.storage.connection import Connection, tenant_transaction

OWNER_LINK_LIFETIME: Final = timedelta(days=30)
TECHNICIAN_LINK_LIFETIME: Final = timedelta(days=30)
CALENDAR_LIFETIME: Final = timedelta(days=180)
LOGIN_LIFETIME: Final = timedelta(minutes=15)
SESSION_LIFETIME: Final = timedelta(hours=12)

_VERSION: Final = b"\x01"
_RANDOM_BYTES: Final = 32
_LINKS_LOCK: Final = 7
_SIGNATURE_BYTES: Final = 16
# 54 bytes: a multiple of three, so that base64 has no spare bits and every character counts.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{72}")
_SECRET_IN_PATH: Final = re.compile(r"/(o|d|r|t|login)/[^/?\s]+")


class UnknownStaffError(CalloutError):
    """A login was asked for somebody who does not work here."""


class Purpose(StrEnum):
    """What a token is for; a token for one purpose opens nothing else."""

    OWNER_REQUEST = "owner_request"
    PLANNER_LOGIN = "planner_login"
    PLANNER_SESSION = "planner_session"
    OWNER_DEVICE = "owner_device"
    REPAIRER = "repairer"
    TECHNICIAN = "technician"
    TECHNICIAN_CALENDAR = "technician_calendar"


_PURPOSES: Final = tuple(Purpose)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a token says of itself; its signature is ours, whether it is still valid only the database knows."""

    tenant_id: int
    purpose: Purpose
    token_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """A token that the database knows: what it opens, and until when."""

    request_id: int | None
    staff_id: int | None
    expires_at: datetime
    used_at: datetime | None
    device_id: int | None = None
    owner_id: int | None = None
    share_id: int | None = None
    technician_id: int | None = None

    def is_expired(self, now: datetime) -> bool:
        """Say whether its time is over."""
        return now >= self.expires_at


def _signature(secret: str, head: bytes) -> bytes:
    return hmac.digest(secret.encode(), b"callout.token" + head, hashlib.sha256)[:_SIGNATURE_BYTES]


def _make(secret: str, tenant_id: int, purpose: Purpose) -> str:
    kind = _PURPOSES.index(purpose).to_bytes(1, "big")
    head = _VERSION + kind + tenant_id.to_bytes(4, "big") + secrets.token_bytes(_RANDOM_BYTES)
    return urlsafe_b64encode(head + _signature(secret, head)).decode()


def read(settings: Settings, token: str, purpose: Purpose) -> Claim | None:
    """Return what a token claims, or None for one that we did not sign for this purpose.

    Raises
    ------
    SettingsError
        There is no secret to check signatures with.
    """
    if not _TOKEN.fullmatch(token):
        return None
    content = urlsafe_b64decode(token)
    head, signature = content[:-_SIGNATURE_BYTES], content[-_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(settings.required("secret"), head)):
        return None
    if head[:1] != _VERSION or head[1] != _PURPOSES.index(purpose):
        return None
    return Claim(int.from_bytes(head[2:6], "big"), purpose, hashlib.sha256(content).digest())


def _issue(
    conn: Connection,
    settings: Settings,
    purpose: Purpose,
    *,
    tenant_id: int,
    request_id: int | None = None,
    staff_id: int | None = None,
    device_id: int | None = None,
    owner_id: int | None = None,
    share_id: int | None = None,
    technician_id: int | None = None,
    now: datetime,
    lifetime: timedelta,
) -> str:
    token = _make(settings.required("secret"), tenant_id, purpose)
    conn.execute(
        """INSERT INTO access_token
               (token_hash, tenant_id, purpose, request_id, staff_id, device_id, owner_id, share_id, technician_id,
                issued_at, expires_at)
           VALUES (%(hash)s, %(tenant_id)s, %(purpose)s, %(request_id)s, %(staff_id)s, %(device_id)s, %(owner_id)s,
               %(share_id)s, %(technician_id)s, %(now)s, %(expires_at)s)""",
        {
            "hash": hashlib.sha256(urlsafe_b64decode(token)).digest(),
            "tenant_id": tenant_id,
            "purpose": purpose,
            "request_id": request_id,
            "staff_id": staff_id,
            "device_id": device_id,
            "owner_id": owner_id,
            "share_id": share_id,
            "technician_id": technician_id,
            "now": now,
            "expires_at": now + lifetime,
        },
    )
    return token


def issue_owner_link(conn: Connection, settings: Settings, *, tenant_id: int, request_id: int, now: datetime) -> str:
    """Make the link that opens one request to its owner; to be called within the tenant's transaction.

    Returns
    -------
    str
        The address, for the message to the owner and for nothing else: it cannot be read back.
    """
    token = _issue(
        conn,
        settings,
        Purpose.OWNER_REQUEST,
        tenant_id=tenant_id,
        request_id=request_id,
        now=now,
        lifetime=OWNER_LINK_LIFETIME,
    )
    return f"{settings.base_url}/o/{token}"


def issue_device_link(
    conn: Connection, settings: Settings, *, tenant_id: int, device_id: int, owner_id: int, now: datetime
) -> str:
    """Make the link that opens a device's page to one of its owners; to be called within the tenant's transaction."""
    token = _issue(
        conn,
        settings,
        Purpose.OWNER_DEVICE,
        tenant_id=tenant_id,
        device_id=device_id,
        owner_id=owner_id,
        now=now,
        lifetime=OWNER_LINK_LIFETIME,
    )
    return f"{settings.base_url}/d/{token}"


def issue_repairer_link(
    conn: Connection, settings: Settings, *, tenant_id: int, share_id: int, now: datetime, expires_at: datetime
) -> str:
    """Make the link that shows one request's evidence to a repairer; to be called within the tenant's transaction."""
    token = _issue(
        conn,
        settings,
        Purpose.REPAIRER,
        tenant_id=tenant_id,
        share_id=share_id,
        now=now,
        lifetime=expires_at - now,
    )
    return f"{settings.base_url}/r/{token}"


def issue_technician_link(
    conn: Connection, settings: Settings, *, tenant_id: int, technician_id: int, now: datetime
) -> str:
    """Make the link that opens a technician's days to him; to be called within the tenant's transaction.

    It takes the place of those that he had, and ends the address of his calendar: who has lost his telephone asks for
    another link.
    """
    token = _of_technician(conn, settings, Purpose.TECHNICIAN, tenant_id, technician_id, now, TECHNICIAN_LINK_LIFETIME)
    return f"{settings.base_url}/t/{token}"


def issue_calendar_link(
    conn: Connection, settings: Settings, *, tenant_id: int, technician_id: int, now: datetime
) -> str:
    """Make the address of a technician's calendar, in place of the one before; it can be read, and nothing else."""
    token = _of_technician(
        conn, settings, Purpose.TECHNICIAN_CALENDAR, tenant_id, technician_id, now, CALENDAR_LIFETIME
    )
    return f"{settings.base_url}/t/{token}/visits.ics"


def _of_technician(
    conn: Connection,
    settings: Settings,
    purpose: Purpose,
    tenant_id: int,
    technician_id: int,
    now: datetime,
    lifetime: timedelta,
) -> str:
    ended = [Purpose.TECHNICIAN_CALENDAR, purpose]
    # Two who ask at once take turns, so that one link is left.
    conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LINKS_LOCK, technician_id])
    conn.execute(
        """UPDATE access_token SET expires_at = %(now)s
           WHERE technician_id = %(technician)s AND purpose = ANY(%(ended)s) AND expires_at > %(now)s""",
        {"now": now, "technician": technician_id, "ended": ended},
    )
    return _issue(conn, settings, purpose, tenant_id=tenant_id, technician_id=technician_id, now=now, lifetime=lifetime)


def issue_planner_login(
    conn: Connection, settings: Settings, *, tenant: str, email: str, now: datetime | None = None
) -> str:
    """Make the address that logs a member of staff in, once, within fifteen minutes.

    Raises
    ------
    UnknownStaffError
        There is no such tenant, or nobody with this e-mail works there.
    """
    found = conn.execute("SELECT tenant_id FROM tenant WHERE name = %s", [tenant]).fetchone()
    if found is None:
        message = f"there is no tenant {tenant!r}. Create it with `callout configure FILE`, or correct the name."
        raise UnknownStaffError(message)
    tenant_id = int(found[0])
    with tenant_transaction(conn, tenant_id):
        staff = conn.execute(
            "SELECT staff_id FROM staff WHERE tenant_id = %s AND lower(email) = lower(%s)", [tenant_id, email]
        ).fetchone()
        if staff is None:
            message = (
                f"nobody with the e-mail {email!r} works for tenant {tenant!r}. "
                "Add a [[staff]] entry to its configuration and run `callout configure FILE`, or correct the address."
            )
            raise UnknownStaffError(message)
        token = _issue(
            conn,
            settings,
            Purpose.PLANNER_LOGIN,
            tenant_id=tenant_id,
            staff_id=int(staff[0]),
            now=now or datetime.now(UTC),
            lifetime=LOGIN_LIFETIME,
        )
    return f"{settings.base_url}/login/{token}"


def find(conn: Connection, claim: Claim) -> Access | None:
    """Return what the database knows of a token, expired or used ones included; within the tenant's transaction."""
    with conn.cursor(row_factory=class_row(Access)) as cursor:
        return cursor.execute(
            """SELECT request_id, staff_id, expires_at, used_at, device_id, owner_id, share_id, technician_id
               FROM access_token
               WHERE token_hash = %s AND tenant_id = %s AND purpose = %s""",
            [claim.token_hash, claim.tenant_id, claim.purpose],
        ).fetchone()


def open_session(conn: Connection, settings: Settings, login: Claim, *, now: datetime) -> str | None:
    """Use a login up and return a session's token, or None when it is used or expired.

    Two taps at once get one session: the row is taken by the update.
    """
    used = conn.execute(
        """UPDATE access_token SET used_at = %(now)s
           WHERE token_hash = %(hash)s AND purpose = 'planner_login' AND used_at IS NULL AND expires_at > %(now)s
           RETURNING staff_id""",
        {"now": now, "hash": login.token_hash},
    ).fetchone()
    if used is None:
        return None
    return _issue(
        conn,
        settings,
        Purpose.PLANNER_SESSION,
        tenant_id=login.tenant_id,
        staff_id=int(used[0]),
        now=now,
        lifetime=SESSION_LIFETIME,
    )


def close_session(conn: Connection, session: Claim, *, now: datetime) -> None:
    """End a session before its time."""
    conn.execute(
        """UPDATE access_token SET expires_at = least(expires_at, %(now)s), used_at = %(now)s
           WHERE token_hash = %(hash)s AND purpose = 'planner_session'""",
        {"now": now, "hash": session.token_hash},
    )


def form_key(settings: Settings, session: Claim) -> str:
    """Return what a form of this session carries, so that no other site can send it in the planner's name."""
    return hmac.digest(
        settings.required("secret").encode(), b"callout.form" + session.token_hash, hashlib.sha256
    ).hex()[:32]


def hide_tokens(text: str) -> str:
    """Return a request's path without what would open a page.

    Examples
    --------
    >>> hide_tokens("GET /o/AbCd-12/appointment.ics?lang=ko")
    'GET /o/.../appointment.ics?lang=ko'
    """
    return _SECRET_IN_PATH.sub(r"/\1/...", text)


class HideTokens(logging.Filter):
    """Keeps tokens out of a web server's log: they are in the path of a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Hide tokens in the record's message and arguments; every record is kept."""
        record.msg = hide_tokens(str(record.msg))
        if isinstance(record.args, tuple):
            record.args = tuple(hide_tokens(arg) if isinstance(arg, str) else arg for arg in record.args)
        return True
