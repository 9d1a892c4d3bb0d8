"""Stopping: an owner who wants none of it ends his request; what was held goes back, and he hears no more of it.

A date that was confirmed leaves his calendar by the one letter that still goes out. What is dangerous is ended by nobody
but a person. He can take a stop back: what was found is then a request of its own again, behind the links that he has.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway import planner
from gateway.following import give_case
from gateway.owners.owning import NEW_OWNER
from gateway.parts import sourcing
from gateway.quotes import ending, noting
from gateway.storage import attention, findings, owners, promises, quotes, requests, stops
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.telling import defer_offer, tell_cancelled
from workflows.request import CLOSED, Command, State
from workflows.triage import CaseWanted, Queue

_DANGER: Final = "Safety: a person decides before anything else happens."
_WANTS_TO_CANCEL: Final = "The owner wants to cancel what is a matter of safety."
_BY_OWNER: Final = "The owner has cancelled it."


@dataclass(frozen=True, slots=True)
class Stopped:
    """The request is over; `is_new` is false when it was stopped before."""

    is_new: bool


@dataclass(frozen=True, slots=True)
class WithPerson:
    """It is a matter of safety: a person talks to him first, and what there is stands."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The request goes on as another one."""

    request_id: int


@dataclass(frozen=True, slots=True)
class CannotNow:
    """It cannot be done in this state."""

    state: str


def stop(connection: Connection, *, request_id: int, now: datetime) -> Stopped | WithPerson | CannotNow:
    """End a request because its owner said stop; said twice it is stopped once."""
    request = requests.lock_request(connection, request_id)
    if request is None:
        return CannotNow("unknown")
    if request.state in CLOSED:
        was_stopped = requests.has_event(connection, request_id, "stopped")
        return Stopped(is_new=False) if was_stopped else CannotNow(request.state)
    if request.is_safety:
        planner.ask_for_human(connection, request_id=request_id, reason=_WANTS_TO_CANCEL, now=now)
        return WithPerson()
    requests.append_event(connection, request_id, "stopped", now, actor="owner")
    appointment_id = end_request(connection, request, now)
    stops.withdraw_notices(connection, request_id, now)
    if appointment_id is not None:
        tell_cancelled(connection, request, _BY_OWNER, now, appointment_id=appointment_id)
    return Stopped(is_new=True)


def end_request(connection: Connection, request: Request, now: datetime) -> int | None:
    """Cancel a locked request at its owner's word: date, part and price are free again, and no fault stays open.

    Returns
    -------
    int or None
        The appointment that ended with it.
    """
    request_id = request.request_id
    # Before it is closed, which ends a price that nobody has answered otherwise: who wants none of it has said no to it.
    if (asked := quotes.find_quote(connection, request_id, "open")) is not None:
        quotes.end_quotes(connection, request_id, "open", "declined", now)
        detail: dict[str, object] = {"quote_id": asked.quote_id}
        requests.append_event(connection, request_id, "quote_declined", now, actor="owner", detail=detail)
        noting.note_answer(connection, request, "quote_declined", asked, "owner", now)
    ending.end_price(connection, request, now)
    requests.transition(connection, request, Command.CANCEL, now)
    requests.append_event(connection, request_id, "cancelled", now, actor="owner")
    promises.close_offers(connection, request_id, "withdrawn", now)
    appointment_id = promises.cancel_appointment(connection, request_id, now)
    sourcing.free_of(connection, request_id, now)
    requests.close_cases(connection, request_id, now)
    findings.close_other_faults(
        connection, device_id=request.device_id, component=request.component, kept=None, now=now
    )
    return appointment_id


def resume(connection: Connection, *, request_id: int, now: datetime) -> Resumed | CannotNow:
    """Take a stop back: a request that says the same is opened, or the one that is open meanwhile is taken.

    The links of the stopped request open the new one from then on. When the device has been given away since, it is a
    person's to ask the present owner, and the former owner's links show nothing of it.
    """
    found = requests.find_owner(connection, request_id)
    if found is not None:
        # Before its request, as a diagnosis does: while it is opened again nobody gives the device away.
        attention.hold_device(connection, found[0])
    request = requests.lock_request(connection, request_id)
    if request is None or request.state != State.CANCELLED or not requests.has_event(connection, request_id, "stopped"):
        return CannotNow("unknown" if request is None else request.state)
    present = requests.lock_open_request(connection, request.device_id, request.component)
    mine = owners.ownership(connection, request.device_id, request.owner_id)
    is_mine = mine is not None and mine.until_at is None
    after = present.request_id if present is not None else _open_again(connection, request, now, is_mine=is_mine)
    requests.append_event(connection, request_id, "resumed", now, actor="owner", detail={"request_id": after})
    if is_mine:
        stops.lead_links(connection, request_id, after)
    return Resumed(after)


def _open_again(connection: Connection, request: Request, now: datetime, *, is_mine: bool) -> int:
    request_id = stops.open_again(connection, request.request_id, now)
    detail: dict[str, object] = {"fault": request.fault, "of": request.request_id}
    requests.append_event(connection, request_id, "opened", now, actor="owner", detail=detail)
    if request.is_safety:
        # A danger is a person's again, as it was before.
        give_case(connection, request_id, CaseWanted(Queue.SAFETY, _DANGER), now)
    if is_mine:
        defer_offer(connection, request_id)
    elif (opened := requests.lock_request(connection, request_id)) is not None:
        requests.transition(connection, opened, Command.ESCALATE, now)
        give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, NEW_OWNER), now)
    return request_id
