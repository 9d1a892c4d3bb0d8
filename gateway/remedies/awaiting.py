"""Awaiting: planned remedies whose devices may be ready now are found together, one statement for all that try the same rung.

A device that is on the road for hours costs no look of its own: who is not ready is put off in one statement. What is
found here is only worth a look; whether anything is sent is decided there, by `gateway.remedies.remedying`.
"""

from datetime import datetime
from typing import Final

from devices.products import product_type
from gateway.storage import remedies
from gateway.storage.connection import Connection
from workflows.remedying import Attempt, State, look_again_at

# So many are put off or found with one sweep beside those that are looked at.
_AT_ONCE: Final = 5_000


def worth_a_look(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return requests whose attempt may go on now, and put the other planned ones off.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    now : datetime
        Aware.
    most : int
        How many are returned at most; what is left over is due with the next sweep.
    """
    found = remedies.due_requests(connection, now, most)
    for rung_of in remedies.rungs_awaited(connection, now):
        product = product_type(rung_of.product)
        rung = product.rung(rung_of.fault, rung_of.rung)
        needs = () if rung is None else rung.needs
        dangers = [monitor.name for monitor in product.monitors if monitor.is_safety]
        due = remedies.awaiting(connection, rung_of, now, _AT_ONCE)
        ready = set(remedies.may_go_on(connection, product, [each.attempt_id for each in due], needs, dangers, now))
        found += [each.request_id for each in due if each.attempt_id in ready]
        waiting = [each for each in due if each.attempt_id not in ready]
        remedies.put_off(connection, [(each.attempt_id, _again_at(each, now)) for each in waiting])
    return found[:most]


def _again_at(each: remedies.Awaited, now: datetime) -> datetime:
    return look_again_at(Attempt(State.PLANNED, each.planned_at, each.deadline_at), now)
