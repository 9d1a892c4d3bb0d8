"""Staff come in by a link that works once; then a session's cookie opens the planner's pages for twelve hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from dashboards.desk import Now, TheDesk
from dashboards.guards import ForeignFormError, refuse_foreign_form
from dashboards.render import message, page, voice
from gateway import access
from gateway.access import SESSION_LIFETIME, Claim, Purpose
from gateway.health.alarms import Alarm
from gateway.storage.alarms import ended_alarms, open_alarms
from gateway.storage.pages.door import StaffRow, find_staff
from gateway.texts import Translator

router: Final = APIRouter(include_in_schema=False)

COOKIE: Final = "callout_session"
_ENDED_FOR: Final = timedelta(days=1)


class NotLoggedInError(Exception):
    """A planner's page was asked for without a session, or with one that is over."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who looks at the planner's pages; `form_key` goes into each form of his."""

    claim: Claim
    staff: StaffRow
    form_key: str
    translator: Translator
    ends_at: datetime
    seen_at: datetime
    # What is wrong with the desk itself: it stands above every page.
    alarms: Sequence[Alarm]
    # What is not measured any more, and why: for a day, so that nobody takes it for well.
    ended_alarms: Sequence[Alarm]

    @property
    def tenant_id(self) -> int:
        """Whose rows he may see."""
        return self.claim.tenant_id


def session_of(request: Request, desk: TheDesk, now: Now) -> Session:
    """Return the session that the cookie names.

    Raises
    ------
    NotLoggedInError
        There is none, it is not ours, or it has ended.
    """
    claim = access.read(desk.settings, request.cookies.get(COOKIE, ""), Purpose.PLANNER_SESSION)
    if claim is None:
        raise NotLoggedInError
    with desk.tenant(claim.tenant_id) as conn:
        found = access.find(conn, claim)
        if found is None or found.staff_id is None or found.is_expired(now):
            raise NotLoggedInError
        staff = find_staff(conn, found.staff_id)
        alarms, ended = open_alarms(conn), ended_alarms(conn, now - _ENDED_FOR)
    if staff is None:
        raise NotLoggedInError
    form_key = access.form_key(desk.settings, claim)
    return Session(claim, staff, form_key, voice(request, staff.language), found.expires_at, now, alarms, ended)


TheSession = Annotated[Session, Depends(session_of)]


def own_form(request: Request, session: TheSession, key: Annotated[str, Form()] = "") -> None:
    """Refuse a form that does not come from a page of this session.

    Raises
    ------
    ForeignFormError
        Another site sent it, or it carries another session's key.
    """
    refuse_foreign_form(request)
    if key != session.form_key:
        raise ForeignFormError


@router.get("/login/{token}")
def show_login(request: Request, token: str, desk: TheDesk, now: Now) -> Response:
    """Show the button that logs in; looking at the link does not use it up."""
    t = voice(request)
    claim = access.read(desk.settings, token, Purpose.PLANNER_LOGIN)
    if claim is None:
        return _login_over(request, t)
    with desk.tenant(claim.tenant_id) as conn:
        found = access.find(conn, claim)
        staff = find_staff(conn, found.staff_id) if found and found.staff_id is not None else None
    if found is None or staff is None or found.used_at is not None or found.is_expired(now):
        return _login_over(request, t)
    t = voice(request, staff.language)
    return page("login.html", t, {"request": request, "token": token, "staff": staff})


@router.post("/login/{token}", dependencies=[Depends(refuse_foreign_form)])
def log_in(request: Request, token: str, desk: TheDesk, now: Now) -> Response:
    """Use the link up and begin a session."""
    claim = access.read(desk.settings, token, Purpose.PLANNER_LOGIN)
    if claim is None:
        return _login_over(request, voice(request))
    with desk.tenant(claim.tenant_id) as conn:
        session = access.open_session(conn, desk.settings, claim, now=now)
    if session is None:
        return _login_over(request, voice(request))
    response = RedirectResponse("/planner", 303)
    response.set_cookie(
        COOKIE,
        session,
        max_age=int(SESSION_LIFETIME.total_seconds()),
        path="/planner",
        secure=desk.settings.base_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return response


@router.post("/planner/logout", dependencies=[Depends(own_form)])
def log_out(request: Request, desk: TheDesk, session: TheSession, now: Now) -> Response:
    """End the session, here and in the database."""
    with desk.tenant(session.tenant_id) as conn:
        access.close_session(conn, session.claim, now=now)
    t = session.translator
    response = message(
        request,
        t,
        title=t.gettext("You are signed out"),
        text=t.gettext("To come back, open a new login link."),
        status=200,
    )
    response.delete_cookie(COOKIE, path="/planner")
    return response


def _login_over(request: Request, t: Translator) -> Response:
    return message(
        request,
        t,
        title=t.gettext("This login link no longer works"),
        text=t.gettext(
            "A login link works once and for fifteen minutes. Ask whoever runs your service desk for a new one."
        ),
        status=410,
    )
