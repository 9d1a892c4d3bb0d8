"""Weighing: before dates are looked for, what may be done next is compared by its expected cost, and the least is begun.

Called by `offer` about a request that is open. The comparison is kept with the request's history each time that it says
something else; what is chosen is begun in the same transaction. Decided in `workflows.costs`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from devices.checks import Check
from devices.costs import Rates
from devices.faults import Severity
from devices.products import product_type
from devices.remote import Rung, may_be_tried
from diagnostics.diagnosis import THRESHOLDS
from gateway.audit import auditing
from gateway.following import give_case
from gateway.owners import mandates
from gateway.parts import sourcing
from gateway.remedies import asking, remedying
from gateway.storage import asks, catalogue, entitlements, findings, requests
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from workflows.asking import Answer, after_answer
from workflows.costs import Comparison, Question, Way, compare, in_currency, own_guide
from workflows.mandate import Clause, Denied
from workflows.money import Money
from workflows.pricing import Job, rate_of
from workflows.remedying import Spent
from workflows.request import Command, State
from workflows.triage import CaseWanted, Queue

_MINUTES: Final = 60
_A_WEEK: Final = timedelta(days=7)
_IN_DOUBT: Final = "After the owner's answer the evidence does not single out one fault."
_BY_COST: Final = "A person's judgement is expected to cost less than a date for what may be the wrong fault."


def weigh(connection: Connection, request: Request, now: datetime) -> bool:
    """Begin what costs less than a date about a locked request; return whether there was anything.

    What a member of staff has approved, or wants dates for instead of a remedy, goes to its dates, and a danger is never weighed.
    """
    if request.state != State.OPEN or request.is_safety:
        return False
    if any(requests.has_event(connection, request.request_id, event) for event in ("approved", "remedy_skipped")):
        return False
    probabilities = _probabilities(connection, request)
    rates = product_type(request.product).rates
    if request.fault not in probabilities or rates is None:
        return _without_a_date(connection, request, now)
    leading = max(sorted(probabilities), key=lambda each: probabilities[each])
    if _has_answered(connection, request):
        if probabilities[leading] < THRESHOLDS["sure_from"] or not _is_followed(connection, request, leading, now):
            _give(connection, request, _IN_DOUBT, now)
            return True
        request = requests.lock_request(connection, request.request_id) or request
    rates = _own_rates(connection, request, rates)
    part_minor = _part_minor(connection, request, probabilities, rates.currency, now)
    found = compare(replace(_question(connection, request, probabilities, now), part_minor=part_minor), rates)
    _keep(connection, request, found, probabilities, now)
    return _begin(connection, request, found, now)


def _question(connection: Connection, request: Request, probabilities: Mapping[str, float], now: datetime) -> Question:
    product = product_type(request.product)
    fault = product.faults.get(request.fault)
    is_safe = fault is not None and may_be_tried(fault)
    guide = own_guide(product, request.fault)
    return Question(
        product,
        request.component,
        request.fault,
        Severity.WARNING if fault is None else fault.severity,
        probabilities,
        _rung(connection, request, now),
        guide if is_safe else None,
        {},
        may_ask=is_safe and asks.find_ask(connection, request.request_id) is None,
        may_wait=is_safe and now - _opened_at(connection, request) < _A_WEEK,
    )


def _own_rates(connection: Connection, request: Request, rates: Rates) -> Rates:
    """Return what things cost this tenant, in the currency of its prices; one without prices has those of the product."""
    remedy = product_type(request.product).remedies.get(request.fault)
    skills = frozenset[str]() if remedy is None else remedy.skills
    job = Job(request.product, (), 0, skills, is_visit=False)
    rate = rate_of(job, entitlements.prices(connection, ()).rates)
    if rate is None or rate.per_minute.minor == 0:
        return rates
    return in_currency(rates, Money(rate.per_minute.minor * _MINUTES, rate.per_minute.currency))


def _part_minor(
    connection: Connection, request: Request, probabilities: Mapping[str, float], currency: str, now: datetime
) -> dict[str, int]:
    """Return what the parts cost that the hypotheses' remedies name, as far as that is known in this currency."""
    remedies = product_type(request.product).remedies
    roles = sorted({role for fault in probabilities if fault in remedies for role in remedies[fault].part_nos})
    part_nos = sourcing.part_nos_of(connection, request, roles, now)
    known = catalogue.load_prices(connection, part_nos)
    return {
        role: known[part_no].minor
        for role, part_no in zip(roles, part_nos, strict=True)
        if part_no in known and known[part_no].currency == currency
    }


def _rung(connection: Connection, request: Request, now: datetime) -> Rung | None:
    """Return what may be tried from afar; why not, when there is something, is written down once."""
    match remedying.ladder_of(connection, request, now):
        case Rung() as rung:
            permission = mandates.permit(connection, request.device_id, request.request_id, Clause.REMOTE_RESET, now)
            if not isinstance(permission, Denied):
                return rung
            _note_once(connection, request, "remedy_not_allowed", {"why": permission.why}, now)
        case Spent(why="came_back", since_at=datetime() as proven_at):
            _note_once(connection, request, "remedy_did_not_last", {"proven_at": proven_at.isoformat()}, now)
        case Spent():
            pass
    return None


def _begin(connection: Connection, request: Request, found: Comparison, now: datetime) -> bool:
    match found.chosen.way:
        case Way.REMOTE:
            rung = remedying.ladder_of(connection, request, now)
            permission = mandates.permit(connection, request.device_id, request.request_id, Clause.REMOTE_RESET, now)
            if isinstance(rung, Spent) or isinstance(permission, Denied):
                return False
            remedying.begin(connection, request, rung, permission, now)
        case Way.ASK:
            asking.begin(connection, request, kind="check", name=found.chosen.name, now=now)
        case Way.SELF_HELP:
            asking.begin(connection, request, kind="guide", name=found.chosen.name, now=now)
        case Way.CASE:
            if not _without_a_date(connection, request, now):
                _give(connection, request, _BY_COST, now)
        case Way.WAIT:
            _note_once(connection, request, "waits_a_week", {}, now)
        case Way.VISIT | Way.DROP_OFF:
            return False
    return True


def _is_followed(connection: Connection, request: Request, leading: str, now: datetime) -> bool:
    """Let a request be about the fault that the owner's answer singles out; a danger or nothing known is a person's."""
    fault = product_type(request.product).faults.get(leading)
    if fault is None or not may_be_tried(fault):
        return False
    if leading != request.fault:
        fault_id = findings.open_fault(
            connection,
            device_id=request.device_id,
            component=request.component,
            code=leading,
            # Only its name is new: what pays for it is what was in force when it began.
            since_at=entitlements.onset_of(connection, request.request_id).onset_at,
            now=now,
        )
        findings.close_other_faults(
            connection, device_id=request.device_id, component=request.component, kept=fault_id, now=now
        )
        requests.amend_request(
            connection,
            request.request_id,
            fault_id=fault_id,
            diagnosis_id=request.diagnosis_id,
            is_safety=False,
            severity=fault.severity,
        )
        detail: dict[str, object] = {"from": request.fault, "to": leading}
        requests.append_event(connection, request.request_id, "diagnosis_changed", now, detail=detail)
    return True


def _without_a_date(connection: Connection, request: Request, now: datetime) -> bool:
    """Give a person what no date would help; return whether it is so."""
    remedy = product_type(request.product).remedies.get(request.fault)
    if remedy is None or not remedy.why_none:
        return False
    _give(connection, request, remedy.why_none, now)
    return True


def _give(connection: Connection, request: Request, reason: str, now: datetime) -> None:
    requests.transition(connection, request, Command.ESCALATE, now)
    # Of an offer that has expired parts may still lie aside for the next one.
    sourcing.free_of(connection, request.request_id, now)
    requests.append_event(connection, request.request_id, "held", now, detail={"reason": reason})
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, reason), now)


def _probabilities(connection: Connection, request: Request) -> dict[str, float]:
    """Return the hypotheses of the newest diagnosis, after what the owner has answered."""
    diagnosis = findings.latest_diagnosis(connection, request.device_id, request.component)
    if diagnosis is None:
        return {}
    told = {
        str(each["fault"]): float(p)
        for each in diagnosis.hypotheses
        if isinstance(p := each.get("probability"), int | float)
    }
    ask = asks.find_ask(connection, request.request_id)
    check = None if ask is None else asking.asked_about(product_type(request.product), ask)
    if ask is None or ask.answer is None or not isinstance(check, Check):
        return told
    return dict(after_answer(told, check, Answer(ask.answer)))


def _has_answered(connection: Connection, request: Request) -> bool:
    ask = asks.find_ask(connection, request.request_id)
    return ask is not None and ask.answer in {Answer.YES, Answer.NO}


def _opened_at(connection: Connection, request: Request) -> datetime:
    row = connection.execute(
        "SELECT opened_at FROM service_request WHERE request_id = %s", [request.request_id]
    ).fetchone()
    if row is None:
        raise LookupError(f"request {request.request_id} was locked, but is not there")
    return row[0]


def _keep(
    connection: Connection, request: Request, found: Comparison, probabilities: Mapping[str, float], now: datetime
) -> None:
    """Keep a comparison that is another than the last one of the request, in its history and in the audit."""
    detail = told(found)
    if requests.latest_detail(connection, request.request_id, "weighed") == detail:
        return
    requests.append_event(connection, request.request_id, "weighed", now, detail=detail)
    permission = mandates.permit(connection, request.device_id, request.request_id, Clause.REPORT, now)
    if not isinstance(permission, Denied):
        auditing.record(
            connection,
            "weighed",
            device_id=request.device_id,
            request_id=request.request_id,
            permission=permission,
            inputs=detail | {"probabilities": {fault: round(p, 6) for fault, p in probabilities.items()}},
            now=now,
        )


def told(found: Comparison) -> dict[str, object]:
    """Return a comparison as it is kept: JSON, the chosen option first."""
    options = [
        {"way": each.way.value, "name": each.name, "cost_minor": each.cost_minor, "heals": round(each.heals, 4)}
        for each in found.options
    ]
    return {"chosen": found.chosen.way.value, "currency": found.currency, "options": options}


def _note_once(connection: Connection, request: Request, event: str, detail: dict[str, object], now: datetime) -> None:
    if not requests.has_event(connection, request.request_id, event):
        requests.append_event(connection, request.request_id, event, now, detail=detail)
