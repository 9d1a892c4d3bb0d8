"""Sharing: one request's evidence is shown to a repairer whom the owner or a planner names, as long as the owner allows.

The clause is asked for when it is shared and each time that it is opened, and both are acts of the audit. It is over with
the request, with the clause, with the ownership that it was shared in, by its time, or by a tap of any owner.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.audit import auditing
from gateway.owners import mandates
from gateway.storage import mandates as stored
from gateway.storage import owners, requests, shares
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.storage.shares import Share
from gateway.telling import defer_notices
from workflows.mandate import Allowed, Clause, Denied, check
from workflows.request import CLOSED

LASTS: Final = timedelta(days=30)
"""For how long a link opens, at most."""

MOST: Final = 5
"""So many repairers may be written to about one request: nobody makes a mailing out of it."""

# Who looks twice in a minute has looked once: a mail program that opens links beforehand fills no audit.
_ONE_LOOK: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Shared:
    """It is shown to him; `is_new` is false when it was already."""

    share_id: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class NotShared:
    """It is not; `why` is closed, clause or many."""

    why: str


@dataclass(frozen=True, slots=True)
class Opened:
    """It may be read now."""

    share: Share


@dataclass(frozen=True, slots=True)
class Over:
    """It may not be read any more."""


def is_allowed(connection: Connection, device_id: int, now: datetime) -> bool:
    """Whether the owner's mandate lets a device's readings be shared just now; for pages."""
    mandate = stored.latest_mandate(connection, device_id)
    return isinstance(check(mandate, Clause.SHARE_DATA, None, now), Allowed)


def share(
    connection: Connection, *, request_id: int, name: str, email: str, by: str, now: datetime
) -> Shared | NotShared:
    """Show a request to a repairer and write to him; told twice it is shared once.

    Parameters
    ----------
    connection : Connection
        In a transaction of the request's tenant.
    request_id : int
        What he may see; nothing else can be reached from it.
    name, email : str
        Who he is, and where the link goes.
    by : str
        Who says so: 'staff-3', 'owner-12'.
    now : datetime
        Aware.
    """
    request = requests.lock_request(connection, request_id)
    if request is None or request.state in CLOSED or owners.is_sealed_request(connection, request_id):
        return NotShared("closed")
    permission = mandates.allow(connection, request.device_id, Clause.SHARE_DATA, now)
    if isinstance(permission, Denied):
        return NotShared("clause")
    known = shares.shares_of(connection, request_id)
    present = next((each for each in known if each.ended_at is None and each.repairer_email == email.lower()), None)
    if present is not None and present.is_living(now):
        return Shared(present.share_id, is_new=False)
    if len(known) >= MOST:
        return NotShared("many")
    if present is not None:
        shares.end_share(connection, present.share_id, by, now)
    share_id = shares.add_share(
        connection,
        device_id=request.device_id,
        request_id=request_id,
        name=name,
        email=email.lower(),
        by=by,
        now=now,
        expires_at=now + LASTS,
    )
    inputs: dict[str, object] = {"share_id": share_id, "repairer": name, "email": email.lower(), "by": by}
    auditing.record(
        connection,
        "shared",
        device_id=request.device_id,
        request_id=request_id,
        permission=permission,
        inputs=inputs,
        now=now,
    )
    requests.append_event(connection, request_id, "shared", now, actor=_as_told(by), detail={"reason": name})
    _write_to(connection, request, share_id, email.lower(), now)
    return Shared(share_id, is_new=True)


def _write_to(connection: Connection, request: Request, share_id: int, email: str, now: datetime) -> None:
    requests.add_notice(
        connection,
        request.request_id,
        "shared",
        now,
        recipient=email,
        # Nobody knows what he speaks; whoever the owner calls mostly speaks with him.
        language=owners.find_owner(connection, request.owner_id).language,
        cause=f"share-{share_id}",
        detail={"share_id": share_id},
    )
    defer_notices(connection, request.request_id)


def end(connection: Connection, *, request_id: int, share_id: int, by: str, now: datetime) -> bool:
    """End a sharing of a request; say whether it was living. Tapped twice it is ended once."""
    requests.lock_request(connection, request_id)
    share = shares.find_share(connection, share_id, locked=True)
    if share is None or share.request_id != request_id or not shares.end_share(connection, share_id, by, now):
        return False
    auditing.record(
        connection,
        "share_ended",
        device_id=share.device_id,
        request_id=request_id,
        permission=None,
        inputs={"share_id": share_id},
        now=now,
        actor=by,
    )
    requests.append_event(
        connection, request_id, "share_ended", now, actor=_as_told(by), detail={"reason": share.repairer_name}
    )
    return True


def look(connection: Connection, share_id: int, now: datetime) -> Opened | Over:
    """Say whether a sharing may be read now, and write down that it is."""
    # In the order of every act of the desk: the request, then its mandate.
    found = shares.find_share(connection, share_id)
    request = None if found is None else requests.lock_request(connection, found.request_id)
    share = shares.find_share(connection, share_id, locked=True)
    if share is None or request is None or not share.is_living(now) or request.state in CLOSED:
        return Over()
    mandate = stored.latest_mandate(connection, share.device_id, locked=True)
    if mandate is None or mandate.ended_at is not None:
        # Taken back is taken back, also where another process's clock is a moment ahead.
        return Over()
    permission = mandates.allow(connection, share.device_id, Clause.SHARE_DATA, now)
    if isinstance(permission, Denied) or owners.is_sealed_request(connection, share.request_id):
        return Over()
    if share.opened_at is None or now - share.opened_at >= _ONE_LOOK:
        shares.count_opening(connection, share_id, now)
        auditing.record(
            connection,
            "share_opened",
            device_id=share.device_id,
            request_id=share.request_id,
            permission=permission,
            inputs={"share_id": share_id, "repairer": share.repairer_name},
            now=now,
        )
    return Opened(share)


def _as_told(by: str) -> str:
    """Return who it was as a request's history names people."""
    return "owner" if by.startswith("owner-") else by
