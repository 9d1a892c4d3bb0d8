"""Entitling: a request's work is priced, its payers are found, and its quote is written.

Amounts are decided in `workflows.pricing` and `workflows.entitlement`, and whether a yes is needed first in
`workflows.quoting`. What becomes of a quote is `gateway.quotes.quoting`'s.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from devices.faults import Fulfilment
from devices.products import product_type
from gateway.following import give_case
from gateway.parts import sourcing
from gateway.quotes import noting
from gateway.storage import catalogue, deposits, entitlements, quotes, requests, stock
from gateway.storage.connection import Connection
from gateway.storage.quotes import Quote
from gateway.storage.requests import Request
from gateway.telling import tell_owner
from workflows.entitlement import Entitlement, Terms, Warranty, entitle, pays_all_parts, whole_warranty
from workflows.money import Money, Several, sum_up
from workflows.pricing import Job, Kind, Unpriced, price
from workflows.quoting import QUOTE_LASTS, Manner, deposit, manner
from workflows.request import Command, State
from workflows.triage import CaseWanted, Queue

_NOT_PRICED: Final = "The price of this work is not known: agree it with the owner before any work begins."


def entitlement_of(connection: Connection, request: Request, now: datetime) -> Entitlement | Unpriced | None:
    """Return what the work of a request costs and who pays it; None while no work is known."""
    remedy = product_type(request.product).remedies.get(request.fault)
    if remedy is None or remedy.fulfilment is None:
        return None
    part_nos = sourcing.part_nos_of(connection, request, remedy.part_nos, now)
    job = Job(
        request.product,
        part_nos,
        remedy.minutes,
        remedy.skills,
        is_visit=remedy.fulfilment is Fulfilment.VISIT,
    )
    lines = price(job, entitlements.prices(connection, job.part_nos))
    if isinstance(lines, Unpriced):
        return lines
    onset, terms = _terms_of(connection, request)
    return entitle(lines, terms, component=request.component, onset_at=onset.onset_at, zone_name=onset.zone_name)


def price_of_parts(connection: Connection, request: Request, now: datetime) -> Money | Several | Unpriced | None:
    """Return what the owner would pay for the parts of a request: as it is quoted, else their price; None where it is nothing.

    Prices of several currencies are not added up: they are `Several`, which no clause covers. Parts without a price are
    `Unpriced`, which no clause with a limit covers.
    """
    if (quote := _quote_of(connection, request)) is not None:
        return quote.parts_to_pay
    remedy = product_type(request.product).remedies.get(request.fault)
    roles = () if remedy is None else remedy.part_nos
    return _listed_price(connection, request, sourcing.part_nos_of(connection, request, roles, now))


def price_of_held(connection: Connection, request: Request) -> Money | Several | Unpriced | None:
    """Return what the owner would pay for the parts that are put aside for a request: others may lie there than are usual.

    As it is quoted, where it is; what is only taken along in case is none of them.
    """
    if (quote := _quote_of(connection, request)) is not None:
        return quote.parts_to_pay
    held = stock.held_parts(connection, request.request_id)
    return _listed_price(connection, request, [each.part_no for each in held if not each.is_extra])


def _quote_of(connection: Connection, request: Request) -> Quote | None:
    """Return what a request's owner was asked to pay last, else what he has said yes to."""
    return quotes.find_quote(connection, request.request_id, "open") or quotes.find_quote(
        connection, request.request_id, "accepted"
    )


def _listed_price(
    connection: Connection, request: Request, part_nos: Sequence[str]
) -> Money | Several | Unpriced | None:
    """Return the price of the parts by the catalogue, of work that is not priced; nothing where others pay all of them."""
    if not part_nos or _pays_no_parts(connection, request):
        return None
    known = catalogue.load_prices(connection, part_nos)
    price = sum_up(known[part_no] for part_no in part_nos if part_no in known)
    missing = sorted(set(part_nos) - set(known))
    return Unpriced(tuple(missing)) if missing and not isinstance(price, Several) else price


def warranty_of(connection: Connection, request: Request) -> Warranty | None:
    """Return the warranty that pays all of a request's work, whatever it costs."""
    onset, terms = _terms_of(connection, request)
    return whole_warranty(terms, component=request.component, onset_at=onset.onset_at, zone_name=onset.zone_name)


def _pays_no_parts(connection: Connection, request: Request) -> bool:
    onset, terms = _terms_of(connection, request)
    return pays_all_parts(terms, component=request.component, onset_at=onset.onset_at, zone_name=onset.zone_name)


def _terms_of(connection: Connection, request: Request) -> tuple[entitlements.Onset, Terms]:
    onset = entitlements.onset_of(connection, request.request_id)
    return onset, entitlements.terms_of(connection, request.device_id, request.product, request.request_id, onset)


def quote_work(connection: Connection, request: Request, now: datetime, *, may_ask: bool = True) -> bool:
    """Write the quote of a locked request before its dates are looked for; say whether its answer has to come first.

    Called again, it leaves a quote that still says the same as it is. Without `may_ask` it is only written: what the owner
    was shown stands, whatever has to come first.
    """
    match entitlement_of(connection, request, now):
        case None:
            return False
        case Unpriced(missing=missing):
            _agree_in_person(connection, request, missing, now)
            return False
        case Entitlement() as found:
            return _quote(connection, request, found, now, may_ask=may_ask)


def wants_deposit(connection: Connection, request: Request, now: datetime) -> bool:
    """Say whether the work of a request, as it is known now, needs more money first than was taken."""
    found = entitlement_of(connection, request, now)
    return isinstance(found, Entitlement) and _deposit(connection, request, found).minor > 0


def _quote(connection: Connection, request: Request, found: Entitlement, now: datetime, *, may_ask: bool) -> bool:
    agreed = quotes.find_quote(connection, request.request_id, "accepted")
    wanted = _deposit(connection, request, found)
    how = manner(
        found.to_pay,
        agreed=None if agreed is None else agreed.to_pay,
        deposit=wanted,
        asked_for=agreed is None and requests.has_event(connection, request.request_id, "quote_asked"),
    )
    match how:
        case Manner.NONE:
            _withdraw(connection, request, now)
            if agreed is None or quotes.lines_of(found) != agreed.lines:
                # Nothing to pay, or less than was agreed: the owner need not be asked to pay less.
                _write(connection, request, found, Money(0, found.currency), "accepted", now)
            return False
        case Manner.WITH_DATES:
            _open_quote(connection, request, found, wanted, now)
            return False
        case Manner.FIRST:
            quote_id = _open_quote(connection, request, found, wanted, now)
            if may_ask:
                _ask(connection, request, quote_id, now)
            return may_ask


def _withdraw(connection: Connection, request: Request, now: datetime) -> None:
    """Take an open price back: nothing has to be agreed any more."""
    present = quotes.find_quote(connection, request.request_id, "open")
    if present is not None:
        quotes.end_quotes(connection, request.request_id, "open", "replaced", now)
        noting.note_ended(connection, request, "price_withdrawn", present, now)


def _deposit(connection: Connection, request: Request, found: Entitlement) -> Money:
    to_pay = found.to_pay
    part_nos = [line.line.name for line in found.lines if line.line.kind is Kind.PART]
    wanted = deposit(
        to_pay,
        is_special_order=entitlements.has_special_order(connection, part_nos),
        terms=entitlements.deposit_terms(connection),
    )
    held = deposits.captured(connection, request.request_id, to_pay.currency)
    return max(wanted - held, Money(0, to_pay.currency))


def _open_quote(connection: Connection, request: Request, found: Entitlement, wanted: Money, now: datetime) -> int:
    """Return the open quote that says just this, written now unless it was before and still holds."""
    present = quotes.find_quote(connection, request.request_id, "open")
    if (
        present is not None
        and now < present.valid_until
        and present.lines == quotes.lines_of(found)
        and present.deposit == wanted
    ):
        return present.quote_id
    return _write(connection, request, found, wanted, "open", now)


def _write(
    connection: Connection, request: Request, found: Entitlement, wanted: Money, state: str, now: datetime
) -> int:
    before = _quote_of(connection, request)
    quote_id = quotes.add_quote(
        connection,
        request.request_id,
        found,
        fault=request.fault,
        deposit=wanted,
        valid_until=now + QUOTE_LASTS,
        state=state,
        now=now,
    )
    requests.append_event(
        connection,
        request.request_id,
        "priced",
        now,
        detail={"quote_id": quote_id, "to_pay_minor": found.to_pay.minor, "currency": found.currency},
    )
    noting.note_price(connection, request, quote_id, found, deposit=wanted, before=before, now=now)
    return quote_id


def _ask(connection: Connection, request: Request, quote_id: int, now: datetime) -> None:
    """Move the request to its quote and tell the owner; dates that were held for him go back."""
    if request.state != State.QUOTED:
        requests.transition(connection, request, Command.QUOTE, now)
        requests.append_event(connection, request.request_id, "quoted", now, detail={"quote_id": quote_id})
    tell_owner(connection, request, "quote", f"quote-{quote_id}", {"quote_id": quote_id}, now)


def _agree_in_person(connection: Connection, request: Request, missing: tuple[str, ...], now: datetime) -> None:
    """A tenant that has prices lacks one, and no warranty pays all: a person agrees it. One without any does so always."""
    if requests.has_event(connection, request.request_id, "not_priced"):
        return
    if not entitlements.has_rates(connection) or warranty_of(connection, request) is not None:
        return
    requests.append_event(connection, request.request_id, "not_priced", now, detail={"missing": list(missing)})
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, _NOT_PRICED), now)
