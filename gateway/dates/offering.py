"""Offering: a part, a bay or a technician, and dates are looked for, held together and told to the owner; or a human learns why not."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.errors import CheckViolation, ExclusionViolation

from devices.faults import Fulfilment
from devices.products import product_type
from gateway.following import give_case
from gateway.owners.acting import Grounds, at_the_price, grounds_of_offer, leave_to_a_person, write_down_offer
from gateway.parts import extras, sourcing
from gateway.parts.sourcing import Sourced
from gateway.quotes import entitling
from gateway.storage import findings, promises, requests, routes
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.storage.routes import RouteChangedError
from gateway.telling import tell_owner
from workflows.dates import ANY_DATE, OFFER_LASTS, Dates, NoDates, Place, Wish, Work, find_dates
from workflows.mandate import Clause, Denied
from workflows.request import Command, State
from workflows.triage import CaseWanted, Queue
from workflows.visits import find_visits

_log = logging.getLogger(__name__)

# Somebody else may take a bay, a technician's time or the last part between our look and our hold: then we look again.
# Nobody looks beside him who looks again, so only an owner's tap can take it once more.
_TRIES: Final = 5
_QUEUE_LOCK: Final = 6


class _DeniedError(Exception):
    """No clause covers what was put aside: all of it goes back."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(denied.reason)
        self.denied = denied


@dataclass(frozen=True, slots=True)
class _Held:
    """What was held: the offer with its dates, all at one centre."""

    offer_id: int
    centre_id: int


def make_offer(connection: Connection, request: Request, now: datetime) -> int | None:
    """Hold a part and bays or technicians for dates of a locked request; return the offer, or None when there is none to make."""
    if Queue.SAFETY in requests.open_queues(connection, request.request_id):
        _leave_to_the_person(connection, request, now)
        return None
    product = product_type(request.product)
    remedy = product.remedies.get(request.fault)
    if remedy is None or remedy.fulfilment is None:
        _find_nothing(connection, request, NoDates("no_time"), now)
        return None
    if entitling.quote_work(connection, request, now):
        return None
    work = Work(remedy.minutes, remedy.skills, remedy.part_nos)
    # Whether any part may be put aside; at which price, only those say that are found.
    grounds = grounds_of_offer(connection, request, work.part_nos, None, now)
    if grounds is None:
        return None
    for attempt in range(_TRIES):
        try:
            with connection.transaction():
                queue_up(connection, attempt)
                found = _hold(connection, request, work, remedy.fulfilment, now)
                if isinstance(found, _Held):
                    grounds = _priced(connection, request, grounds, now)
        except _DeniedError as error:
            leave_to_a_person(connection, request, Clause.RESERVE_PART, error.denied, now)
            return None
        except (ExclusionViolation, CheckViolation, RouteChangedError) as error:
            _log.info("request %d: %s; looking again", request.request_id, str(error).partition("\n")[0])
            continue
        if isinstance(found, NoDates):
            _find_nothing(connection, request, found, now)
            return None
        write_down_offer(connection, request, grounds, work.part_nos, found.offer_id, now)
        extras.look_after(connection, request, found.centre_id, work.part_nos, now)
        _tell_offer(connection, request, found.offer_id, now)
        return found.offer_id
    raise TimeoutError(f"request {request.request_id}: dates were taken by others {_TRIES} times; the job tries again")


def _priced(connection: Connection, request: Request, grounds: Grounds, now: datetime) -> Grounds:
    """Return the grounds with the price of what is put aside by now."""
    priced = at_the_price(connection, request, grounds, entitling.price_of_held(connection, request), now)
    if isinstance(priced, Denied):
        raise _DeniedError(priced)
    return priced


def _hold(
    connection: Connection, request: Request, work: Work, fulfilment: Fulfilment, now: datetime
) -> _Held | NoDates:
    """Look for parts and dates once, and hold them in the caller's transaction."""
    parts = sourcing.look(connection, request, work.part_nos, now)
    dates = look(connection, request, work, fulfilment, parts, now)
    if isinstance(dates, NoDates):
        return dates
    sourcing.hold(connection, request, work.part_nos, parts.plans[dates.centre_id], now)
    routes.keep_routes(connection, dates, now)
    ends_at = offer_expires_at(dates, now)
    return _Held(promises.hold_dates(connection, request.request_id, dates.options, now, ends_at), dates.centre_id)


def queue_up(connection: Connection, attempt: int) -> None:
    """Take one's turn to look for dates, inside of the attempt's own transaction, so that a lost attempt ends the turn.

    First looks go side by side: mostly they want different times. Who has lost a time to another looks again while nobody
    else does, and finds what nobody takes from him.
    """
    if attempt == 0:
        connection.execute("SELECT pg_advisory_xact_lock_shared(%s, current_tenant())", [_QUEUE_LOCK])
    else:
        connection.execute("SELECT pg_advisory_xact_lock(%s, current_tenant())", [_QUEUE_LOCK])


def _leave_to_the_person(connection: Connection, request: Request, now: datetime) -> None:
    """Make no new offer while a named human has a safety case; what the owner was shown before stands until it ends."""
    requests.transition(connection, request, Command.HOLD, now)
    sourcing.free_of(connection, request.request_id, now)
    requests.append_event(connection, request.request_id, "escalated", now, detail={"queue": Queue.SAFETY})


def offer_expires_at(dates: Dates, now: datetime) -> datetime:
    """Return when an offer ends: with its patience, or when its last date begins."""
    return min(now + OFFER_LASTS, max(option.during.start_at for option in dates.options))


def look(
    connection: Connection,
    request: Request,
    work: Work,
    fulfilment: Fulfilment,
    parts: Sourced,
    now: datetime,
    wish: Wish = ANY_DATE,
) -> Dates | NoDates:
    """Find the dates of a locked request that can be held now and are what its owner wishes for."""
    device = findings.device_card(connection, request.device_id)
    place = None
    if device is not None and device.latitude is not None and device.longitude is not None:
        place = Place(device.latitude, device.longitude)
    if parts.unknown:
        return NoDates("unknown_part", parts.unknown)
    if parts.missing:
        return NoDates("no_part", parts.missing)
    match fulfilment:
        case Fulfilment.DROP_OFF:
            return find_dates(work, promises.load_centres(connection, place, parts.ready_at, now), now, wish)
        case Fulfilment.VISIT:
            crews = [] if place is None else routes.load_crews(connection, place, work, parts.ready_at, now)
            return find_visits(work, place, crews, now, wish)


def _find_nothing(connection: Connection, request: Request, why: NoDates, now: datetime) -> None:
    """No part or no time: the request waits, is looked at again by the sweep, and a human knows from the first time on."""
    sourcing.free_of(connection, request.request_id, now)
    was_waiting = request.state == State.WAITING
    requests.transition(connection, request, Command.FIND_NOTHING, now)
    if was_waiting:
        return
    requests.append_event(
        connection,
        request.request_id,
        "no_part" if why.why in {"no_part", "unknown_part"} else "no_date",
        now,
        detail={"why": why.why, "missing": list(why.missing)},
    )
    reasons = {
        "no_part": "No service centre has the part.",
        "unknown_part": "Which part number this device needs is not clear: say so in its bill of material.",
        "no_bay": "No service centre has a bay with the skills that this work needs.",
        "no_technician": "No technician who has the skills for this work is near enough.",
        "no_place": "Nobody knows where the device is, so nobody can be sent: its place has to be entered.",
        "no_time": "No date is free in the coming weeks.",
    }
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, reasons[why.why]), now)


def _tell_offer(connection: Connection, request: Request, offer_id: int, now: datetime) -> None:
    if request.state == State.WAITING:
        # The case was that there was no part or no time: now there is.
        requests.close_cases(connection, request.request_id, now, queue=Queue.JUDGEMENT)
    requests.transition(connection, request, Command.OFFER, now)
    seconds = (now - request.decided_received_at).total_seconds()
    requests.append_event(
        connection,
        request.request_id,
        "offered",
        now,
        detail={"offer_id": offer_id, "seconds_since_deciding_reading": seconds},
    )
    tell_owner(connection, request, "offer", f"offer-{offer_id}", {"offer_id": offer_id}, now)
