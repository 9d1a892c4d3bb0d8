"""Sharing from the pages: an owner or a planner names a repairer, and ends it by one tap."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from dashboards.desk import Now, TheDesk
from dashboards.guards import refuse_foreign_form
from dashboards.links import UnknownLinkError
from dashboards.login import TheSession, own_form
from dashboards.numbers import LARGEST_BIGINT
from dashboards.owner import TheLink
from dashboards.request import RequestId, back
from gateway.owners import sharing
from gateway.planner import Done, Refused
from gateway.storage.connection import Connection
from gateway.storage.requests import find_owner

router: Final = APIRouter(include_in_schema=False)

Name = Annotated[
    str, Form(max_length=100), StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\r\n]+$")
]
# What a mail server refuses comes back to the outbox; here only what can never be an address is kept out.
Email = Annotated[
    str,
    Form(max_length=200),
    StringConstraints(strip_whitespace=True, pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;]+$"),
]
ShareId = Annotated[int, Form(ge=1, le=LARGEST_BIGINT)]
_REFUSALS: Final = {
    "closed": "The request is settled, or its data are not this owner's alone: it cannot be shared.",
    "clause": "The owner has not let the device's readings be handed to a repairer: ask the owner.",
    "many": "Five repairers were told of it already: it cannot be shared with more.",
}


@router.post("/o/{token}/share", dependencies=[Depends(refuse_foreign_form)])
def share(request: Request, desk: TheDesk, link: TheLink, now: Now, name: Name, email: Email) -> Response:
    """Show this request to a repairer of the owner's own."""
    note = "settled"
    if not link.access.is_expired(now):
        with desk.tenant(link.claim.tenant_id) as conn:
            by = _owner(conn, link.request_id)
            outcome = sharing.share(conn, request_id=link.request_id, name=name, email=email, by=by, now=now)
        note = "shared" if isinstance(outcome, sharing.Shared) else "unshared"
    return RedirectResponse(link.path(request, note=note) + "#sharing", 303)


@router.post("/o/{token}/share/end", dependencies=[Depends(refuse_foreign_form)])
def end(request: Request, desk: TheDesk, link: TheLink, now: Now, share: ShareId) -> Response:
    """End what is shown to a repairer, whoever shared it."""
    note = "settled"
    if not link.access.is_expired(now):
        with desk.tenant(link.claim.tenant_id) as conn:
            by = _owner(conn, link.request_id)
            sharing.end(conn, request_id=link.request_id, share_id=share, by=by, now=now)
        note = "ended"
    return RedirectResponse(link.path(request, note=note) + "#sharing", 303)


@router.post("/planner/requests/{request_id}/share", dependencies=[Depends(own_form)])
def share_as_planner(
    desk: TheDesk, session: TheSession, now: Now, request_id: RequestId, name: Name, email: Email
) -> Response:
    """Show a request to a repairer, by the owner's clause."""
    by = f"staff-{session.staff.staff_id}"
    with desk.tenant(session.tenant_id) as conn:
        outcome = sharing.share(conn, request_id=request_id, name=name, email=email, by=by, now=now)
    match outcome:
        case sharing.Shared():
            return back(request_id, Done("shared"))
        case sharing.NotShared(why=why):
            return back(request_id, Refused(_REFUSALS[why]))


@router.post("/planner/requests/{request_id}/share/end", dependencies=[Depends(own_form)])
def end_as_planner(desk: TheDesk, session: TheSession, now: Now, request_id: RequestId, share: ShareId) -> Response:
    """End what is shown to a repairer."""
    by = f"staff-{session.staff.staff_id}"
    with desk.tenant(session.tenant_id) as conn:
        sharing.end(conn, request_id=request_id, share_id=share, by=by, now=now)
    return back(request_id, Done("ended"))


def _owner(conn: Connection, request_id: int) -> str:
    found = find_owner(conn, request_id)
    if found is None:
        raise UnknownLinkError
    return f"owner-{found[1]}"
