"""Telling: notices put into the outbox, and jobs deferred, in the transaction of the step that causes them."""

from datetime import datetime

from gateway import jobs
from gateway.storage import findings, owners, requests
from gateway.storage.connection import Connection
from gateway.storage.findings import DeviceCard
from gateway.storage.requests import Request


def tell_owner(
    connection: Connection, request: Request, kind: str, cause: str, detail: dict[str, object], now: datetime
) -> None:
    """Put a notice to a request's owner into the outbox; a step that runs twice puts it there once."""
    # A device may have another owner by now: what was promised to one is told to nobody else.
    owner = owners.find_owner(connection, request.owner_id)
    requests.add_notice(
        connection,
        request.request_id,
        kind,
        now,
        recipient=owner.email,
        language=owner.language,
        cause=cause,
        detail=detail,
    )
    defer_notices(connection, request.request_id)


def welcome(connection: Connection, device_id: int, owner_id: int, now: datetime) -> None:
    """Write to a device's new owner, with the link to its page; once for each time that it became his."""
    owner, since = owners.find_owner(connection, owner_id), owners.ownership(connection, device_id, owner_id)
    if since is None:
        return
    owners.add_notice(connection, device_id, owner, "welcome", cause=f"since-{since.since_at.isoformat()}", now=now)
    # The job sends whatever is due of the tenant; it names no request, for the letter is about none.
    call: dict[str, int | str] = {"tenant_id": _tenant_of(connection), "request_id": 0}
    jobs.defer(connection, jobs.SEND_NOTICES, lock="notices-{tenant_id}", calls=[call])


def tell_cancelled(
    connection: Connection, request: Request, reason: str, now: datetime, *, appointment_id: int | None
) -> None:
    """Tell the owner that his request was cancelled, and why, with the date that was cancelled with it, if any was.

    Whether he has heard of it at all is seen when the letter leaves: what else is in the outbox may never do so.
    """
    detail: dict[str, object] = {"reason": reason, "appointment_id": appointment_id}
    tell_owner(connection, request, "cancelled", "cancelled", detail, now)


def tell_danger(connection: Connection, device: DeviceCard, request_id: int, fault: str, now: datetime) -> None:
    """Warn everyone who owns a device of a danger; a step that runs twice warns each of them once.

    Whom the request is not about reads it by the device's page: the request is another's.
    """
    for owner in owners.owners_of(connection, device.device_id):
        is_his = owner.owner_id == device.owner_id
        requests.add_notice(
            connection,
            request_id,
            "safety",
            now,
            recipient=owner.email,
            language=owner.language,
            cause="safety" if is_his else f"safety-{owner.owner_id}",
            detail={"fault": fault} if is_his else {"fault": fault, "owner_id": owner.owner_id},
        )
    defer_notices(connection, request_id)


def defer_offer(connection: Connection, request_id: int) -> None:
    """Let the work look for dates of a request once this transaction has been committed."""
    call: dict[str, int | str] = {"tenant_id": _tenant_of(connection), "request_id": request_id}
    jobs.defer(connection, jobs.OFFER, lock="request-{request_id}", calls=[call])


def defer_warning(connection: Connection, request_id: int, fault: str) -> None:
    """Let the work warn a device of a danger once this transaction has been committed."""
    call: dict[str, int | str] = {"tenant_id": _tenant_of(connection), "request_id": request_id, "fault": fault}
    jobs.defer(connection, jobs.WARN, lock="request-{request_id}", calls=[call])


def defer_replan(connection: Connection, plan_id: int) -> None:
    """Let the work plan a day's routes anew once this transaction has been committed; one at a time of a tenant."""
    call: dict[str, int | str] = {"tenant_id": _tenant_of(connection), "plan_id": plan_id}
    jobs.defer(connection, jobs.REPLAN, lock="replan-{tenant_id}", calls=[call])


def defer_notices(connection: Connection, request_id: int) -> None:
    """Let the work send what is in the outbox once this transaction has been committed."""
    call: dict[str, int | str] = {"tenant_id": _tenant_of(connection), "request_id": request_id}
    jobs.defer(connection, jobs.SEND_NOTICES, lock="notices-{tenant_id}", calls=[call])


def _tenant_of(connection: Connection) -> int:
    return findings.one(connection.execute("SELECT current_tenant()").fetchone())
