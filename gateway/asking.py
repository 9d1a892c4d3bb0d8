"""Asking: the owner is asked once for one look or one deed of his own; his answer, or his silence, leads on.

Called when asking is what costs least, by the owner's page, by `diagnose` when the readings are well again, and by the
sweep when nobody answers. Every call may come twice.
"""

from datetime import datetime, timedelta

from devices.checks import Check
from devices.costs import Guide
from devices.product import ProductType
from devices.products import product_type
from gateway.storage import asks, findings, requests
from gateway.storage.asks import AskRow
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.telling import defer_offer, tell_owner
from workflows.asking import ANSWER_WITHIN, OF_A_CHECK, OF_A_GUIDE, Answer
from workflows.request import Command, State


def begin(connection: Connection, request: Request, *, kind: str, name: str, now: datetime) -> None:
    """Ask the owner of a locked request that is open."""
    requests.transition(connection, request, Command.ASK_OWNER, now)
    ask_id = asks.write_ask(connection, request.request_id, kind=kind, name=name, now=now, due_at=now + ANSWER_WITHIN)
    requests.append_event(connection, request.request_id, "asked", now, detail={"ask_id": ask_id, kind: name})
    tell_owner(connection, request, "ask", f"ask-{ask_id}", {"ask_id": ask_id}, now)


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
        _lead_on(connection, request, now)
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
    _lead_on(connection, request, now)


def healed(connection: Connection, request: Request, now: datetime) -> None:
    """Solve a locked request that asks, because nothing is wrong with its component any more."""
    ask = asks.find_ask(connection, request.request_id)
    if request.state != State.ASKING or ask is None:
        return
    asks.close_ask(connection, ask.ask_id, now)
    requests.transition(connection, request, Command.SOLVE, now)
    requests.close_cases(connection, request.request_id, now)
    findings.close_other_faults(
        connection, device_id=request.device_id, component=request.component, kept=None, now=now
    )
    requests.append_event(connection, request.request_id, "solved", now, detail={ask.kind: ask.name})


def _lead_on(connection: Connection, request: Request, now: datetime) -> None:
    requests.transition(connection, request, Command.ANSWER, now)
    defer_offer(connection, request.request_id)
