"""The journey of a fault, step by step in this order; the first file to read.

receive -> decode -> derive -> detect happen on whole batches in `gateway.ingest.worker`; it commits readings and
symptoms together and defers `diagnose`. From here on events are rare and each step is a job of its own:

    diagnose  symptoms -> ranked hypotheses           decided in `diagnostics.diagnosis`
    triage    diagnosis -> request or a human's case  decided in `workflows.triage`, saved by `gateway.following`
    offer     request -> part and times held together decided in `workflows.dates` and `workflows.visits`,
                                                      held by `gateway.dates.offering`
    confirm   the owner's answer -> appointment       guarded by named constraints

Each step is load, decide (pure), save, hand on, in one transaction of the request's tenant. Every step may run twice.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.errors import CheckViolation, ExclusionViolation

from devices.faults import Remedy
from devices.instants import from_us, to_us
from devices.product import ProductType
from devices.products import product_type
from diagnostics import diagnosis as diagnosing
from diagnostics.diagnosis import Diagnosis, Evidence
from gateway.dates import rescheduling, restraining
from gateway.dates.offering import make_offer
from gateway.decisions import receipting
from gateway.decisions.attending import heard
from gateway.decisions.evidence import told
from gateway.decisions.receipting import Decided
from gateway.decisions.surveying import survey
from gateway.following import Assessed, follow, give_case
from gateway.parts import exchanging
from gateway.parts.sourcing import PartsLateError, free_of, keep
from gateway.quotes import quoting
from gateway.remedies import asking, remedying
from gateway.remedies.weighing import weigh
from gateway.storage import findings, promises, receipts, requests, routes
from gateway.storage.connection import Connection
from gateway.storage.findings import DeviceCard, OpenSymptom
from gateway.storage.promises import Booking
from gateway.storage.receipts import Grounds
from gateway.storage.requests import Request
from gateway.storage.routes import RouteChangedError
from gateway.telling import defer_offer, tell_owner
from workflows.fitting import misfit
from workflows.request import Command, State
from workflows.triage import CaseWanted, OpenRequest, Queue, triage

_log = logging.getLogger(__name__)

# An owner who lets this many offers pass is asked by a person.
_OFFERS_BEFORE_A_PERSON: Final = 2


def diagnose(connection: Connection, *, device_id: int, component: str, now: datetime) -> None:
    """Diagnose a component from its open symptoms, and do what triage decides."""
    # One diagnosis of a device at a time: two would read the same symptoms and open the same request.
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [1, device_id])
    device = findings.device_card(connection, device_id)
    if device is None or device.is_retired:
        _log.warning("device %d is not in service any more: nothing to diagnose", device_id)
        return
    product = product_type(device.product)
    # What is shelved, suppressed by a mode or out of service is heard by nobody; all of it being so, nothing follows.
    grounds = heard(connection, product, device_id, component, now)
    if grounds is None:
        return
    symptoms = grounds.symptoms
    request = requests.lock_open_request(connection, device_id, component)
    if request is not None and request.state == State.REMEDYING:
        remedying.go_on(connection, request_id=request.request_id, now=now)
        request = requests.lock_open_request(connection, device_id, component)
    before = findings.latest_diagnosis(connection, device_id, component)
    # The same evidence is the same diagnosis: it neither amends a request nor opens again what a person has cancelled.
    if symptoms and before is not None and before.symptom_ids == [s.symptom_id for s in symptoms]:
        return
    if not symptoms:
        _nothing_open(connection, grounds, device, product, component, request, now)
        return
    evidence = [Evidence(s.symptom_id, s.monitor, s.element, to_us(s.since_at)) for s in symptoms]
    found = survey(connection, grounds, product, component, now)
    diagnosis = diagnosing.diagnose(product, component, evidence, found.well(product, component))
    if diagnosis is None:
        raise RuntimeError(f"device {device_id}: {len(symptoms)} open symptoms of {component} gave no diagnosis")
    diagnosis_id, decided_at = _save_diagnosis(connection, device, product, diagnosis, symptoms, now)
    present = _present(connection, request)
    decision = triage(product, diagnosis, present)
    follow(connection, Assessed(device, product, diagnosis, diagnosis_id, decided_at), decision, request, now)
    request_id = None if request is None else request.request_id
    if request_id is not None:
        quoting.look_again(connection, request_id, now)
        exchanging.follow_diagnosis(connection, request_id, now)
    decided = Decided(device, product, component, diagnosis, diagnosis_id, decision, present, request_id)
    receipting.keep(connection, found, decided, now)


def _nothing_open(
    connection: Connection,
    grounds: Grounds,
    device: DeviceCard,
    product: ProductType,
    component: str,
    request: Request | None,
    now: datetime,
) -> None:
    """Note that the last symptom of a component has healed; it is receipted once."""
    if request is not None:
        requests.append_event(connection, request.request_id, "symptom_healed", now)
        asking.healed(connection, request, now)
    if receipts.latest_outcome(connection, device.device_id, component) == "nothing":
        return
    request_id = None if request is None else request.request_id
    nothing = Decided(device, product, component, None, None, None, _present(connection, request), request_id)
    receipting.keep(connection, survey(connection, grounds, product, component, now), nothing, now)


def _save_diagnosis(
    connection: Connection,
    device: DeviceCard,
    product: ProductType,
    diagnosis: Diagnosis,
    symptoms: Sequence[OpenSymptom],
    now: datetime,
) -> tuple[int, datetime]:
    decided_received_at = max(symptom.decided_received_at for symptom in symptoms)
    diagnosis_id = findings.add_diagnosis(
        connection,
        device_id=device.device_id,
        component=diagnosis.component,
        verdict=diagnosis.verdict,
        hypotheses=told(product, diagnosis, symptoms),
        symptom_ids=[symptom.symptom_id for symptom in symptoms],
        since_at=from_us(diagnosis.since_us),
        decided_received_at=decided_received_at,
        now=now,
    )
    return diagnosis_id, decided_received_at


def _present(connection: Connection, request: Request | None) -> OpenRequest | None:
    if request is None:
        return None
    return OpenRequest(
        fault=request.fault,
        is_held=request.state == State.HELD,
        # Once held by a person, or offered and not answered, it waits for a person and for nothing else.
        is_touched_by_a_person=any(
            requests.has_event(connection, request.request_id, event)
            for event in ("held", "offered", "clause_missing", "mandate_revoked")
        ),
        queues=frozenset(Queue(queue) for queue in requests.open_queues(connection, request.request_id)),
    )


def offer(connection: Connection, *, request_id: int, now: datetime) -> int | None:
    """Hold a part and times and offer them to the owner; return the offer, or None when there is none to make."""
    request = requests.lock_request(connection, request_id)
    if request is None or request.state not in {State.OPEN, State.WAITING}:
        return None
    if restraining.leave_to_a_person(connection, request, now) or weigh(connection, request, now):
        return None
    return make_offer(connection, request, now)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The date is the owner's; `is_new` is false when he had tapped it before."""

    appointment_id: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class FreshDates:
    """The tapped date was lost; here are others."""

    offer_id: int


@dataclass(frozen=True, slots=True)
class NotOpen:
    """The request takes no date now; `state` says why."""

    state: str


def confirm(
    connection: Connection, *, request_id: int, booking_id: int, now: datetime, quote_id: int | None = None
) -> Confirmed | FreshDates | NotOpen:
    """Confirm the date that the owner tapped, in the caller's transaction.

    Parameters
    ----------
    connection : Connection
        In a transaction of the request's tenant.
    request_id, booking_id : int
        The request, and the held date that was tapped.
    now : datetime
        Aware.
    quote_id : int or None
        The price that stood beside the dates: the tap is the yes to both. Another one than the present is not open. Where
        it needs a deposit, the tap is the yes to the price alone, and dates come after the money.

    Returns
    -------
    Confirmed, FreshDates or NotOpen
        A second tap on the same date is `Confirmed` again. A date whose hold had ended is taken if its time is still
        free; otherwise fresh dates are made in this transaction.
    """
    request = requests.lock_request(connection, request_id)
    if request is None:
        return NotOpen("unknown")
    if (appointment := promises.living_appointment(connection, request_id)) is not None:
        if appointment[1] == booking_id:
            return Confirmed(appointment[0], is_new=False)
        return _confirmed_other(rescheduling.confirm_other(connection, request=request, booking_id=booking_id, now=now))
    booking = promises.find_booking(connection, request_id, booking_id)
    if booking is None or request.state not in {State.OFFERED, State.OPEN, State.WAITING}:
        return NotOpen(request.state)
    if quoting.price_to_agree(connection, request_id, quote_id, now) is not None:
        return NotOpen("priced")
    if quoting.deposit_comes_first(connection, request, now):
        return NotOpen(State.QUOTED)
    remedy = product_type(request.product).remedies.get(request.fault)
    if booking.is_ahead(now) and booking.outcome != "withdrawn" and misfit(remedy, booking.promised) is None:
        try:
            with connection.transaction():
                promises.close_offers(connection, request_id, "accepted", now)
                quoting.accept_with_date(connection, request, now)
                _keep_parts(connection, request, booking, remedy, now)
                routes.keep_route(connection, booking, now)
                appointment_id = promises.book(connection, booking, request_id, now)
        except (ExclusionViolation, CheckViolation, RouteChangedError, PartsLateError) as error:
            _log.info("request %d: the tapped date is lost (%s)", request_id, str(error).partition("\n")[0])
        else:
            return _tell_confirmed(connection, request, booking_id, appointment_id, now)
    return _fresh(connection, request, now)


def _confirmed_other(
    outcome: rescheduling.Moved | rescheduling.Lost | rescheduling.Kept | rescheduling.NotNow,
) -> Confirmed | FreshDates | NotOpen:
    match outcome:
        case rescheduling.Moved(appointment_id=appointment_id):
            return Confirmed(appointment_id, is_new=True)
        case rescheduling.Lost(offer_id=int() as offer_id):
            return FreshDates(offer_id)
        case rescheduling.Lost() | rescheduling.Kept():
            return NotOpen(State.CONFIRMED)
        case rescheduling.NotNow(state=state):
            return NotOpen(state)


def _keep_parts(
    connection: Connection, request: Request, booking: Booking, remedy: Remedy | None, now: datetime
) -> None:
    """Have at the date's centre just the parts that the remedy needs; what is not needed any more is given back."""
    if remedy is not None:
        keep(connection, request, booking.centre_id, remedy.part_nos, booking.sets_out_at, now)


def _tell_confirmed(
    connection: Connection, request: Request, booking_id: int, appointment_id: int, now: datetime
) -> Confirmed:
    if request.state != State.OFFERED:
        # The offer had expired, but its date was still free: the owner's late yes is as good as an early one.
        requests.transition(connection, request, Command.OFFER, now)
        request = requests.lock_request(connection, request.request_id) or request
    requests.transition(connection, request, Command.CONFIRM, now)
    requests.append_event(
        connection,
        request.request_id,
        "confirmed",
        now,
        actor="owner",
        detail={"appointment_id": appointment_id, "booking_id": booking_id},
    )
    tell_owner(
        connection, request, "confirmed", f"appointment-{appointment_id}", {"appointment_id": appointment_id}, now
    )
    return Confirmed(appointment_id, is_new=True)


def _fresh(connection: Connection, request: Request, now: datetime) -> FreshDates | NotOpen:
    """Make other dates in place of the one that was lost; what was still held for this request is free for them."""
    promises.close_offers(connection, request.request_id, "replaced", now)
    if (offer_id := make_offer(connection, request, now)) is not None:
        return FreshDates(offer_id)
    after = requests.lock_request(connection, request.request_id)
    return NotOpen(after.state if after else request.state)


def expire_offer(connection: Connection, *, request_id: int, now: datetime) -> None:
    """End an offer that was not answered: others are offered, and after the second one a person asks."""
    request = requests.lock_request(connection, request_id)
    if request is None or not promises.offer_is_over(connection, request_id, now):
        return
    if request.state == State.CONFIRMED:
        rescheduling.expire_other(connection, request, now)
    if request.state != State.OFFERED:
        return
    promises.close_offers(connection, request_id, "expired", now)
    state = requests.transition(connection, request, Command.EXPIRE, now)
    requests.append_event(connection, request_id, "offer_expired", now)
    if requests.count_events(connection, request_id, "offer_expired") < _OFFERS_BEFORE_A_PERSON:
        defer_offer(connection, request_id)
        return
    free_of(connection, request_id, now)
    request = requests.lock_request(connection, request_id)
    if request is not None and state is State.OPEN:
        requests.transition(connection, request, Command.ESCALATE, now)
        reason = "The owner has not answered two offers: please ask in person."
        give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, reason), now)
