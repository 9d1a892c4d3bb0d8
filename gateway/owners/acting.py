"""Acting in an owner's name: an offer's ground is asked for before it is made, and written down with it.

A step without a clause is a human's: the request is held, he gets the case, and his approval is the ground from then on.
It does not know what an offer is made of; `gateway.dates.offering` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.audit import auditing
from gateway.following import give_case
from gateway.owners import mandates
from gateway.owners.mandates import Ordered
from gateway.parts.sourcing import free_of
from gateway.storage import requests
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from workflows.mandate import Allowed, Clause, Denied
from workflows.money import Money, Several
from workflows.pricing import Unpriced
from workflows.request import Command
from workflows.triage import CaseWanted, Queue


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an offer stands on: its part, None without one, at which price, None when the owner pays none; and its dates."""

    part: Allowed | Ordered | None
    amount: Money | Several | Unpriced | None
    dates: Allowed | Ordered


def grounds_of_offer(
    connection: Connection,
    request: Request,
    part_nos: Sequence[str],
    amount: Money | Several | Unpriced | None,
    now: datetime,
) -> Grounds | None:
    """Return what an offer for a locked request stands on; None when it is left to a human for want of a clause.

    Parameters
    ----------
    connection : Connection
        In the offer's transaction.
    request : Request
        Locked.
    part_nos : sequence of str
        What would be put aside.
    amount : Money, Several, Unpriced or None
        What the owner would pay for it; None when it is nothing.
    now : datetime
        Aware.
    """
    part: Allowed | Ordered | None = None
    if part_nos:
        asked = mandates.permit(connection, request.device_id, request.request_id, Clause.RESERVE_PART, now, amount)
        if isinstance(asked, Denied):
            leave_to_a_person(connection, request, Clause.RESERVE_PART, asked, now)
            return None
        part = asked
    dates = mandates.permit(connection, request.device_id, request.request_id, Clause.OFFER_DATES, now)
    if isinstance(dates, Denied):
        leave_to_a_person(connection, request, Clause.OFFER_DATES, dates, now)
        return None
    return Grounds(part, amount, dates)


def at_the_price(
    connection: Connection, request: Request, grounds: Grounds, amount: Money | Several | Unpriced | None, now: datetime
) -> Grounds | Denied:
    """Return grounds with what the parts cost that are put aside by now; denied where the clause does not cover that."""
    if grounds.part is None:
        return grounds
    asked = mandates.permit(connection, request.device_id, request.request_id, Clause.RESERVE_PART, now, amount)
    return asked if isinstance(asked, Denied) else replace(grounds, part=asked, amount=amount)


def write_down_offer(
    connection: Connection, request: Request, grounds: Grounds, part_nos: Sequence[str], offer_id: int, now: datetime
) -> None:
    """Write an offer that was made into the audit: what was put aside, and the dates that were held."""
    inputs: dict[str, object] = {"offer_id": offer_id, "fault": request.fault, "diagnosis_id": request.diagnosis_id}
    if grounds.part is not None:
        auditing.record(
            connection,
            "part_reserved",
            device_id=request.device_id,
            request_id=request.request_id,
            permission=grounds.part,
            inputs=inputs | {"parts": list(part_nos), "price": _told(grounds.amount)},
            now=now,
        )
    auditing.record(
        connection,
        "offered",
        device_id=request.device_id,
        request_id=request.request_id,
        permission=grounds.dates,
        inputs=inputs,
        now=now,
    )


def _told(amount: Money | Several | Unpriced | None) -> object:
    """Return an amount as the audit keeps it."""
    match amount:
        case Money():
            return {"minor": amount.minor, "currency": amount.currency}
        case Several(amounts=amounts):
            return [{"minor": each.minor, "currency": each.currency} for each in amounts]
        case Unpriced(missing=missing):
            return {"unknown": list(missing)}
        case None:
            return None


def leave_to_a_person(connection: Connection, request: Request, clause: Clause, denied: Denied, now: datetime) -> None:
    """Hold a locked request for want of a clause, and give it to a human; what was put aside for it goes back."""
    requests.transition(connection, request, Command.HOLD, now)
    free_of(connection, request.request_id, now)
    requests.append_event(
        connection, request.request_id, "clause_missing", now, detail={"clause": clause, "why": denied.why}
    )
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, denied.reason), now)
    auditing.record(
        connection,
        "left_to_a_person",
        device_id=request.device_id,
        request_id=request.request_id,
        permission=None,
        inputs={"clause": clause.value, "why": denied.why.value},
        now=now,
    )
