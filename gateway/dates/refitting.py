"""Refitting: a confirmed date that no longer suffices for what has to be done is noticed by itself.

A later diagnosis, or a technician who lost a skill, may leave a date too short, without a hoist, or at the wrong place.
The date stands, for no reading unsends what an owner was told: where somebody of the same centre can keep it with what the
work needs by now, he does, and the owner hears nothing. Else other dates are held beside it and the owner is asked; where
there are none, or he lets them pass, a named human moves it with him. The sweep looks, so it matters not what changed.
"""

from datetime import datetime
from typing import Final

from devices.faults import Remedy
from devices.products import product_type, product_types
from gateway.audit import auditing
from gateway.dates import restraining
from gateway.dates.displacing import keep_promise
from gateway.dates.rescheduling import hold_fresh
from gateway.following import give_case
from gateway.one_by_one import one_by_one
from gateway.owners import mandates
from gateway.storage import appointments, misfits, promises, requests
from gateway.storage.appointments import Living
from gateway.storage.connection import Connection
from gateway.storage.promises import Booking
from gateway.storage.requests import Request
from gateway.telling import tell_owner
from workflows.dates import ANY_DATE, OFFER_LASTS, Work
from workflows.fitting import Misfit, misfit
from workflows.mandate import Clause, Denied
from workflows.request import State
from workflows.triage import CaseWanted, Queue

_MOST: Final = 100
DOES_NOT_FIT: Final = "What has to be done does not fit into the booked date any more: move the date with the owner."


def refit_dates(connection: Connection, tenant_id: int, now: datetime) -> None:
    """Find the confirmed dates that do not suffice any more, and see to each; one transaction each."""
    one_by_one(
        connection,
        tenant_id,
        "refit_date",
        lambda: misfits.to_look_at(connection, list(product_types().values()), now, _MOST),
        lambda request_id: refit(connection, request_id=request_id, now=now),
    )


def refit(connection: Connection, *, request_id: int, now: datetime) -> None:
    """See to one confirmed date; where it suffices, or a person has it in hand, nothing happens."""
    request = requests.lock_request(connection, request_id)
    present = appointments.living(connection, request_id)
    if request is None or present is None or request.state != State.CONFIRMED:
        return
    booking = promises.find_booking(connection, request_id, present.booking_id)
    remedy = product_type(request.product).remedies.get(request.fault)
    if booking is None or remedy is None or booking.sets_out_at <= now or requests.open_queues(connection, request_id):
        return
    why = misfit(remedy, booking.promised)
    if why is None:
        return
    if misfits.was_asked(connection, request_id, booking.booking_id, request.fault):
        if appointments.has_living_holds(connection, request_id):
            return
        _leave_to_a_person(connection, request, booking, why, DOES_NOT_FIT, now)
    elif not _same_promise(connection, request, present, booking, remedy, why, now):
        _ask_owner(connection, request, present, booking, why, now)


def _same_promise(
    connection: Connection,
    request: Request,
    present: Living,
    booking: Booking,
    remedy: Remedy,
    why: Misfit,
    now: datetime,
) -> bool:
    """Whether somebody of the same centre keeps what the owner was told; a bay's owner was told its end, too."""
    if why is Misfit.PLACE or (why is Misfit.MINUTES and booking.visit is None):
        return False
    lasts_min = round(booking.promised.lasts.total_seconds() / 60)
    work = Work(max(remedy.minutes, lasts_min), remedy.skills, [])
    if booking.visit is None and lasts_min < remedy.minutes:
        return False
    return keep_promise(connection, request, present, booking, work, now)


def _ask_owner(
    connection: Connection, request: Request, present: Living, booking: Booking, why: Misfit, now: datetime
) -> None:
    """Hold dates that suffice beside the one that stands, and ask the owner; without a clause or a date a person does."""
    permission = mandates.permit(connection, request.device_id, request.request_id, Clause.OFFER_DATES, now)
    if isinstance(permission, Denied):
        _leave_to_a_person(connection, request, booking, why, permission.reason, now)
        return
    if requests.unasked_letters(connection, request) >= restraining.LETTERS:
        _leave_to_a_person(connection, request, booking, why, DOES_NOT_FIT, now)
        return
    # Half of what is left until then is the owner's, the other half that of the person who asks him if he does not answer.
    ends_at = now + min(OFFER_LASTS, (booking.sets_out_at - now) / 2)
    offer_id = hold_fresh(connection, request, present, ANY_DATE, now, ends_at)
    if offer_id is None:
        _leave_to_a_person(connection, request, booking, why, DOES_NOT_FIT, now)
        return
    auditing.record(
        connection,
        "refit_offered",
        device_id=request.device_id,
        request_id=request.request_id,
        permission=permission,
        inputs=_told(request, booking, why) | {"offer_id": offer_id, "diagnosis_id": request.diagnosis_id},
        now=now,
    )
    detail = _told(request, booking, why) | {"next": "owner", "offer_id": offer_id}
    requests.append_event(connection, request.request_id, misfits.EVENT, now, detail=detail)
    tell_owner(connection, request, "date_misfit", f"offer-{offer_id}", {"offer_id": offer_id}, now)


def _leave_to_a_person(
    connection: Connection, request: Request, booking: Booking, why: Misfit, reason: str, now: datetime
) -> None:
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, reason), now)
    detail = _told(request, booking, why) | {"next": "person"}
    requests.append_event(connection, request.request_id, misfits.EVENT, now, detail=detail)


def _told(request: Request, booking: Booking, why: Misfit) -> dict[str, object]:
    return {"booking_id": booking.booking_id, "fault": request.fault, "why": why.value}
