"""What a planner does about a symptom's being heard: puts it aside, takes it out of service, puts it back, has seen it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from dashboards.desk import Now, TheDesk
from dashboards.device import DeviceName, no_device
from dashboards.login import Session, TheSession, own_form
from dashboards.render import message
from dashboards.request import Reason
from devices.products import product_type
from gateway.decisions import shelving
from gateway.planner import Done, Refused
from gateway.storage.pages.devices import find_device

router: Final = APIRouter(prefix="/planner/devices", include_in_schema=False, dependencies=[Depends(own_form)])

Lasts = Literal["hour", "shift", "day", "days", "week", "out"]
# What a planner chooses from; out of service has no end of its own.
LASTS: Final[Mapping[str, timedelta | None]] = {
    "hour": timedelta(hours=1),
    "shift": timedelta(hours=8),
    "day": timedelta(days=1),
    "days": timedelta(days=3),
    "week": timedelta(days=7),
    "out": None,
}
MonitorName = Annotated[str, Form(max_length=100)]
Element = Annotated[int, Form(ge=0, le=100_000)]


@router.post("/{device}/shelve")
def shelve(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    now: Now,
    device: DeviceName,
    monitor: MonitorName,
    lasts: Annotated[Lasts, Form()],
    reason: Reason,
    element: Element = 0,
) -> Response:
    """Put a symptom aside, or take its monitor out of service at this device."""
    with desk.tenant(session.tenant_id) as conn:
        card = find_device(conn, device)
        if card is None:
            return no_device(request, session)
        outcome = shelving.shelve(
            conn,
            product_type(card.product),
            card.device_id,
            (monitor, element),
            lasts=LASTS[lasts],
            staff_id=session.staff.staff_id,
            reason=reason,
            now=now,
        )
    return _back(request, session, card.name, outcome)


@router.post("/{device}/put-back")
def put_back(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    now: Now,
    device: DeviceName,
    monitor: MonitorName,
    element: Element = 0,
) -> Response:
    """End a shelf, or put back what is out of service."""
    with desk.tenant(session.tenant_id) as conn:
        card = find_device(conn, device)
        if card is None:
            return no_device(request, session)
        outcome = shelving.put_back(
            conn,
            product_type(card.product),
            card.device_id,
            (monitor, element),
            staff_id=session.staff.staff_id,
            now=now,
        )
    return _back(request, session, card.name, outcome)


@router.post("/{device}/seen")
def seen(request: Request, desk: TheDesk, session: TheSession, now: Now, device: DeviceName) -> Response:
    """Say that all symptoms of a device have been seen."""
    with desk.tenant(session.tenant_id) as conn:
        card = find_device(conn, device)
        if card is None:
            return no_device(request, session)
        shelving.acknowledge(conn, product_type(card.product), card.device_id, staff_id=session.staff.staff_id, now=now)
    return RedirectResponse(f"/planner/devices/{card.name}#findings", 303)


def _back(request: Request, session: Session, name: str, outcome: Done | Refused) -> Response:
    if isinstance(outcome, Done):
        return RedirectResponse(f"/planner/devices/{name}#findings", 303)
    t = session.translator
    title, text = t.gettext("This cannot be put aside"), t.gettext(outcome.reason)
    return message(request, t, title=title, text=text, status=409)
