"""Weighing: before dates are looked for, whether something cheaper than a date is to be tried first.

Called by `offer` about a request that is open. What is chosen is begun in the same transaction.
"""

from datetime import datetime

from devices.products import product_type
from devices.remote import Rung
from gateway import mandates, remedying
from gateway.following import give_case
from gateway.storage import requests
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from workflows.mandate import Clause, Denied
from workflows.remedying import Spent
from workflows.request import Command, State
from workflows.triage import CaseWanted, Queue


def weigh(connection: Connection, request: Request, now: datetime) -> bool:
    """Begin what is better than a date about a locked request; return whether there was anything."""
    if request.state != State.OPEN:
        return False
    match remedying.ladder_of(connection, request, now):
        case Rung() as rung:
            permission = mandates.permit(connection, request.device_id, request.request_id, Clause.REMOTE_RESET, now)
            if not isinstance(permission, Denied):
                remedying.begin(connection, request, rung, permission, now)
                return True
            _note_once(connection, request, "remedy_not_allowed", {"why": permission.why}, now)
        case Spent(why="came_back", since_at=datetime() as proven_at):
            _note_once(connection, request, "remedy_did_not_last", {"proven_at": proven_at.isoformat()}, now)
        case Spent():
            pass
    return _without_a_date(connection, request, now)


def _without_a_date(connection: Connection, request: Request, now: datetime) -> bool:
    """Give a person what nothing was found for from afar, and no date would help; return whether it is so."""
    remedy = product_type(request.product).remedies.get(request.fault)
    if remedy is None or not remedy.why_none or requests.has_event(connection, request.request_id, "approved"):
        return False
    requests.transition(connection, request, Command.ESCALATE, now)
    requests.append_event(connection, request.request_id, "escalated", now, detail={"queue": Queue.JUDGEMENT})
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, remedy.why_none), now)
    return True


def _note_once(connection: Connection, request: Request, event: str, detail: dict[str, object], now: datetime) -> None:
    if not requests.has_event(connection, request.request_id, event):
        requests.append_event(connection, request.request_id, event, now, detail=detail)
