"""Shelving, and what else a planner may do about a symptom's being heard. Each writes its audit line, with his name.

A matter of safety is never made quiet by hand, not by two people either: a danger has a named human's case from the start,
who can hold the request, and there is nothing that a second signature would make safer.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from devices.monitors import Monitor
from devices.product import ProductType
from gateway.decisions.attending import is_danger_alone, look_again
from gateway.planner import Done, Refused
from gateway.storage import attention
from gateway.storage.attention import Kept
from gateway.storage.connection import Connection
from workflows.attention import BY_HAND, LONGEST_SHELF, Act, Attention, ending, next_state

Key = tuple[str, int]


def shelve(
    connection: Connection,
    product: ProductType,
    device_id: int,
    key: Key,
    *,
    lasts: timedelta | None,
    staff_id: int,
    reason: str,
    now: datetime,
) -> Done | Refused:
    """Put a symptom of a device aside; a request that is open for it stands.

    Parameters
    ----------
    connection : Connection
        In a transaction of the device's tenant.
    product : ProductType
        The device's.
    device_id, key : int, (str, int)
        The device; monitor and element.
    lasts : timedelta or None
        For how long, `LONGEST_SHELF` at most; None: out of service until it is put back by hand.
    staff_id, reason : int, str
        Who does it, and why.
    now : datetime
        Aware.
    """
    monitor = next((each for each in product.monitors if each.name == key[0]), None)
    if monitor is None:
        return Refused("There is no such symptom.")
    if monitor.is_safety or is_danger_alone(product, monitor.component, monitor.name):
        return Refused("Safety is never put aside.")
    if lasts is not None and not timedelta(0) < lasts <= LONGEST_SHELF:
        return Refused("A shelf lasts for a week at most.")
    attention.hold_device(connection, device_id)
    row = _row(connection, device_id, key, monitor, now)
    act = Act.TAKE_OUT if lasts is None else Act.SHELVE
    state = next_state(row.state, act)
    if state is None:
        return Refused("It is out of service: put it back first.")
    due_at = None if lasts is None else now + lasts
    after = replace(row, state=state, since_at=now, staff_id=staff_id, reason=reason, mode=None, due_at=due_at)
    attention.keep(connection, device_id, [(after, monitor.is_safety)])
    attention.write_down(connection, device_id, [(act, row.state, after)], now, staff_id=staff_id, reason=reason)
    if row.unsteady_until_at is not None:
        # What is quiet does not chatter either: the next look at the component closes that.
        look_again(connection, device_id, [monitor.component])
    return Done(state)


def put_back(
    connection: Connection, product: ProductType, device_id: int, key: Key, *, staff_id: int, now: datetime
) -> Done | Refused:
    """End a shelf, or put back what is out of service: what is there goes its way."""
    attention.hold_device(connection, device_id)
    row = next((each for each in attention.kept(connection, device_id) if each.key == key), None)
    if row is None or row.state not in BY_HAND:
        return Done("" if row is None else row.state)
    act = ending(attention.is_there(connection, device_id, key))
    state = next_state(row.state, act)
    if state is None:
        return Refused("There is no such symptom.")
    after = replace(row, state=state, since_at=now, staff_id=None, reason=None, due_at=None)
    attention.keep(connection, device_id, [(after, _is_safety(product, row.monitor))])
    attention.write_down(connection, device_id, [(act, row.state, after)], now, staff_id=staff_id)
    look_again(connection, device_id, [row.component])
    return Done(state)


def acknowledge(connection: Connection, product: ProductType, device_id: int, *, staff_id: int, now: datetime) -> int:
    """Say that somebody has seen all symptoms of a device; return how many nobody had seen."""
    attention.hold_device(connection, device_id)
    changes: list[tuple[Act, Attention, Kept]] = []
    for row in attention.kept(connection, device_id):
        state = next_state(row.state, Act.ACKNOWLEDGE)
        if state is not None:
            changes.append((Act.ACKNOWLEDGE, row.state, replace(row, state=state, since_at=now)))
    attention.keep(connection, device_id, [(row, _is_safety(product, row.monitor)) for _, _, row in changes])
    attention.write_down(connection, device_id, changes, now, staff_id=staff_id)
    return len(changes)


def _row(connection: Connection, device_id: int, key: Key, monitor: Monitor, now: datetime) -> Kept:
    rows = attention.kept(connection, device_id, monitor.component)
    fresh = Kept(*key, monitor.component, Attention.NORMAL, now)
    return next((row for row in rows if row.key == key), fresh)


def _is_safety(product: ProductType, name: str) -> bool:
    return any(monitor.name == name and monitor.is_safety for monitor in product.monitors)
