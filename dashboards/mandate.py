"""The owner's page of what his device may do alone: a switch per clause, and what it did in his name.

It opens by a link of its own, and from the page of a request. GET changes nothing. A former owner sees what was done
while the device was his, and no switch; an owner sees nothing of those before him.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision
from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from dashboards.desk import Now, TheDesk
from dashboards.guards import refuse_foreign_form
from dashboards.links import ExpiredLinkError, UnknownLinkError, opened
from dashboards.owner import OwnerLink, living_link
from dashboards.render import message, page, same_language, voice
from devices.products import product_type
from gateway.access import Purpose
from gateway.notices.mandate_words import CLAUSES, CLAUSES_TOLD
from gateway.owners import owning
from gateway.storage import audit, beginnings, mandates, owners, supply
from gateway.storage.pages.owned import OwnedDevice, find_owned
from workflows.mandate import Clause
from workflows.money import Money

router: Final = APIRouter(include_in_schema=False)

_SHOWN: Final = 30
_LARGEST_MINOR: Final = 10**12
_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?:\.[0-9]{3})+")
# What people pay in where nothing else is known: by the owner's language.
_CURRENCIES: Final = {"en": "EUR", "ko": "KRW", "ja": "JPY"}
_OFFERED: Final = ("EUR", "KRW", "JPY", "USD", "GBP", "CHF")


@dataclass(frozen=True, slots=True)
class DeviceLink:
    """A link that opens one device to one owner, by whichever of the two ways it came."""

    tenant_id: int
    device_id: int
    owner_id: int
    base: str
    back: str
    is_expired: bool

    @property
    def begin_at(self) -> str:
        """Where its owner tells us what is wrong with it."""
        return f"{self.back or self.base}/begin"

    def path(self, request: Request, **query: str) -> str:
        """Return the page's path, keeping the language that the owner chose."""
        return same_language(request, self.base, **query)


def _of_device(request: Request, token: str, desk: TheDesk, now: Now) -> DeviceLink:
    claim, found = opened(desk, token, Purpose.OWNER_DEVICE)
    if found.device_id is None or found.owner_id is None:
        raise UnknownLinkError
    expired = found.is_expired(now)
    if request.method == "POST" and expired:
        raise ExpiredLinkError(f"/d/{token}")
    return DeviceLink(claim.tenant_id, found.device_id, found.owner_id, f"/d/{token}", "", expired)


def _of_request(link: Annotated[OwnerLink, Depends(living_link)], desk: TheDesk, now: Now) -> DeviceLink:
    with desk.tenant(link.claim.tenant_id) as conn:
        row = conn.execute(
            "SELECT device_id, owner_id FROM service_request WHERE request_id = %s", [link.request_id]
        ).fetchone()
    if row is None:
        raise UnknownLinkError
    base = f"/o/{link.token}"
    return DeviceLink(link.claim.tenant_id, row[0], row[1], f"{base}/device", base, link.access.is_expired(now))


def _show(request: Request, desk: TheDesk, link: DeviceLink, now: datetime) -> Response:
    with desk.tenant(link.tenant_id) as conn:
        device = find_owned(conn, link.device_id, link.owner_id)
        mine = owners.ownership(conn, link.device_id, link.owner_id)
        if device is None or mine is None:
            raise UnknownLinkError
        t = voice(request, device.owner_language)
        if link.is_expired:
            return message(
                request,
                t,
                title=t.gettext("This link has expired"),
                text=t.gettext("Ask us for a new one; nothing about your device has changed."),
                status=410,
            )
        is_mine = mine.until_at is None
        mandate = mandates.latest_mandate(conn, link.device_id) if is_mine else None
        living = mandate if mandate is not None and mandate.ended_at is None else None
        limit = None if living is None else living.clauses.get(Clause.RESERVE_PART)
        currency = limit.currency if limit else _CURRENCIES[t.language]
        expires_at = None if living is None else living.expires_at
        zone = ZoneInfo(device.owner_time_zone)
        context: dict[str, object] = {
            "request": request,
            "link": link,
            "device": device,
            "product": product_type(device.product),
            "is_mine": is_mine,
            "until_at": mine.until_at,
            "others": [o.name for o in owners.owners_of(conn, link.device_id) if o.owner_id != link.owner_id]
            if is_mine
            else [],
            "mandate": living,
            "is_over": expires_at is not None and now >= expires_at,
            "last_day": None if expires_at is None else (expires_at - timedelta(seconds=1)).astimezone(zone).date(),
            "clauses": [(clause.value, CLAUSES[clause], CLAUSES_TOLD[clause]) for clause in Clause],
            "signed": {clause.value for clause in living.clauses} if living else set[str](),
            "limit": _written(limit) if limit else "",
            "currency": currency,
            "currencies": sorted({currency, *_OFFERED}),
            "tomorrow": (now + timedelta(days=1)).astimezone(zone).date(),
            "acts": audit.of_device(conn, link.device_id, mine.since_at, mine.until_at, _SHOWN),
            "depends": supply.answer_of(conn, link.device_id, link.owner_id),
            "note": request.query_params.get("note", ""),
            "open_requests": beginnings.requests_of(conn, link.device_id) if is_mine else [],
        }
    return page("mandate.html", t, context)


def _sign(
    request: Request,
    desk: TheDesk,
    link: DeviceLink,
    now: datetime,
    clauses: list[str],
    amount: str,
    more: tuple[str, str],
) -> Response:
    if link.is_expired:
        return RedirectResponse(link.path(request), 303)
    currency, until = more
    wanted = {Clause(name) for name in clauses if name in set(Clause)}
    try:
        limit = _money(amount, currency)
    except (ValueError, InvalidOperation):
        return RedirectResponse(link.path(request, note="amount"), 303)
    with desk.tenant(link.tenant_id) as conn:
        device = find_owned(conn, link.device_id, link.owner_id)
        if device is None:
            raise UnknownLinkError
        try:
            expires_at = _end_of(until, device)
        except (ValueError, OverflowError):
            return RedirectResponse(link.path(request, note="day"), 303)
        if expires_at is not None and expires_at <= now:
            return RedirectResponse(link.path(request, note="day"), 303)
        outcome = owning.sign(
            conn,
            device_id=link.device_id,
            owner_id=link.owner_id,
            clauses={clause: limit if clause is Clause.RESERVE_PART else None for clause in wanted},
            expires_at=expires_at,
            now=now,
        )
    note = "signed" if isinstance(outcome, owning.Signed) and outcome.mandate_id else "revoked"
    return RedirectResponse(link.path(request, note="former" if isinstance(outcome, owning.NotAnOwner) else note), 303)


def _revoke(request: Request, desk: TheDesk, link: DeviceLink, now: datetime) -> Response:
    if link.is_expired:
        return RedirectResponse(link.path(request), 303)
    with desk.tenant(link.tenant_id) as conn:
        outcome = owning.revoke(conn, device_id=link.device_id, owner_id=link.owner_id, now=now)
    note = "former" if isinstance(outcome, owning.NotAnOwner) else "revoked"
    return RedirectResponse(link.path(request, note=note), 303)


def _say_who_depends(request: Request, desk: TheDesk, link: DeviceLink, now: datetime, *, depends: bool) -> Response:
    if link.is_expired:
        return RedirectResponse(link.path(request), 303)
    with desk.tenant(link.tenant_id) as conn:
        is_kept = owning.say_who_depends(
            conn, device_id=link.device_id, owner_id=link.owner_id, depends=depends, now=now
        )
    return RedirectResponse(link.path(request, note="supply" if is_kept else "former") + "#supply", 303)


def _money(amount: str, currency: str) -> Money | None:
    """Return what a person wrote as an amount; None for nothing, which is any amount.

    Raises
    ------
    ValueError, decimal.InvalidOperation
        It is no amount, or no currency.
    """
    text = "".join(amount.split())
    if not text:
        return None
    precision = get_currency_precision(Money(0, currency).currency)
    minor = Decimal(_plain(text, precision)).scaleb(precision)
    if not minor.is_finite() or minor != minor.to_integral_value() or not 0 <= minor <= _LARGEST_MINOR:
        message = f"{amount!r} is no amount of {currency}: write for example 250"
        raise ValueError(message)
    return Money(int(minor), currency)


def _plain(text: str, precision: int) -> str:
    """Return a number with a point before its fraction: "300,000" of a currency without decimals are three hundred thousand.

    Raises
    ------
    ValueError
        It has more decimals than the currency, be they noughts: with "1,000" somebody may mean a thousand.
    """
    if precision == 0 and _THOUSANDS.fullmatch(text):
        return re.sub("[,.]", "", text)
    plain = text.replace(",", ".")
    if len(plain.partition(".")[2]) > precision:
        message = f"{text!r} has more decimals than its currency"
        raise ValueError(message)
    return plain


def _written(money: Money) -> str:
    precision = get_currency_precision(money.currency)
    return f"{Decimal(money.minor).scaleb(-precision):.{precision}f}"


def _end_of(until: str, device: OwnedDevice) -> datetime | None:
    """Return the end of the day until which it holds, as the owner's clock shows it; None for no end."""
    if not until:
        return None
    after = date.fromisoformat(until) + timedelta(days=1)
    return datetime.combine(after, time(), ZoneInfo(device.owner_time_zone)).astimezone(UTC)


ByDevice = Annotated[DeviceLink, Depends(_of_device)]
ByRequest = Annotated[DeviceLink, Depends(_of_request)]
Clauses = Annotated[list[str] | None, Form(max_length=10)]
Amount = Annotated[str, Form(max_length=30)]
Short = Annotated[str, Form(max_length=10)]
YesNo = Annotated[Literal["yes", "no"], Form()]


@router.get("/d/{token}")
def show(request: Request, desk: TheDesk, link: ByDevice, now: Now) -> Response:
    """Show what the device may do alone."""
    return _show(request, desk, link, now)


@router.get("/o/{token}/device")
def show_from_request(request: Request, desk: TheDesk, link: ByRequest, now: Now) -> Response:
    """Show the same to who comes from the page of a request."""
    return _show(request, desk, link, now)


@router.post("/d/{token}/mandate", dependencies=[Depends(refuse_foreign_form)])
def sign(
    request: Request,
    desk: TheDesk,
    link: ByDevice,
    now: Now,
    clause: Clauses = None,
    amount: Amount = "",
    currency: Short = "EUR",
    until: Short = "",
) -> Response:
    """Sign the switches as they were set."""
    return _sign(request, desk, link, now, clause or [], amount, (currency, until))


@router.post("/o/{token}/device/mandate", dependencies=[Depends(refuse_foreign_form)])
def sign_from_request(
    request: Request,
    desk: TheDesk,
    link: ByRequest,
    now: Now,
    clause: Clauses = None,
    amount: Amount = "",
    currency: Short = "EUR",
    until: Short = "",
) -> Response:
    """Sign the same, for who comes from the page of a request."""
    return _sign(request, desk, link, now, clause or [], amount, (currency, until))


@router.post("/d/{token}/revoke", dependencies=[Depends(refuse_foreign_form)])
def revoke(request: Request, desk: TheDesk, link: ByDevice, now: Now) -> Response:
    """Take the mandate back."""
    return _revoke(request, desk, link, now)


@router.post("/o/{token}/device/revoke", dependencies=[Depends(refuse_foreign_form)])
def revoke_from_request(request: Request, desk: TheDesk, link: ByRequest, now: Now) -> Response:
    """Take it back, for who comes from the page of a request."""
    return _revoke(request, desk, link, now)


@router.post("/d/{token}/supply", dependencies=[Depends(refuse_foreign_form)])
def say_who_depends(request: Request, desk: TheDesk, link: ByDevice, now: Now, depends: YesNo) -> Response:
    """Keep whether somebody there depends on powered medical equipment."""
    return _say_who_depends(request, desk, link, now, depends=depends == "yes")


@router.post("/o/{token}/device/supply", dependencies=[Depends(refuse_foreign_form)])
def say_who_depends_from_request(
    request: Request, desk: TheDesk, link: ByRequest, now: Now, depends: YesNo
) -> Response:
    """Keep the same, for who comes from the page of a request."""
    return _say_who_depends(request, desk, link, now, depends=depends == "yes")
