"""The planner's pages of incidents: regions that fell silent, each one problem of one person, closed with a word."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from dashboards.decisions import receipt_file
from dashboards.desk import Now, TheDesk
from dashboards.liveness import state_of
from dashboards.login import TheSession, own_form
from dashboards.numbers import LARGEST_BIGINT, Number
from dashboards.render import message, page
from devices.products import product_type
from diagnostics.receipt import read
from gateway.decisions.gathering import close_by_hand
from gateway.notices.incident import place_of
from gateway.storage.pages import devices, incidents
from gateway.storage.pages.devices import Wanted
from gateway.storage.receipts import Decision, decisions_of_incident, find_decision

router: Final = APIRouter(prefix="/planner/incidents", include_in_schema=False)

ROWS: Final = 50
_MOST_OPEN: Final = 200
_DEVICES: Final = 20
_DECISIONS: Final = 20
IncidentId = Number
Before = Annotated[int | None, Query(ge=1, le=LARGEST_BIGINT)]
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


@router.get("/{incident_id}")
def show_one(request: Request, desk: TheDesk, session: TheSession, now: Now, incident_id: IncidentId) -> Response:
    """Show an incident with the first of its devices; the list of devices has them all."""
    t = session.translator
    with desk.tenant(session.tenant_id) as conn:
        row = incidents.find_incident(conn, incident_id)
        if row is None:
            return message(
                request,
                t,
                title=t.gettext("There is no such incident"),
                text=t.gettext("Its number may be mistyped, or it belongs to another service desk."),
                status=404,
            )
        state_at = partial(state_of, listened_at=devices.listened_at(conn, now))
        found = devices.listed(conn, Wanted(incident=incident_id), state_at, below=None, limit=_DEVICES)
        accounts = [_account(each) for each in decisions_of_incident(conn, incident_id, _DECISIONS)]
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "row": row,
        "accounts": accounts,
        "product": product_type(row.product),
        "place_of": place_of,
        "found": found,
        "state_of": state_at,
    }
    return page("incident.html", t, context)


@dataclass(frozen=True, slots=True)
class Account:
    """A decision about a region as its receipt tells it: of `silent` devices `joined` are the incident's, and by which figures.

    `quiet` of `alive` devices were last heard at about the same time; both are 0 where nobody had to ask.
    """

    decision_id: int
    decided_at: datetime
    opened: bool
    silent: int
    joined: int
    quiet: int
    alive: int
    fewest: int
    large_share: float
    many: int
    sha256: str
    program: str


def _account(decision: Decision) -> Account:
    told = read(decision.receipt)
    return Account(
        decision_id=decision.decision_id,
        decided_at=decision.decided_at,
        opened=told["outcome"]["kind"] == "incident",
        silent=told["silent"],
        joined=len(told["outcome"]["devices"]),
        quiet=told["quiet"],
        alive=told["alive"],
        fewest=told["rules"]["fewest"],
        large_share=told["rules"]["large_share"],
        many=told["rules"]["many"],
        sha256=decision.sha256,
        program=f"{told['software']['version']}, {told['software']['engine_sha256'][:16]}",
    )


@router.get("/{incident_id}/decisions/{decision_id}")
def download(
    request: Request, desk: TheDesk, session: TheSession, incident_id: IncidentId, decision_id: IncidentId
) -> Response:
    """Hand over the receipt of a decision about an incident as JSON, with its number and its hash beside what is hashed."""
    with desk.tenant(session.tenant_id) as conn:
        decision = find_decision(conn, decision_id)
    if decision is None or decision.incident_id != incident_id:
        t = session.translator
        return message(
            request,
            t,
            title=t.gettext("There is no such decision"),
            text=t.gettext("Its number may be mistyped, or it is about another incident. Go back to the incidents."),
            status=404,
        )
    return receipt_file(decision)


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
