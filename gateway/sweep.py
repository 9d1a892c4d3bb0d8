"""The sweep: clocks are rows with a time at which they are due, read in batches by one process at a time.

Offers that expired, requests that wait for a part or a date, cases whose clock ran out, devices that fell silent, hours whose roll-up is due, and readings that were kept for long enough. Each piece is a transaction of its own, so that one that fails does not stop the others.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from devices.products import product_types
from gateway import journey
from gateway.dates.displacing import offer_freed, replace_displaced
from gateway.dates.refitting import refit_dates
from gateway.decisions.attending import look_again
from gateway.decisions.calibrating import decide_cycles, follow_cycles
from gateway.decisions.gathering import gather, look_at_incidents
from gateway.following import give_case
from gateway.forgetting import Forgetting
from gateway.hourly import Hourly
from gateway.one_by_one import guarded, one_by_one
from gateway.parts import missing
from gateway.quotes import quoting
from gateway.remedies import asking, awaiting, remedying, rolling
from gateway.storage import appointments, asks, attention, quotes, requests, rollouts
from gateway.storage.connection import Connection, tenant_transaction
from gateway.telling import defer_offer
from workflows.triage import CaseWanted, Queue

_LOCK: Final = 0x0CA1_5EEB
_MOST: Final = 200
_DATE_PASSED: Final = "The date has passed: say what was found, then close the request."
_LOOK_AGAIN: Final = timedelta(minutes=5)


def sweep(
    connection: Connection, now: datetime, forgetting: Forgetting | None = None, hourly: Hourly | None = None
) -> None:
    """Do what is due, unless another process is at it.

    Parameters
    ----------
    connection : Connection
        In the role of work, in autocommit mode.
    now : datetime
        Aware.
    forgetting : Forgetting or None
        For how long readings are kept; None: for ever.
    hourly : Hourly or None
        How far the hours that are due have been made; None: a round begins.
    """
    hourly = hourly or Hourly()
    if connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone() != (True,):
        return
    try:
        for product in product_types().values():
            guarded("decide_cycles", lambda product=product: _decide_cycles(connection, product.name, now))
        for (tenant_id,) in connection.execute("SELECT tenant_id FROM tenant ORDER BY tenant_id").fetchall():
            for piece in PIECES:
                guarded(piece.__name__, lambda piece=piece, tenant_id=tenant_id: piece(connection, tenant_id, now))
        for product in product_types().values():
            guarded("roll_up", lambda product=product: hourly.go_on(connection, product))
        if forgetting is not None:
            # Hours first: what is forgotten has been rolled up.
            guarded("forget", lambda: _forget(connection, forgetting, now))
            guarded("forget_hours", lambda: _forget_hours(connection, forgetting, now))
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _expire_offers(connection: Connection, tenant_id: int, now: datetime) -> None:
    def past() -> list[int]:
        rows = connection.execute(
            "SELECT request_id FROM offer WHERE closed_at IS NULL AND expires_at <= %s ORDER BY expires_at LIMIT %s",
            [now, _MOST],
        ).fetchall()
        return [row[0] for row in rows]

    one_by_one(
        connection,
        tenant_id,
        "expire_offer",
        past,
        lambda request_id: journey.expire_offer(connection, request_id=request_id, now=now),
    )


def _expire_quotes(connection: Connection, tenant_id: int, now: datetime) -> None:
    one_by_one(
        connection,
        tenant_id,
        "expire_quote",
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
    one_by_one(
        connection,
        tenant_id,
        "go_on_remedying",
        lambda: awaiting.worth_a_look(connection, now, _MOST),
        lambda request_id: remedying.go_on(connection, request_id=request_id, now=now),
    )


def _roll_out(connection: Connection, tenant_id: int, now: datetime) -> None:
    one_by_one(
        connection,
        tenant_id,
        "roll_out",
        lambda: rollouts.running(connection),
        lambda rollout_id: rolling.advance(connection, rollout_id=rollout_id, now=now),
    )


def _lead_on_asked(connection: Connection, tenant_id: int, now: datetime) -> None:
    one_by_one(
        connection,
        tenant_id,
        "lead_on_asked",
        lambda: asks.due_asks(connection, now, _MOST),
        lambda request_id: asking.look(connection, request_id=request_id, now=now),
    )


def _warn_of_cases(connection: Connection, tenant_id: int, now: datetime) -> None:
    one_by_one(
        connection,
        tenant_id,
        "warn_of_case",
        lambda: requests.overdue(connection, now, _MOST),
        lambda request_id: _warn(connection, request_id, now),
    )


def _warn(connection: Connection, request_id: int, now: datetime) -> None:
    # The request before its cases, as everywhere: whoever closes one holds both.
    requests.lock_request(connection, request_id)
    for case_id in requests.warn_overdue(connection, request_id, now):
        requests.append_event(connection, request_id, "case_overdue", now, detail={"case_id": case_id})


def _ask_what_was_found(connection: Connection, tenant_id: int, now: datetime) -> None:
    """An appointment that has passed becomes a person's case: nobody but a person knows yet what was done."""
    one_by_one(
        connection,
        tenant_id,
        "ask_what_was_found",
        lambda: appointments.passed(connection, now, _MOST),
        lambda request_id: _ask(connection, request_id, now),
    )


def _ask(connection: Connection, request_id: int, now: datetime) -> None:
    requests.lock_request(connection, request_id)
    # Somebody may just have said it.
    if appointments.passed(connection, now, 1, request_id=request_id):
        requests.append_event(connection, request_id, "date_passed", now)
        give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, _DATE_PASSED), now)


def _look_after_parts(connection: Connection, tenant_id: int, now: datetime) -> None:
    """Parts of confirmed dates that are late or not there the day before."""
    one_by_one(
        connection,
        tenant_id,
        "look_after_parts",
        lambda: missing.lacking(connection, now),
        lambda request_id: missing.look_after_parts(connection, request_id=request_id, now=now),
    )


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


def _forget(connection: Connection, forgetting: Forgetting, now: datetime) -> None:
    forgetting.go_on(connection, now)


def _forget_hours(connection: Connection, forgetting: Forgetting, now: datetime) -> None:
    forgetting.hours_go_on(connection, now)


# What is done for each tenant, in this order; each is a transaction of its own, and can be run at any time.
PIECES: Final[tuple[Callable[[Connection, int, datetime], None], ...]] = (
    _expire_offers,
    replace_displaced,
    refit_dates,
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
