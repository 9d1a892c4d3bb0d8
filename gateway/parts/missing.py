"""Missing: a part that was promised does not come, or does not lie where it should. Nobody is left without a next step.

Another source that is there before the date takes its place. If there is none, the date is lost: the owner is told why
and gets other dates, and a named human has the case.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg.errors import CheckViolation

from devices.products import product_type
from gateway.audit import auditing
from gateway.following import give_case
from gateway.owners import mandates
from gateway.parts import sourcing
from gateway.quotes import entitling
from gateway.storage import promises, requests, stock
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.storage.stock import Held
from gateway.telling import defer_offer, tell_owner
from workflows.mandate import Clause, Denied
from workflows.request import Command, State
from workflows.triage import CaseWanted, Queue

_log = logging.getLogger(__name__)

# The afternoon before is the last moment at which another source can still help.
CHECK_AHEAD: Final = timedelta(hours=15)
# A carrier may be some hours late before anybody asks for another part.
GRACE: Final = timedelta(hours=4)
_TRIES: Final = 3
_REASON: Final = "A part that was promised is missing, and the owner has lost his date: see that he gets another one."


def lacking(connection: Connection, now: datetime) -> list[int]:
    """Return the requests with a confirmed date of which a part is not there the day before, or is late."""
    return sorted({each.request_id for each in stock.late_for_their_date(connection, now, CHECK_AHEAD, GRACE)})


def look_after_parts(connection: Connection, *, request_id: int, now: datetime) -> None:
    """See that what a request's confirmed date needs is there the day before, or will be; in a transaction of the tenant."""
    requests.lock_request(connection, request_id)
    # It may have come, or the date may have gone, since somebody looked.
    late = stock.late_for_their_date(connection, now, CHECK_AHEAD, GRACE, request_id=request_id)
    lose(connection, late, "late", now)


def lose(
    connection: Connection, held: Sequence[Held], why: str, now: datetime, *, without: frozenset[int] = frozenset()
) -> None:
    """Take promised parts away from their requests, and find each of these requests another way.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant; how stock and deliveries are by now is written already, or follows with the
        release of these reservations.
    held : sequence of Held
        What is lost.
    why : str
        'late', 'rejected', 'silent', 'counted' or 'lost', for the request's history.
    now : datetime
        Aware.
    without : frozenset of int
        Suppliers that are not asked again for it.
    """
    give_up(connection, held, why, now)
    mend(connection, held, now, without=without)


def give_up(connection: Connection, held: Sequence[Held], why: str, now: datetime) -> None:
    """End reservations of parts that are missing, and write down why."""
    for request_id in sorted({each.request_id for each in held}):
        requests.lock_request(connection, request_id)
    stock.release_held(connection, [each.reservation_id for each in held], now)
    for each in held:
        if each.is_extra:
            continue
        detail: dict[str, object] = {"parts": [each.part_no], "why": why, "centre_id": each.centre_id}
        if each.inbound_id is not None:
            detail["inbound_id"] = each.inbound_id
        requests.append_event(connection, each.request_id, "part_missing", now, detail=detail)


def mend(connection: Connection, held: Sequence[Held], now: datetime, *, without: frozenset[int] = frozenset()) -> None:
    """Find requests that lost a part another source, or other dates and a person."""
    for request_id in sorted({each.request_id for each in held if not each.is_extra}):
        request = requests.lock_request(connection, request_id)
        if request is None:
            continue
        match request.state:
            case State.CONFIRMED:
                if not _other_source(connection, request, now, without):
                    _lose_date(connection, request, now)
            case State.OFFERED:
                promises.close_offers(connection, request_id, "replaced", now)
                requests.transition(connection, request, Command.LOSE_PART, now)
                defer_offer(connection, request_id)
            case _:
                # Nobody was promised a date; the next look for one finds out what there is.
                pass


def _other_source(connection: Connection, request: Request, now: datetime, without: frozenset[int]) -> bool:
    """Whether the parts come out of other sources before the date; then they are put aside and ordered."""
    living = promises.living_appointment(connection, request.request_id)
    booking = None if living is None else promises.find_booking(connection, request.request_id, living[1])
    if booking is None or booking.sets_out_at <= now:
        return False
    return put_in_place(connection, request, booking.centre_id, booking.sets_out_at, now, without=without)


def put_in_place(
    connection: Connection,
    request: Request,
    centre_id: int,
    begins_at: datetime,
    now: datetime,
    *,
    instead_of: str = "missing",
    without: frozenset[int] = frozenset(),
    is_sure: bool = True,
) -> bool:
    """Put what a locked request lacks aside at its centre, and say whether all of it is there before its date.

    Parameters
    ----------
    centre_id, begins_at : int, datetime
        Where and when the promised work begins.
    instead_of : str
        Why it is done, for the audit: 'missing' or 'changed'.
    without : frozenset of int
        Suppliers that are not asked.
    is_sure : bool
        Whether a supplier is asked at once; else with the owner's yes.
    """
    remedy = product_type(request.product).remedies.get(request.fault)
    if remedy is None:
        return False
    for _ in range(_TRIES):
        found = sourcing.look(
            connection,
            request,
            remedy.part_nos,
            now,
            ordered_by=now if is_sure else None,
            at_centre=centre_id,
            without=without,
        )
        ready_at = found.ready_at.get(centre_id)
        if ready_at is None or ready_at > begins_at:
            return False
        try:
            with connection.transaction() as attempt:
                plan = found.plans[centre_id]
                sourcing.hold(connection, request, remedy.part_nos, plan, now, is_sure=is_sure)
                price = entitling.price_of_held(connection, request)
                permission = mandates.permit(
                    connection, request.device_id, request.request_id, Clause.RESERVE_PART, now, price
                )
                if isinstance(permission, Denied):
                    raise psycopg.Rollback(attempt)
                parts: dict[str, object] = {"parts": [line.part_no for line in plan.lines], "instead_of": instead_of}
                auditing.record(
                    connection,
                    "part_reserved",
                    device_id=request.device_id,
                    request_id=request.request_id,
                    permission=permission,
                    inputs=parts,
                    now=now,
                )
        except CheckViolation as error:
            _log.info("request %d: %s; looking again", request.request_id, str(error).partition("\n")[0])
        else:
            return not isinstance(permission, Denied)
    return False


def _lose_date(connection: Connection, request: Request, now: datetime) -> None:
    living = promises.living_appointment(connection, request.request_id)
    # Others that were shown beside it stood on the same parts.
    promises.close_offers(connection, request.request_id, "withdrawn", now)
    promises.cancel_appointment(connection, request.request_id, now)
    requests.transition(connection, request, Command.LOSE_PART, now)
    appointment_id = 0 if living is None else living[0]
    detail: dict[str, object] = {"appointment_id": appointment_id}
    requests.append_event(connection, request.request_id, "date_lost", now, detail=detail)
    tell_owner(connection, request, "date_lost", f"appointment-{appointment_id}", detail, now)
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, _REASON), now)
    defer_offer(connection, request.request_id)
