"""The owner's page behind the link of his message: what was found, three dates, one tap.

GET changes nothing: mail scanners open links. The link opens the page for thirty days; what can be done on it depends
on the state of the request, so that a date is confirmed once however often it is tapped.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from dashboards.desk import Now, TheDesk
from dashboards.figures import figures
from dashboards.guards import refuse_foreign_form
from dashboards.links import ExpiredLinkError, UnknownLinkError, opened
from dashboards.numbers import LARGEST_BIGINT
from dashboards.render import PERSONAL, message, page, same_language, voice
from dashboards.weighed import asked, waiting
from devices.products import product_type
from gateway import journey, planner
from gateway.access import Access, Claim, Purpose
from gateway.notices.invitation import invitation
from gateway.notices.links import ask_for_link
from gateway.notices.matter import Matter, may_use, promised_hours
from gateway.notices.price import DEPOSITS, find_price, valid_until
from gateway.owners import sharing, stopping
from gateway.quotes import quoting
from gateway.storage import appointments, misfits, shares
from gateway.storage.connection import Connection
from gateway.storage.owners import is_sealed_request
from gateway.storage.pages.request import (
    RequestRow,
    find_centre,
    find_request,
    late_dates,
    latest_appointment,
    open_dates,
)
from gateway.storage.requests import has_event, latest_detail
from gateway.texts import Translator

router: Final = APIRouter(prefix="/o", include_in_schema=False)

# In these states a date whose hold has ended can still be taken, if its time is still free.
_TAKES_A_LATE_DATE: Final = frozenset({"open", "waiting", "offered"})
QuoteId = Annotated[int | None, Form(ge=1, le=LARGEST_BIGINT)]
AnsweredQuote = Annotated[int, Form(ge=1, le=LARGEST_BIGINT)]
BookingId = Annotated[int, Form(ge=1, le=LARGEST_BIGINT)]


@dataclass(frozen=True, slots=True)
class OwnerLink:
    """A link that is ours: its text, its tenant, and what the database knows of it."""

    token: str
    claim: Claim
    access: Access
    request_id: int

    def path(self, request: Request, **query: str) -> str:
        """Return the page's path, keeping the language that the owner chose."""
        return same_language(request, f"/o/{self.token}", **query)


def owner_link(token: str, desk: TheDesk) -> OwnerLink:
    """Return what a link opens.

    Raises
    ------
    UnknownLinkError
        Its signature is not ours or the database does not know it.
    """
    claim, found = opened(desk, token, Purpose.OWNER_REQUEST)
    if found.request_id is None:
        raise UnknownLinkError
    return OwnerLink(token, claim, found, found.request_id)


AnyLink = Annotated[OwnerLink, Depends(owner_link)]


def living_link(request: Request, link: AnyLink, now: Now) -> OwnerLink:
    """Return what a link opens; before anything of a form is read, the link has to be good for it.

    Raises
    ------
    ExpiredLinkError
        A form was sent to it, and its time is over.
    """
    if request.method == "POST" and link.access.is_expired(now):
        raise ExpiredLinkError(link.path(request))
    return link


TheLink = Annotated[OwnerLink, Depends(living_link)]


@router.get("/{token}")
def show(request: Request, desk: TheDesk, link: TheLink, now: Now) -> Response:
    """Show the request in its present state."""
    with desk.tenant(link.claim.tenant_id) as conn:
        row = _request(conn, link)
        t = voice(request, row.owner_language)
        if link.access.is_expired(now):
            return page("link_expired.html", t, {"link": link, "request": request}, status=410)
        dates = open_dates(conn, row.request_id, now)
        appointment = latest_appointment(conn, row.request_id)
        is_late = not dates and row.state in _TAKES_A_LATE_DATE
        dates = late_dates(conn, row.request_id, now) if is_late else dates
        centre_id = appointment.centre_id if appointment else dates[0].centre_id if dates else None
        centre = find_centre(conn, centre_id)
        zone_name = centre.time_zone if centre else row.place_time_zone
        price = find_price(conn, row, t.language)
        has_date = bool(dates) or (appointment is not None and row.state == "confirmed")
        matter = Matter(row, centre, tuple(dates), appointment, price)
        context: dict[str, object] = {
            "request": request,
            "link": link,
            "row": row,
            "matter": matter,
            "fault": matter.fault(),
            "dates": dates,
            "is_late": is_late,
            "appointment": appointment,
            "centre": centre,
            "zone_name": zone_name,
            "figures": ()
            if is_sealed_request(conn, row.request_id)
            else figures(conn, row, t, zone_name=zone_name, now=now, at_most=1),
            "cost": price.cost(t),
            "price": price,
            "finding": (latest_detail(conn, row.request_id, "completed") or {}).get("finding", ""),
            "was_stopped": row.state == "cancelled" and has_event(conn, row.request_id, "stopped"),
            "price_until": valid_until(price, zone_name, t),
            "deposits": DEPOSITS,
            "may_use": may_use(matter.fault(), t, has_date=has_date),
            "has_date": has_date,
            "promised_hours": promised_hours,
            "safety_text": product_type(row.product).safety_text,
            "note": request.query_params.get("note", ""),
            "weekdays": t.weekdays(),
            "wishes_earlier": appointments.wishes_earlier(conn, row.request_id),
            "is_over": appointment is not None and appointment.ends_at <= now,
            "is_misfit": appointment is not None
            and misfits.was_asked(conn, row.request_id, appointment.booking_id, row.fault_code or ""),
            "shares": [each for each in shares.shares_of(conn, row.request_id) if each.is_living(now)],
            "may_share": sharing.is_allowed(conn, row.device_id, now) and not is_sealed_request(conn, row.request_id),
            "asked": asked(conn, row.request_id, product_type(row.product)),
            "waiting": waiting(conn, row.request_id, product_type(row.product), now),
        }
    return page("owner.html", t, context)


@router.post("/{token}/date", dependencies=[Depends(refuse_foreign_form)])
def choose(
    request: Request, desk: TheDesk, link: TheLink, now: Now, booking: BookingId, quote: QuoteId = None
) -> Response:
    """Book the tapped date at the price beside it; tapped twice it is booked once, a lost race shows fresh dates."""
    if link.access.is_expired(now):
        return RedirectResponse(link.path(request), 303)
    with desk.tenant(link.claim.tenant_id) as conn:
        outcome = journey.confirm(conn, request_id=link.request_id, booking_id=booking, now=now, quote_id=quote)
    match outcome:
        case journey.Confirmed():
            path = link.path(request)
        case journey.FreshDates():
            path = link.path(request, note="fresh")
        case journey.NotOpen(state="priced"):
            path = link.path(request, note="price")
        case journey.NotOpen(state="quoted"):
            path = link.path(request, note="agreed")
        case journey.NotOpen():
            path = link.path(request, note="settled")
    return RedirectResponse(path, 303)


@router.post("/{token}/price/yes", dependencies=[Depends(refuse_foreign_form)])
def agree(request: Request, desk: TheDesk, link: TheLink, now: Now, quote: AnsweredQuote) -> Response:
    """Say yes to a price; tapped twice it is agreed once."""
    if link.access.is_expired(now):
        return RedirectResponse(link.path(request), 303)
    with desk.tenant(link.claim.tenant_id) as conn:
        answer = quoting.agree(conn, request_id=link.request_id, quote_id=quote, now=now)
    return RedirectResponse(_after(request, link, answer, "agreed"), 303)


@router.post("/{token}/price/no", dependencies=[Depends(refuse_foreign_form)])
def decline(request: Request, desk: TheDesk, link: TheLink, now: Now, quote: AnsweredQuote) -> Response:
    """Say no to a price."""
    if link.access.is_expired(now):
        return RedirectResponse(link.path(request), 303)
    with desk.tenant(link.claim.tenant_id) as conn:
        answer = quoting.decline(conn, request_id=link.request_id, quote_id=quote, now=now)
    return RedirectResponse(_after(request, link, answer, "declined"), 303)


def _after(request: Request, link: OwnerLink, answer: quoting.Answer, note: str) -> str:
    match answer:
        case quoting.Agreed() | quoting.Declined():
            return link.path(request, note=note)
        case quoting.OtherPrice():
            return link.path(request, note="price")
        case quoting.NothingToAgree():
            return link.path(request)


@router.post("/{token}/stop", dependencies=[Depends(refuse_foreign_form)])
def stop(request: Request, desk: TheDesk, link: TheLink, now: Now) -> Response:
    """End all of it; tapped twice it is ended once."""
    if not link.access.is_expired(now):
        with desk.tenant(link.claim.tenant_id) as conn:
            outcome = stopping.stop(conn, request_id=link.request_id, now=now)
        if isinstance(outcome, stopping.WithPerson):
            return RedirectResponse(link.path(request, note="talk"), 303)
    return RedirectResponse(link.path(request), 303)


@router.post("/{token}/resume", dependencies=[Depends(refuse_foreign_form)])
def resume(request: Request, desk: TheDesk, link: TheLink, now: Now) -> Response:
    """Take a stop back; this link shows the request that goes on."""
    if not link.access.is_expired(now):
        with desk.tenant(link.claim.tenant_id) as conn:
            stopping.resume(conn, request_id=link.request_id, now=now)
    return RedirectResponse(link.path(request), 303)


@router.post("/{token}/other", dependencies=[Depends(refuse_foreign_form)])
def none_suits(request: Request, desk: TheDesk, link: TheLink, now: Now) -> Response:
    """Ask a person to find another date with the owner."""
    if not link.access.is_expired(now):
        with desk.tenant(link.claim.tenant_id) as conn:
            outcome = planner.ask_for_human(
                conn, request_id=link.request_id, reason="None of the dates suits the owner.", now=now
            )
        if isinstance(outcome, planner.Refused):
            return RedirectResponse(link.path(request, note="settled"), 303)
    return RedirectResponse(link.path(request, note="asked"), 303)


@router.post("/{token}/link", dependencies=[Depends(refuse_foreign_form)])
def send_new_link(request: Request, desk: TheDesk, link: AnyLink, now: Now) -> Response:
    """Send a new link to the address that we know of the owner; never to one that is given here."""
    with desk.tenant(link.claim.tenant_id) as conn:
        row = _request(conn, link)
        ask_for_link(conn, row, now=now)
        t = voice(request, row.owner_language)
    return message(
        request,
        t,
        title=t.gettext("A new link is on its way"),
        text=t.gettext("We have sent it to the e-mail address that we know of you. Please open it from there."),
        status=200,
    )


@router.get("/{token}/appointment.ics")
def calendar_file(request: Request, desk: TheDesk, link: TheLink, now: Now) -> Response:
    """Give the appointment as a calendar file."""
    with desk.tenant(link.claim.tenant_id) as conn:
        row = _request(conn, link)
        t = voice(request, row.owner_language)
        appointment = latest_appointment(conn, row.request_id)
        if appointment is None or link.access.is_expired(now):
            return _no_appointment(request, t)
        matter = Matter(row, find_centre(conn, appointment.centre_id), (), appointment)
    method = "CANCEL" if appointment.state == "cancelled" else "PUBLISH"
    content = invitation(
        matter,
        appointment,
        t,
        method=method,
        mail_from=desk.settings.mail_from,
        link=f"{desk.settings.base_url}/o/{link.token}",
        now=now,
    )
    headers = PERSONAL | {"Content-Disposition": f'attachment; filename="{row.reference}.ics"'}
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


def _no_appointment(request: Request, t: Translator) -> Response:
    return message(
        request,
        t,
        title=t.gettext("There is no booked date yet"),
        text=t.gettext("Go back to your page and choose a date first; then the calendar file is here."),
        status=404,
    )


def _request(conn: Connection, link: OwnerLink) -> RequestRow:
    row = find_request(conn, link.request_id)
    if row is None:
        raise UnknownLinkError
    return row
