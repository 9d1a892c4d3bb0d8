"""What was weighed about a request, and what was tried from afar, as the planner's page shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel.numbers import format_currency

from devices.product import ProductType
from gateway.remedies.asking import asked_about
from gateway.remedies.readiness import Need, needs
from gateway.storage import asks, remedies, requests
from gateway.storage.asks import AskRow
from gateway.storage.connection import Connection
from gateway.storage.remedies import AttemptRow
from gateway.texts import Translator
from workflows.remedying import State

_HUNDREDTHS = 100


@dataclass(frozen=True, slots=True)
class Bar:
    """One option: its way, what it is by name, its cost as people read it, and its share of the dearest, 0 to 100."""

    way: str
    title: str
    cost: str
    share: float
    heals: float


@dataclass(frozen=True, slots=True)
class Tried:
    """One try from afar with its title; `needs` is what it waits for as long as it has not been sent."""

    title: str
    row: AttemptRow
    needs: Sequence[Need] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the owner was asked, in words."""

    text: str
    row: AskRow


def bars(conn: Connection, request_id: int, product: ProductType, t: Translator) -> list[Bar]:
    """Return the newest comparison of a request, the chosen option first; none where nothing was compared."""
    kept: Mapping[str, Any] = requests.latest_detail(conn, request_id, "weighed") or {}
    options: Sequence[Mapping[str, Any]] = kept.get("options", ())
    most = max((each["cost_minor"] for each in options), default=0) or 1
    return [
        Bar(
            each["way"],
            _title(product, each["name"]),
            money(each["cost_minor"], kept["currency"], t),
            100 * each["cost_minor"] / most,
            each["heals"],
        )
        for each in options
    ]


def money(minor: int, currency: str, t: Translator) -> str:
    """Return an expected amount, in whole units of its currency: it is an estimate."""
    whole = minor if currency in {"KRW", "JPY"} else minor / _HUNDREDTHS
    return format_currency(round(whole), currency, format="¤#,##0", locale=t.language, currency_digits=False)


def _title(product: ProductType, name: str) -> str:
    rungs = {rung.name: rung.title for ladder in product.ladders.values() for rung in ladder}
    checks = {each.name: each.question for each in product.checks}
    guides = {each.name: each.text for each in product.guides}
    return (rungs | checks | guides).get(name, "")


def tried(conn: Connection, request_id: int, product: ProductType, now: datetime) -> list[Tried]:
    """Return what was tried from afar about a request, newest first."""
    return [
        Tried(_title(product, row.rung) or row.rung, row, _needs(conn, product, row, now))
        for row in remedies.of_request(conn, request_id)
    ]


def _needs(conn: Connection, product: ProductType, row: AttemptRow, now: datetime) -> Sequence[Need]:
    rung = product.rung(row.fault, row.rung)
    if rung is None or row.state != State.PLANNED or row.ended_at is not None:
        return ()
    return needs(conn, product, row.device_id, rung, now)


def waiting(conn: Connection, request_id: int, product: ProductType, now: datetime) -> Tried | None:
    """Return the try from afar that waits for its device to be ready; None where none does."""
    return next((each for each in tried(conn, request_id, product, now) if each.needs), None)


def asked(conn: Connection, request_id: int, product: ProductType) -> Asked | None:
    """Return what a request's owner was asked; None when he was asked nothing."""
    row = asks.find_ask(conn, request_id)
    what = None if row is None else asked_about(product, row)
    return None if row is None or what is None else Asked(_title(product, row.name), row)
