"""Noting: every price that the desk writes, changes or takes back stands in the audit, and so does each answer to one.

No clause is needed to tell a price: it follows by rule from what the tenant has set and from who pays. What is done for
the money (a part, a date) stands on clauses of its own.
"""

from datetime import datetime

from gateway.audit import auditing
from gateway.storage import quotes
from gateway.storage.connection import Connection
from gateway.storage.quotes import Quote
from gateway.storage.requests import Request
from workflows.audit import Rule
from workflows.entitlement import Entitlement
from workflows.money import Money


def note_price(
    connection: Connection,
    request: Request,
    quote_id: int,
    found: Entitlement,
    *,
    deposit: Money,
    before: Quote | None,
    now: datetime,
) -> None:
    """Write down that a price was written, with its lines and who pays them, and in place of which other one."""
    inputs: dict[str, object] = {
        "quote_id": quote_id,
        "fault": request.fault,
        "onset_on": found.onset_on.isoformat(),
        "currency": found.currency,
        "gross_minor": found.gross.minor,
        "to_pay_minor": found.to_pay.minor,
        "deposit_minor": deposit.minor,
        "lines": quotes.lines_of(found),
    }
    if before is not None:
        inputs |= {"instead_of": before.quote_id, "to_pay_before_minor": before.to_pay_minor}
    _record(connection, request, "priced", inputs, now)


def note_ended(connection: Connection, request: Request, act: str, quote: Quote, now: datetime) -> None:
    """Write down that an open price holds no more: withdrawn for what was agreed before, or not answered in time."""
    _record(connection, request, act, inputs_of(quote) | {"valid_until": quote.valid_until.isoformat()}, now)


def note_answer(connection: Connection, request: Request, act: str, quote: Quote, actor: str, now: datetime) -> None:
    """Write down what a person has said to a price: its owner, or who was told it on the telephone."""
    auditing.record(
        connection,
        act,
        device_id=request.device_id,
        request_id=request.request_id,
        permission=None,
        inputs=inputs_of(quote),
        now=now,
        actor=f"owner-{request.owner_id}" if actor == "owner" else actor,
    )


def inputs_of(quote: Quote) -> dict[str, object]:
    """Return what the audit keeps of a quote that it has whole already."""
    return {"quote_id": quote.quote_id, "to_pay_minor": quote.to_pay_minor, "currency": quote.currency}


def _record(connection: Connection, request: Request, act: str, inputs: dict[str, object], now: datetime) -> None:
    auditing.record(
        connection,
        act,
        device_id=request.device_id,
        request_id=request.request_id,
        permission=Rule.PRICE,
        inputs=inputs,
        now=now,
    )
