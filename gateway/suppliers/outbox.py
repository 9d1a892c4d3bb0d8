"""Orders on their way to suppliers: sent once by their key, tried again, asked about, taken back, given up."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from gateway import missing
from gateway.following import give_case
from gateway.settings import Settings
from gateway.storage import orders, stock
from gateway.storage.connection import Connection, tenant_transaction
from gateway.storage.orders import OrderRow
from gateway.suppliers.answers import follow
from gateway.suppliers.http import HttpSupplier
from gateway.suppliers.message import order_no_of
from gateway.suppliers.port import PartOrder, Refused, Supplier, Taken, Unreachable
from gateway.suppliers.signature import secret_of
from workflows.ordering import ASK_AFTER, SILENT_AFTER, OrderState
from workflows.triage import CaseWanted, Queue

_log = logging.getLogger(__name__)

_MOST: Final = 50
_SILENT: Final = "A supplier does not answer: ask whether the order is there, or find the part elsewhere."
_FIRST_WAIT_S: Final = 10.0
_LONGEST_WAIT_S: Final = 3600.0

# Who is behind an order's supplier: tenant and order in, None where no secret is set.
FindSupplier = Callable[[str, OrderRow], Supplier | None]


def by_http(settings: Settings) -> FindSupplier:
    """Reach suppliers at the addresses of their tenants' files, with the secrets of the settings."""

    def find(tenant: str, order: OrderRow) -> Supplier | None:
        secret = secret_of(settings, tenant, order.supplier)
        return None if secret is None else HttpSupplier(order.url, secret)

    return find


def send_orders(connection: Connection, find: FindSupplier, now: datetime) -> int:
    """Ask suppliers what is due to be asked, each order in a transaction of its own; return how many were looked at.

    Parameters
    ----------
    connection : Connection
        In the role of work, in autocommit mode.
    find : callable
        See `by_http`.
    now : datetime
        Aware.
    """
    count = 0
    # One who is away is asked once in a round: whoever calls has clocks to look after.
    away: set[int] = set()
    for tenant_id, tenant in connection.execute("SELECT tenant_id, name FROM tenant ORDER BY tenant_id").fetchall():
        with tenant_transaction(connection, tenant_id):
            due = orders.due_orders(connection, now, _MOST)
        for inbound_id in due:
            with tenant_transaction(connection, tenant_id):
                order = orders.lock_order(connection, inbound_id, wait=False)
                if order is None or order.supplier_id in away:
                    continue
                _look_after(connection, order, find(tenant, order), now)
                count += 1
                if orders.is_failing(connection, inbound_id, now):
                    away.add(order.supplier_id)
    return count


def _look_after(connection: Connection, order: OrderRow, supplier: Supplier | None, now: datetime) -> None:
    if order.promised == 0 and order.was_for_a_request and order.cancel_asked_at is None and order.takes_back:
        _take_back(connection, order, supplier, now)
    elif order.state == OrderState.ASKED and _is_silent(order, now):
        _give_up(connection, order, now)
    elif supplier is None:
        _fail(connection, order, "no secret is set for this supplier", now)
    elif order.taken_at is None:
        _send(connection, order, supplier, now)
    else:
        _ask(connection, order, supplier, now)


def _is_silent(order: OrderRow, now: datetime) -> bool:
    return order.asked_at is not None and order.warned_at is None and now - order.asked_at >= SILENT_AFTER


def _send(connection: Connection, order: OrderRow, supplier: Supplier, now: datetime) -> None:
    sent = PartOrder(order_no_of(order.inbound_id), order.part_no, order.quantity, order.centre, order.expected_at)
    match supplier.order(sent, now):
        case Taken(reference=reference):
            orders.note_taken(connection, order.inbound_id, reference, now, now + ASK_AFTER)
        case Refused(reason=reason):
            _log.warning("order %s was refused by %s: %s", sent.order_no, order.supplier, reason)
            _end_refused(connection, order, now)
        case Unreachable(reason=reason):
            _fail(connection, order, reason, now)


def _end_refused(connection: Connection, order: OrderRow, now: datetime) -> None:
    held = stock.waiting_for(connection, order.inbound_id)
    missing.give_up(connection, held, "rejected", now)
    orders.end_order(connection, order.inbound_id, OrderState.REJECTED, now)
    missing.mend(connection, held, now, without=frozenset({order.supplier_id}))


def _ask(connection: Connection, order: OrderRow, supplier: Supplier, now: datetime) -> None:
    """Ask how an order stands of which nothing was heard for some time; he may have told us, and we were away."""
    answer = supplier.status(order_no_of(order.inbound_id), now)
    match answer:
        case Unreachable(reason=reason):
            _fail(connection, order, reason, now)
        case None:
            orders.note_taken(connection, order.inbound_id, "", now, now + ASK_AFTER)
        case _:
            orders.note_taken(connection, order.inbound_id, "", now, now + ASK_AFTER)
            follow(connection, order, answer, now)


def _take_back(connection: Connection, order: OrderRow, supplier: Supplier | None, now: datetime) -> None:
    """Nobody waits for it any more. What the supplier was never asked ends here; else he is asked to take it back."""
    if order.taken_at is None and order.attempts == 0:
        orders.end_order(connection, order.inbound_id, OrderState.CANCELLED, now)
        return
    if supplier is None:
        _fail(connection, order, "no secret is set for this supplier", now)
        return
    match supplier.cancel(order_no_of(order.inbound_id), now):
        case Taken() | Refused():
            # Whether he does he says himself; what he does not take back arrives as free stock.
            orders.note_cancel_asked(connection, order.inbound_id, now, now + ASK_AFTER)
        case Unreachable(reason=reason):
            _fail(connection, order, reason, now)


def _give_up(connection: Connection, order: OrderRow, now: datetime) -> None:
    """A supplier who says nothing for a day is not waited for: other sources, other dates, and a named human."""
    held = stock.waiting_for(connection, order.inbound_id)
    orders.note_warned(connection, order.inbound_id, now)
    missing.lose(connection, held, "silent", now, without=frozenset({order.supplier_id}))
    for request_id in sorted({each.request_id for each in held}):
        give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, _SILENT), now)


def _fail(connection: Connection, order: OrderRow, reason: str, now: datetime) -> None:
    wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(order.attempts, 10))
    orders.note_failure(connection, order.inbound_id, reason, now + timedelta(seconds=wait_s))
