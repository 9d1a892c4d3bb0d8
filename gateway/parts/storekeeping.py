"""Storekeeping: what people say about stock. A count, a delivery that has come, and one that never will."""

from datetime import datetime

from gateway.parts import missing
from gateway.planner import Done, Refused
from gateway.storage import orders, requests, stock
from gateway.storage.connection import Connection


def count(
    connection: Connection, *, centre_id: int, part_no: str, counted: int, staff_id: int, reason: str, now: datetime
) -> Done | Refused:
    """Write what somebody has counted; requests whose part is not there get it from elsewhere, or other dates.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    centre_id, part_no : int, str
        What was counted, and where.
    counted : int
        What really lies there.
    staff_id, reason : int, str
        Who says so, and why it differs.
    now : datetime
        Aware.
    """
    known = connection.execute(
        "SELECT FROM service_centre c, part p WHERE c.centre_id = %s AND p.part_no = %s", [centre_id, part_no]
    ).fetchone()
    if known is None:
        return Refused("There is no such part or service centre.")
    stock.lock_who_has(connection, centre_id, part_no)
    on_hand, allocated = stock.count_on_hand(connection, centre_id, part_no) or (0, 0)
    if counted == on_hand:
        return Done("unchanged")
    lost = stock.promised_last(connection, centre_id, part_no, max(0, allocated - counted))
    missing.give_up(connection, lost, "counted", now)
    stock.adjust(connection, centre_id, part_no, counted - on_hand, staff_id=staff_id, reason=reason, now=now)
    missing.mend(connection, lost, now)
    return Done("counted")


def receive(connection: Connection, *, inbound_id: int, staff_id: int, now: datetime) -> Done | Refused:
    """Take a delivery in; a second time changes nothing."""
    row = _lock(connection, inbound_id)
    if row is None:
        return Refused("There is no such delivery.")
    state, is_ended, part_no = row
    if is_ended:
        return Done(state) if state == "arrived" else Refused("This delivery has ended already.")
    held = stock.waiting_for(connection, inbound_id)
    orders.end_order(connection, inbound_id, "arrived", now)
    detail: dict[str, object] = {"parts": [part_no], "inbound_id": inbound_id}
    for request_id in sorted({each.request_id for each in held}):
        requests.append_event(connection, request_id, "part_arrived", now, actor=f"staff-{staff_id}", detail=detail)
    return Done("arrived")


def write_off(connection: Connection, *, inbound_id: int, now: datetime) -> Done | Refused:
    """Say that a delivery will not come; whoever waits for it gets the part from elsewhere, or other dates."""
    row = _lock(connection, inbound_id)
    if row is None:
        return Refused("There is no such delivery.")
    state, is_ended, _ = row
    if is_ended:
        return Done(state) if state == "lost" else Refused("This delivery has ended already.")
    held = stock.waiting_for(connection, inbound_id)
    missing.give_up(connection, held, "lost", now)
    orders.end_order(connection, inbound_id, "lost", now)
    missing.mend(connection, held, now)
    return Done("lost")


def _lock(connection: Connection, inbound_id: int) -> tuple[str, bool, str] | None:
    stock.lock_who_waits(connection, inbound_id)
    row = connection.execute(
        "SELECT state, ended_at IS NOT NULL, part_no FROM inbound WHERE inbound_id = %s FOR UPDATE", [inbound_id]
    ).fetchone()
    return None if row is None else (row[0], row[1], row[2])
