"""The sweep: clocks are rows with a time at which they are due, read in batches by one process at a time.

Offers that expired, requests that wait for a part or a date, cases whose clock ran out, devices that fell silent, hours whose roll-up is due, and readings that were kept for long enough. Each piece is a transaction of its own, so that one that fails does not stop the others.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import psycopg

from devices.products import product_types
from gateway import asking, journey, quoting, remedying, rolling
from gateway.attending import look_again
from gateway.calibrating import decide_cycles, follow_cycles
from gateway.displacing import offer_freed, replace_displaced
from gateway.following import give_case
from gateway.forgetting import Forgetting
from gateway.gathering import gather, look_at_incidents
from gateway.missing import look_after_parts
from gateway.storage import asks, attention, quotes, remedies, requests, rollouts
from gateway.storage.connection import Connection, tenant_transaction
from gateway.storage.hours import roll_up
from gateway.telling import defer_offer
from workflows.triage import CaseWanted, Queue

_log = logging.getLogger(__name__)

_LOCK: Final = 0x0CA1_5EEB
_MOST: Final = 200
_DATE_PASSED: Final = "The date has passed: say what was found, then close the request."
_LOOK_AGAIN: Final = timedelta(minutes=5)


def sweep(connection: Connection, now: datetime, forgetting: Forgetting | None = None) -> None:
    """Do what is due, unless another process is at it.

    Parameters
    ----------
    connection : Connection
        In the role of work, in autocommit mode.
    now : datetime
        Aware.
    forgetting : Forgetting or None
        For how long readings are kept; None: for ever.
    """
    if connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone() != (True,):
        return
    try:
        for product in product_types().values():
            _guarded("decide_cycles", lambda product=product: _decide_cycles(connection, product.name, now))
        for (tenant_id,) in connection.execute("SELECT tenant_id FROM tenant ORDER BY tenant_id").fetchall():
            for piece in PIECES:
                _guarded(piece.__name__, lambda piece=piece, tenant_id=tenant_id: piece(connection, tenant_id, now))
        for product in product_types().values():
            _guarded("roll_up", lambda product=product: _roll_up(connection, product.name))
        if forgetting is not None:
            # Hours first: what is forgotten has been rolled up.
            _guarded("forget", lambda: _forget(connection, forgetting, now))
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _guarded(name: str, piece: Callable[[], None]) -> None:
    try:
        piece()
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise
    except (psycopg.Error, LookupError, ValueError):
        _log.exception("sweep: %s failed; it is tried again with the next sweep", name)


def _one_by_one(
    connection: Connection, tenant_id: int, find: Callable[[], Sequence[int]], do: Callable[[int], object]
) -> None:
    """Find what is due, and do each of it in a transaction of its own."""
    with tenant_transaction(connection, tenant_id):
        due = find()
    for each in due:
        with tenant_transaction(connection, tenant_id):
            do(each)


def _expire_offers(connection: Connection, tenant_id: int, now: datetime) -> None:
    def past() -> list[int]:
        rows = connection.execute(
            "SELECT request_id FROM offer WHERE closed_at IS NULL AND expires_at <= %s ORDER BY expires_at LIMIT %s",
            [now, _MOST],
        ).fetchall()
        return [row[0] for row in rows]

    _one_by_one(
        connection, tenant_id, past, lambda request_id: journey.expire_offer(connection, request_id=request_id, now=now)
    )


def _expire_quotes(connection: Connection, tenant_id: int, now: datetime) -> None:
    _one_by_one(
        connection,
        tenant_id,
        lambda: quotes.quotes_past(connection, now, _MOST),
        lambda request_id: quoting.expire_quote(connection, request_id=request_id, now=now),
    )


def _look_again(connection: Connection, tenant_id: int, now: datetime) -> None:
    with tenant_transaction(connection, tenant_id):
        due = connection.execute(
            """UPDATE service_request SET changed_at = %(now)s WHERE request_id IN (
                SELECT request_id FROM service_request
                WHERE closed_at IS NULL AND state IN ('waiting', 'open') AND changed_at < %(before)s
                ORDER BY changed_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
            RETURNING request_id""",
            {"now": now, "before": now - _LOOK_AGAIN, "most": _MOST},
        ).fetchall()
        for (request_id,) in sorted(due):
            defer_offer(connection, request_id)


def _go_on_remedying(connection: Connection, tenant_id: int, now: datetime) -> None:
    _one_by_one(
        connection,
        tenant_id,
        lambda: remedies.due_requests(connection, now, _MOST),
        lambda request_id: remedying.go_on(connection, request_id=request_id, now=now),
    )


def _roll_out(connection: Connection, tenant_id: int, now: datetime) -> None:
    _one_by_one(
        connection,
        tenant_id,
        lambda: rollouts.running(connection),
        lambda rollout_id: rolling.advance(connection, rollout_id=rollout_id, now=now),
    )


def _lead_on_asked(connection: Connection, tenant_id: int, now: datetime) -> None:
    _one_by_one(
        connection,
        tenant_id,
        lambda: asks.due_asks(connection, now, _MOST),
        lambda request_id: asking.look(connection, request_id=request_id, now=now),
    )


def _warn_of_cases(connection: Connection, tenant_id: int, now: datetime) -> None:
    with tenant_transaction(connection, tenant_id):
        late = connection.execute(
            """UPDATE human_case SET warned_at = %(now)s WHERE case_id IN (
                SELECT case_id FROM human_case WHERE closed_at IS NULL AND warned_at IS NULL AND due_at <= %(now)s
                ORDER BY due_at LIMIT %(most)s)
            RETURNING request_id, case_id""",
            {"now": now, "most": _MOST},
        ).fetchall()
        for request_id, case_id in sorted(late):
            requests.append_event(connection, request_id, "case_overdue", now, detail={"case_id": case_id})


def _ask_what_was_found(connection: Connection, tenant_id: int, now: datetime) -> None:
    """An appointment that has passed becomes a person's case: nobody but a person knows yet what was done."""
    with tenant_transaction(connection, tenant_id):
        passed = connection.execute(
            """SELECT a.request_id FROM appointment a JOIN booking_seen b USING (booking_id)
            WHERE a.state = 'confirmed' AND upper(a.during) < %(now)s AND b.done_at < %(now)s AND NOT EXISTS (
                SELECT FROM request_event e WHERE e.request_id = a.request_id AND e.event = 'date_passed'
                    AND e.happened_at > upper(a.during))
            ORDER BY a.appointment_id LIMIT %(most)s""",
            {"now": now, "most": _MOST},
        ).fetchall()
        for (request_id,) in passed:
            requests.append_event(connection, request_id, "date_passed", now)
            give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, _DATE_PASSED), now)


def _look_after_parts(connection: Connection, tenant_id: int, now: datetime) -> None:
    """Parts of confirmed dates that are late or not there the day before."""
    with tenant_transaction(connection, tenant_id):
        look_after_parts(connection, now)


def _gather_silences(connection: Connection, tenant_id: int, now: datetime) -> None:
    """Those that fell silent are looked at together before anybody is asked about one of them."""
    count = 1
    while count:
        with tenant_transaction(connection, tenant_id):
            count = gather(connection, now)
    with tenant_transaction(connection, tenant_id):
        look_at_incidents(connection, now)


def _decide_cycles(connection: Connection, product_name: str, now: datetime) -> None:
    decide_cycles(connection, product_types()[product_name], now)


def _follow_cycles(connection: Connection, tenant_id: int, now: datetime) -> None:
    with tenant_transaction(connection, tenant_id):
        follow_cycles(connection, tenant_id, now)


def _end_quiet(connection: Connection, tenant_id: int, now: datetime) -> None:
    """Shelves, modes and chatter that are over: their components are diagnosed anew, and what is there goes its way."""
    with tenant_transaction(connection, tenant_id):
        for device_id, component in attention.due(connection, now, _MOST):
            look_again(connection, device_id, [component])


def _roll_up(connection: Connection, product_name: str) -> None:
    product = product_types()[product_name]
    count = 1
    while count:
        with connection.transaction():
            count = roll_up(connection, product)


def _forget(connection: Connection, forgetting: Forgetting, now: datetime) -> None:
    forgetting.go_on(connection, now)


# What is done for each tenant, in this order; each is a transaction of its own, and can be run at any time.
PIECES: Final[tuple[Callable[[Connection, int, datetime], None], ...]] = (
    _expire_offers,
    replace_displaced,
    offer_freed,
    _expire_quotes,
    _look_again,
    _go_on_remedying,
    _lead_on_asked,
    _roll_out,
    _warn_of_cases,
    _ask_what_was_found,
    _look_after_parts,
    _gather_silences,
    _follow_cycles,
    _end_quiet,
)
