"""The planner's pages of parts: levels at the centres, one part's ledger, deliveries, and what people say about them."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from dashboards.desk import Now, TheDesk
from dashboards.devices import readable
from dashboards.login import Session, TheSession, own_form
from dashboards.numbers import LARGEST_BIGINT, LARGEST_INT, Number
from dashboards.render import message, page
from dashboards.request import Reason
from gateway.parts import storekeeping
from gateway.planner import Done, Refused
from gateway.storage.pages import parts
from gateway.storage.pages.door import desk_zone
from gateway.storage.pages.parts import LevelRow
from workflows.money import Money

router: Final = APIRouter(prefix="/planner", include_in_schema=False)

ROWS: Final = 50
_MOST_COUNTED: Final = 1_000_000
PartNo = Annotated[str, Path(max_length=64), StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Before = Annotated[int | None, Query(ge=1, le=LARGEST_BIGINT)]
DeliveryId = Number


@router.get("/parts")
def show_levels(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    q: Annotated[str, Query(max_length=1000)] = "",
    after: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Show what lies at the centres and what is on its way, by part; fifty rows a page."""
    words = readable(q)
    with desk.tenant(session.tenant_id) as conn:
        rows = parts.levels(conn, words, _place(after), ROWS + 1, session.translator.language)
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "rows": rows[:ROWS],
        "words": words,
        "following": _following(words, rows[ROWS - 1]) if len(rows) > ROWS else "",
        "is_first": not after,
    }
    return page("parts.html", session.translator, context)


def _following(words: str, row: LevelRow) -> str:
    return urlencode({"q": words, "after": f"{row.centre_id}.{row.part_no}"})


def _place(text: str) -> tuple[str, int]:
    """Read a place in the list out of an address; the beginning for what is none."""
    centre, _, part_no = text.partition(".")
    if not (centre.isdecimal() and centre.isascii() and len(centre) < 11) or "\x00" in part_no:
        return "", 0
    return part_no, min(int(centre), LARGEST_INT)


@router.get("/parts/{part_no}")
def show_part(
    request: Request, desk: TheDesk, session: TheSession, now: Now, part_no: PartNo, before: Before = None
) -> Response:
    """Show one part: what replaces it, where it lies, and every movement of it."""
    language = session.translator.language
    with desk.tenant(session.tenant_id) as conn:
        row = parts.find_part(conn, part_no, language)
        if row is None:
            return _no_part(request, session)
        movements = parts.ledger(conn, part_no, before, ROWS + 1)
        context: dict[str, object] = {
            "request": request,
            "session": session,
            "now": now,
            "row": row,
            "price": _price(row.price_minor, row.price_currency, session),
            "levels": parts.levels_of(conn, part_no, language),
            "movements": movements[:ROWS],
            "following": movements[ROWS - 1].movement_id if len(movements) > ROWS else None,
            "zone_name": desk_zone(conn),
        }
    return page("part.html", session.translator, context)


def _price(minor: int | None, currency: str | None, session: Session) -> str:
    return "" if minor is None or currency is None else Money(minor, currency).shown(session.translator.language)


@router.post("/parts/{part_no}/count", dependencies=[Depends(own_form)])
def count(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    now: Now,
    part_no: PartNo,
    centre_id: Annotated[int, Form(ge=1, le=LARGEST_INT)],
    counted: Annotated[int, Form(ge=0, le=_MOST_COUNTED)],
    reason: Reason,
) -> Response:
    """Write what was counted at a centre, with a name and a reason."""
    with desk.tenant(session.tenant_id) as conn:
        outcome = storekeeping.count(
            conn,
            centre_id=centre_id,
            part_no=part_no,
            counted=counted,
            staff_id=session.staff.staff_id,
            reason=reason,
            now=now,
        )
    return _back(request, session, f"/planner/parts/{part_no}", outcome)


@router.get("/deliveries")
def show_deliveries(
    request: Request, desk: TheDesk, session: TheSession, now: Now, *, ended: bool = False, before: Before = None
) -> Response:
    """Show what is on its way, or all that ever was; fifty rows a page."""
    with desk.tenant(session.tenant_id) as conn:
        rows = parts.deliveries(
            conn, living=not ended, before_id=before, limit=ROWS + 1, language=session.translator.language
        )
        zone_name = desk_zone(conn)
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "rows": rows[:ROWS],
        "shows_all": ended,
        "following": rows[ROWS - 1].inbound_id if len(rows) > ROWS else None,
        "zone_name": zone_name,
    }
    return page("deliveries.html", session.translator, context)


@router.post("/deliveries/{inbound_id}/arrived", dependencies=[Depends(own_form)])
def arrived(request: Request, desk: TheDesk, session: TheSession, now: Now, inbound_id: DeliveryId) -> Response:
    """Say that a delivery lies at its centre."""
    with desk.tenant(session.tenant_id) as conn:
        outcome = storekeeping.receive(conn, inbound_id=inbound_id, staff_id=session.staff.staff_id, now=now)
    return _back(request, session, "/planner/deliveries", outcome)


@router.post("/deliveries/{inbound_id}/lost", dependencies=[Depends(own_form)])
def lost(request: Request, desk: TheDesk, session: TheSession, now: Now, inbound_id: DeliveryId) -> Response:
    """Say that a delivery will not come."""
    with desk.tenant(session.tenant_id) as conn:
        outcome = storekeeping.write_off(conn, inbound_id=inbound_id, now=now)
    return _back(request, session, "/planner/deliveries", outcome)


def _back(request: Request, session: Session, path: str, outcome: Done | Refused) -> Response:
    match outcome:
        case Done():
            return RedirectResponse(path, 303)
        case Refused(reason=reason):
            t = session.translator
            return message(request, t, title=t.gettext("Nothing was changed"), text=t.gettext(reason), status=409)


def _no_part(request: Request, session: Session) -> Response:
    t = session.translator
    return message(
        request,
        t,
        title=t.gettext("There is no such part"),
        text=t.gettext("Its number may be mistyped. Go back to the list of parts and look for it."),
        status=404,
    )
