"""The journey of a fault, step by step in this order; the first file to read.

receive -> decode -> derive -> detect happen on whole batches in `gateway.ingest.worker`; it commits readings and
symptoms together and defers `diagnose`. From here on events are rare and each step is a job of its own:

    diagnose  symptoms -> ranked hypotheses          decided in `diagnostics.diagnosis`
    triage    diagnosis -> request, or a human's case decided in `workflows.triage`
    offer     request -> part and bays held together  decided in `workflows.dates`
    confirm   the owner's answer -> appointment       guarded by named constraints

Each step is load, decide (pure), save, hand on, in one transaction of the request's tenant. Every step may run twice.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.errors import CheckViolation, ExclusionViolation

from devices.faults import Severity
from devices.instants import from_us, to_us
from devices.product import ProductType
from devices.products import product_type
from diagnostics import diagnosis as diagnosing
from diagnostics.diagnosis import Diagnosis, Evidence
from gateway import jobs
from gateway.evidence import told
from gateway.storage import findings, promises, requests
from gateway.storage.connection import Connection
from gateway.storage.findings import DeviceCard, OpenSymptom
from gateway.storage.requests import Request
from workflows.dates import OFFER_LASTS, Dates, NoDates, Work, find_dates
from workflows.request import Command, State
from workflows.triage import PATIENCE, Amend, CaseWanted, Open, OpenRequest, Queue, Release, triage

_log = logging.getLogger(__name__)

# Somebody else may take a bay or the last part between our look and our hold: then we look again.
_TRIES: Final = 5
# An owner who lets this many offers pass is asked by a person.
_OFFERS_BEFORE_A_PERSON: Final = 2


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


# ------------------------------------------------------------------ 5 diagnose, 6 triage


def diagnose(connection: Connection, *, device_id: int, component: str, now: datetime) -> None:
    """Diagnose a component from its open symptoms, and do what triage decides."""
    # One diagnosis of a device at a time: two would read the same symptoms and open the same request.
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [1, device_id])
    device = findings.device_card(connection, device_id)
    if device is None:
        _log.warning("device %d is not there any more: nothing to diagnose", device_id)
        return
    product = product_type(device.product)
    symptoms = findings.open_symptoms(connection, device_id, component)
    request = requests.lock_open_request(connection, device_id, component)
    evidence = [Evidence(s.symptom_id, s.monitor, s.element, to_us(s.since_at)) for s in symptoms]
    diagnosis = diagnosing.diagnose(product, component, evidence)
    if diagnosis is None:
        if request is not None:
            requests.append_event(connection, request.request_id, "symptom_healed", now)
        return
    before = findings.latest_diagnosis(connection, device_id, component)
    if request is not None and before is not None and before.symptom_ids == [s.symptom_id for s in symptoms]:
        return
    diagnosis_id, decided_at = _save_diagnosis(connection, device, product, diagnosis, symptoms, now)
    decision = triage(product, diagnosis, _present(connection, request))
    _follow(connection, _Finding(device, product, diagnosis, diagnosis_id, decided_at), decision, request, now)


@dataclass(frozen=True, slots=True)
class _Finding:
    """A written diagnosis with all that the next step needs of it."""

    device: DeviceCard
    product: ProductType
    diagnosis: Diagnosis
    diagnosis_id: int
    decided_received_at: datetime

    @property
    def is_safety(self) -> bool:
        return self.diagnosis.verdict is diagnosing.Verdict.SAFETY

    @property
    def severity(self) -> Severity:
        fault = self.product.faults.get(self.diagnosis.leading.fault)
        if self.is_safety:
            return Severity.CRITICAL
        return Severity.WARNING if fault is None else fault.severity


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
        is_touched_by_a_person=requests.has_event(connection, request.request_id, "held"),
        queues=frozenset(Queue(queue) for queue in requests.open_queues(connection, request.request_id)),
    )


def _follow(
    connection: Connection, finding: _Finding, decision: Open | Amend | Release, request: Request | None, now: datetime
) -> None:
    """Save what triage decided, and hand on."""
    fault_id = findings.open_fault(
        connection,
        device_id=finding.device.device_id,
        component=finding.diagnosis.component,
        code=decision.fault,
        since_at=from_us(finding.diagnosis.since_us),
        now=now,
    )
    findings.close_other_faults(
        connection,
        device_id=finding.device.device_id,
        component=finding.diagnosis.component,
        kept=fault_id,
        now=now,
    )
    match decision, request:
        case Open(case=case), _:
            request_id = _open(connection, finding, fault_id, case, now)
            if case is None:
                defer_offer(connection, request_id)
        case Amend(fault=fault, case=case), Request():
            _amend(connection, finding, request, fault, fault_id, now)
            if case is not None:
                _escalate(connection, finding, request, case, now)
        case Release(fault=fault), Request():
            _amend(connection, finding, request, fault, fault_id, now)
            requests.close_cases(connection, request.request_id, now, queue=Queue.JUDGEMENT)
            requests.transition(connection, request, Command.APPROVE, now)
            requests.append_event(connection, request.request_id, "approved", now)
            defer_offer(connection, request.request_id)
        case Amend() | Release(), None:
            raise LookupError(f"triage amends a request of device {finding.device.name}, but there is none")


def _open(connection: Connection, finding: _Finding, fault_id: int, case: CaseWanted | None, now: datetime) -> int:
    request_id = requests.open_request(
        connection,
        device_id=finding.device.device_id,
        owner_id=finding.device.owner_id,
        component=finding.diagnosis.component,
        fault_id=fault_id,
        diagnosis_id=finding.diagnosis_id,
        state=State.OPEN if case is None else State.HELD,
        is_safety=finding.is_safety,
        severity=finding.severity,
        decided_received_at=finding.decided_received_at,
        now=now,
    )
    leading = finding.diagnosis.leading
    requests.append_event(
        connection, request_id, "opened", now, detail={"fault": leading.fault, "probability": leading.probability}
    )
    if case is not None:
        _give_to_a_person(connection, finding, request_id, case, now)
    return request_id


def _amend(
    connection: Connection, finding: _Finding, request: Request, fault: str, fault_id: int, now: datetime
) -> None:
    requests.amend_request(
        connection,
        request.request_id,
        fault_id=fault_id,
        diagnosis_id=finding.diagnosis_id,
        is_safety=finding.is_safety,
        severity=finding.severity,
    )
    if fault != request.fault:
        requests.append_event(
            connection, request.request_id, "diagnosis_changed", now, detail={"from": request.fault, "to": fault}
        )


def _escalate(connection: Connection, finding: _Finding, request: Request, case: CaseWanted, now: datetime) -> None:
    """A human joins; what the owner was shown stands."""
    requests.transition(connection, request, Command.ESCALATE, now)
    requests.append_event(connection, request.request_id, "escalated", now, detail={"queue": case.queue})
    _give_to_a_person(connection, finding, request.request_id, case, now)


def _give_to_a_person(
    connection: Connection, finding: _Finding, request_id: int, case: CaseWanted, now: datetime
) -> None:
    give_case(connection, request_id, case, now)
    if case.queue is Queue.SAFETY:
        requests.add_notice(
            connection,
            request_id,
            "safety",
            now,
            recipient=finding.device.owner_email,
            language=finding.device.owner_language,
            cause="safety",
            detail={"fault": finding.diagnosis.leading.fault},
        )
        _defer_notices(connection, request_id)


def give_case(connection: Connection, request_id: int, case: CaseWanted, now: datetime) -> None:
    """Open a named human's case and tell him; nothing happens when there is one in this queue already."""
    due_at = now + PATIENCE[case.queue]
    opened = requests.open_case(connection, request_id, queue=case.queue, reason=case.reason, due_at=due_at, now=now)
    if opened is None:
        return
    case_id, email, language = opened
    requests.append_event(connection, request_id, "case_opened", now, detail={"queue": case.queue, "case_id": case_id})
    requests.add_notice(
        connection,
        request_id,
        "case_opened",
        now,
        recipient=email,
        language=language,
        cause=f"case-{case_id}",
        detail={"case_id": case_id},
    )
    _defer_notices(connection, request_id)


# ------------------------------------------------------------------ 7 offer


def offer(connection: Connection, *, request_id: int, now: datetime) -> int | None:
    """Hold a part and bays for dates and offer them to the owner; return the offer, or None when there is none to make."""
    request = requests.lock_request(connection, request_id)
    if request is None or request.state not in {State.OPEN, State.WAITING}:
        return None
    return _offer(connection, request, now)


def _offer(connection: Connection, request: Request, now: datetime) -> int | None:
    product = product_type(request.product)
    remedy = product.remedies.get(request.fault)
    if remedy is None or remedy.why_none:
        _find_nothing(connection, request, NoDates("no_time"), now)
        return None
    work = Work(remedy.minutes, remedy.skills, remedy.part_nos)
    for _ in range(_TRIES):
        dates = _look(connection, request, work, now)
        if isinstance(dates, NoDates):
            _find_nothing(connection, request, dates, now)
            return None
        try:
            with connection.transaction():
                promises.reserve_parts(connection, request.request_id, dates.centre_id, work.part_nos, now)
                offer_id = promises.hold_dates(
                    connection, request.request_id, dates.options, now, _offer_expires_at(dates, now)
                )
        except (ExclusionViolation, CheckViolation) as error:
            _log.info("request %d: %s; looking again", request.request_id, error.diag.constraint_name)
        else:
            _tell_offer(connection, request, work, offer_id, now)
            return offer_id
    raise TimeoutError(f"request {request.request_id}: dates were taken by others {_TRIES} times; the job tries again")


def _offer_expires_at(dates: Dates, now: datetime) -> datetime:
    """Return when an offer ends: with its patience, or when its last date begins."""
    return min(now + OFFER_LASTS, max(option.during.start_at for option in dates.options))


def _look(connection: Connection, request: Request, work: Work, now: datetime) -> Dates | NoDates:
    device = findings.device_card(connection, request.device_id)
    place = None
    if device is not None and device.latitude is not None and device.longitude is not None:
        place = (device.latitude, device.longitude)
    # Where parts are reserved for this request already, its bay is looked for too.
    held_at, held = promises.reserved_parts(connection, request.request_id)
    needed = [part for part in work.part_nos if part not in held]
    centres = promises.load_centres(connection, place, needed, now)
    if held_at is not None:
        centres = [centre for centre in centres if centre.centre_id == held_at]
    return find_dates(Work(work.minutes, work.skills, needed), centres, now)


def _find_nothing(connection: Connection, request: Request, why: NoDates, now: datetime) -> None:
    """No part or no time: the request waits, is looked at again by the sweep, and a human knows from the first time on."""
    promises.release_parts(connection, request.request_id, now)
    was_waiting = request.state == State.WAITING
    requests.transition(connection, request, Command.FIND_NOTHING, now)
    if was_waiting:
        return
    requests.append_event(
        connection,
        request.request_id,
        "no_part" if why.why == "no_part" else "no_date",
        now,
        detail={"why": why.why, "missing": list(why.missing)},
    )
    reasons = {
        "no_part": "No service centre has the part.",
        "no_bay": "No service centre has a bay with the skills that this work needs.",
        "no_time": "No bay is free in the coming weeks.",
    }
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, reasons[why.why]), now)


def _tell_offer(connection: Connection, request: Request, work: Work, offer_id: int, now: datetime) -> None:
    requests.transition(connection, request, Command.OFFER, now)
    requests.append_event(connection, request.request_id, "part_reserved", now, detail={"parts": list(work.part_nos)})
    seconds = (now - request.decided_received_at).total_seconds()
    requests.append_event(
        connection,
        request.request_id,
        "offered",
        now,
        detail={"offer_id": offer_id, "seconds_since_deciding_reading": seconds},
    )
    _tell_owner(connection, request, "offer", f"offer-{offer_id}", {"offer_id": offer_id}, now)


# ------------------------------------------------------------------ 8 confirm


def confirm(
    connection: Connection, *, request_id: int, booking_id: int, now: datetime
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

    Returns
    -------
    Confirmed, FreshDates or NotOpen
        A second tap on the same date is `Confirmed` again. A date whose hold had ended is taken if its bay is still
        free; otherwise fresh dates are made in this transaction.
    """
    request = requests.lock_request(connection, request_id)
    if request is None:
        return NotOpen("unknown")
    if (appointment := promises.living_appointment(connection, request_id)) is not None:
        return Confirmed(appointment[0], is_new=False) if appointment[1] == booking_id else NotOpen(request.state)
    booking = promises.find_booking(connection, request_id, booking_id)
    if booking is None or request.state not in {State.OFFERED, State.OPEN, State.WAITING}:
        return NotOpen(request.state)
    if booking.start_at > now:
        try:
            with connection.transaction():
                promises.close_offers(connection, request_id, "accepted", now)
                _keep_parts(connection, request, booking.centre_id, now)
                appointment_id = promises.book(connection, booking, request_id, now)
        except (ExclusionViolation, CheckViolation) as error:
            _log.info("request %d: the tapped date is lost (%s)", request_id, error.diag.constraint_name)
        else:
            return _tell_confirmed(connection, request, booking_id, appointment_id, now)
    return _fresh(connection, request, now)


def _keep_parts(connection: Connection, request: Request, centre_id: int, now: datetime) -> None:
    """Keep what is reserved for the date; what an expired offer gave back is reserved again."""
    held_at, _ = promises.reserved_parts(connection, request.request_id)
    remedy = product_type(request.product).remedies.get(request.fault)
    if held_at is None and remedy is not None:
        promises.reserve_parts(connection, request.request_id, centre_id, remedy.part_nos, now)


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
    _tell_owner(
        connection, request, "confirmed", f"appointment-{appointment_id}", {"appointment_id": appointment_id}, now
    )
    return Confirmed(appointment_id, is_new=True)


def _fresh(connection: Connection, request: Request, now: datetime) -> FreshDates | NotOpen:
    """Other dates in place of the one that was lost: those of the open offer if it still stands, or new ones."""
    promises.close_offers(connection, request.request_id, "replaced", now)
    if (offer_id := _offer(connection, request, now)) is not None:
        return FreshDates(offer_id)
    return NotOpen(State.WAITING)


# ------------------------------------------------------------------ clocks, read in batches by the sweep


def expire_offer(connection: Connection, *, request_id: int, now: datetime) -> None:
    """End an offer that was not answered: others are offered, and after the second one a person asks."""
    request = requests.lock_request(connection, request_id)
    if request is None or request.state != State.OFFERED:
        return
    promises.close_offers(connection, request_id, "expired", now)
    state = requests.transition(connection, request, Command.EXPIRE, now)
    requests.append_event(connection, request_id, "offer_expired", now)
    if requests.count_events(connection, request_id, "offer_expired") < _OFFERS_BEFORE_A_PERSON:
        defer_offer(connection, request_id)
        return
    promises.release_parts(connection, request_id, now)
    request = requests.lock_request(connection, request_id)
    if request is not None and state is State.OPEN:
        requests.transition(connection, request, Command.ESCALATE, now)
        reason = "The owner has not answered two offers: please ask him."
        give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, reason), now)


# ------------------------------------------------------------------ handing on


def _tell_owner(
    connection: Connection, request: Request, kind: str, cause: str, detail: dict[str, object], now: datetime
) -> None:
    device = findings.device_card(connection, request.device_id)
    if device is None:
        return
    requests.add_notice(
        connection,
        request.request_id,
        kind,
        now,
        recipient=device.owner_email,
        language=device.owner_language,
        cause=cause,
        detail=detail,
    )
    _defer_notices(connection, request.request_id)


def tell_cancelled(connection: Connection, request: Request, reason: str, now: datetime) -> None:
    """Tell the owner that his request was cancelled, and why."""
    _tell_owner(connection, request, "cancelled", "cancelled", {"reason": reason}, now)


def _tenant_of(connection: Connection) -> int:
    return findings.one(connection.execute("SELECT current_tenant()").fetchone())


def defer_offer(connection: Connection, request_id: int) -> None:
    """Let the work look for dates of a request once this transaction has been committed."""
    call: dict[str, int | str] = {"tenant_id": _tenant_of(connection), "request_id": request_id}
    jobs.defer(connection, jobs.OFFER, lock="request-{request_id}", calls=[call])


def _defer_notices(connection: Connection, request_id: int) -> None:
    call: dict[str, int | str] = {"tenant_id": _tenant_of(connection), "request_id": request_id}
    jobs.defer(connection, jobs.SEND_NOTICES, lock="notices-{tenant_id}", calls=[call])
