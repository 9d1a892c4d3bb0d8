"""Weighing: before dates are looked for, whether something cheaper than a date is to be tried first.

Called by `offer` about a request that is open. What is chosen is begun in the same transaction.
"""

from datetime import datetime

from devices.remote import Rung
from gateway import remedying
from gateway.storage import requests
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from workflows.remedying import Spent
from workflows.request import State


def weigh(connection: Connection, request: Request, now: datetime) -> bool:
    """Begin what is better than a date about a locked request; return whether there was anything."""
    if request.state != State.OPEN:
        return False
    match remedying.ladder_of(connection, request, now):
        case Rung() as rung:
            remedying.begin(connection, request, rung, None, now)
            return True
        case Spent(why="came_back", since_at=since_at) if not requests.has_event(
            connection, request.request_id, "remedy_did_not_last"
        ):
            detail: dict[str, object] = {"proven_at": None if since_at is None else since_at.isoformat()}
            requests.append_event(connection, request.request_id, "remedy_did_not_last", now, detail=detail)
            return False
        case Spent():
            return False
