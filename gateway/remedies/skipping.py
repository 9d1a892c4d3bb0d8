"""Skipping: a planner does without the remedy from afar, and the request goes on to its dates at once.

What is under way is called off, as with a hold; what a device did on a command already stays done. No other remedy is
tried and no question asked about this request afterwards: a person has said that dates are to be looked for.
"""

from datetime import datetime

from devices.products import product_type
from gateway.audit import auditing
from gateway.planner import Done, Refused
from gateway.remedies import remedying
from gateway.storage import requests
from gateway.storage.connection import Connection
from workflows.request import State


def skip(connection: Connection, *, request_id: int, staff_id: int, reason: str, now: datetime) -> Done | Refused:
    """Let a request that is being healed from afar go on to its dates; asked twice it is done once.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    request_id : int
        Which request.
    staff_id, reason : int, str
        Who does without the remedy, and why: both are written down.
    now : datetime
        Aware.

    Returns
    -------
    Done or Refused
        Refused where nothing is tried from afar just now, or where no date would help.
    """
    request = requests.lock_request(connection, request_id)
    if request is None:
        return Refused("There is no such request.")
    if request.state != State.REMEDYING:
        was_skipped = requests.has_event(connection, request_id, "remedy_skipped")
        if was_skipped and request.state in {State.OPEN, State.WAITING, State.OFFERED}:
            return Done(request.state)
        return Refused(f"The request is {request.state}; this cannot be done now.")
    remedy = product_type(request.product).remedies.get(request.fault)
    if remedy is None:
        return Refused("The fault is not known, so there is no work to offer a date for.")
    if remedy.why_none:
        return Refused(remedy.why_none)
    actor = f"staff-{staff_id}"
    requests.append_event(connection, request_id, "remedy_skipped", now, actor=actor, detail={"reason": reason})
    auditing.record(
        connection,
        "remedy_skipped",
        device_id=request.device_id,
        request_id=request_id,
        permission=None,
        inputs={"reason": reason},
        now=now,
        actor=actor,
    )
    remedying.withdraw(connection, request_id=request_id, now=now)
    return Done(State.OPEN)
