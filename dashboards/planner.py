"""The planner's pages: the queue and the outbox. They list; one request is a page of its own."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from dashboards.desk import Now, TheDesk
from dashboards.login import TheSession
from dashboards.numbers import LARGEST_BIGINT
from dashboards.render import page
from devices.products import product_type
from gateway.storage.pages import history, queue
from gateway.storage.pages.door import desk_zone

router: Final = APIRouter(prefix="/planner", include_in_schema=False)

ROWS: Final = 50
REFRESH_S: Final = 15

Before = Annotated[int | None, Query(ge=1, le=LARGEST_BIGINT)]


def _place(text: str) -> queue.Place | None:
    """Read a place in the queue out of an address; the first page for what is none."""
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isdecimal() and part.isascii() and len(part) < 18 for part in parts):
        return None
    urgency, clock_us, request_id = (int(part) for part in parts)
    return queue.Place(urgency % 3, _from_us(clock_us), request_id)


def _from_us(at_us: int) -> datetime:
    return datetime.fromtimestamp(min(at_us, 10**16) / 1_000_000, UTC)


def _as_us(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


@router.get("")
def show_queue(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    now: Now,
    state: str = "all",
    after: str = "",
    pause: bool = False,
) -> Response:
    """Show the queue: safety first, then people's cases by their clock, then the rest; fifty rows a page."""
    which = state if state in queue.FILTERS else "all"
    with desk.tenant(session.tenant_id) as conn:
        rows = queue.page(conn, which, after=_place(after), limit=ROWS + 1)
        counts = queue.counts(conn)
        has_mail = desk.has_mail(conn)
    following = ""
    if len(rows) > ROWS:
        place = queue.place_after(rows[ROWS - 1], which)
        following = f"{place.urgency}.{_as_us(place.clock_at)}.{place.request_id}"
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "rows": [(row, row.hypothesis()) for row in rows[:ROWS]],
        "counts": counts,
        "counted_at_most": queue.COUNTED_AT_MOST,
        "filters": queue.FILTERS,
        "which": which,
        "following": following,
        "is_first": not after,
        "refresh_s": 0 if pause or after else REFRESH_S,
        "product_type": product_type,
        "has_mail": has_mail,
    }
    return page("queue.html", session.translator, context)


@router.get("/outbox")
def show_outbox(request: Request, desk: TheDesk, session: TheSession, now: Now, before: Before = None) -> Response:
    """Show the messages to people, newest first, and which of them have not left."""
    with desk.tenant(session.tenant_id) as conn:
        rows = history.outbox(conn, before_id=before, limit=ROWS + 1)
        zone_name = desk_zone(conn)
        has_mail = desk.has_mail(conn)
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "rows": rows[:ROWS],
        "following": rows[ROWS - 1].notice_id if len(rows) > ROWS else None,
        "zone_name": zone_name,
        "has_mail": has_mail,
    }
    return page("outbox.html", session.translator, context)
