"""One device on the planner's desk: its card, its state, its last readings, its story; and retiring it or taking it back."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from dashboards.attention import attending
from dashboards.curves import Curve, figures_of
from dashboards.desk import Now, TheDesk
from dashboards.figures import Figure, element_label
from dashboards.lasts import told
from dashboards.liveness import state_of
from dashboards.login import Session, TheSession, own_form
from dashboards.render import message, page
from dashboards.reports import numbers, off_by, reports_of, seen
from dashboards.request import Reason
from devices.product import ProductType
from devices.products import product_type
from devices.signals import Kind
from gateway.admission import retiring
from gateway.storage.connection import Connection
from gateway.storage.pages import signal as readings
from gateway.storage.pages import story
from gateway.storage.pages.devices import DeviceFacts, find_device, listened_at
from gateway.storage.pages.latest import Latest, latest
from gateway.storage.pages.series import Span
from gateway.texts import Translator
from gateway.texts.voice import named_zone

router: Final = APIRouter(prefix="/planner/devices", include_in_schema=False)

DeviceName = Annotated[str, Path(max_length=100)]

_FIGURES: Final = 3
_FIGURE_SPAN: Final = timedelta(days=1)
_LINE_STEP, _BAR_STEP = timedelta(minutes=15), timedelta(hours=1)


@router.get("/{device}")
def show(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    now: Now,
    device: DeviceName,
    gaps: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Show a device with its state, last readings, how it reports, events, findings and requests."""
    t = session.translator
    with desk.tenant(session.tenant_id) as conn:
        card = find_device(conn, device)
        if card is None:
            return no_device(request, session)
        product = product_type(card.product)
        newest = latest(conn, product, card.device_id, now)
        context: dict[str, object] = {
            "request": request,
            "session": session,
            "now": now,
            "card": card,
            "product": product,
            "zone_name": named_zone(card.time_zone).key,
            "state": state_of(card, listened_at(conn, now)),
            "in_warranty": card.warranty_until is not None and now.date() <= card.warranty_until,
            "newest": newest,
            "lasts": [told(last, t) for last in newest.lasts.values()] if newest else [],
            "unheard": [s for name, s in product.signals.items() if newest is None or name not in newest.lasts],
            "figures": _figures(conn, card, product, newest, t),
            "element_label": element_label,
            "reports": reports_of(conn, card.device_id, gaps),
            "seen": seen,
            "off_by": off_by,
            "numbers": numbers,
        } | _story(conn, card, product, newest.at if newest else now, now)
    return page("device.html", t, context)


def no_device(request: Request, session: Session) -> Response:
    """Return the page that says that the tenant has no such device."""
    t = session.translator
    return message(
        request,
        t,
        title=t.gettext("There is no such device"),
        text=t.gettext(
            "Its name may be mistyped, or it belongs to another service desk. Go back to the devices and search for it."
        ),
        status=404,
    )


def _story(
    conn: Connection, card: DeviceFacts, product: ProductType, ends_at: datetime, now: datetime
) -> dict[str, object]:
    signals = [signal for signal in product.signals.values() if signal.kind is Kind.CODES]
    span = story.codes_span(conn, product.name, card.device_id, ends_at)
    spells = [
        spell
        for signal in signals
        for spell in story.code_spells(conn, product.name, signal.name, card.device_id, span)
    ]
    return {
        "spells": spells[: story.ROWS],
        "codes_span": span,
        "attending": attending(conn, product, card.device_id, story.symptoms(conn, card.device_id), now),
        "diagnoses": story.diagnoses(conn, card.device_id),
        "requests": story.requests(conn, card.device_id),
        "acts": story.acts(conn, card.device_id),
        "has_rejections": story.has_rejections(conn, card.device_id),
    }


def _figures(
    conn: Connection, card: DeviceFacts, product: ProductType, newest: Latest | None, t: Translator
) -> list[tuple[str, Figure]]:
    """Return the last day of the signals that evidence is drawn from, each with its name."""
    if newest is None:
        return []
    span = Span(newest.at - _FIGURE_SPAN, newest.at + timedelta(minutes=1))
    zone = named_zone(card.time_zone)
    found: list[tuple[str, Figure]] = []
    for name in dict.fromkeys(plot.signal for plot in product.plots.values()):
        signal = product.signals[name]
        if name not in newest.lasts or signal.kind in {Kind.FLAG, Kind.CODES} or len(found) == _FIGURES:
            continue
        is_counter = signal.kind is Kind.COUNTER
        step = _BAR_STEP if is_counter else _LINE_STEP
        reach = Span(span.begins_at - step, span.ends_at) if is_counter else span
        points = readings.points(conn, product, signal, device_id=card.device_id, span=reach, step=step, zone=zone)
        if isinstance(points, readings.Points):
            curve = Curve(signal, readings.from_instant(points, span.begins_at - step), span, step, 0, zone.key)
            found += [(name, each) for each in figures_of(curve, t)[:1]]
    return found


# ---------------------------------------------------------------- retiring a device, and taking it back


@router.get("/{device}/retire")
def ask(request: Request, desk: TheDesk, session: TheSession, now: Now, device: DeviceName) -> Response:
    """Say what retiring a device, or taking it back, will do, and ask why."""
    with desk.tenant(session.tenant_id) as conn:
        card = find_device(conn, device)
        if card is None:
            return no_device(request, session)
        requests = [each for each in story.requests(conn, card.device_id) if each.closed_at is None]
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "card": card,
        "requests": requests,
    }
    return page("retire.html", session.translator, context)


@router.post("/{device}/retire", dependencies=[Depends(own_form)])
def retire(
    request: Request, desk: TheDesk, session: TheSession, now: Now, device: DeviceName, reason: Reason
) -> Response:
    """Retire a device: cut it off, and cancel what is open for it."""
    with desk.tenant(session.tenant_id) as conn:
        card = find_device(conn, device)
        if card is None:
            return no_device(request, session)
        retiring.retire(conn, device_id=card.device_id, staff_id=session.staff.staff_id, reason=reason, now=now)
    return RedirectResponse(f"/planner/devices/{card.name}", 303)


@router.post("/{device}/return", dependencies=[Depends(own_form)])
def take_back(
    request: Request, desk: TheDesk, session: TheSession, now: Now, device: DeviceName, reason: Reason
) -> Response:
    """Take a retired device back."""
    with desk.tenant(session.tenant_id) as conn:
        card = find_device(conn, device)
        if card is None:
            return no_device(request, session)
        retiring.take_back(conn, device_id=card.device_id, staff_id=session.staff.staff_id, reason=reason, now=now)
    return RedirectResponse(f"/planner/devices/{card.name}", 303)
