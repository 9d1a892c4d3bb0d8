"""No-shows: one of the two was not there. What holds for the owner holds for us: new dates, and a person where it is due."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.following import give_case
from gateway.storage import appointments, promises, requests
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.telling import defer_offer
from workflows.request import Command, State
from workflows.triage import CaseWanted, Queue

NOBODY_CAME: Final = "Nobody came to a promised date: call the owner, and say what we do for it."
_TWICE_AWAY: Final = "The owner was not there twice: please ask in person."


@dataclass(frozen=True, slots=True)
class Noted:
    """It is noted; new dates are on their way."""


@dataclass(frozen=True, slots=True)
class TooEarly:
    """The promised time is not over."""

    ends_at: datetime


@dataclass(frozen=True, slots=True)
class NoDate:
    """There is no confirmed date that could have been missed; `state` is the request's."""

    state: str


def nobody_came(connection: Connection, *, request_id: int, now: datetime) -> Noted | TooEarly | NoDate:
    """Note that its owner says that nobody came: a person calls him, and new dates are looked for at once."""
    request = requests.lock_request(connection, request_id)
    outcome = _miss(connection, request, "nobody_came", "owner", now)
    if isinstance(outcome, Noted) and request is not None:
        give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, NOBODY_CAME), now)
    return outcome


def owner_was_away(
    connection: Connection, *, request_id: int, staff_id: int, now: datetime
) -> Noted | TooEarly | NoDate:
    """Note that the owner was not there, or did not bring it: new dates once, and a person after the second time."""
    request = requests.lock_request(connection, request_id)
    outcome = _miss(connection, request, "owner_was_away", f"staff-{staff_id}", now)
    if isinstance(outcome, Noted) and requests.count_events(connection, request_id, "owner_was_away") > 1:
        give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, _TWICE_AWAY), now)
    return outcome


def _miss(
    connection: Connection, request: Request | None, event: str, actor: str, now: datetime
) -> Noted | TooEarly | NoDate:
    if request is None:
        return NoDate("unknown")
    present = appointments.living(connection, request.request_id)
    if present is None or request.state != State.CONFIRMED:
        return NoDate(request.state)
    # Who waits for a technician knows it when the window is over; who waits for the owner, too.
    over_at = present.ends_at if present.is_visit or event == "nobody_came" else present.begins_at
    if now < over_at:
        return TooEarly(over_at)
    promises.close_offers(connection, request.request_id, "withdrawn", now)
    appointments.miss(connection, present, event, now)
    appointments.end_wish(connection, request.request_id, now)
    requests.transition(connection, request, Command.LOSE_DATE, now)
    detail: dict[str, object] = {"appointment_id": present.appointment_id}
    requests.append_event(connection, request.request_id, event, now, actor=actor, detail=detail)
    defer_offer(connection, request.request_id)
    return Noted()
