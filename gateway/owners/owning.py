"""Owning: owners sign and take back what their device may do, join each other, and give the device away.

Any owner may sign, and any owner may take back: what all agree to needs one, what one does not want ends. A mandate ends
with the ownership that it was signed in. Dates that an owner was shown stand until they end when a mandate is taken
back, for he may still tap one; all that was not offered yet is a human's from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.audit import auditing
from gateway.following import give_case
from gateway.owners import mandates
from gateway.parts.sourcing import free_of
from gateway.quotes import ending
from gateway.storage import attention, owners, promises, requests, supply
from gateway.storage import mandates as stored
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.telling import tell_cancelled, welcome
from workflows.mandate import REASONS, Clause, Why
from workflows.money import Money
from workflows.request import Command, State
from workflows.triage import CaseWanted, Queue

NEW_OWNER: Final = "The device has a new owner: ask him for a mandate, and whether it may go on."


@dataclass(frozen=True, slots=True)
class NotAnOwner:
    """He does not own the device, or does not any more."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The mandate that holds now; None for one that was taken back."""

    mandate_id: int | None


def sign(
    connection: Connection,
    *,
    device_id: int,
    owner_id: int,
    clauses: Mapping[Clause, Money | None],
    expires_at: datetime | None,
    now: datetime,
    signed_by: str = "page",
) -> Signed | NotAnOwner:
    """Sign a mandate in an owner's name in place of the one before; without a clause it is taken back.

    Parameters
    ----------
    connection : Connection
        In a transaction of the device's tenant.
    device_id, owner_id : int
        Which device; which of its owners signs.
    clauses : mapping of Clause to Money or None
        What may be done alone, and up to which amount.
    expires_at, now : datetime
        Until when, None for no end; and from when.
    signed_by : str
        How: 'page', or 'enrolment'.
    """
    if not _owns_now(connection, device_id, owner_id):
        return NotAnOwner()
    if not clauses:
        return revoke(connection, device_id=device_id, owner_id=owner_id, now=now)
    mandate_id = mandates.sign(
        connection,
        device_id=device_id,
        owner_id=owner_id,
        clauses=clauses,
        signed_by=signed_by,
        now=now,
        expires_at=expires_at,
    )
    inputs: dict[str, object] = {
        "mandate_id": mandate_id,
        "clauses": {
            clause.value: None if limit is None else {"minor": limit.minor, "currency": limit.currency}
            for clause, limit in sorted(clauses.items())
        },
        "expires_at": None if expires_at is None else expires_at.isoformat(),
    }
    _write_down(connection, "mandate_signed", device_id, f"owner-{owner_id}", inputs, now)
    return Signed(mandate_id)


def revoke(connection: Connection, *, device_id: int, owner_id: int, now: datetime) -> Signed | NotAnOwner:
    """Take a mandate back: from now on nothing is done alone, and what is open is a human's."""
    if not _owns_now(connection, device_id, owner_id):
        return NotAnOwner()
    # A step that is at work holds its request before it asks for a clause: in the same order nobody waits in a circle.
    opened = [
        requests.lock_request(connection, request_id) for request_id in owners.open_requests(connection, device_id)
    ]
    ended = stored.end_mandate(connection, device_id, "revoked", f"owner-{owner_id}", now)
    if ended is None:
        return Signed(None)
    _write_down(connection, "mandate_revoked", device_id, f"owner-{owner_id}", {"mandate_id": ended}, now)
    for request in opened:
        if request is not None and request.state not in {State.SOLVED, State.CANCELLED}:
            _give_to_a_person(connection, request, owner_id, now)
    return Signed(None)


def _give_to_a_person(connection: Connection, request: Request, owner_id: int, now: datetime) -> None:
    state = requests.transition(connection, request, Command.ESCALATE, now)
    if state is State.HELD:
        free_of(connection, request.request_id, now)
    requests.append_event(connection, request.request_id, "mandate_revoked", now, actor=f"owner-{owner_id}")
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, REASONS[Why.ENDED]), now)


def say_who_depends(connection: Connection, *, device_id: int, owner_id: int, depends: bool, now: datetime) -> bool:
    """Keep whether somebody in an owner's home depends on powered medical equipment; say whether he is an owner.

    It stands in no audit and in no history: nobody but the steps that may interrupt the supply learns of it.
    """
    if not _owns_now(connection, device_id, owner_id):
        return False
    supply.keep_answer(connection, device_id, owner_id, depends=depends, now=now)
    return True


def join(connection: Connection, *, device_id: int, owner_id: int, actor: str, now: datetime) -> None:
    """Make somebody an owner beside those that there are; he sees what is done from now on."""
    attention.hold_device(connection, device_id)
    if owners.join(connection, device_id, owner_id, now):
        welcome(connection, device_id, owner_id, now)
        _write_down(connection, "owner_joined", device_id, actor, {"owner_id": owner_id}, now)


def transfer(connection: Connection, *, device_id: int, owner_id: int, actor: str, now: datetime) -> list[int]:
    """Give a device to a new owner, and seal what was its former owners'.

    Their mandate ends. Their open requests end: dates and parts are given back, and whoever knew of them is told. What is
    still wrong with the device is a new request of the new owner's, held until a human has asked him.

    Parameters
    ----------
    connection : Connection
        In a transaction of the device's tenant.
    device_id, owner_id : int
        The device and its new owner.
    actor : str
        Who says so: 'staff-3', 'owner-12'.
    now : datetime
        Aware.

    Returns
    -------
    list of int
        The new owner's requests.
    """
    # Whoever opens a request of the device, or signs for it, holds it too: none of it is a former owner's a moment later.
    attention.hold_device(connection, device_id)
    opened = [
        requests.lock_request(connection, request_id) for request_id in owners.open_requests(connection, device_id)
    ]
    former = [each.owner_id for each in owners.owners_of(connection, device_id)]
    if former == [owner_id]:
        return []
    stored.end_mandate(connection, device_id, "transferred", actor, now)
    ended = [request for request in opened if request is not None and _end(connection, request, now)]
    owners.change_owner(connection, device_id, owner_id, now)
    welcome(connection, device_id, owner_id, now)
    inputs: dict[str, object] = {"owner_id": owner_id, "former": list(former)}
    _write_down(connection, "owner_changed", device_id, actor, inputs, now)
    return [_open_anew(connection, request, owner_id, now) for request in ended]


def _end(connection: Connection, request: Request, now: datetime) -> bool:
    """End a former owner's request, and say whether it was open."""
    if request.state in {State.SOLVED, State.CANCELLED}:
        return False
    owner_knew = requests.owner_knows(connection, request)
    ending.end_price(connection, request, now)
    requests.transition(connection, request, Command.CANCEL, now)
    requests.append_event(connection, request.request_id, "owner_changed", now)
    promises.close_offers(connection, request.request_id, "withdrawn", now)
    cancelled = promises.cancel_appointment(connection, request.request_id, now)
    free_of(connection, request.request_id, now)
    requests.close_cases(connection, request.request_id, now)
    if owner_knew:
        tell_cancelled(connection, request, "The device has a new owner.", now, appointment_id=cancelled)
    return True


def _open_anew(connection: Connection, request: Request, owner_id: int, now: datetime) -> int:
    fault_id = request.fault_id
    if fault_id is None:
        message = f"request {request.request_id} has no fault that a new owner could be asked about"
        raise LookupError(message)
    request_id = requests.open_request(
        connection,
        device_id=request.device_id,
        owner_id=owner_id,
        component=request.component,
        fault_id=fault_id,
        diagnosis_id=request.diagnosis_id,
        state=State.HELD,
        is_safety=request.is_safety,
        severity=requests.severity_of(connection, request.request_id),
        decided_received_at=request.decided_received_at,
        now=now,
    )
    requests.append_event(connection, request_id, "opened", now, detail={"fault": request.fault})
    queue = Queue.SAFETY if request.is_safety else Queue.JUDGEMENT
    give_case(connection, request_id, CaseWanted(queue, NEW_OWNER), now)
    auditing.record(
        connection,
        "opened",
        device_id=request.device_id,
        request_id=request_id,
        permission=None,
        inputs={"fault": request.fault, "diagnosis_id": request.diagnosis_id},
        now=now,
    )
    return request_id


def _owns_now(connection: Connection, device_id: int, owner_id: int) -> bool:
    """Say whether somebody owns a device, which nobody gives away until this transaction ends."""
    attention.hold_device(connection, device_id)
    found = owners.ownership(connection, device_id, owner_id)
    return found is not None and found.until_at is None


def _write_down(
    connection: Connection, act: str, device_id: int, actor: str, inputs: dict[str, object], now: datetime
) -> None:
    auditing.record(
        connection, act, device_id=device_id, request_id=None, permission=None, inputs=inputs, now=now, actor=actor
    )
