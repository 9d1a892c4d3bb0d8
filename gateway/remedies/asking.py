"""Asking: the owner is asked once for one look or one deed of his own; his answer, or his silence, leads on.

Called when asking is what costs least, by the owner's page, by `diagnose` when the readings are well again, and by the
sweep when nobody answers. Every call may come twice.
"""

from datetime import datetime, timedelta
from typing import Final

from devices.checks import Check
from devices.costs import Guide
from devices.product import ProductType
from devices.products import product_type
from devices.remote import may_be_tried
from gateway.following import give_case
from gateway.planner import Done, Refused
from gateway.quotes import ending
from gateway.storage import asks, findings, requests
from gateway.storage.asks import AskRow
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.telling import defer_offer, tell_owner
from workflows.asking import ANSWER_WITHIN, OF_A_CHECK, OF_A_GUIDE, Answer
from workflows.costs import owner_checks
from workflows.request import Command, State, next_state
from workflows.triage import CaseWanted, Queue

ANSWERED: Final = "The owner was asked by a person: see what he answered, and decide how to go on."


def begin(
    connection: Connection, request: Request, *, kind: str, name: str, now: datetime, staff_id: int | None = None
) -> None:
    """Ask the owner of a locked request that is open; with `staff_id` that person asks, and gets the answer."""
    requests.transition(connection, request, Command.ASK_OWNER, now)
    ask_id = asks.write_ask(
        connection,
        request.request_id,
        kind=kind,
        name=name,
        now=now,
        due_at=now + ANSWER_WITHIN,
        asked_by=staff_id,
    )
    actor = "desk" if staff_id is None else f"staff-{staff_id}"
    requests.append_event(
        connection, request.request_id, "asked", now, actor=actor, detail={"ask_id": ask_id, kind: name}
    )
    tell_owner(connection, request, "ask", f"ask-{ask_id}", {"ask_id": ask_id}, now)


def may_ask(connection: Connection, request: Request) -> list[Check | Guide]:
    """Return what a person may ask the owner about a request: nothing twice, and nothing where there is danger."""
    product = product_type(request.product)
    fault = product.faults.get(request.fault)
    is_danger = request.is_safety or (fault is not None and not may_be_tried(fault))
    if is_danger or next_state(State(request.state), Command.ASK_OWNER) is None:
        return []
    if asks.find_ask(connection, request.request_id) is not None:
        return []
    guides = [each for each in product.guides if each.fault == request.fault]
    return [*guides, *owner_checks(product, request.component)]


def ask_by_hand(connection: Connection, *, request_id: int, staff_id: int, name: str, now: datetime) -> Done | Refused:
    """Ask the owner of a request because a member of staff wants to; dates that were looked for wait for his answer."""
    request = requests.lock_request(connection, request_id)
    if request is None:
        return Refused("There is no such request.")
    if request.state == State.ASKING:
        return Done(request.state)
    what = next((each for each in may_ask(connection, request) if each.name == name), None)
    if what is None:
        return Refused("The owner cannot be asked this now.")
    kind = "check" if isinstance(what, Check) else "guide"
    begin(connection, request, kind=kind, name=name, now=now, staff_id=staff_id)
    return Done(State.ASKING)


def asked_about(product: ProductType, ask: AskRow) -> Check | Guide | None:
    """Return what an owner was asked; None where the product's folder does not have it any more."""
    rows = product.checks if ask.kind == "check" else product.guides
    return next((each for each in rows if each.name == ask.name), None)


def answers_to(ask: AskRow) -> tuple[Answer, ...]:
    """Return what may be answered."""
    return OF_A_CHECK if ask.kind == "check" else OF_A_GUIDE


def answer(connection: Connection, *, request_id: int, said: Answer, now: datetime) -> bool:
    """Take an owner's answer; return whether it counted: the first one does, while the request waits for it."""
    request = requests.lock_request(connection, request_id)
    ask = asks.find_ask(connection, request_id)
    if request is None or ask is None or request.state != State.ASKING or ask.answered_at is not None:
        return False
    if said not in answers_to(ask):
        return False
    what = asked_about(product_type(request.product), ask)
    is_deed = said is Answer.DONE and isinstance(what, Guide)
    prove_by_at = now + timedelta(seconds=what.prove_within_s) if is_deed and isinstance(what, Guide) else None
    asks.keep_answer(connection, ask.ask_id, said, now, prove_by_at)
    requests.append_event(
        connection, request_id, "owner_answered", now, actor="owner", detail={ask.kind: ask.name, "answer": said}
    )
    if prove_by_at is None:
        _lead_on(connection, request, ask, now)
    return True


def look(connection: Connection, *, request_id: int, now: datetime) -> None:
    """Lead on a request whose owner has not answered in time, or whose deed has not shown in the readings."""
    request = requests.lock_request(connection, request_id)
    ask = asks.find_ask(connection, request_id)
    if request is None or ask is None or ask.closed_at is not None:
        return
    if request.state != State.ASKING:
        asks.close_ask(connection, ask.ask_id, now)
        return
    if ask.due_at > now:
        return
    asks.close_ask(connection, ask.ask_id, now)
    event = "not_answered" if ask.answered_at is None else "deed_not_proven"
    requests.append_event(connection, request_id, event, now, detail={ask.kind: ask.name})
    _lead_on(connection, request, ask, now)


def healed(connection: Connection, request: Request, now: datetime) -> None:
    """Solve a locked request that asks, because nothing is wrong with its component any more."""
    ask = asks.find_ask(connection, request.request_id)
    if request.state != State.ASKING or ask is None:
        return
    asks.close_ask(connection, ask.ask_id, now)
    ending.end_price(connection, request, now)
    requests.transition(connection, request, Command.SOLVE, now)
    requests.close_cases(connection, request.request_id, now)
    findings.close_other_faults(
        connection, device_id=request.device_id, component=request.component, kept=None, now=now
    )
    requests.append_event(connection, request.request_id, "solved", now, detail={ask.kind: ask.name})
    if ask.answer == Answer.DONE:
        tell_owner(connection, request, "healed", "healed", {"guide": ask.name}, now)


def _lead_on(connection: Connection, request: Request, ask: AskRow, now: datetime) -> None:
    if ask.asked_by is not None:
        # Who has asked decides on the answer, or on there being none.
        requests.transition(connection, request, Command.ESCALATE, now)
        give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, ANSWERED), now)
        return
    requests.transition(connection, request, Command.ANSWER, now)
    defer_offer(connection, request.request_id)
