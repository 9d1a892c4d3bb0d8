"""Orders on their way to suppliers: sent once by their key, tried again, asked about, taken back, given up.

A supplier is called with no transaction open and no row locked: what is to be asked is written down first, then he is
asked, then his answer is saved. Who dies between is followed by another a minute later, under the same key; a supplier
knows an order by it, so that nothing is ordered twice.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import psycopg

from gateway.errors import SettingsError
from gateway.following import give_case
from gateway.parts import missing
from gateway.settings import Settings
from gateway.storage import orders, stock
from gateway.storage.connection import Connection, tenant_transaction
from gateway.storage.orders import OrderRow
from gateway.suppliers.answers import follow
from gateway.suppliers.http import HttpSupplier
from gateway.suppliers.message import order_no_of
from gateway.suppliers.port import PartOrder, Refused, Supplier, Taken, Unreachable
from gateway.suppliers.signature import secret_of
from workflows.ordering import ASK_AFTER, SILENT_AFTER, Answer, OrderState
from workflows.triage import CaseWanted, Queue

_log = logging.getLogger(__name__)

_MOST: Final = 50
_SILENT: Final = "A supplier does not answer: ask whether the order is there, or find the part elsewhere."
_FIRST_WAIT_S: Final = 10.0
_LONGEST_WAIT_S: Final = 3600.0

# A call is over by then, or whoever made it is gone.
CALL_LASTS: Final = timedelta(minutes=1)


class Deed(StrEnum):
    """What a supplier is asked about an order."""

    SEND = "send"
    ASK = "ask"
    TAKE_BACK = "take_back"


Heard = Taken | Refused | Unreachable | Answer | None

# Who is behind an order's supplier: tenant and order in, None where no secret is set.
FindSupplier = Callable[[str, OrderRow], Supplier | None]


def by_http(settings: Settings) -> FindSupplier:
    """Reach suppliers at the addresses of their tenants' files, with the secrets of the settings."""

    def find(tenant: str, order: OrderRow) -> Supplier | None:
        secret = secret_of(settings, tenant, order.supplier)
        return None if secret is None else HttpSupplier(order.url, secret)

    return find


def send_orders(connection: Connection, find: FindSupplier, now: datetime) -> int:
    """Ask suppliers what is due to be asked, each order in transactions of its own before and after the call; return how many were looked at.

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
            try:
                count += _look_at(connection, find, (tenant_id, tenant), inbound_id, away, now)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                raise
            except Exception:  # noqa: BLE001  # whatever is wrong with one order must not keep back the others
                _log.exception("order %s cannot be looked after", order_no_of(inbound_id))
    return count


def _look_at(
    connection: Connection, find: FindSupplier, of: tuple[int, str], inbound_id: int, away: set[int], now: datetime
) -> bool:
    """Ask what is due about one order of a tenant; say whether it was looked at. Whose supplier is away adds him to these."""
    tenant_id, tenant = of
    with tenant_transaction(connection, tenant_id):
        order = orders.lock_order(connection, inbound_id, wait=False)
        if order is None or order.supplier_id in away or _is_being_called(order, now):
            return False
        supplier = _found(find, tenant, order)
        deed = _begin(connection, order, supplier, now)
    if deed is not None and not isinstance(supplier, str):
        answer = _call(order, deed, supplier, now)
        with tenant_transaction(connection, tenant_id):
            _save(connection, inbound_id, deed, answer, now)
    with tenant_transaction(connection, tenant_id):
        if orders.is_failing(connection, inbound_id, now):
            away.add(order.supplier_id)
    return True


def _found(find: FindSupplier, tenant: str, order: OrderRow) -> Supplier | str:
    """Return who is behind an order's supplier, or why he cannot be asked."""
    try:
        return find(tenant, order) or "no secret is set for this supplier"
    except SettingsError as error:
        return str(error)


def _is_being_called(order: OrderRow, now: datetime) -> bool:
    return order.ended_at is not None or (order.calling_until is not None and order.calling_until > now)


def _begin(connection: Connection, order: OrderRow, supplier: Supplier | str, now: datetime) -> Deed | None:
    """Do what needs nobody else about a locked order; return what its supplier is to be asked, written down as begun."""
    if order.promised == 0 and order.was_for_a_request and order.cancel_asked_at is None and order.takes_back:
        if order.taken_at is None and order.attempts == 0:
            # Nobody waits for it any more, and the supplier was never asked.
            orders.end_order(connection, order.inbound_id, OrderState.CANCELLED, now)
            return None
        deed = Deed.TAKE_BACK
    elif order.state == OrderState.ASKED and _is_silent(order, now):
        _give_up(connection, order, now)
        return None
    else:
        deed = Deed.SEND if order.taken_at is None else Deed.ASK
    orders.begin_call(connection, order.inbound_id, now + CALL_LASTS)
    if isinstance(supplier, str):
        orders.end_call(connection, order.inbound_id)
        order = replace(order, attempts=order.attempts + 1)
        _fail(connection, order, supplier, now)
        return None
    return deed


def _call(order: OrderRow, deed: Deed, supplier: Supplier, now: datetime) -> Heard:
    """Ask the supplier, with no transaction open."""
    try:
        return _asked(order, deed, supplier, now)
    except Exception as error:  # noqa: BLE001  # whatever he answers, others have orders, too
        _log.exception("order %s: %s answers what nobody understands", order_no_of(order.inbound_id), order.supplier)
        return Unreachable(f"{type(error).__name__}: {error}")


def _asked(order: OrderRow, deed: Deed, supplier: Supplier, now: datetime) -> Heard:
    order_no = order_no_of(order.inbound_id)
    match deed:
        case Deed.SEND:
            return supplier.order(
                PartOrder(order_no, order.part_no, order.quantity, order.centre, order.expected_at), now
            )
        case Deed.ASK:
            return supplier.status(order_no, now)
        case Deed.TAKE_BACK:
            return supplier.cancel(order_no, now)


def _save(connection: Connection, inbound_id: int, deed: Deed, heard: Heard, now: datetime) -> None:
    """Save what a supplier has answered; what he told by a message meanwhile stands."""
    order = orders.lock_order(connection, inbound_id)
    if order is None:
        return
    orders.end_call(connection, inbound_id)
    if order.ended_at is not None:
        return
    match deed, heard:
        case _, Unreachable(reason=reason):
            _fail(connection, order, reason, now)
        case Deed.SEND, Taken(reference=reference):
            # Who cancelled while it was being sent lets it be taken back at once.
            is_wanted = order.promised > 0 or not order.was_for_a_request
            orders.note_taken(connection, inbound_id, reference, now, now + ASK_AFTER if is_wanted else now)
        case Deed.SEND, Refused(reason=reason):
            _log.warning("order %s was refused by %s: %s", order_no_of(inbound_id), order.supplier, reason)
            _end_refused(connection, order, now)
        case Deed.TAKE_BACK, _:
            # Whether he takes it back he says himself; what he does not take back arrives as free stock.
            orders.note_cancel_asked(connection, inbound_id, now, now + ASK_AFTER)
        case Deed.ASK, Answer():
            orders.note_taken(connection, inbound_id, "", now, now + ASK_AFTER)
            follow(connection, order, heard, now)
        case _:
            orders.note_taken(connection, inbound_id, "", now, now + ASK_AFTER)


def _is_silent(order: OrderRow, now: datetime) -> bool:
    return order.asked_at is not None and order.warned_at is None and now - order.asked_at >= SILENT_AFTER


def _end_refused(connection: Connection, order: OrderRow, now: datetime) -> None:
    held = stock.waiting_for(connection, order.inbound_id)
    missing.give_up(connection, held, "rejected", now)
    orders.end_order(connection, order.inbound_id, OrderState.REJECTED, now)
    missing.mend(connection, held, now, without=frozenset({order.supplier_id}))


def _give_up(connection: Connection, order: OrderRow, now: datetime) -> None:
    """A supplier who says nothing for a day is not waited for: other sources, other dates, and a named human."""
    held = stock.waiting_for(connection, order.inbound_id)
    orders.note_warned(connection, order.inbound_id, now)
    missing.lose(connection, held, "silent", now, without=frozenset({order.supplier_id}))
    for request_id in sorted({each.request_id for each in held}):
        give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, _SILENT), now)


def _fail(connection: Connection, order: OrderRow, reason: str, now: datetime) -> None:
    wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(max(0, order.attempts - 1), 10))
    orders.note_failure(connection, order.inbound_id, reason, now + timedelta(seconds=wait_s))
