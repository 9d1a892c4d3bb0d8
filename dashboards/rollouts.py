"""The planner's page of roll-outs: one remedy for many devices, how each stage stands, a new one, and the button that stops."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from dashboards.desk import Now, TheDesk
from dashboards.login import TheSession, own_form
from dashboards.numbers import Number
from dashboards.render import page
from devices.products import product_type, product_types
from gateway.notices.desk_words import ROLLOUT_REFUSALS
from gateway.notices.incident import place_of
from gateway.remedies import rolling
from gateway.storage import rollouts
from gateway.storage.pages import incidents

router: Final = APIRouter(prefix="/planner/rollouts", include_in_schema=False)

_SHOWN: Final = 30
RolloutId = Number
Word = Annotated[str, Form(max_length=80), StringConstraints(strip_whitespace=True)]
IncidentId = Annotated[str, Form(pattern=r"^(\d{1,18})?$")]
Remedy = Annotated[str, Form(max_length=200, pattern=r"^\w+/\w+/\w+$")]


@router.get("")
def show(request: Request, desk: TheDesk, session: TheSession) -> Response:
    """Show the newest roll-outs with their stages, and what can be rolled out."""
    with desk.tenant(session.tenant_id) as conn:
        rows = [(row, rollouts.progress(conn, row.rollout_id)) for row in rollouts.newest(conn, _SHOWN)]
        known = incidents.open_incidents(conn, limit=_SHOWN)
        known += incidents.closed_incidents(conn, before_id=None, limit=_SHOWN)
    refused = request.query_params.get("refused", "")
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "rows": rows,
        "product_type": product_type,
        "remedies": [
            (f"{product.name}/{fault}/{rung.name}", product.title, product.faults[fault].title, rung.title)
            for product in product_types().values()
            for fault, ladder in product.ladders.items()
            for rung in ladder
        ],
        "incidents": [(row, place_of(row, session.translator)) for row in known],
        "refused": refused if refused in ROLLOUT_REFUSALS else "",
    }
    return page("rollouts.html", session.translator, context)


@router.post("", dependencies=[Depends(own_form)])
def begin(
    desk: TheDesk,
    session: TheSession,
    now: Now,
    remedy: Remedy,
    model: Word = "",
    firmware: Word = "",
    incident: IncidentId = "",
) -> Response:
    """Begin a roll-out for all devices whose open request is about the fault, or those of one incident."""
    product, fault, rung = remedy.split("/")
    if product not in product_types():
        return RedirectResponse("/planner/rollouts", 303)
    with desk.tenant(session.tenant_id) as conn:
        outcome = rolling.begin(
            conn,
            product=product,
            fault=fault,
            rung=rung,
            staff_id=session.staff.staff_id,
            now=now,
            model=model,
            firmware=firmware,
            incident_id=int(incident) if incident else None,
        )
    match outcome:
        case rolling.NotBegun(reason=reason):
            return RedirectResponse(f"/planner/rollouts?{urlencode({'refused': reason})}", 303)
        case int():
            return RedirectResponse("/planner/rollouts", 303)


@router.post("/{rollout_id}/stop", dependencies=[Depends(own_form)])
def stop(desk: TheDesk, session: TheSession, now: Now, rollout_id: RolloutId) -> Response:
    """Let nothing more begin of a roll-out."""
    with desk.tenant(session.tenant_id) as conn:
        rolling.stop(conn, rollout_id=rollout_id, now=now)
    return RedirectResponse("/planner/rollouts", 303)
