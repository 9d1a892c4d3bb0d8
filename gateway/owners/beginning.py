"""Beginning: an owner reports a trouble of one of his devices, or asks for a date or a price; it joins the same journey.

The device's own data go with his word: what it last read, what of it is open, and when it was last heard of. There is one
open request for a device's component, so a second report adds to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from devices.faults import Severity
from devices.product import ProductType
from devices.products import product_type
from devices.readings import Value
from diagnostics.diagnosis import UNKNOWN
from gateway.decisions.evidence import UNKNOWN_TITLE
from gateway.following import give_case
from gateway.storage import beginnings, findings, requests
from gateway.storage.connection import Connection
from gateway.storage.findings import DeviceCard
from gateway.storage.pages.latest import latest
from gateway.storage.requests import Request
from gateway.telling import defer_offer, defer_warning, tell_danger
from workflows.beginning import GoOn, Hold, Known, Note, Said, Wish, begin
from workflows.request import Command, State
from workflows.triage import CaseWanted, Queue

_LOCK: Final = 1
_DANGER: Final = "Safety: a person decides before anything else happens."
_ITS_WORD: Final = "The owner says so"
# A list of so many numbers tells a person nothing on a line of history.
_MOST_NUMBERS: Final = 8
# The same words again within this time are a second tap.
_DOUBLE_TAP: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Report:
    """What an owner says of a component: a fault of the product or "" for none of these, and his own words."""

    component: str
    fault: str
    words: str
    wish: Wish


@dataclass(frozen=True, slots=True)
class Begun:
    """The request that his word is part of; `is_new` is false where there was one already."""

    request_id: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class NotHis:
    """The device is not his, is retired, or has no such component or fault."""


def report(connection: Connection, *, device_id: int, owner_id: int, report: Report, now: datetime) -> Begun | NotHis:
    """Take an owner's word in the caller's transaction; said twice it is written once."""
    # The same lock as a diagnosis: two would open the same request.
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, device_id])
    device = findings.device_card(connection, device_id)
    if device is None or device.is_retired or not beginnings.is_owned(connection, device_id, owner_id):
        return NotHis()
    product = product_type(device.product)
    fault = product.faults.get(report.fault)
    fits = report.component in product.components and (
        not report.fault or (fault is not None and fault.component == report.component)
    )
    if not fits:
        return NotHis()
    present = requests.lock_open_request(connection, device_id, report.component)
    is_danger = fault is not None and fault.is_safety
    said = Said(report.wish, report.fault, bool(report.words))
    detail = _data(connection, device, product, report, now)
    match begin(said, None if present is None else _known(connection, present)), present:
        case Hold(reason=reason), _:
            request_id = _open(connection, device, product, report, detail, now)
            if is_danger:
                _tell_danger(connection, device, request_id, report.fault, now)
            else:
                give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, reason), now)
            return Begun(request_id, is_new=True)
        case _, Request() if is_danger:
            _write(connection, present.request_id, report, detail, now)
            _tell_danger(connection, device, present.request_id, report.fault, now)
        case GoOn(), Request():
            _write(connection, present.request_id, report, detail, now)
            _go_on(connection, present, now)
        case Note(reason=reason), Request():
            if _write(connection, present.request_id, report, detail, now) and reason:
                give_case(connection, present.request_id, CaseWanted(Queue.JUDGEMENT, reason), now)
        case ((GoOn() | Note()), None):
            raise LookupError(f"device {device.name} has no request that a report could be added to")
    return Begun(present.request_id, is_new=False)


def _tell_danger(connection: Connection, device: DeviceCard, request_id: int, fault: str, now: datetime) -> None:
    """Tell owner and machine what not to do, and give the case to a person: his word alone is enough to be careful."""
    give_case(connection, request_id, CaseWanted(Queue.SAFETY, _DANGER), now)
    defer_warning(connection, request_id, fault)
    tell_danger(connection, device, request_id, fault, now)


def _known(connection: Connection, request: Request) -> Known:
    queues = requests.open_queues(connection, request.request_id)
    held = requests.has_event(connection, request.request_id, "held")
    return Known(State(request.state), request.fault, queues == frozenset({Queue.JUDGEMENT}) and not held)


def _go_on(connection: Connection, request: Request, now: datetime) -> None:
    remedy = product_type(request.product).remedies.get(request.fault)
    if remedy is None or remedy.why_none:
        return
    requests.close_cases(connection, request.request_id, now, queue=Queue.JUDGEMENT)
    requests.transition(connection, request, Command.APPROVE, now)
    requests.append_event(connection, request.request_id, "approved", now, actor="owner")
    defer_offer(connection, request.request_id)


def _write(
    connection: Connection, request_id: int, report: Report, detail: Mapping[str, object], now: datetime
) -> bool:
    """Write an owner's word to a request; say whether it is new."""
    if beginnings.was_said(connection, request_id, report.wish.value, report.words, now - _DOUBLE_TAP):
        return False
    requests.append_event(connection, request_id, "owner_reported", now, actor="owner", detail=dict(detail))
    if report.wish is Wish.QUOTE:
        requests.append_event(connection, request_id, "quote_asked", now, actor="owner")
    return True


def _open(
    connection: Connection,
    device: DeviceCard,
    product: ProductType,
    report: Report,
    detail: Mapping[str, object],
    now: datetime,
) -> int:
    fault = product.faults.get(report.fault)
    code = report.fault or UNKNOWN
    diagnosis_id = findings.add_diagnosis(
        connection,
        device_id=device.device_id,
        component=report.component,
        verdict="unsure",
        hypotheses=[
            {
                "fault": code,
                "title": fault.title if fault else UNKNOWN_TITLE,
                "probability": fault.prior if fault else 0.0,
                "evidence_for": [{"title": _ITS_WORD}],
                "evidence_against": [],
            }
        ],
        symptom_ids=[],
        since_at=now,
        decided_received_at=now,
        now=now,
    )
    fault_id = findings.open_fault(
        connection, device_id=device.device_id, component=report.component, code=code, since_at=now, now=now
    )
    request_id = requests.open_request(
        connection,
        device_id=device.device_id,
        owner_id=device.owner_id,
        component=report.component,
        fault_id=fault_id,
        diagnosis_id=diagnosis_id,
        state=State.HELD,
        is_safety=fault is not None and fault.is_safety,
        severity=fault.severity if fault else Severity.WARNING,
        decided_received_at=now,
        now=now,
    )
    requests.append_event(connection, request_id, "opened", now, actor="owner", detail={"fault": code})
    _write(connection, request_id, report, detail, now)
    return request_id


def _data(
    connection: Connection, device: DeviceCard, product: ProductType, report: Report, now: datetime
) -> dict[str, object]:
    """Return an owner's word with what the device itself says at this moment."""
    newest = latest(connection, product, device.device_id, now)
    return {
        "wish": report.wish.value,
        "fault": report.fault,
        "reason": report.words,
        "symptoms": beginnings.open_symptoms(connection, device.device_id),
        "heard_at": None if newest is None else newest.at.isoformat(),
        "readings": {} if newest is None else {name: _plain(last.value) for name, last in newest.lasts.items()},
    }


def _plain(value: Value) -> object:
    """Return a value as JSON; a long list is told by its ends."""
    if value is None or isinstance(value, int | float | str):
        return value
    numbers = [number for number in value if isinstance(number, int | float)]
    if len(numbers) > _MOST_NUMBERS:
        return {"least": min(numbers), "most": max(numbers), "count": len(numbers)}
    return list(value)[:_MOST_NUMBERS]
