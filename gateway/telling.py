"""Telling: notices put into the outbox, and jobs deferred, in the transaction of the step that causes them."""

from datetime import datetime

from gateway import jobs
from gateway.storage import findings, requests
from gateway.storage.connection import Connection
from gateway.storage.requests import Request


def tell_owner(
    connection: Connection, request: Request, kind: str, cause: str, detail: dict[str, object], now: datetime
) -> None:
    """Put a notice to a request's owner into the outbox; a step that runs twice puts it there once."""
    device = findings.device_card(connection, request.device_id)
    if device is None:
        return
    requests.add_notice(
        connection,
        request.request_id,
        kind,
        now,
        recipient=device.owner_email,
        language=device.owner_language,
        cause=cause,
        detail=detail,
    )
    defer_notices(connection, request.request_id)


def tell_cancelled(connection: Connection, request: Request, reason: str, now: datetime) -> None:
    """Tell the owner that his request was cancelled, and why."""
    tell_owner(connection, request, "cancelled", "cancelled", {"reason": reason}, now)


def defer_offer(connection: Connection, request_id: int) -> None:
    """Let the work look for dates of a request once this transaction has been committed."""
    call: dict[str, int | str] = {"tenant_id": _tenant_of(connection), "request_id": request_id}
    jobs.defer(connection, jobs.OFFER, lock="request-{request_id}", calls=[call])


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
