"""A technician's pages behind a link of his own: his day and what to bring, each visit, what he found, and his calendar.

GET changes nothing. The link opens his visits alone; a newer one takes its place, and who is retired opens nothing.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Path, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from dashboards.completing import Note, Step
from dashboards.days import day_of, whole_day
from dashboards.desk import Now, TheDesk
from dashboards.figures import element_label, figures
from dashboards.guards import refuse_foreign_form
from dashboards.links import ExpiredLinkError, UnknownLinkError, opened
from dashboards.login import TheSession, own_form
from dashboards.numbers import LARGEST_BIGINT
from dashboards.render import PERSONAL, message, page, same_language, voice
from dashboards.schedule import CentreId
from devices.products import product_type
from gateway import access
from gateway.access import Purpose
from gateway.dates import completing
from gateway.dates.completing import Report
from gateway.notices.matter import Matter
from gateway.notices.visit_calendar import stop_of, visit_calendar
from gateway.planner import Refused
from gateway.storage import calendars
from gateway.storage.connection import Connection
from gateway.storage.pages import history, schedule, visits
from gateway.storage.pages.request import find_request
from gateway.storage.pages.visits import TechnicianRow, VisitPart, VisitRow
from gateway.texts import Translator
from workflows.completing import Found
from workflows.dates import Interval

router: Final = APIRouter(include_in_schema=False)

_FIGURES: Final = 2
# A calendar shows what was and what is promised; farther ahead nobody promises anything.
_BACK: Final = timedelta(days=14)
_AHEAD: Final = timedelta(days=90)
# Who is away for longer tells his planner.
_MOST_DAYS_AWAY: Final = 31
AppointmentId = Annotated[int, Path(ge=1, le=LARGEST_BIGINT)]


@dataclass(frozen=True, slots=True)
class TechnicianLink:
    """A link that is ours: its text, its tenant, and whose visits it opens; `is_over` when it opens them no more."""

    token: str
    tenant_id: int
    technician: TechnicianRow
    is_over: bool

    @property
    def base(self) -> str:
        """The path of his day."""
        return f"/t/{self.token}"

    def path(self, request: Request, **query: str) -> str:
        """Return the path of his day, keeping the language that he chose."""
        return same_language(request, self.base, **query)


def _opened(desk: TheDesk, token: str, purpose: Purpose, now: datetime) -> TechnicianLink:
    claim, found = opened(desk, token, purpose)
    if found.technician_id is None:
        raise UnknownLinkError
    with desk.tenant(claim.tenant_id) as conn:
        technician = visits.find_technician(conn, found.technician_id)
    if technician is None:
        raise UnknownLinkError
    return TechnicianLink(
        token, claim.tenant_id, technician, found.is_expired(now) or technician.retired_at is not None
    )


def technician_link(request: Request, token: str, desk: TheDesk, now: Now) -> TechnicianLink:
    """Return whose visits a link opens.

    Raises
    ------
    UnknownLinkError
        Its signature is not ours or the database does not know it.
    ExpiredLinkError
        A form was sent to it, and it opens nothing any more.
    """
    link = _opened(desk, token, Purpose.TECHNICIAN, now)
    if request.method == "POST" and link.is_over:
        raise ExpiredLinkError(link.path(request))
    return link


TheLink = Annotated[TechnicianLink, Depends(technician_link)]


@router.get("/t/{token}")
def show_day(request: Request, desk: TheDesk, link: TheLink, now: Now, day: str = "", note: str = "") -> Response:
    """Show a day of his: what to bring, and each visit in the order in which he makes them."""
    t = voice(request)
    if link.is_over:
        return _over(request, t)
    zone = ZoneInfo(link.technician.time_zone)
    today = now.astimezone(zone).date()
    shown = day_of(day, today)
    whole = whole_day(shown, zone)
    with desk.tenant(link.tenant_id) as conn:
        rows = visits.visits_of(conn, link.technician.technician_id, whole, t.language)
        next_at = None if rows else visits.next_day_with_visits(conn, link.technician.technician_id, whole.end_at)
        away = [
            each
            for each in calendars.absences_at(conn, link.technician.centre_id, whole)
            if each.technician_id == link.technician.technician_id
        ]
    context: dict[str, object] = {
        "request": request,
        "link": link,
        "technician": link.technician,
        "shown": shown,
        "today": today,
        "yesterday": shown - timedelta(days=1),
        "tomorrow": shown + timedelta(days=1),
        "stops": [stop_of(row) for row in rows],
        "load": _load(rows),
        "next_day": None if next_at is None else next_at.astimezone(zone).date(),
        "away": away,
        "last_day": today + timedelta(days=_MOST_DAYS_AWAY),
        "note": note,
        "zone_name": link.technician.time_zone,
        "now": now,
    }
    return page("technician.html", t, context)


def _load(rows: list[VisitRow]) -> list[tuple[VisitPart, int]]:
    """What he takes along for the visits that are ahead: each part once, with how many of it."""
    wanted = [part for row in rows if row.is_ahead for part in row.parts]
    count: Counter[str] = Counter()
    for part in wanted:
        count[part.part_no] += part.count
    # One that is still on its way says so for all of its number, and one that is needed stands before those in case.
    told = {part.part_no: part for part in sorted(wanted, key=lambda part: (not part.is_extra, not part.is_here))}
    return [(told[part_no], count[part_no]) for part_no in count]


@router.get("/t/{token}/visits/{appointment_id}")
def show_visit(
    request: Request, desk: TheDesk, link: TheLink, now: Now, appointment_id: AppointmentId, why: str = ""
) -> Response:
    """Show one visit of his with the evidence, and ask what he found."""
    t = voice(request)
    if link.is_over:
        return _over(request, t)
    with desk.tenant(link.tenant_id) as conn:
        visit = visits.find_visit(conn, link.technician.technician_id, appointment_id, t.language, now)
        row = None if visit is None else find_request(conn, visit.request_id)
        if visit is None or row is None:
            return _not_his(request, link, t)
        zone_name = link.technician.time_zone
        product = product_type(row.product)
        context: dict[str, object] = {
            "request": request,
            "link": link,
            "session": None,
            "technician": link.technician,
            "visit": visit,
            "row": row,
            "product": product,
            "name": stop_of(visit).name,
            "fault": Matter(row, None).fault(),
            "hypotheses": row.ranked(),
            "element_label": element_label,
            "figures": figures(conn, row, t, zone_name=zone_name, now=now, at_most=_FIGURES),
            "parts": history.reserved_parts(conn, row.request_id, t.language),
            "action": f"{link.base}/visits/{appointment_id}",
            "has_begun": now >= visit.begins_at,
            "why": why if why in _REFUSALS.values() else "",
            "zone_name": zone_name,
            "day": visit.sets_out_at.astimezone(ZoneInfo(zone_name)).date(),
        }
    return page("visit.html", t, context)


@router.post("/t/{token}/visits/{appointment_id}/complete", dependencies=[Depends(refuse_foreign_form)])
def complete(
    request: Request,
    desk: TheDesk,
    link: TheLink,
    now: Now,
    appointment_id: AppointmentId,
    finding: Annotated[Found, Form()],
    part: Annotated[list[int] | None, Form(max_length=50)] = None,
    note: Note = "",
    next_step: Step = completing.Next.DATES,
) -> Response:
    """End a visit by what he found: repaired, nothing wrong, or not done."""
    t = voice(request)
    report = Report(finding, frozenset(part or ()), note, next_step)
    technician_id = link.technician.technician_id
    with desk.tenant(link.tenant_id) as conn:
        visit = visits.find_visit(conn, technician_id, appointment_id, t.language, now)
        if visit is None:
            return _not_his(request, link, t)
        outcome = completing.complete_visit(
            conn,
            request_id=visit.request_id,
            appointment_id=appointment_id,
            technician_id=technician_id,
            report=report,
            now=now,
        )
    day = visit.sets_out_at.astimezone(ZoneInfo(link.technician.time_zone)).date().isoformat()
    if isinstance(outcome, Refused):
        why = _REFUSALS.get(outcome.reason, "changed")
        return RedirectResponse(same_language(request, f"{link.base}/visits/{appointment_id}", why=why), 303)
    return RedirectResponse(link.path(request, day=day, note="said"), 303)


# What stands on his page when a report is refused.
_REFUSALS: Final = {
    completing.TOO_EARLY: "early",
    completing.OTHER_PARTS: "parts",
    completing.WHY_NOT: "note",
    completing.NOT_YOURS: "changed",
    completing.SAID_OTHERWISE: "otherwise",
}


@router.post("/t/{token}/away", dependencies=[Depends(refuse_foreign_form)])
def be_away(
    request: Request,
    desk: TheDesk,
    link: TheLink,
    now: Now,
    kind: Annotated[Literal["sick", "other"], Form()],
    until: Annotated[date, Form()],
) -> Response:
    """Say that he cannot come from now to the end of a day; the sweep sees to what he has promised."""
    zone = ZoneInfo(link.technician.time_zone)
    today = now.astimezone(zone).date()
    if not 0 <= (until - today).days <= _MOST_DAYS_AWAY:
        return RedirectResponse(link.path(request, note="wrong_day"), 303)
    with desk.tenant(link.tenant_id) as conn:
        entered = calendars.enter_absence(
            conn,
            technician_id=link.technician.technician_id,
            bay_id=None,
            during=Interval(now, whole_day(until, zone).end_at),
            kind=kind,
            note="",
            staff_id=None,
            now=now,
        )
    return RedirectResponse(link.path(request, note="twice" if entered is None else "away"), 303)


@router.post("/t/{token}/calendar", dependencies=[Depends(refuse_foreign_form)])
def make_calendar(request: Request, desk: TheDesk, link: TheLink, now: Now) -> Response:
    """Show the address of his calendar, once: a new one takes the place of the one before."""
    t = voice(request)
    with desk.tenant(link.tenant_id) as conn:
        address = access.issue_calendar_link(
            conn, desk.settings, tenant_id=link.tenant_id, technician_id=link.technician.technician_id, now=now
        )
    context: dict[str, object] = {
        "request": request,
        "link": link,
        "technician": link.technician,
        "address": f"{address}?lang={t.language}",
        "ends_at": now + access.CALENDAR_LIFETIME,
        "zone_name": link.technician.time_zone,
    }
    return page("technician_calendar.html", t, context)


@router.get("/t/{token}/visits.ics")
def calendar(request: Request, token: str, desk: TheDesk, now: Now) -> Response:
    """Hand over his visits as a calendar that a telephone reads again and again."""
    link = _opened(desk, token, Purpose.TECHNICIAN_CALENDAR, now)
    t = voice(request)
    if link.is_over:
        return _over(request, t)
    with desk.tenant(link.tenant_id) as conn:
        during = Interval(now - _BACK, now + _AHEAD)
        rows = visits.visits_of(conn, link.technician.technician_id, during, t.language)
    content = visit_calendar(
        rows,
        link.technician,
        t,
        tenant_id=link.tenant_id,
        mail_from=desk.settings.mail_from,
        now=now,
    )
    return Response(content, media_type="text/calendar; charset=utf-8", headers=PERSONAL)


@router.post("/planner/schedule/{centre_id}/link", dependencies=[Depends(own_form)])
def make_link(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    now: Now,
    centre_id: CentreId,
    who: Annotated[str, Form(max_length=40), StringConstraints(strip_whitespace=True)],
) -> Response:
    """Show the link to a technician's days, once, for the planner to hand over; it takes the place of the one before."""
    with desk.tenant(session.tenant_id) as conn:
        found = _technician_at(conn, centre_id, who)
        if found is None:
            return RedirectResponse(f"/planner/schedule/{centre_id}?note=unknown", 303)
        address = access.issue_technician_link(
            conn, desk.settings, tenant_id=session.tenant_id, technician_id=found.technician_id, now=now
        )
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "technician": found,
        "address": address,
        "ends_at": now + access.TECHNICIAN_LINK_LIFETIME,
        "centre_id": centre_id,
        "zone_name": found.time_zone,
    }
    return page("technician_link.html", session.translator, context)


def _technician_at(conn: Connection, centre_id: int, key: str) -> TechnicianRow | None:
    technician_id, _ = schedule.resource_ids(conn, centre_id, key)
    return None if technician_id is None else visits.find_technician(conn, technician_id)


def _over(request: Request, t: Translator) -> Response:
    return message(
        request,
        t,
        title=t.gettext("This link has expired"),
        text=t.gettext("Ask your planner for a new one. Your visits are as they were."),
        status=410,
    )


def _not_his(request: Request, link: TechnicianLink, t: Translator) -> Response:
    return message(
        request,
        t,
        title=t.gettext("This visit is not yours any more"),
        text=t.gettext("It was called off, or somebody else makes it. Go back to your day."),
        status=404,
        back=link.path(request),
    )
