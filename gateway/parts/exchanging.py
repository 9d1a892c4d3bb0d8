"""Exchanging: the diagnosis of what was promised a date has changed, and its parts change with it.

What is needed now is put aside at the same centre for the same date. Where it cannot be there in time, a confirmed date
stands and a named human has it in hand; an offered one stands too, and fresh dates follow when one of it is tapped.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from devices.products import product_type
from gateway.following import give_case
from gateway.parts.missing import put_in_place
from gateway.storage import requests, stock
from gateway.storage.connection import Connection
from workflows.request import State
from workflows.triage import CaseWanted, Queue

NOT_IN_TIME: Final = "The cause is another one than before, and its part cannot be there before the booked date: move the date with the owner."


@dataclass(frozen=True, slots=True)
class _Promised:
    """At which centre, and when the first date that its owner was promised begins."""

    centre_id: int
    begins_at: datetime


def follow_diagnosis(connection: Connection, request_id: int, now: datetime) -> None:
    """See that a request with promised dates has the parts that it needs by its present fault; a second time does nothing.

    Parameters
    ----------
    connection : Connection
        In the transaction of the diagnosis.
    request_id : int
        The request.
    now : datetime
        Aware.
    """
    request = requests.lock_request(connection, request_id)
    if request is None or request.state not in {State.OFFERED, State.CONFIRMED}:
        return
    remedy = product_type(request.product).remedies.get(request.fault)
    is_confirmed = request.state == State.CONFIRMED
    promised = _promised(connection, request_id, now, is_confirmed=is_confirmed)
    if remedy is None or promised is None:
        return
    roles = {each.role for each in stock.held_parts(connection, request_id)}
    if roles.issuperset(remedy.part_nos):
        return
    if put_in_place(
        connection, request, promised.centre_id, promised.begins_at, now, instead_of="changed", is_sure=is_confirmed
    ):
        return
    if is_confirmed:
        give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, NOT_IN_TIME), now)


def _promised(connection: Connection, request_id: int, now: datetime, *, is_confirmed: bool) -> _Promised | None:
    """Return what is promised and lies ahead; others that are shown beside a confirmed date promise nothing of their own."""
    row = connection.execute(
        """SELECT centre_id, min(sets_out_at) FROM booking_seen
        WHERE request_id = %(request)s AND released_at IS NULL AND sets_out_at > %(now)s
            AND kind = CASE WHEN %(is_confirmed)s THEN 'booked' ELSE 'held' END
        GROUP BY centre_id ORDER BY centre_id LIMIT 1""",
        {"request": request_id, "now": now, "is_confirmed": is_confirmed},
    ).fetchone()
    return None if row is None else _Promised(*row)
