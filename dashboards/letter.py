"""One letter of the outbox as its reader gets it, without the link that opens the reader's own page."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from dashboards.desk import Desk, Now, TheDesk
from dashboards.login import Session, TheSession
from dashboards.numbers import Number
from dashboards.render import PERSONAL, message, page
from gateway.notices.notice import NoticeError
from gateway.notices.reading import Read, read_letter
from gateway.storage.pages.door import desk_zone

router: Final = APIRouter(prefix="/planner/outbox", include_in_schema=False)

NoticeId = Number
# The letter's own HTML is shown in a frame of ours that runs nothing, loads nothing and leads nowhere.
_FRAMED: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}
_FRAMING: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
}


@router.get("/{notice_id}")
def show(request: Request, desk: TheDesk, session: TheSession, now: Now, notice_id: NoticeId) -> Response:
    """Show a letter: to whom, when, and what it says."""
    t = session.translator
    with desk.tenant(session.tenant_id) as conn:
        zone_name = desk_zone(conn)
    read = _read(desk, session, now, notice_id)
    if read is None:
        return _no_letter(request, session)
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "read": read,
        "notice": read.notice,
        "zone_name": zone_name,
    }
    return page("letter.html", t, context, headers=_FRAMING)


@router.get("/{notice_id}/letter")
def show_html(request: Request, desk: TheDesk, session: TheSession, now: Now, notice_id: NoticeId) -> Response:
    """Show the HTML of a letter, for the frame on its page."""
    read = _read(desk, session, now, notice_id)
    if read is None:
        return _no_letter(request, session)
    return HTMLResponse(read.html, headers=PERSONAL | _FRAMED)


def _read(desk: Desk, session: Session, now: Now, notice_id: int) -> Read | None:
    with desk.tenant(session.tenant_id) as conn:
        try:
            return read_letter(conn, desk.settings, notice_id, now)
        except NoticeError:
            # A kind of letter that this version does not write: as if it were not there.
            return None


def _no_letter(request: Request, session: Session) -> Response:
    t = session.translator
    return message(
        request,
        t,
        title=t.gettext("There is no such letter"),
        text=t.gettext("Its number may be mistyped, or it belongs to another service desk. Go back to the outbox."),
        status=404,
    )
