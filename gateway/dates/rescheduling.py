"""Rescheduling: what an owner may do to dates that he was shown or has confirmed. Each answer is one of a few values.

Other dates on request, another date in place of a confirmed one, keeping it after all, giving it up, and an earlier one
if a time becomes free. A confirmed date stands until another one is confirmed. Whoever asks again and again is asked by
a person.
"""

import dataclasses
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg.errors import CheckViolation, ExclusionViolation

from devices.faults import Fulfilment
from devices.products import product_type
from gateway.audit import auditing
from gateway.dates.offering import look, offer_expires_at, queue_up
from gateway.following import give_case
from gateway.parts import extras, sourcing
from gateway.parts.sourcing import PartsLateError
from gateway.storage import appointments, promises, requests, routes
from gateway.storage.appointments import Living
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.storage.routes import RouteChangedError
from gateway.telling import tell_owner
from workflows.appointment import Act, next_state
from workflows.appointment import State as AppointmentState
from workflows.dates import Dates, Wish, Work
from workflows.fitting import misfit
from workflows.request import Command, State
from workflows.triage import CaseWanted, Queue

_log = logging.getLogger(__name__)

# So often other dates are shown; whoever asks once more is asked by a person.
ROUNDS: Final = 3
# A freed time is held for one who would come earlier for this long.
_EARLIER_LASTS: Final = timedelta(hours=2)
# So often he is written to; then he asks again, or nobody does.
EARLIER_LETTERS: Final = 3
_TRIES: Final = 5
_NONE_SUITS: Final = "None of the dates suits the owner."


@dataclass(frozen=True, slots=True)
class Shown:
    """Other dates are held and shown."""

    offer_id: int


@dataclass(frozen=True, slots=True)
class WithPerson:
    """There are no others, or enough were shown: a person finds one with the owner; what he has stands."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The appointment has its new date."""

    appointment_id: int
    revision: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The date that was tapped is gone; the old one stands, and `offer_id` holds others, if there are any."""

    offer_id: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What there was stands."""


@dataclass(frozen=True, slots=True)
class NotNow:
    """It cannot be done in the state that the request is in."""

    state: str


def ask_other_dates(
    connection: Connection, *, request_id: int, wish: Wish, now: datetime
) -> Shown | WithPerson | NotNow:
    """Show an owner other dates than those that he was shown: instead of an offer, or beside a confirmed date.

    Parameters
    ----------
    connection : Connection
        In a transaction of the request's tenant.
    request_id : int
        The request.
    wish : Wish
        What he asked for; where nothing is free that way, any date that he has not seen yet.
    now : datetime
        Aware.
    """
    request = requests.lock_request(connection, request_id)
    if request is None:
        return NotNow("unknown")
    present = appointments.living(connection, request_id)
    if not _may_be_shown_others(request, present, now):
        return NotNow(request.state)
    if Queue.SAFETY in requests.open_queues(connection, request_id):
        return WithPerson()
    if requests.count_events(connection, request_id, "other_dates_asked") >= ROUNDS:
        return _to_a_person(connection, request, now)
    requests.append_event(connection, request_id, "other_dates_asked", now, actor="owner", detail=_told(wish))
    offer_id = _hold_others(connection, request, present, wish, now)
    if offer_id is None:
        return _to_a_person(connection, request, now)
    if present is None and request.state != State.OFFERED:
        requests.transition(connection, request, Command.OFFER, now)
    requests.append_event(connection, request_id, "offered", now, detail={"offer_id": offer_id, "asked": True})
    return Shown(offer_id)


def _may_be_shown_others(request: Request, present: Living | None, now: datetime) -> bool:
    if request.state == State.CONFIRMED:
        return present is not None and present.sets_out_at > now
    return request.state in {State.OPEN, State.WAITING, State.OFFERED}


def _told(wish: Wish) -> dict[str, object]:
    return {
        "half": wish.half,
        "weekday": wish.weekday,
        "not_before": wish.not_before.isoformat() if wish.not_before else None,
    }


def _to_a_person(connection: Connection, request: Request, now: datetime) -> WithPerson:
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, _NONE_SUITS), now)
    return WithPerson()


def _hold_others(
    connection: Connection, request: Request, present: Living | None, wish: Wish, now: datetime
) -> int | None:
    """Hold dates that were not shown yet in place of those that are open; None, and those stand, when there are none."""
    shown = appointments.beginnings_shown(connection, request.request_id)
    wishes = (
        Wish(wish.not_before, wish.before, wish.weekday, wish.half, shown),
        Wish(wish.not_before, wish.before, shown=shown),
    )
    for asked in wishes:
        if (offer_id := hold_fresh(connection, request, present, asked, now)) is not None:
            auditing.record(
                connection,
                "offered",
                device_id=request.device_id,
                request_id=request.request_id,
                permission=None,
                inputs={"offer_id": offer_id, "wish": _told(wish)},
                now=now,
                actor=f"owner-{request.owner_id}",
            )
            return offer_id
    return None


def hold_fresh(
    connection: Connection,
    request: Request,
    present: Living | None,
    wish: Wish,
    now: datetime,
    expires_at: datetime | None = None,
) -> int | None:
    """Hold dates of a locked request in place of its open offer and return the new one; None, and all stands, without any.

    Beside a confirmed date (`present`) they are at its centre, where its parts are; these stay as they are until another
    date is confirmed.
    """
    remedy = product_type(request.product).remedies.get(request.fault)
    if remedy is None or remedy.fulfilment is None:
        return None
    work = Work(remedy.minutes, remedy.skills, remedy.part_nos)
    for number in range(_TRIES):
        try:
            return _hold(connection, request, present, work, remedy.fulfilment, wish, now, expires_at, number)
        except (ExclusionViolation, CheckViolation, RouteChangedError) as error:
            _log.info("request %d: %s; looking again", request.request_id, str(error).partition("\n")[0])
    return None


def _hold(
    connection: Connection,
    request: Request,
    present: Living | None,
    work: Work,
    fulfilment: Fulfilment,
    wish: Wish,
    now: datetime,
    expires_at: datetime | None,
    number: int,
) -> int | None:
    with connection.transaction() as attempt:
        queue_up(connection, number)
        promises.close_offers(connection, request.request_id, "replaced", now)
        parts = sourcing.look(connection, request, work.part_nos, now)
        if present is not None:
            here = {at: ready_at for at, ready_at in parts.ready_at.items() if at == present.centre_id}
            parts = dataclasses.replace(parts, ready_at=here)
        dates = look(connection, request, work, fulfilment, parts, now, wish)
        if not isinstance(dates, Dates):
            raise psycopg.Rollback(attempt)
        plan = parts.plans[dates.centre_id]
        if present is None:
            sourcing.hold(connection, request, work.part_nos, plan, now)
            extras.look_after(connection, request, dates.centre_id, work.part_nos, now)
        elif plan.lines and plan.ready_at > present.sets_out_at:
            # A part that comes after the date that stands cannot be put aside beside it: a person moves the date.
            raise psycopg.Rollback(attempt)
        elif plan.lines:
            # Lost since the date was confirmed, by another diagnosis: no date is shown without its part.
            sourcing.hold(connection, request, work.part_nos, plan, now, is_sure=True)
        routes.keep_routes(connection, dates, now)
        ends_at = offer_expires_at(dates, now) if expires_at is None else expires_at
        return promises.hold_dates(connection, request.request_id, dates.options, now, ends_at)
    return None


def confirm_other(
    connection: Connection, *, request: Request, booking_id: int, now: datetime
) -> Moved | Lost | Kept | NotNow:
    """Let a confirmed appointment take the other date that its owner tapped; the old one stands until that is done.

    Parameters
    ----------
    request : Request
        Locked, with a confirmed appointment.
    booking_id : int
        The date that was tapped. The confirmed one itself means that it is kept.
    """
    present = appointments.living(connection, request.request_id)
    if present is None or next_state(AppointmentState.CONFIRMED, Act.RESCHEDULE) is None:
        return NotNow(request.state)
    if present.booking_id == booking_id:
        return Kept()
    booking = promises.find_booking(connection, request.request_id, booking_id)
    # Dates that were withdrawn, or that he once gave up for the present one, are not taken by an old page.
    if booking is None or booking.outcome in {"withdrawn", "accepted"} or present.sets_out_at <= now:
        return NotNow(request.state)
    remedy = product_type(request.product).remedies.get(request.fault)
    is_enough = misfit(remedy, booking.promised) is None
    if booking.is_ahead(now) and booking.centre_id == present.centre_id and is_enough:
        try:
            with connection.transaction():
                promises.close_offers(connection, request.request_id, "accepted", now)
                if remedy is not None:
                    sourcing.keep(connection, request, booking.centre_id, remedy.part_nos, booking.sets_out_at, now)
                routes.keep_route(connection, booking, now)
                revision = appointments.move(connection, present, booking, now)
        except (ExclusionViolation, CheckViolation, RouteChangedError, PartsLateError) as error:
            _log.info("request %d: the other date is lost (%s)", request.request_id, str(error).partition("\n")[0])
        else:
            return _tell_moved(connection, request, present, booking_id, revision, now)
    return Lost(_hold_others(connection, request, present, Wish(), now))


def _tell_moved(
    connection: Connection, request: Request, present: Living, booking_id: int, revision: int, now: datetime
) -> Moved:
    requests.transition(connection, request, Command.RESCHEDULE, now)
    detail: dict[str, object] = {
        "appointment_id": present.appointment_id,
        "booking_id": booking_id,
        "from": present.begins_at.isoformat(),
    }
    requests.append_event(connection, request.request_id, "rescheduled", now, actor="owner", detail=detail)
    appointments.end_wish(connection, request.request_id, now)
    cause = f"appointment-{present.appointment_id}-{revision}"
    tell_owner(connection, request, "confirmed", cause, {"appointment_id": present.appointment_id}, now)
    return Moved(present.appointment_id, revision)


def keep_date(connection: Connection, *, request_id: int, now: datetime) -> Kept | NotNow:
    """Keep the confirmed date: the others that were held beside it are free again."""
    request = requests.lock_request(connection, request_id)
    if request is None or request.state != State.CONFIRMED:
        return NotNow("unknown" if request is None else request.state)
    promises.close_offers(connection, request_id, "withdrawn", now)
    return Kept()


def expire_other(connection: Connection, request: Request, now: datetime) -> None:
    """End dates that were held beside a confirmed one and not chosen: the confirmed one stands, and nobody is asked again."""
    promises.close_offers(connection, request.request_id, "expired", now)
    requests.append_event(connection, request.request_id, "other_dates_expired", now)


def wish_earlier(connection: Connection, *, request_id: int, now: datetime) -> Kept | NotNow:
    """Put a confirmed request on the list of those who would come earlier; he hears of it a few times at most."""
    request = requests.lock_request(connection, request_id)
    if request is None or request.state != State.CONFIRMED:
        return NotNow("unknown" if request is None else request.state)
    if not appointments.wishes_earlier(connection, request_id):
        appointments.wish_earlier(connection, request_id, now)
        requests.append_event(connection, request_id, "earlier_wished", now, actor="owner")
    return Kept()


def end_earlier_wish(connection: Connection, *, request_id: int, now: datetime) -> Kept | NotNow:
    """Take a request off the list of those who would come earlier; what he was shown he can still choose."""
    request = requests.lock_request(connection, request_id)
    if request is None or request.state != State.CONFIRMED:
        return NotNow("unknown" if request is None else request.state)
    if appointments.wishes_earlier(connection, request_id):
        appointments.end_wish(connection, request_id, now)
        requests.append_event(connection, request_id, "earlier_not_wished", now, actor="owner")
    return Kept()


def offer_earlier(connection: Connection, *, request_id: int, now: datetime) -> int | None:
    """Hold an earlier date for one who asked for it, for a short while, and tell him; None when nothing is earlier."""
    request = requests.lock_request(connection, request_id)
    present = appointments.living(connection, request_id)
    if request is None or request.state != State.CONFIRMED or present is None:
        return None
    # He may just have said that he does not want it any more, or have asked for other dates, which he looks at now.
    if not appointments.wishes_earlier(connection, request_id) or promises.has_open_offer(connection, request_id):
        return None
    appointments.looked_for(connection, request_id, now)
    shown = appointments.beginnings_shown(connection, request_id)
    wish = Wish(before=present.begins_at, shown=shown)
    offer_id = hold_fresh(connection, request, present, wish, now, now + _EARLIER_LASTS)
    if offer_id is None:
        return None
    auditing.record(
        connection,
        "earlier_offered",
        device_id=request.device_id,
        request_id=request_id,
        permission=None,
        inputs={"offer_id": offer_id, "wish": "earlier"},
        now=now,
        actor=f"owner-{request.owner_id}",
    )
    requests.append_event(connection, request_id, "earlier_offered", now, detail={"offer_id": offer_id})
    detail: dict[str, object] = {"offer_id": offer_id}
    if appointments.count_letter(connection, request_id) >= EARLIER_LETTERS:
        # Whoever lets several pass is not bothered any more, unless he asks again; the letter says so.
        appointments.end_wish(connection, request_id, now)
        detail["is_last"] = True
    tell_owner(connection, request, "earlier", f"offer-{offer_id}", detail, now)
    return offer_id
