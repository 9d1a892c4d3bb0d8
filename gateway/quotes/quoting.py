"""Quoting: what becomes of a quote: its owner says yes or no, nobody answers, or a later diagnosis changes the price.

What an owner agreed to stays: what costs more needs a new yes, and until then nothing that he was promised is taken
away. Each step can be repeated.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.audit import auditing
from gateway.following import give_case
from gateway.owners import stopping
from gateway.owners.mandates import Ordered
from gateway.parts import sourcing
from gateway.payments import moving
from gateway.quotes import entitling, noting
from gateway.storage import entitlements, promises, quotes, requests
from gateway.storage.connection import Connection
from gateway.storage.quotes import Quote
from gateway.storage.requests import Request
from gateway.telling import defer_offer, tell_owner
from workflows.request import CLOSED, Command, State
from workflows.triage import CaseWanted, Queue

_NOT_ANSWERED: Final = "The owner has not answered the price: please ask in person."
_DECLINED: Final = "The owner does not want to pay this price: please talk about it."


@dataclass(frozen=True, slots=True)
class Agreed:
    """The price is agreed; `is_new` is false when it was before."""

    quote_id: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class OtherPrice:
    """The quote that was answered is not the present one; the page shows that."""


@dataclass(frozen=True, slots=True)
class NothingToAgree:
    """The request has no open quote; `state` says where it stands."""

    state: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The owner's no is taken; `state` says where the request stands."""

    state: str


Answer = Agreed | Declined | OtherPrice | NothingToAgree


def agree(connection: Connection, *, request_id: int, quote_id: int, now: datetime, actor: str = "owner") -> Answer:
    """Accept a quote in the caller's transaction; the request goes on to its dates, or first to its deposit.

    A person who was told yes on the telephone accepts it with `actor`, and no deposit is taken then.
    """
    request = requests.lock_request(connection, request_id)
    if request is None or request.state in CLOSED:
        return NothingToAgree("unknown" if request is None else request.state)
    accepted = quotes.find_quote(connection, request_id, "accepted")
    if accepted is not None and accepted.quote_id == quote_id:
        return Agreed(quote_id, is_new=False)
    present = quotes.find_quote(connection, request_id, "open")
    if present is None:
        return NothingToAgree(request.state)
    if present.quote_id != quote_id or present.valid_until <= now:
        return OtherPrice()
    accept(connection, request, present, now, actor=actor)
    if present.deposit_minor and actor == "owner":
        if request.state == State.OFFERED:
            # No date is taken before the money is there.
            _take_dates_back(connection, request, now)
        moving.let_go_of_unpaid(connection, request_id, now)
        moving.want(connection, request, present, now)
        requests.append_event(connection, request_id, "deposit_wanted", now, detail={"quote_id": quote_id})
    else:
        go_on(connection, request, now)
    return Agreed(quote_id, is_new=True)


def accept(connection: Connection, request: Request, quote: Quote, now: datetime, *, actor: str = "owner") -> None:
    """Write that a quote is agreed."""
    quotes.accept_quote(connection, quote, now)
    detail: dict[str, object] = {
        "quote_id": quote.quote_id,
        "to_pay_minor": quote.to_pay_minor,
        "currency": quote.currency,
    }
    requests.append_event(connection, quote.request_id, "quote_accepted", now, actor=actor, detail=detail)
    noting.note_answer(connection, request, "quote_accepted", quote, actor, now)


def go_on(connection: Connection, request: Request, now: datetime) -> None:
    """Let a request whose price is agreed, and whose deposit is there, go on to its dates; it has no effect otherwise."""
    if request.state == State.QUOTED:
        requests.transition(connection, request, Command.ACCEPT, now)
        defer_offer(connection, request.request_id)


def price_to_agree(connection: Connection, request_id: int, quote_id: int | None, now: datetime) -> Quote | None:
    """Return the quote that still needs a yes when a date is tapped; None when the tap says it, or none is needed.

    Parameters
    ----------
    connection : Connection
        In a transaction of the request's tenant.
    request_id : int
        Locked.
    quote_id : int or None
        The quote that stood beside the date.
    now : datetime
        Aware.
    """
    present = quotes.find_quote(connection, request_id, "open")
    if present is None or (present.quote_id == quote_id and now < present.valid_until):
        return None
    return present


def accept_with_date(connection: Connection, request: Request, now: datetime) -> None:
    """Accept the price that stood beside a date that is booked now."""
    if (present := quotes.find_quote(connection, request.request_id, "open")) is not None:
        accept(connection, request, present, now)


def deposit_comes_first(connection: Connection, request: Request, now: datetime) -> bool:
    """Take the tap on a date as the yes to its price alone, where a deposit is needed first; say whether it is so.

    A later diagnosis may need money for what was offered without: the dates go back, and others follow the deposit.

    Parameters
    ----------
    connection : Connection
        In the transaction of the owner's answer.
    request : Request
        Locked, with dates to choose from; its present price stood beside them.
    now : datetime
        Aware.
    """
    present = quotes.find_quote(connection, request.request_id, "open")
    if present is None or not present.deposit_minor:
        return False
    _take_dates_back(connection, request, now)
    agree(connection, request_id=request.request_id, quote_id=present.quote_id, now=now)
    return True


def _take_dates_back(connection: Connection, request: Request, now: datetime) -> None:
    requests.transition(connection, request, Command.QUOTE, now)
    promises.close_offers(connection, request.request_id, "withdrawn", now)
    sourcing.free_of(connection, request.request_id, now)


def decline(connection: Connection, *, request_id: int, quote_id: int, now: datetime) -> Answer:
    """Take an owner's no: a person talks to him about a danger or a booked date; anything else is cancelled."""
    request = requests.lock_request(connection, request_id)
    if request is None or request.state in CLOSED:
        return NothingToAgree("unknown" if request is None else request.state)
    present = quotes.find_quote(connection, request_id, "open")
    if present is None:
        return NothingToAgree(request.state)
    if present.quote_id != quote_id:
        return OtherPrice()
    quotes.end_quotes(connection, request_id, "open", "declined", now)
    requests.append_event(connection, request_id, "quote_declined", now, actor="owner", detail={"quote_id": quote_id})
    noting.note_answer(connection, request, "quote_declined", present, "owner", now)
    if request.is_safety or request.state != State.QUOTED:
        return Declined(_give_to_a_person(connection, request, _DECLINED, now))
    stopping.end_request(connection, request, now)
    return Declined(State.CANCELLED)


def expire_quote(connection: Connection, *, request_id: int, now: datetime) -> None:
    """End a quote that nobody answered; a person asks, unless dates stand beside it, which end by themselves."""
    request = requests.lock_request(connection, request_id)
    present = quotes.find_quote(connection, request_id, "open")
    if request is None or present is None or now < present.valid_until:
        return
    quotes.end_quotes(connection, request_id, "open", "expired", now)
    requests.append_event(connection, request_id, "quote_expired", now, detail={"quote_id": present.quote_id})
    noting.note_ended(connection, request, "quote_expired", present, now)
    if request.state in {State.QUOTED, State.CONFIRMED}:
        _give_to_a_person(connection, request, _NOT_ANSWERED, now)


def look_again(connection: Connection, request_id: int, now: datetime) -> None:
    """Price a request anew whose diagnosis or whose payers have changed, once it has been priced before.

    Before a date is chosen the page shows the new price beside the dates. After it, the owner is asked for a yes to
    what costs more; his date stands meanwhile.
    """
    request = requests.lock_request(connection, request_id)
    if request is None or request.state not in {State.OFFERED, State.CONFIRMED, State.QUOTED}:
        return
    before = quotes.find_quote(connection, request_id, "open")
    # What he was shown stands: the new price is beside it, and money that has to come first is asked for with his yes.
    must_ask = entitling.quote_work(connection, request, now, may_ask=request.state == State.QUOTED)
    after = quotes.find_quote(connection, request_id, "open")
    if (
        request.state == State.QUOTED
        and after is None
        and not must_ask
        and not _waits_for_money(connection, request, now)
    ):
        go_on(connection, request, now)
    if request.state == State.CONFIRMED and after is not None and (before is None or before.quote_id != after.quote_id):
        requests.append_event(connection, request_id, "price_raised", now, detail={"quote_id": after.quote_id})
        tell_owner(connection, request, "quote", f"quote-{after.quote_id}", {"quote_id": after.quote_id}, now)


def _waits_for_money(connection: Connection, request: Request, now: datetime) -> bool:
    """Say whether a deposit has to come first still; one that was asked for and is not needed any more is let go of."""
    if moving.unpaid(connection, request.request_id) is None:
        return False
    if entitling.wants_deposit(connection, request, now):
        return True
    moving.let_go_of_unpaid(connection, request.request_id, now)
    return False


def grant_goodwill(
    connection: Connection, *, request_id: int, staff_id: int, per_mille: int, reason: str, now: datetime
) -> bool:
    """Grant a share of what is left to pay, as a planner decides; say whether the request could still have it."""
    request = requests.lock_request(connection, request_id)
    if request is None or request.state in CLOSED:
        return False
    entitlements.grant_goodwill(connection, request_id, staff_id=staff_id, per_mille=per_mille, reason=reason, now=now)
    requests.append_event(
        connection,
        request_id,
        "goodwill_granted",
        now,
        actor=f"staff-{staff_id}",
        detail={"per_mille": per_mille, "reason": reason},
    )
    _note_goodwill(connection, request, "goodwill_granted", {"per_mille": per_mille, "reason": reason}, staff_id, now)
    look_again(connection, request_id, now)
    return True


def withdraw_goodwill(connection: Connection, *, request_id: int, staff_id: int, now: datetime) -> bool:
    """Take granted goodwill back; what the owner has said yes to stays his."""
    request = requests.lock_request(connection, request_id)
    if request is None or request.state in CLOSED or not entitlements.withdraw_goodwill(connection, request_id, now):
        return False
    requests.append_event(connection, request_id, "goodwill_withdrawn", now, actor=f"staff-{staff_id}")
    _note_goodwill(connection, request, "goodwill_withdrawn", {}, staff_id, now)
    return True


def _note_goodwill(
    connection: Connection, request: Request, act: str, inputs: dict[str, object], staff_id: int, now: datetime
) -> None:
    auditing.record(
        connection,
        act,
        device_id=request.device_id,
        request_id=request.request_id,
        permission=Ordered(staff_id),
        inputs=inputs,
        now=now,
    )


def _give_to_a_person(connection: Connection, request: Request, reason: str, now: datetime) -> State:
    state = requests.transition(connection, request, Command.ESCALATE, now)
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, reason), now)
    return state
