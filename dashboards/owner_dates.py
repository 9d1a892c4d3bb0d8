"""What an owner does to his dates, beside choosing one: others, keeping, an earlier one, and when nobody came."""

from datetime import date
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from dashboards.desk import Now, TheDesk
from dashboards.guards import refuse_foreign_form
from dashboards.owner import TheLink
from gateway.dates import no_show, rescheduling
from workflows.dates import Half, Wish

router: Final = APIRouter(prefix="/o", include_in_schema=False, dependencies=[Depends(refuse_foreign_form)])

Weekday = Literal["", "0", "1", "2", "3", "4", "5", "6"]


@router.post("/{token}/dates")
def ask_other_dates(
    request: Request,
    desk: TheDesk,
    link: TheLink,
    now: Now,
    half: Annotated[Half, Form()] = "any",
    weekday: Annotated[Weekday, Form()] = "",
    not_before: Annotated[date | Literal[""], Form()] = "",
) -> Response:
    """Show other dates, as they were wished for where that is possible."""
    if link.access.is_expired(now):
        return RedirectResponse(link.path(request), 303)
    wish = Wish(not_before or None, None, int(weekday) if weekday else None, half)
    with desk.tenant(link.claim.tenant_id) as conn:
        outcome = rescheduling.ask_other_dates(conn, request_id=link.request_id, wish=wish, now=now)
    match outcome:
        case rescheduling.Shown():
            note = "others"
        case rescheduling.WithPerson():
            note = "asked"
        case rescheduling.NotNow():
            note = "settled"
    return RedirectResponse(link.path(request, note=note), 303)


@router.post("/{token}/keep")
def keep(request: Request, desk: TheDesk, link: TheLink, now: Now) -> Response:
    """Keep the confirmed date; the others are free again."""
    if not link.access.is_expired(now):
        with desk.tenant(link.claim.tenant_id) as conn:
            rescheduling.keep_date(conn, request_id=link.request_id, now=now)
    return RedirectResponse(link.path(request), 303)


@router.post("/{token}/earlier")
def wish_earlier(request: Request, desk: TheDesk, link: TheLink, now: Now) -> Response:
    """Put him on the list of those who would come earlier."""
    if link.access.is_expired(now):
        return RedirectResponse(link.path(request), 303)
    with desk.tenant(link.claim.tenant_id) as conn:
        outcome = rescheduling.wish_earlier(conn, request_id=link.request_id, now=now)
    note = "earlier" if isinstance(outcome, rescheduling.Kept) else "settled"
    return RedirectResponse(link.path(request, note=note), 303)


@router.post("/{token}/not-earlier")
def end_earlier_wish(request: Request, desk: TheDesk, link: TheLink, now: Now) -> Response:
    """Take him off the list of those who would come earlier."""
    if not link.access.is_expired(now):
        with desk.tenant(link.claim.tenant_id) as conn:
            rescheduling.end_earlier_wish(conn, request_id=link.request_id, now=now)
    return RedirectResponse(link.path(request), 303)


@router.post("/{token}/nobody-came")
def nobody_came(request: Request, desk: TheDesk, link: TheLink, now: Now) -> Response:
    """Note that nobody came; before the promised time is over it is not noted."""
    if link.access.is_expired(now):
        return RedirectResponse(link.path(request), 303)
    with desk.tenant(link.claim.tenant_id) as conn:
        outcome = no_show.nobody_came(conn, request_id=link.request_id, now=now)
    match outcome:
        case no_show.Noted():
            note = "missed"
        case no_show.TooEarly():
            note = "too_early"
        case no_show.NoDate():
            note = "settled"
    return RedirectResponse(link.path(request, note=note), 303)
