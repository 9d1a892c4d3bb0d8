"""The planner's page of incidents: regions that fell silent, each one problem of one person, closed with a word."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from dashboards.desk import Now, TheDesk
from dashboards.login import TheSession, own_form
from dashboards.render import page
from devices.products import product_type
from gateway.gathering import close_by_hand
from gateway.notices.incident import place_of
from gateway.storage.pages import incidents

router: Final = APIRouter(prefix="/planner/incidents", include_in_schema=False)

ROWS: Final = 50
_MOST_OPEN: Final = 200
_LARGEST_ID: Final = 2**63 - 1
IncidentId = Annotated[int, Path(ge=1, le=_LARGEST_ID)]
Before = Annotated[int | None, Query(ge=1, le=_LARGEST_ID)]
Word = Annotated[str, Form(max_length=500), StringConstraints(strip_whitespace=True, min_length=1)]


@router.get("")
def show(request: Request, desk: TheDesk, session: TheSession, now: Now, before: Before = None) -> Response:
    """Show the open incidents by their clock, then the closed ones, newest first."""
    with desk.tenant(session.tenant_id) as conn:
        open_rows = [] if before else incidents.open_incidents(conn, limit=_MOST_OPEN)
        closed = incidents.closed_incidents(conn, before_id=before, limit=ROWS + 1)
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "open_rows": open_rows,
        "closed_rows": closed[:ROWS],
        "following": closed[ROWS - 1].incident_id if len(closed) > ROWS else None,
        "is_first": before is None,
        "product_type": product_type,
        "place_of": place_of,
    }
    return page("incidents.html", session.translator, context)


@router.post("/{incident_id}/close", dependencies=[Depends(own_form)])
def close(
    desk: TheDesk,
    session: TheSession,
    now: Now,
    incident_id: IncidentId,
    word: Word,
    one_by_one: Annotated[bool, Form()] = False,
) -> Response:
    """Close an incident with a word; closed twice, the first word stands."""
    with desk.tenant(session.tenant_id) as conn:
        close_by_hand(
            conn,
            incident_id=incident_id,
            staff_id=session.staff.staff_id,
            word=word,
            one_by_one=one_by_one,
            now=now,
        )
    return RedirectResponse("/planner/incidents", 303)
