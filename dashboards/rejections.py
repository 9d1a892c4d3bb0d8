"""The planner's page of dead letters: what the door refused, by reason, and the button that asks for a replay."""

from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from dashboards.desk import Now, TheDesk
from dashboards.login import TheSession, own_form
from dashboards.numbers import Number
from dashboards.render import page
from gateway.notices.refusal_words import refused
from gateway.storage import rejections
from gateway.storage.pages.devices import find_device
from gateway.storage.pages.door import desk_zone

router: Final = APIRouter(prefix="/planner/rejections", include_in_schema=False)

ROWS: Final = 50
_COUNTED_AT_MOST: Final = 999
_LARGEST_US: Final = 10**16
RejectionId = Number
Reason = Annotated[str, Query(max_length=40)]


@router.get("")
def show(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    now: Now,
    reason: Reason = "",
    before: str = "",
    device: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Show what the machines' door refused, newest first, with the reason, the bytes, and what became of a replay."""
    with desk.tenant(session.tenant_id) as conn:
        card = find_device(conn, device) if device else None
        device_id = card.device_id if card else None
        counts = rejections.counts(conn, device_id=device_id, at_most=_COUNTED_AT_MOST + 1)
        which = reason if reason in {each.reason for each in counts} else ""
        rows = rejections.listed(conn, reason=which, device_id=device_id, before=_place(before), limit=ROWS + 1)
        zone_name = desk_zone(conn)
    last = rows[ROWS - 1] if len(rows) > ROWS else None
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "rows": rows[:ROWS],
        "counts": counts,
        "counted_at_most": _COUNTED_AT_MOST,
        "which": which,
        "device": card.name if card else "",
        "zone_name": zone_name,
        "refused": refused,
        "following": f"{round(last.received_at.timestamp() * 1_000_000)}.{last.rejection_id}" if last else "",
    }
    return page("rejections.html", session.translator, context)


def _place(text: str) -> tuple[datetime, int] | None:
    """Read a place in the list out of an address; None, which is the first page, for what is none."""
    parts = text.split(".")
    if len(parts) != 2 or not all(part.isdecimal() and part.isascii() and len(part) < 18 for part in parts):
        return None
    return datetime.fromtimestamp(min(int(parts[0]), _LARGEST_US) / 1_000_000, UTC), int(parts[1])


@router.post("/{rejection_id}/replay", dependencies=[Depends(own_form)])
def replay(
    desk: TheDesk,
    session: TheSession,
    now: Now,
    rejection_id: RejectionId,
    reason: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Ask for the replay of one; asked twice, it is replayed once."""
    with desk.tenant(session.tenant_id) as conn:
        rejections.ask_replay(conn, now, rejection_id=rejection_id)
    query = f"?{urlencode({'reason': reason})}" if reason else ""
    return RedirectResponse(f"/planner/rejections{query}", 303)
