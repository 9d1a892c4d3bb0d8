"""Putting back: a visit that a plan gave to another technician, or another time of its window, is as it was before.

It is a planner's undo. What has changed since then is not undone with it: where the former technician has no time any
more, or the visit was moved again, it stays as it is, and the planner is told why.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.errors import CheckViolation, ExclusionViolation

from gateway.planner import Done, Refused
from gateway.storage import promises, routes
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from gateway.telling import tell_owner
from workflows.request import State


def put_back(
    connection: Connection, request: Request, move: Mapping[str, Any], *, cause: str, now: datetime
) -> Done | Refused:
    """Give a locked request's visit back to whom it was before a plan.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    request : Request
        Locked.
    move : mapping
        The inputs of the act `replanned`: who came when, before and after.
    cause : str
        Of the letter to the owner, where another one comes than he was told.
    now : datetime
        Aware.
    """
    living = promises.living_appointment(connection, request.request_id)
    present = promises.find_booking(connection, request.request_id, int(move["booking_id"]))
    is_same = (
        living is not None
        and present is not None
        and living[1] == present.booking_id
        and (present.technician_id, present.arrives_at.isoformat()) == (move["technician"], move["arrives"])
    )
    if living is None or present is None or not is_same or "sets_out_before" not in move:
        return Refused("The visit is not any more as the plan has left it.")
    if present.sets_out_at <= now or datetime.fromisoformat(move["sets_out_before"]) <= now:
        return Refused("Somebody is on his way already.")
    former_id = int(move["technician_before"])
    try:
        with connection.transaction():
            routes.lock_routes(connection, {former_id, int(move["technician"])})
            _move(connection, present.booking_id, move, now)
            again = promises.find_booking(connection, request.request_id, present.booking_id)
            if again is not None:
                routes.keep_route(connection, again, now)
            connection.execute("UPDATE booking SET released_at = NULL WHERE booking_id = %s", [present.booking_id])
    except (ExclusionViolation, CheckViolation, routes.RouteChangedError):
        return Refused("The technician who was to come before has no time any more.")
    if former_id != present.technician_id:
        promises.renew_appointment(connection, living[0])
        tell_owner(connection, request, "confirmed", cause, {"appointment_id": living[0]}, now)
    return Done(State(request.state))


def _move(connection: Connection, booking_id: int, former: Mapping[str, Any], now: datetime) -> None:
    """Write the former times, released: whether they fit is seen before they are promised again."""
    connection.execute(
        """UPDATE booking SET released_at = %(now)s, technician_id = %(technician)s, arrives_at = %(arrives)s,
            during = tstzrange(%(sets_out)s, %(arrives)s::timestamptz + (upper(during) - arrives_at))
        WHERE booking_id = %(booking)s""",
        {
            "now": now,
            "technician": int(former["technician_before"]),
            "arrives": datetime.fromisoformat(former["arrives_before"]),
            "sets_out": datetime.fromisoformat(former["sets_out_before"]),
            "booking": booking_id,
        },
    )
