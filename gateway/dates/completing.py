"""Completing: a technician or a planner says what was found at a date; the request ends with it, or leads on to another one.

Parts that were used leave the stock with the appointment, by a trigger; all others are free again before. What was paid
as a deposit counts for work that was done, and goes back where nothing was repaired: `gateway.payments.settling` does it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway import planner
from gateway.audit import auditing
from gateway.planner import Done, Refused
from gateway.quotes import ending
from gateway.storage import appointments, findings, promises, requests, stock
from gateway.storage.appointments import Living
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.storage.stock import Held
from gateway.telling import defer_offer, tell_owner
from workflows import appointment
from workflows.completing import ENDINGS, Found, Next
from workflows.request import State, next_state
from workflows.triage import Queue

TOO_EARLY: Final = "The promised time has not begun: nothing can have been found yet."
OTHER_PARTS: Final = "What is put aside has changed meanwhile: look at the parts again."
NOT_YOURS: Final = "This visit is somebody else's by now: there is nothing to say about it."
SAID_OTHERWISE: Final = "Something else was said about this date already: see to what is left of it by hand."
WHY_NOT: Final = "Say why it could not be done: who goes on with it has to know."


@dataclass(frozen=True, slots=True)
class Report:
    """What a technician or a planner says about a date.

    Parameters
    ----------
    finding : Found
        What was found.
    used : frozenset of int
        The reservations whose parts were used; of a repair only, and only parts that lie there.
    note : str
        In his own words; needed where it could not be done.
    next_step : Next
        What follows work that could not be done.
    """

    finding: Found
    used: frozenset[int] = frozenset()
    note: str = ""
    next_step: Next = Next.DATES


def complete_visit(
    connection: Connection, *, request_id: int, appointment_id: int, technician_id: int, report: Report, now: datetime
) -> Done | Refused:
    """End a visit at the word of the technician who was sent; one that is another's by now is not his to end."""
    request = requests.lock_request(connection, request_id)
    visit = appointments.find_visit(connection, appointment_id)
    if request is None or visit is None or (visit.request_id, visit.technician_id) != (request_id, technician_id):
        return Refused(NOT_YOURS)
    if visit.state != appointment.State.CONFIRMED:
        return Done(request.state) if visit.ended_why == report.finding else Refused(SAID_OTHERWISE)
    return complete(connection, request_id=request_id, by=f"technician-{technician_id}", report=report, now=now)


def complete(connection: Connection, *, request_id: int, by: str, report: Report, now: datetime) -> Done | Refused:
    """End a date that has begun by what was found at it; said twice it is ended once.

    Parameters
    ----------
    connection : Connection
        In a transaction of the request's tenant.
    request_id : int
        Whose date it is.
    by : str
        Who says so: 'staff-3', 'technician-7'.
    report : Report
        What was found.
    now : datetime
        Aware.

    Returns
    -------
    Done or Refused
        A request is solved by a repair, and where nothing is wrong; else it is open again, or held for a person.
    """
    request = requests.lock_request(connection, request_id)
    if request is None:
        return Refused("There is no such request.")
    said = requests.latest_detail(connection, request_id, "completed")
    if request.state == State.SOLVED and said is not None:
        return Done(request.state) if said.get("finding") == report.finding else Refused(SAID_OTHERWISE)
    present = appointments.living(connection, request_id)
    ending = ENDINGS[report.finding]
    if present is None or next_state(State(request.state), ending.command) is None:
        return Refused(f"The request is {request.state}; this cannot be done now.")
    if now < present.begins_at:
        return Refused(TOO_EARLY)
    after = appointment.next_state(appointment.State.CONFIRMED, ending.act)
    match after:
        case appointment.State.COMPLETED:
            return _complete(connection, request, present, by, report, now)
        case _:
            return _lead_on(connection, request, present, by, report, now)


def _complete(
    connection: Connection, request: Request, present: Living, by: str, report: Report, now: datetime
) -> Done | Refused:
    held = stock.held_parts(connection, request.request_id)
    used = [each for each in held if each.reservation_id in report.used and each.inbound_id is None]
    if len(used) != len(report.used) or (used and report.finding is not Found.REPAIRED):
        return Refused(OTHER_PARTS)
    _give_back(connection, request, [each for each in held if each not in used], by, now)
    promises.close_offers(connection, request.request_id, "withdrawn", now)
    appointments.complete(connection, present, report.finding, now)
    appointments.end_wish(connection, request.request_id, now)
    ending.end_price(connection, request, now)
    state = requests.transition(connection, request, ENDINGS[report.finding].command, now)
    requests.close_cases(connection, request.request_id, now)
    findings.close_other_faults(
        connection, device_id=request.device_id, component=request.component, kept=None, now=now
    )
    _write_down(connection, request, present, "completed", by, report, [each.part_no for each in used], now)
    return Done(state)


def _lead_on(
    connection: Connection, request: Request, present: Living, by: str, report: Report, now: datetime
) -> Done | Refused:
    if not report.note:
        return Refused(WHY_NOT)
    promises.close_offers(connection, request.request_id, "withdrawn", now)
    appointments.miss(connection, present, report.finding, now)
    appointments.end_wish(connection, request.request_id, now)
    state = requests.transition(connection, request, ENDINGS[report.finding].command, now)
    _write_down(connection, request, present, "not_done", by, report, [], now)
    # The case was that nobody knew what came of the date; now somebody does.
    requests.close_cases(connection, request.request_id, now, queue=Queue.JUDGEMENT)
    match report.next_step:
        case Next.DATES:
            defer_offer(connection, request.request_id)
            return Done(state)
        case Next.PERSON:
            return planner.hold_by(connection, request_id=request.request_id, by=by, reason=report.note, now=now)


def _give_back(connection: Connection, request: Request, held: Sequence[Held], actor: str, now: datetime) -> None:
    if held:
        stock.release_held(connection, [each.reservation_id for each in held], now)
        detail: dict[str, object] = {"parts": [each.part_no for each in held]}
        requests.append_event(connection, request.request_id, "part_released", now, actor=actor, detail=detail)


def _write_down(
    connection: Connection,
    request: Request,
    present: Living,
    act: str,
    by: str,
    report: Report,
    parts: Sequence[str],
    now: datetime,
) -> None:
    """Append the event, tell the owner, and put it into the audit in the name of who said it."""
    detail: dict[str, object] = {
        "finding": report.finding.value,
        "appointment_id": present.appointment_id,
        "parts": list(parts),
        "reason": report.note,
    }
    requests.append_event(connection, request.request_id, act, now, actor=by, detail=detail)
    told: dict[str, object] = {
        "finding": report.finding.value,
        "next": report.next_step.value,
        "appointment_id": present.appointment_id,
    }
    tell_owner(connection, request, "completed", f"appointment-{present.appointment_id}", told, now)
    auditing.record(
        connection,
        act,
        device_id=request.device_id,
        request_id=request.request_id,
        permission=None,
        inputs=detail,
        now=now,
        actor=by,
    )


def was_repaired(connection: Connection, request_id: int) -> bool:
    """Whether somebody has said that a request's work was done: what its owner paid first is earned."""
    found = requests.latest_detail(connection, request_id, "completed")
    return found is not None and found.get("finding") == Found.REPAIRED
