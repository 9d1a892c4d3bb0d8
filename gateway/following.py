"""Following triage: what was decided is saved as faults, requests, events and cases, and handed on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from devices.faults import Severity
from devices.instants import from_us
from devices.product import ProductType
from diagnostics.diagnosis import Diagnosis, Verdict
from gateway.audit import auditing
from gateway.owners import mandates
from gateway.remedies.warning import warn_device
from gateway.storage import appointments, findings, requests, stops
from gateway.storage.connection import Connection
from gateway.storage.findings import DeviceCard
from gateway.storage.requests import Request
from gateway.telling import defer_notices, defer_offer, tell_danger
from workflows.mandate import Allowed, Clause, Denied
from workflows.request import Command, State
from workflows.triage import PATIENCE, Amend, CaseWanted, Open, Queue, Release

_TOOK_PLACE: Final = "Somebody was there lately, and it shows again: find out whether the work has helped."
_WAS_STOPPED: Final = "The owner has stopped a service of this component: ask before anything is sent to him."


@dataclass(frozen=True, slots=True)
class Assessed:
    """A written diagnosis with all that the next step needs of it."""

    device: DeviceCard
    product: ProductType
    diagnosis: Diagnosis
    diagnosis_id: int
    decided_received_at: datetime

    @property
    def is_safety(self) -> bool:
        """Whether a named human decides at once."""
        return self.diagnosis.verdict is Verdict.SAFETY

    @property
    def severity(self) -> Severity:
        """How bad the leading fault is; a safety matter is critical."""
        fault = self.product.faults.get(self.diagnosis.leading.fault)
        if self.is_safety:
            return Severity.CRITICAL
        return Severity.WARNING if fault is None else fault.severity


def follow(
    connection: Connection, assessed: Assessed, decision: Open | Amend | Release, request: Request | None, now: datetime
) -> None:
    """Save what triage decided, and hand on."""
    fault_id = findings.open_fault(
        connection,
        device_id=assessed.device.device_id,
        component=assessed.diagnosis.component,
        code=decision.fault,
        since_at=from_us(assessed.diagnosis.since_us),
        now=now,
    )
    findings.close_other_faults(
        connection,
        device_id=assessed.device.device_id,
        component=assessed.diagnosis.component,
        kept=fault_id,
        now=now,
    )
    match decision, request:
        case Open(case=case), _:
            _open(connection, assessed, fault_id, case, now)
        case Amend(fault=fault, case=case), Request():
            _amend(connection, assessed, request, fault, fault_id, now)
            if case is not None:
                _escalate(connection, assessed, request, case, now)
        case Release(fault=fault), Request():
            _amend(connection, assessed, request, fault, fault_id, now)
            _release(connection, assessed, request, now)
        case Amend() | Release(), None:
            raise LookupError(f"triage amends a request of device {assessed.device.name}, but there is none")


def _open(connection: Connection, assessed: Assessed, fault_id: int, case: CaseWanted | None, now: datetime) -> None:
    permission = mandates.allow(connection, assessed.device.device_id, Clause.REPORT, now)
    if case is None and isinstance(permission, Denied):
        case = CaseWanted(Queue.JUDGEMENT, permission.reason)
    if case is None and stops.was_stopped(connection, assessed.device.device_id, assessed.diagnosis.component, now):
        case = CaseWanted(Queue.JUDGEMENT, _WAS_STOPPED)
    if case is None and appointments.took_place_lately(
        connection, assessed.device.device_id, assessed.diagnosis.component, now
    ):
        case = CaseWanted(Queue.JUDGEMENT, _TOOK_PLACE)
    request_id = requests.open_request(
        connection,
        device_id=assessed.device.device_id,
        owner_id=assessed.device.owner_id,
        component=assessed.diagnosis.component,
        fault_id=fault_id,
        diagnosis_id=assessed.diagnosis_id,
        state=State.OPEN if case is None else State.HELD,
        is_safety=assessed.is_safety,
        severity=assessed.severity,
        decided_received_at=assessed.decided_received_at,
        now=now,
    )
    leading = assessed.diagnosis.leading
    requests.append_event(
        connection, request_id, "opened", now, detail={"fault": leading.fault, "probability": leading.probability}
    )
    if case is not None:
        _give_to_a_person(connection, assessed, request_id, case, now)
    _write_down(connection, assessed, request_id, "opened", permission, now)
    if case is None:
        defer_offer(connection, request_id)


def _release(connection: Connection, assessed: Assessed, request: Request, now: datetime) -> None:
    """Let a request go on that a human need not judge any more, unless its owner has not signed that it may."""
    permission = mandates.allow(connection, assessed.device.device_id, Clause.REPORT, now)
    if isinstance(permission, Denied):
        return
    requests.close_cases(connection, request.request_id, now, queue=Queue.JUDGEMENT)
    requests.transition(connection, request, Command.APPROVE, now)
    requests.append_event(connection, request.request_id, "approved", now)
    _write_down(connection, assessed, request.request_id, "approved", permission, now)
    defer_offer(connection, request.request_id)


def _write_down(
    connection: Connection, assessed: Assessed, request_id: int, act: str, permission: Allowed | Denied, now: datetime
) -> None:
    """Write an act of triage into the audit; without a clause it is that of whoever got the case."""
    leading = assessed.diagnosis.leading
    inputs: dict[str, object] = {
        "component": assessed.diagnosis.component,
        "fault": leading.fault,
        "probability": leading.probability,
        "diagnosis_id": assessed.diagnosis_id,
    }
    if isinstance(permission, Denied):
        inputs |= {"clause": Clause.REPORT.value, "why": permission.why.value}
    auditing.record(
        connection,
        act,
        device_id=assessed.device.device_id,
        request_id=request_id,
        permission=permission if isinstance(permission, Allowed) else None,
        inputs=inputs,
        now=now,
    )


def _amend(
    connection: Connection, assessed: Assessed, request: Request, fault: str, fault_id: int, now: datetime
) -> None:
    requests.amend_request(
        connection,
        request.request_id,
        fault_id=fault_id,
        diagnosis_id=assessed.diagnosis_id,
        is_safety=assessed.is_safety,
        severity=assessed.severity,
    )
    if fault != request.fault:
        requests.append_event(
            connection, request.request_id, "diagnosis_changed", now, detail={"from": request.fault, "to": fault}
        )


def _escalate(connection: Connection, assessed: Assessed, request: Request, case: CaseWanted, now: datetime) -> None:
    """A human joins; what the owner was shown stands."""
    requests.transition(connection, request, Command.ESCALATE, now)
    requests.append_event(connection, request.request_id, "escalated", now, detail={"queue": case.queue})
    _give_to_a_person(connection, assessed, request.request_id, case, now)


def _give_to_a_person(
    connection: Connection, assessed: Assessed, request_id: int, case: CaseWanted, now: datetime
) -> None:
    give_case(connection, request_id, case, now)
    if case.queue is Queue.SAFETY:
        warn_device(connection, assessed.device.device_id, request_id, assessed.diagnosis.leading.fault, now)
        tell_danger(connection, assessed.device, request_id, assessed.diagnosis.leading.fault, now)


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
    defer_notices(connection, request_id)
