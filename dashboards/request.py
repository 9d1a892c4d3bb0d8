"""One request on the planner's desk: the evidence, what is held for it, its history, and what a planner may do."""

import re
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from dashboards.decisions import decisions
from dashboards.desk import Now, TheDesk
from dashboards.figures import element_label, figures
from dashboards.kit import shown_kit
from dashboards.login import Session, TheSession, own_form
from dashboards.numbers import LARGEST_BIGINT, Number
from dashboards.render import message, page
from dashboards.tails import share_text
from dashboards.weighed import asked, bars, tried
from devices.products import product_type
from gateway import planner
from gateway.audit import undoing
from gateway.dates import no_show
from gateway.notices.matter import Matter
from gateway.notices.price import DEPOSITS, find_price
from gateway.notices.words import REFUSALS
from gateway.owners import sharing
from gateway.remedies import asking, skipping
from gateway.storage import audit, requests, shares, supply
from gateway.storage.connection import Connection
from gateway.storage.entitlements import living_goodwill
from gateway.storage.pages import history
from gateway.storage.pages.request import RequestRow, find_centre, find_request, latest_appointment, open_dates
from gateway.texts import Translator
from workflows.remedying import may_interrupt_supply

router: Final = APIRouter(prefix="/planner/requests", include_in_schema=False)

_FIGURES: Final = 3
_STATE_REFUSAL: Final = re.compile(r"The request is [a-z]+; this cannot be done now\.")
RequestId = Number
Reason = Annotated[str, Form(max_length=500), StringConstraints(strip_whitespace=True, min_length=1)]


@router.get("/{request_id}")
def show(request: Request, desk: TheDesk, session: TheSession, now: Now, request_id: RequestId) -> Response:
    """Show a request with all that was found, held, said and done."""
    t = session.translator
    with desk.tenant(session.tenant_id) as conn:
        row = find_request(conn, request_id)
        if row is None:
            return not_found(request, session)
        dates = open_dates(conn, request_id, now)
        appointment = latest_appointment(conn, request_id)
        centre_id = appointment.centre_id if appointment else dates[0].centre_id if dates else None
        centre = find_centre(conn, centre_id)
        zone_name = centre.time_zone if centre else row.place_time_zone
        price = find_price(conn, row, t.language)
        matter = Matter(row, centre, tuple(dates), appointment, price)
        context: dict[str, object] = {
            "request": request,
            "session": session,
            "now": now,
            "row": row,
            "product": product_type(row.product),
            "fault": matter.fault(),
            "hypotheses": row.ranked(),
            "figures": figures(conn, row, t, zone_name=zone_name, now=now, at_most=_FIGURES),
            "dates": dates or (history.past_dates(conn, request_id) if appointment is None else []),
            "dates_are_open": bool(dates),
            "appointment": appointment,
            "centre": centre,
            "zone_name": zone_name,
            "in_warranty": price.warranty_until is not None,
            "price": price,
            "goodwill": living_goodwill(conn, request_id),
            "deposits": DEPOSITS,
            "refused": _known_refusal(row.product, request.query_params.get("refused", "")),
            "element_label": element_label,
            "share_text": share_text,
            "has_mail": desk.has_mail(conn),
            "may_share": sharing.is_allowed(conn, row.device_id, now),
            "kit": shown_kit(conn, row, product_type(row.product), t.language),
        } | _story(conn, row, t, now)
    return page("request.html", t, context)


def _story(conn: Connection, row: RequestRow, t: Translator, now: datetime) -> dict[str, object]:
    product = product_type(row.product)
    present = requests.find_one(conn, row.request_id)
    return {
        "bars": bars(conn, row.request_id, product, t),
        "tried": tried(conn, row.request_id, product, now),
        "may_skip": (remedy := product.remedies.get(row.fault_code or "")) is not None and not remedy.why_none,
        "owner_asked": asked(conn, row.request_id, product),
        "parts": history.reserved_parts(conn, row.request_id, t.language),
        "cases": history.human_cases(conn, row.request_id),
        "events": history.events(conn, row.request_id),
        "acts": audit.of_request(conn, row.request_id),
        "undoable": undoing.UNDOABLE,
        "notices": history.notices_of(conn, row.request_id),
        "decisions": decisions(conn, row.request_id, product_type(row.product)),
        "receipts_at": f"/planner/requests/{row.request_id}/decisions",
        "shares": shares.shares_of(conn, row.request_id),
        "may_ask": [] if present is None else asking.may_ask(conn, present),
        "supply_may_break": may_interrupt_supply(supply.answers(conn, row.device_id))
        if product.interrupts_supply
        else None,
    }


def not_found(request: Request, session: Session) -> Response:
    """Return the page that says that the tenant has no such request."""
    t = session.translator
    return message(
        request,
        t,
        title=t.gettext("There is no such request"),
        text=t.gettext("Its number may be mistyped, or it belongs to another service desk. Go back to the queue."),
        status=404,
    )


@router.post("/{request_id}/approve", dependencies=[Depends(own_form)])
def approve(desk: TheDesk, session: TheSession, now: Now, request_id: RequestId) -> Response:
    """Let the request go on to its offer."""
    with desk.tenant(session.tenant_id) as conn:
        outcome = planner.approve(conn, request_id=request_id, staff_id=session.staff.staff_id, now=now)
    return back(request_id, outcome)


@router.post("/{request_id}/hold", dependencies=[Depends(own_form)])
def hold(desk: TheDesk, session: TheSession, now: Now, request_id: RequestId, reason: Reason) -> Response:
    """Keep the request from being offered until a planner approves it."""
    with desk.tenant(session.tenant_id) as conn:
        outcome = planner.hold(conn, request_id=request_id, staff_id=session.staff.staff_id, reason=reason, now=now)
    return back(request_id, outcome)


@router.post("/{request_id}/skip-remedy", dependencies=[Depends(own_form)])
def skip_remedy(desk: TheDesk, session: TheSession, now: Now, request_id: RequestId, reason: Reason) -> Response:
    """Let the request go on to its dates without the remedy from afar."""
    staff_id = session.staff.staff_id
    with desk.tenant(session.tenant_id) as conn:
        outcome = skipping.skip(conn, request_id=request_id, staff_id=staff_id, reason=reason, now=now)
    return back(request_id, outcome)


@router.post("/{request_id}/cancel", dependencies=[Depends(own_form)])
def cancel(desk: TheDesk, session: TheSession, now: Now, request_id: RequestId, reason: Reason) -> Response:
    """End the request and give back what was held for it."""
    with desk.tenant(session.tenant_id) as conn:
        outcome = planner.cancel(conn, request_id=request_id, staff_id=session.staff.staff_id, reason=reason, now=now)
    return back(request_id, outcome)


@router.post("/{request_id}/undo", dependencies=[Depends(own_form)])
def undo(
    desk: TheDesk,
    session: TheSession,
    now: Now,
    request_id: RequestId,
    act: Annotated[int, Form(ge=1, le=LARGEST_BIGINT)],
    reason: Reason,
) -> Response:
    """Take back what the desk did by itself."""
    with desk.tenant(session.tenant_id) as conn:
        outcome = undoing.undo(conn, audit_id=act, staff_id=session.staff.staff_id, reason=reason, now=now)
    return back(request_id, outcome)


@router.post("/{request_id}/ask", dependencies=[Depends(own_form)])
def ask_owner(
    desk: TheDesk, session: TheSession, now: Now, request_id: RequestId, what: Annotated[str, Form(max_length=80)]
) -> Response:
    """Ask the owner for one look, or to do something himself."""
    staff_id = session.staff.staff_id
    with desk.tenant(session.tenant_id) as conn:
        outcome = asking.ask_by_hand(conn, request_id=request_id, staff_id=staff_id, name=what, now=now)
    return back(request_id, outcome)


@router.post("/{request_id}/owner-away", dependencies=[Depends(own_form)])
def owner_was_away(desk: TheDesk, session: TheSession, now: Now, request_id: RequestId) -> Response:
    """Note that the owner was not there at the promised time."""
    staff_id = session.staff.staff_id
    with desk.tenant(session.tenant_id) as conn:
        outcome = no_show.owner_was_away(conn, request_id=request_id, staff_id=staff_id, now=now)
    match outcome:
        case no_show.Noted():
            return back(request_id, planner.Done("open"))
        case no_show.TooEarly():
            return back(request_id, planner.Refused("The promised time is not over."))
        case no_show.NoDate(state=state):
            return back(request_id, planner.Refused(f"The request is {state}; this cannot be done now."))


def _known_refusal(product: str, reason: str) -> str:
    """Return a reason that one of our own redirects carries, and nothing else: an address must not put words on our page."""
    ours = {*REFUSALS, *(remedy.why_none for remedy in product_type(product).remedies.values())}
    return reason if reason in ours or _STATE_REFUSAL.fullmatch(reason) else ""


def back(request_id: int, outcome: planner.Done | planner.Refused) -> Response:
    """Lead back to the request's page, with the reason where something was refused."""
    match outcome:
        case planner.Done():
            return RedirectResponse(f"/planner/requests/{request_id}", 303)
        case planner.Refused(reason=reason):
            return RedirectResponse(f"/planner/requests/{request_id}?{urlencode({'refused': reason})}", 303)
