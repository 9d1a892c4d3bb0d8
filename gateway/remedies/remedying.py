"""Remedying: something is tried on a device from afar, and its readings prove whether it helped.

Loads, lets `workflows.remedying` decide, saves; called when a remedy is chosen, when the device has answered, when its
symptoms change, and by the sweep when a clock runs out. Every call may come twice: what has moved on does not move again.
"""

from datetime import datetime
from typing import Final
from uuid import uuid4

from devices.product import ProductType
from devices.products import product_type
from devices.remote import Rung, may_be_tried
from gateway.audit import auditing
from gateway.following import give_case
from gateway.owners import mandates
from gateway.owners.mandates import Ordered
from gateway.quotes import ending
from gateway.remedies.readiness import Standing, needs
from gateway.storage import commands, findings, remedies, requests, supply
from gateway.storage.commands import Order
from gateway.storage.connection import Connection
from gateway.storage.remedies import AttemptRow
from gateway.storage.requests import Request
from gateway.telling import defer_offer, tell_owner
from workflows.mandate import Allowed, Clause, Denied
from workflows.remedying import (
    ENDED,
    HAS_TO_LAST,
    Attempt,
    Happening,
    Seen,
    Spent,
    State,
    look_again_at,
    may_interrupt_supply,
    next_rung,
    planned,
    steps,
)
from workflows.request import CLOSED, Command
from workflows.request import State as RequestState
from workflows.triage import CaseWanted, Queue

Permission = Allowed | Ordered

IN_VAIN: Final = "A remedy from afar was tried in vain: decide how it goes on."


def ladder_of(connection: Connection, request: Request, now: datetime) -> Rung | Spent:
    """Return what may be tried next about a request from afar, or why nothing more is."""
    product = product_type(request.product)
    fault = product.faults.get(request.fault)
    if fault is None or not may_be_tried(fault) or request.is_safety:
        return Spent("no_rung")
    ladder = [
        rung
        for rung in product.ladders.get(fault.code, ())
        if not rung.interrupts_supply or may_interrupt_supply(supply.answers(connection, request.device_id))
    ]
    if not ladder:
        return Spent("no_rung")
    return next_rung(ladder, remedies.past(connection, request.device_id, fault.code, now - HAS_TO_LAST), now)


def begin(connection: Connection, request: Request, rung: Rung, permission: Permission, now: datetime) -> None:
    """Try a rung about a locked request that is open: it is remedied from now on, and the command goes out when it may."""
    mandate_id = permission.mandate_id if isinstance(permission, Allowed) else None
    requests.transition(connection, request, Command.TRY_REMEDY, now)
    _end_former(connection, request, now)
    attempt_id = remedies.plan(
        connection,
        device_id=request.device_id,
        request_id=request.request_id,
        component=request.component,
        fault=request.fault,
        rung=rung.name,
        attempt=planned(rung, now),
        mandate_id=mandate_id,
    )
    requests.append_event(
        connection,
        request.request_id,
        "remedy_planned",
        now,
        detail={"attempt_id": attempt_id, "rung": rung.name, "was": request.state},
    )
    go_on(connection, request_id=request.request_id, now=now)


def _end_former(connection: Connection, request: Request, now: datetime) -> None:
    """End what is still tried for a closed request of the same component; the sweep would, and may come later than this."""
    row = remedies.lock_living_on(connection, request.device_id, request.component)
    former = None if row is None else requests.find_one(connection, row.request_id)
    if row is not None and former is not None and former.state in CLOSED:
        _end(connection, former, row, row.attempt, Happening.WITHDRAWN, now)


def go_on(connection: Connection, *, request_id: int, now: datetime) -> None:
    """Look at a request's attempt, and do what follows from what is known now; nothing when there is none."""
    request = requests.lock_request(connection, request_id)
    row = None if request is None else remedies.lock_living(connection, request_id)
    if request is None or row is None:
        return
    product = product_type(request.product)
    rung = product.rung(row.fault, row.rung)
    if rung is None:
        # Another version of the product's folder has no such rung any more.
        _end(connection, request, row, row.attempt, Happening.WITHDRAWN, now)
        return
    attempt, last = row.attempt, None
    permission = mandates.permit(connection, request.device_id, request_id, Clause.REMOTE_RESET, now)
    for what, after in steps(row.attempt, _seen(connection, request, row, rung, permission, now), rung, now):
        attempt, last = after, what
        _note(connection, request, row, last, now)
        if what is Happening.SENT and not isinstance(permission, Denied):
            _send(connection, row, rung, after, permission, now)
    if attempt.state in ENDED and last is not None:
        _end(connection, request, row, attempt, last, now)
        return
    remedies.save(
        connection,
        row.attempt_id,
        attempt,
        due_at=look_again_at(attempt, now),
        why=row.why if last is None else last,
        command_id=None,
        ended_at=None,
        sent_at=None,
    )


def withdraw(connection: Connection, *, request_id: int, now: datetime) -> None:
    """Take back what is tried about a request that is being remedied: a person wants dates instead."""
    request = requests.lock_request(connection, request_id)
    row = None if request is None else remedies.lock_living(connection, request_id)
    if request is None or request.state != RequestState.REMEDYING:
        return
    if row is None:
        requests.transition(connection, request, Command.GIVE_UP_REMEDY, now)
        defer_offer(connection, request_id)
        return
    _note(connection, request, row, Happening.WITHDRAWN, now)
    _end(connection, request, row, row.attempt, Happening.WITHDRAWN, now)


def _seen(
    connection: Connection,
    request: Request,
    row: AttemptRow,
    rung: Rung,
    permission: Permission | Denied,
    now: datetime,
) -> Seen:
    product = product_type(request.product)
    is_planned = row.state == State.PLANNED
    return Seen(
        is_wanted=_is_wanted(connection, request, row, product) and not (is_planned and isinstance(permission, Denied)),
        is_ready=is_planned and is_ready(connection, product, row.device_id, rung, now),
        answer="" if row.command_id is None else commands.answer_to(connection, row.command_id),
        is_well=remedies.is_well(connection, row.device_id, rung.proof),
    )


def _is_wanted(connection: Connection, request: Request, row: AttemptRow, product: ProductType) -> bool:
    """Whether the interlock is open: the request waits for this, its fault is the same, and no danger is there."""
    fault = product.faults.get(row.fault)
    if request.state != RequestState.REMEDYING or request.is_safety or fault is None or not may_be_tried(fault):
        return False
    if row.state == State.PLANNED and request.fault != row.fault:
        return False
    dangers = [monitor.name for monitor in product.monitors if monitor.is_safety]
    return Queue.SAFETY not in requests.open_queues(connection, request.request_id) and remedies.is_well(
        connection, row.device_id, dangers
    )


def is_ready(connection: Connection, product: ProductType, device_id: int, rung: Rung, now: datetime) -> bool:
    """Whether all conditions of a rung hold: by the device's own newest words, and by its owners' where it needs theirs."""
    return all(need.standing is Standing.MET for need in needs(connection, product, device_id, rung, now))


def _send(
    connection: Connection, row: AttemptRow, rung: Rung, attempt: Attempt, permission: Permission, now: datetime
) -> None:
    """Put the command into the outbox to the device; it is worth nothing after its answer is not waited for any more."""
    command_id = uuid4()
    order = Order(command_id, row.device_id, rung.command, rung.arguments, row.request_id)
    commands.write_order(connection, order, now, attempt.due_at)
    remedies.save(
        connection,
        row.attempt_id,
        attempt,
        due_at=attempt.due_at,
        why=Happening.SENT,
        command_id=command_id,
        ended_at=None,
        sent_at=now,
    )
    inputs: dict[str, object] = {"rung": rung.name, "command": rung.command, "command_id": str(command_id)}
    auditing.record(
        connection,
        "remedy_sent",
        device_id=row.device_id,
        request_id=row.request_id,
        permission=permission,
        inputs=inputs,
        now=now,
    )


def _note(connection: Connection, request: Request, row: AttemptRow, what: Happening, now: datetime) -> None:
    if request.state in CLOSED:
        # Nothing happens to a closed request; the attempt itself says how it ended.
        return
    requests.append_event(
        connection,
        request.request_id,
        f"remedy_{what}",
        now,
        actor="device" if what in {Happening.DONE, Happening.PARTLY, Happening.REFUSED} else "desk",
        detail={"attempt_id": row.attempt_id, "rung": row.rung},
    )


def _end(
    connection: Connection, request: Request, row: AttemptRow, attempt: Attempt, what: Happening, now: datetime
) -> None:
    """Write down how an attempt ended, and hand on: the request is solved, or the next best thing is looked for."""
    state = attempt.state if attempt.state in ENDED else State.WITHDRAWN
    remedies.save(
        connection,
        row.attempt_id,
        Attempt(state, row.planned_at, now, attempt.prove_by_at),
        due_at=now,
        why=what,
        command_id=None,
        ended_at=now,
        sent_at=None,
    )
    if row.command_id is not None:
        commands.call_off(connection, row.command_id, now)
    if request.state != RequestState.REMEDYING:
        return
    if state is State.PROVEN:
        ending.end_price(connection, request, now)
        requests.transition(connection, request, Command.SOLVE, now)
        requests.close_cases(connection, request.request_id, now)
        findings.close_other_faults(
            connection, device_id=request.device_id, component=request.component, kept=None, now=now
        )
        requests.append_event(connection, request.request_id, "solved", now, detail={"rung": row.rung})
        # Once, and after the proof alone: he need not have noticed anything.
        tell_owner(connection, request, "healed", "healed", {"rung": row.rung}, now)
        return
    _lead_on(connection, request, row, what, now)


def _lead_on(connection: Connection, request: Request, row: AttemptRow, what: Happening, now: datetime) -> None:
    """Look for the next best thing, or leave the request to the person who had it before a roll-out reached it."""
    told: dict[str, object] = {"rung": row.rung, "why": str(what)}
    planned_from = requests.latest_detail(connection, request.request_id, "remedy_planned") or {}
    was_held = planned_from.get("was") == RequestState.HELD
    if was_held and not requests.has_event(connection, request.request_id, "remedy_skipped"):
        requests.transition(connection, request, Command.HOLD, now)
        requests.append_event(connection, request.request_id, "remedy_given_up", now, detail=told)
        give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, IN_VAIN), now)
        return
    requests.transition(connection, request, Command.GIVE_UP_REMEDY, now)
    requests.append_event(connection, request.request_id, "remedy_given_up", now, detail=told)
    defer_offer(connection, request.request_id)
