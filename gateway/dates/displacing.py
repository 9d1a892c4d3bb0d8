"""Displacing: promised times that cannot be kept, because somebody is absent, a centre is closed, or the device was moved.

Whoever enters an absence need not know of this: the sweep finds what it displaces. Somebody else keeps the same promise
where he can, and its owner hears nothing of it. Otherwise the date is called off, the owner is told at once with others
to choose from, and a person has it in hand.
"""

import logging
from datetime import datetime
from typing import Final

import psycopg
from psycopg.errors import ExclusionViolation

from devices.products import product_type
from gateway.audit import auditing
from gateway.dates.rescheduling import hold_fresh, offer_earlier
from gateway.following import give_case
from gateway.one_by_one import one_by_one
from gateway.owners import mandates
from gateway.owners.acting import grounds_of_offer, write_down_offer
from gateway.quotes import entitling
from gateway.storage import appointments, findings, promises, requests, routes
from gateway.storage.appointments import Displaced, Living
from gateway.storage.connection import Connection
from gateway.storage.promises import Booking
from gateway.storage.requests import Request
from gateway.telling import defer_offer, tell_owner
from workflows.dates import ANY_DATE, DropOff, Interval, Place, Visit, Work
from workflows.mandate import Allowed, Clause
from workflows.request import Command, State
from workflows.triage import CaseWanted, Queue
from workflows.visits import find_replacement

_log = logging.getLogger(__name__)
_MOST: Final = 100
CALLED_OFF: Final = "A promised date could not be kept: see to it that the owner gets another one."


def replace_displaced(connection: Connection, tenant_id: int, now: datetime) -> None:
    """Find what cannot be kept, and see to each; one transaction each."""
    one_by_one(
        connection,
        tenant_id,
        "replace_displaced",
        lambda: appointments.displaced(connection, now, _MOST),
        lambda each: replace(connection, each, now),
    )


def offer_freed(connection: Connection, tenant_id: int, now: datetime) -> None:
    """Offer times that became free to those who would come earlier, in the order in which they asked."""
    one_by_one(
        connection,
        tenant_id,
        "offer_freed",
        lambda: appointments.waiting_for_earlier(connection, now, _MOST),
        lambda request_id: offer_earlier(connection, request_id=request_id, now=now),
    )


def replace(connection: Connection, each: Displaced, now: datetime) -> None:
    """See to one displaced time: an offered one is not shown any more, a confirmed one is kept by another or called off."""
    request = requests.lock_request(connection, each.request_id)
    # What stood in its way may have gone meanwhile, or somebody has seen to it.
    if request is None or each not in appointments.displaced(connection, now, _MOST, booking_id=each.booking_id):
        return
    if each.kind == "held":
        _let_go(connection, request, each, now)
        return
    present = appointments.living(connection, each.request_id)
    booking = promises.find_booking(connection, each.request_id, each.booking_id)
    if present is None or booking is None or present.booking_id != each.booking_id:
        return
    if each.why != "closed" and keep_promise(connection, request, present, booking, _work_of(request, booking), now):
        return
    _call_off(connection, request, present, each.why, now)


def _let_go(connection: Connection, request: Request, each: Displaced, now: datetime) -> None:
    """An offered date goes; the others stand, and when none is left fresh ones are held and told."""
    appointments.release(connection, each.booking_id, now)
    if appointments.has_living_holds(connection, request.request_id):
        return
    if request.state == State.CONFIRMED:
        promises.close_offers(connection, request.request_id, "withdrawn", now)
    elif request.state == State.OFFERED:
        promises.close_offers(connection, request.request_id, "withdrawn", now)
        requests.transition(connection, request, Command.EXPIRE, now)
        requests.append_event(connection, request.request_id, "offer_withdrawn", now, detail={"why": each.why})
        defer_offer(connection, request.request_id)


def _work_of(request: Request, booking: Booking) -> Work:
    """Return what was promised, with the skills that it needs by now."""
    remedy = product_type(request.product).remedies.get(request.fault)
    skills = frozenset(booking.skills) if remedy is None else remedy.skills
    return Work(round(booking.promised.lasts.total_seconds() / 60), skills, [])


def keep_promise(
    connection: Connection, request: Request, present: Living, booking: Booking, work: Work, now: datetime
) -> bool:
    """Let somebody else of the same centre, where the parts are, keep the promise; return whether somebody can.

    Parameters
    ----------
    connection : Connection
        In a transaction of the request's tenant.
    request : Request
        Locked, and confirmed.
    present, booking : Living, Booking
        What its owner was promised, and by whom it was to be kept.
    work : Work
        For its minutes and skills.
    now : datetime
        Aware.
    """
    try:
        if not _given_to_another(connection, request, present, booking, work, now):
            return False
    except ExclusionViolation as error:
        # Taken meanwhile: the next sweep looks again.
        _log.info("request %d: %s", request.request_id, str(error).partition("\n")[0])
        return True
    # Where the clause was taken back meanwhile, it stands on the date that the owner himself confirmed.
    asked = mandates.allow(connection, request.device_id, Clause.OFFER_DATES, now)
    auditing.record(
        connection,
        "reassigned",
        device_id=request.device_id,
        request_id=request.request_id,
        permission=asked if isinstance(asked, Allowed) else None,
        inputs={"appointment_id": present.appointment_id, "from": present.who},
        now=now,
        actor=f"owner-{request.owner_id}",
    )
    detail: dict[str, object] = {"appointment_id": present.appointment_id, "from": present.who}
    requests.append_event(connection, request.request_id, "reassigned", now, detail=detail)
    return True


def _given_to_another(
    connection: Connection, request: Request, present: Living, booking: Booking, work: Work, now: datetime
) -> bool:
    with connection.transaction() as attempt:
        # His own time does not stand in the way of his going elsewhere in it.
        appointments.free(connection, present, now)
        option = (
            _other_bay(connection, present.centre_id, work, Interval(booking.sets_out_at, booking.done_at), now)
            if booking.visit is None
            else _other_technician(connection, request, present, work, booking.visit, now)
        )
        if option is None:
            raise psycopg.Rollback(attempt)
        appointments.reassign(connection, request.request_id, present, option)
        return True
    return False


def _other_technician(
    connection: Connection, request: Request, present: Living, work: Work, visit: Visit, now: datetime
) -> Visit | None:
    device = findings.device_card(connection, request.device_id)
    if device is None or device.latitude is None or device.longitude is None:
        return None
    place = Place(device.latitude, device.longitude)
    for crew in routes.load_crews(connection, place, work, {present.centre_id: now}, now):
        if crew.centre_id == present.centre_id:
            return find_replacement(work, place, crew, visit.window, now)
    return None


def _other_bay(connection: Connection, centre_id: int, work: Work, during: Interval, now: datetime) -> DropOff | None:
    for centre in promises.load_centres(connection, None, {centre_id: now}, now):
        if centre.centre_id != centre_id:
            continue
        for bay in centre.bays:
            if work.skills <= bay.skills and not any(during.overlaps(taken) for taken in bay.taken):
                return DropOff(bay.bay_id, during, "soonest")
    return None


def _call_off(connection: Connection, request: Request, present: Living, why: str, now: datetime) -> None:
    """Call a confirmed date off: the owner hears it at once, with others to choose from, and a person has it in hand."""
    promises.close_offers(connection, request.request_id, "withdrawn", now)
    promises.cancel_appointment(connection, request.request_id, now, why="called_off")
    requests.transition(connection, request, Command.LOSE_DATE, now)
    detail: dict[str, object] = {"appointment_id": present.appointment_id, "why": why}
    requests.append_event(connection, request.request_id, "called_off", now, detail=detail)
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, CALLED_OFF), now)
    request = requests.lock_request(connection, request.request_id) or request
    offer_id = _offer_others(connection, request, now)
    if offer_id is not None:
        requests.transition(connection, request, Command.OFFER, now)
        requests.append_event(connection, request.request_id, "offered", now, detail={"offer_id": offer_id})
    told: dict[str, object] = {"appointment_id": present.appointment_id, "offer_id": offer_id or 0}
    tell_owner(connection, request, "called_off", f"appointment-{present.appointment_id}", told, now)


def _offer_others(connection: Connection, request: Request, now: datetime) -> int | None:
    """Hold other dates at once, on the owner's clause; without one, or without dates, the request goes the usual way."""
    remedy = product_type(request.product).remedies.get(request.fault)
    if remedy is None:
        return None
    price = entitling.price_of_parts(connection, request, now)
    grounds = grounds_of_offer(connection, request, remedy.part_nos, price, now)
    if grounds is None:
        return None
    offer_id = hold_fresh(connection, request, None, ANY_DATE, now)
    if offer_id is None:
        defer_offer(connection, request.request_id)
        return None
    write_down_offer(connection, request, grounds, remedy.part_nos, offer_id, now)
    return offer_id
