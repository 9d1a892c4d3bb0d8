"""Answers of suppliers: heard once each, judged, and followed up; whoever waits for the part gets a next step."""

from datetime import datetime
from enum import StrEnum

from gateway.following import give_case
from gateway.parts import missing
from gateway.storage import orders, requests, stock
from gateway.storage.connection import Connection
from gateway.storage.orders import OrderRow
from gateway.storage.stock import Held
from gateway.suppliers.message import OrderMessage, answer_of, inbound_of
from workflows.ordering import Answer, Known, Order, OrderState, Refuse, Said, Take, judge
from workflows.triage import CaseWanted, Queue

_EVENTS = {
    Said.CONFIRMED: "part_confirmed",
    Said.DELAYED: "part_delayed",
    Said.SHIPPED: "part_shipped",
    Said.DELIVERED: "part_arrived",
}
_WRONG = "A supplier's answer does not fit the order: ask the supplier what is true."


class Outcome(StrEnum):
    """What became of a message."""

    DONE = "done"
    REPEATED = "repeated"
    WRONG = "wrong"
    UNKNOWN_ORDER = "unknown_order"


def hear(
    connection: Connection, supplier_id: int, message_id: str, message: OrderMessage, now: datetime
) -> tuple[Outcome, str]:
    """Take a message in, in a transaction of its tenant; return what became of it, and why if it is wrong.

    A message that came before changes nothing. A wrong one is kept, and whoever waits for the part gets a named human.
    """
    inbound_id = inbound_of(message.order)
    order = None if inbound_id is None else orders.lock_order(connection, inbound_id)
    if order is None or order.supplier_id != supplier_id:
        return Outcome.UNKNOWN_ORDER, ""
    if orders.has_message(connection, supplier_id, message_id):
        return Outcome.REPEATED, ""
    answer = answer_of(message)
    outcome, why = (Outcome.DONE, "") if answer is None else follow(connection, order, answer, now)
    orders.keep_message(
        connection,
        supplier_id,
        message_id,
        inbound_id=order.inbound_id,
        kind=message.status,
        outcome=why or outcome.value,
        body=message.model_dump(mode="json", by_alias=True),
        now=now,
    )
    return outcome, why


def follow(connection: Connection, order: OrderRow, answer: Answer, now: datetime) -> tuple[Outcome, str]:
    """Judge an answer to a locked order and do what follows from it."""
    known = Order(order.part_no, order.quantity, OrderState(order.state), order.expected_at)
    held = stock.waiting_for(connection, order.inbound_id)
    match judge(known, answer, now):
        case Known():
            return Outcome.REPEATED, ""
        case Refuse(why=why):
            for request_id in sorted({each.request_id for each in held}):
                give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, _WRONG), now)
            return Outcome.WRONG, why
        case Take(state=state, expected_at=expected_at):
            _take(connection, order, state, expected_at, held, now)
            _tell(connection, order, answer, expected_at, held, now)
            return Outcome.DONE, ""


def _take(
    connection: Connection,
    order: OrderRow,
    state: OrderState,
    expected_at: datetime,
    held: list[Held],
    now: datetime,
) -> None:
    match state:
        case OrderState.ARRIVED:
            orders.end_order(connection, order.inbound_id, state, now)
        case OrderState.REJECTED | OrderState.CANCELLED | OrderState.LOST:
            missing.give_up(connection, held, state.value, now)
            orders.end_order(connection, order.inbound_id, state, now)
            missing.mend(connection, held, now, without=frozenset({order.supplier_id}))
        case _:
            late_ids = orders.begin_before(connection, [each.reservation_id for each in held], expected_at)
            late = [each for each in held if each.reservation_id in late_ids]
            missing.give_up(connection, late, "late", now)
            orders.set_order(connection, order.inbound_id, state, expected_at)
            missing.mend(connection, late, now, without=frozenset({order.supplier_id}))


def _tell(
    connection: Connection, order: OrderRow, answer: Answer, expected_at: datetime, held: list[Held], now: datetime
) -> None:
    event = _EVENTS.get(answer.said)
    if event is None:
        return
    detail: dict[str, object] = {
        "parts": [order.part_no],
        "inbound_id": order.inbound_id,
        "expected_at": expected_at.isoformat(),
    }
    for request_id in sorted({each.request_id for each in held}):
        requests.append_event(connection, request_id, event, now, actor=f"supplier-{order.supplier}", detail=detail)
