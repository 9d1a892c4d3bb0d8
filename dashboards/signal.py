"""One signal of one device over time: its figure, the same numbers as a table and as CSV, and steps back and forth."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from math import isfinite
from typing import Annotated, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from dashboards.curves import Curve, figures_of, table, told_rows
from dashboards.desk import Now, TheDesk
from dashboards.device import DeviceName, no_device
from dashboards.login import TheSession
from dashboards.render import PERSONAL, message, page
from devices.product import ProductType
from devices.products import product_type
from devices.signals import Kind, Signal
from gateway.storage.connection import Connection
from gateway.storage.pages import signal as readings
from gateway.storage.pages import story
from gateway.storage.pages.devices import DeviceFacts, find_device
from gateway.storage.pages.latest import newest_at
from gateway.storage.pages.series import Span
from gateway.texts import Translator, msgid
from gateway.texts.voice import named_zone

router: Final = APIRouter(prefix="/planner/devices/{device}/signals", include_in_schema=False)

_LONGEST: Final = timedelta(days=3653)
_FIRST_AT: Final = datetime(2001, 1, 1, tzinfo=UTC)
_LINE_POINTS, _BARS = 180, 60
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a plot reaches, and how long one of its points, or bars, lasts."""

    title: str
    length: timedelta
    step: timedelta
    bar: timedelta


REACHES: Final = {
    "6h": Reach(msgid("6 hours"), timedelta(hours=6), 2 * _MINUTE, 30 * _MINUTE),
    "day": Reach(msgid("Day"), _DAY, 10 * _MINUTE, 60 * _MINUTE),
    "week": Reach(msgid("Week"), 7 * _DAY, 60 * _MINUTE, 360 * _MINUTE),
    "month": Reach(msgid("Month"), 30 * _DAY, 360 * _MINUTE, _DAY),
    "year": Reach(msgid("Year"), 365 * _DAY, 2 * _DAY, 7 * _DAY),
    "all": Reach(msgid("All"), _LONGEST, 20 * _DAY, 60 * _DAY),
}


@dataclass(frozen=True, slots=True)
class Words:
    """The words of an address, as they came: which signal, how far, up to when, and which element of a vector."""

    signal: Annotated[str, Path(max_length=100)]
    span: str = "day"
    end: str = ""
    element: Annotated[str, Query(max_length=6)] = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an address asks for, made good."""

    card: DeviceFacts
    product: ProductType
    signal: Signal
    which: str
    span: Span
    step: timedelta
    element: int
    zone: ZoneInfo
    now: datetime


@router.get("/{signal}")
def show(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    now: Now,
    device: DeviceName,
    words: Annotated[Words, Depends()],
) -> Response:
    """Show a signal; an odd span, end or element is taken for the usual one."""
    t = session.translator
    with desk.tenant(session.tenant_id) as conn:
        card = find_device(conn, device)
        if card is None:
            return no_device(request, session)
        asked = _asked(conn, card, words, now)
        if asked is None:
            return _no_signal(request, t)
        curve = _curve(conn, asked)
        is_codes = asked.signal.kind is Kind.CODES
        spells = _spells(conn, asked) if is_codes else []
    columns, rows = table(curve, t) if isinstance(curve, Curve) else ((), [])
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "card": card,
        "signal": asked.signal,
        "which": asked.which,
        "reaches": REACHES,
        "span": asked.span,
        "zone_name": asked.zone.key,
        "figures": figures_of(curve, t) if isinstance(curve, Curve) else (),
        "too_many": curve.samples if isinstance(curve, readings.TooMany) else 0,
        "is_codes": is_codes,
        "spells": spells,
        "columns": columns,
        "rows": told_rows(rows, t, asked.zone.key),
        "element": asked.element,
        "spans": {name: _address(asked, span=name) for name in REACHES},
        "download": _address(asked, end_at=asked.span.ends_at, what="/readings.csv"),
    } | _steps(asked)
    return page("signal.html", t, context)


@router.get("/{signal}/readings.csv")
def download(
    request: Request,
    desk: TheDesk,
    session: TheSession,
    now: Now,
    device: DeviceName,
    words: Annotated[Words, Depends()],
) -> Response:
    """Hand the numbers of a plot over as CSV: times in UTC, numbers with a point, in the signal's own unit."""
    t = session.translator
    with desk.tenant(session.tenant_id) as conn:
        card = find_device(conn, device)
        if card is None:
            return no_device(request, session)
        asked = _asked(conn, card, words, now)
        if asked is None:
            return _no_signal(request, t)
        curve = _curve(conn, asked)
    text = StringIO()
    writer = csv.writer(text)
    columns, rows = table(curve, t) if isinstance(curve, Curve) else ((), [])
    unit = f" ({asked.signal.unit})" if asked.signal.unit else ""
    writer.writerow([t.gettext("Time"), *(f"{column}{unit}" for column in columns)])
    for at, numbers in rows:
        writer.writerow(
            [at.astimezone(UTC).isoformat(), *(repr(value) if isfinite(value) else "" for value in numbers)]
        )
    name = f"{card.name}-{asked.signal.name}-{asked.span.begins_at:%Y%m%d%H%M}-{asked.which}.csv"
    headers = PERSONAL | {"Content-Disposition": f'attachment; filename="{name}"'}
    # The mark at the beginning tells spreadsheets that this is UTF-8.
    return Response("\ufeff" + text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _no_signal(request: Request, t: Translator) -> Response:
    return message(
        request,
        t,
        title=t.gettext("There is no such signal"),
        text=t.gettext("This kind of device does not declare it. Go back to the device and choose one of its signals."),
        status=404,
    )


def _asked(conn: Connection, card: DeviceFacts, words: Words, now: datetime) -> _Asked | None:
    product = product_type(card.product)
    declared = product.signals.get(words.signal)
    if declared is None:
        return None
    chosen = words.span if words.span in REACHES else "day"
    reach = REACHES[chosen]
    span = _span(conn, card, reach, _instant(words.end), now)
    step = reach.bar if declared.kind is Kind.COUNTER else reach.step
    if chosen == "all":
        pieces = _BARS if declared.kind is Kind.COUNTER else _LINE_POINTS
        step = max(_DAY, timedelta(days=-(-span.length // (_DAY * pieces))))
    return _Asked(
        card=card,
        product=product,
        signal=declared,
        which=chosen,
        span=span,
        step=step,
        element=int(words.element) if words.element.isascii() and words.element.isdecimal() else 0,
        zone=named_zone(card.time_zone),
        now=now,
    )


def _span(conn: Connection, card: DeviceFacts, reach: Reach, end_at: datetime | None, now: datetime) -> Span:
    """Return what is plotted: up to the given end, else up to now, or to the newest reading of a device that is quiet."""
    if end_at is None:
        newest = newest_at(conn, card.product, card.device_id, now)
        is_quiet = newest is not None and newest < now - reach.length / 2
        end_at = newest + _MINUTE if newest is not None and is_quiet else now
    if reach.length < _LONGEST:
        return Span(end_at - reach.length, end_at)
    first = readings.first_hour_at(conn, card.product, card.device_id, since_at=end_at - _LONGEST)
    return Span(min(first or end_at - _DAY, end_at - _DAY), end_at)


def _instant(text: str) -> datetime | None:
    """Read the end of a plot out of an address; None for what is none, or lies where no reading can."""
    try:
        at = datetime.fromisoformat(text[:40].strip())
    except ValueError:
        return None
    # A naive time is one of UTC; far from both ends of the calendar, so that spans can be taken from it.
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return at if _FIRST_AT <= at <= _FIRST_AT + 20 * _LONGEST / 2 else None


def _curve(conn: Connection, asked: _Asked) -> Curve | readings.TooMany | None:
    if asked.signal.kind is Kind.CODES:
        return None
    is_counter = asked.signal.kind is Kind.COUNTER
    # A counter's first bar needs the register before it.
    begins_at = asked.span.begins_at - asked.step if is_counter else asked.span.begins_at
    points = readings.points(
        conn,
        asked.product,
        asked.signal,
        device_id=asked.card.device_id,
        span=Span(begins_at, asked.span.ends_at),
        step=asked.step,
        zone=asked.zone,
        element=asked.element if asked.signal.kind is Kind.VECTOR else 0,
    )
    if isinstance(points, readings.TooMany):
        return points
    kept = readings.from_instant(points, asked.span.begins_at - asked.step)
    return Curve(asked.signal, kept, asked.span, asked.step, asked.element, asked.zone.key)


def _spells(conn: Connection, asked: _Asked) -> list[story.CodeSpell]:
    if readings.samples_in(conn, asked.product.name, asked.card.device_id, asked.span) > readings.SAMPLES_AT_MOST:
        return []
    return story.code_spells(conn, asked.product.name, asked.signal.name, asked.card.device_id, asked.span)


def _address(asked: _Asked, *, span: str = "", end_at: datetime | None = None, what: str = "") -> str:
    query = {"span": span or asked.which}
    if end_at is not None:
        query["end"] = end_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if asked.element:
        query["element"] = str(asked.element)
    return f"/planner/devices/{asked.card.name}/signals/{asked.signal.name}{what}?{urlencode(query)}"


def _steps(asked: _Asked) -> dict[str, object]:
    """Return the addresses of the steps back and forth; none beyond now, and none where all is shown."""
    if asked.which == "all":
        return {"earlier": "", "later": ""}
    after = asked.span.ends_at + asked.span.length
    return {
        "earlier": _address(asked, end_at=asked.span.begins_at),
        "later": _address(asked, end_at=min(after, asked.now)) if asked.span.ends_at < asked.now else "",
    }
