"""What a planner may do to a request: approve, hold, cancel; and how an owner reaches a person. Each can be repeated."""

from dataclasses import dataclass
from datetime import datetime

from devices.products import product_type
from gateway.following import give_case
from gateway.parts.sourcing import free_of
from gateway.quotes import ending
from gateway.storage import findings, promises, requests
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.telling import defer_offer, tell_cancelled, tell_owner
from workflows.request import CLOSED, Command, State, next_state
from workflows.triage import CaseWanted, Queue


@dataclass(frozen=True, slots=True)
class Done:
    """It is done; `state` is the request's state now."""

    state: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be done; `reason` says why, in English."""

    reason: str


def approve(connection: Connection, *, request_id: int, staff_id: int, now: datetime) -> Done | Refused:
    """Let a held request go on to its offer, and close its cases; one that goes on already loses its cases only.

    So does one that is settled: a person has seen to what was left of it, such as money that did not go back.
    """
    request = requests.lock_request(connection, request_id)
    if request is None:
        return Refused("There is no such request.")
    if request.state in CLOSED and requests.open_queues(connection, request_id):
        requests.close_cases(connection, request_id, now)
        requests.append_event(connection, request_id, "seen_to", now, actor=_actor(staff_id))
        return Done(request.state)
    if request.state in {State.OPEN, State.WAITING, State.OFFERED, State.CONFIRMED}:
        if request.state == State.CONFIRMED and not promises.has_date_ahead(connection, request_id, now):
            # Without its case nobody would ever ask what was done.
            return Refused("The date has passed: say what was found, then close the request.")
        if requests.open_queues(connection, request_id):
            requests.close_cases(connection, request_id, now)
            requests.append_event(connection, request_id, "approved", now, actor=_actor(staff_id))
        return Done(request.state)
    remedy = product_type(request.product).remedies.get(request.fault)
    if remedy is None:
        return Refused("The fault is not known, so there is no work to offer a date for.")
    if remedy.why_none:
        return Refused(remedy.why_none)
    return _move(connection, request, Command.APPROVE, "approved", _actor(staff_id), now)


def hold(connection: Connection, *, request_id: int, staff_id: int, reason: str, now: datetime) -> Done | Refused:
    """Keep a request from being offered; dates are withdrawn, whose was one of them is told, and a person has the case."""
    return hold_by(connection, request_id=request_id, by=_actor(staff_id), reason=reason, now=now)


def hold_by(connection: Connection, *, request_id: int, by: str, reason: str, now: datetime) -> Done | Refused:
    """Do as `hold`, at the word of somebody who is named as the history names people: 'staff-3', 'technician-7'."""
    request = requests.lock_request(connection, request_id)
    if request is None:
        return Refused("There is no such request.")
    if request.state == State.HELD:
        free_of(connection, request_id, now)
        return Done(request.state)
    date = promises.living_appointment(connection, request_id)
    is_ahead = date is not None and promises.has_date_ahead(connection, request_id, now)
    done = _move(connection, request, Command.HOLD, "held", by, now, {"reason": reason})
    if isinstance(done, Done):
        promises.close_offers(connection, request_id, "withdrawn", now)
        promises.cancel_appointment(connection, request_id, now)
        free_of(connection, request_id, now)
        give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, reason), now)
        if date is not None and is_ahead:
            # Each date that is taken back is a matter of its own: there may be another one later.
            detail: dict[str, object] = {"reason": reason, "appointment_id": date[0]}
            tell_owner(connection, request, "cancelled", f"appointment-{date[0]}", detail, now)
    return done


def cancel(connection: Connection, *, request_id: int, staff_id: int, reason: str, now: datetime) -> Done | Refused:
    """Cancel a request: part and time are free again, and an owner who knew of it is told."""
    return _cancel(connection, request_id, _actor(staff_id), reason, now)


def _cancel(connection: Connection, request_id: int, actor: str, reason: str, now: datetime) -> Done | Refused:
    request = requests.lock_request(connection, request_id)
    if request is None:
        return Refused("There is no such request.")
    if request.state == State.CANCELLED:
        return Done(request.state)
    owner_knew = requests.owner_knows(connection, request)
    done = _move(connection, request, Command.CANCEL, "cancelled", actor, now, {"reason": reason})
    if isinstance(done, Done):
        promises.close_offers(connection, request_id, "withdrawn", now)
        cancelled = promises.cancel_appointment(connection, request_id, now)
        free_of(connection, request_id, now)
        requests.close_cases(connection, request_id, now)
        findings.close_other_faults(
            connection, device_id=request.device_id, component=request.component, kept=None, now=now
        )
        if owner_knew:
            tell_cancelled(connection, request, reason, now, appointment_id=cancelled)
    return done


def ask_for_human(connection: Connection, *, request_id: int, reason: str, now: datetime) -> Done | Refused:
    """Give a request to a person because its owner asked; its dates stand."""
    request = requests.lock_request(connection, request_id)
    if request is None:
        return Refused("There is no such request.")
    if request.state in CLOSED:
        return Refused(f"The request is {request.state}; this cannot be done now.")
    give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, reason), now)
    return Done(request.state)


def _actor(staff_id: int) -> str:
    return f"staff-{staff_id}"


def _move(
    connection: Connection,
    request: Request,
    command: Command,
    event: str,
    actor: str,
    now: datetime,
    detail: dict[str, object] | None = None,
) -> Done | Refused:
    after = next_state(State(request.state), command)
    if after is None:
        return Refused(f"The request is {request.state}; this cannot be done now.")
    if after in CLOSED:
        ending.end_price(connection, request, now)
    state = requests.transition(connection, request, command, now)
    requests.append_event(connection, request.request_id, event, now, actor=actor, detail=detail)
    if command is Command.APPROVE:
        requests.close_cases(connection, request.request_id, now)
        defer_offer(connection, request.request_id)
    return Done(state)
