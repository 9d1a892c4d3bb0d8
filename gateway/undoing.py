"""Undoing: a planner takes back what the desk did by itself; each undo is a human's act and stands in the audit.

Part and dates of an offer are one promise, so either undoes both. What a device did on a command stays done: only what
is under way is called off. After an undo the request is held, with a human's case, so that it is nobody's never.
"""

from datetime import datetime
from typing import Final

from gateway import auditing, planner, remedying
from gateway.planner import Done, Refused
from gateway.storage import audit, requests
from gateway.storage.audit import Recorded
from gateway.storage.connection import Connection
from gateway.telling import tell_owner
from workflows.request import CLOSED, State

# What the desk does by itself and a planner can take back.
UNDOABLE: Final = frozenset({"opened", "approved", "part_reserved", "offered", "remedy_sent"})


def undo(connection: Connection, *, audit_id: int, staff_id: int, reason: str, now: datetime) -> Done | Refused:
    """Undo an act of the desk, as far as it can be; asked twice it is done once.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    audit_id : int
        Which act.
    staff_id, reason : int, str
        Who undoes it, and why: both are written down.
    now : datetime
        Aware.

    Returns
    -------
    Done or Refused
        An opened request is cancelled by its undo; all others are held, and a human has the case.
    """
    act = audit.find_record(connection, audit_id)
    if act is None or act.request_id is None or act.act not in UNDOABLE:
        return Refused("There is nothing that could be undone.")
    request = requests.lock_request(connection, act.request_id)
    if request is None or State(request.state) in CLOSED:
        return Refused("The request is settled; there is nothing to undo any more.")
    act = audit.find_record(connection, audit_id) or act
    if act.is_undone:
        return Done(request.state)
    done = _take_back(connection, act, request.request_id, staff_id, reason, now)
    if isinstance(done, Done):
        _write_down(connection, act, request.request_id, staff_id, reason, now)
        if request.state == State.CONFIRMED and done.state == State.HELD:
            tell_owner(connection, request, "cancelled", f"undone-{audit_id}", {"reason": reason}, now)
    return done


def _take_back(
    connection: Connection, act: Recorded, request_id: int, staff_id: int, reason: str, now: datetime
) -> Done | Refused:
    if act.act == "opened":
        return planner.cancel(connection, request_id=request_id, staff_id=staff_id, reason=reason, now=now)
    done = planner.hold(connection, request_id=request_id, staff_id=staff_id, reason=reason, now=now)
    if act.act == "remedy_sent":
        # The request is not being healed any more: what was sent is called off, and a late answer changes nothing.
        remedying.go_on(connection, request_id=request_id, now=now)
    return done


def _write_down(
    connection: Connection, act: Recorded, request_id: int, staff_id: int, reason: str, now: datetime
) -> None:
    actor = f"staff-{staff_id}"
    detail: dict[str, object] = {"act": act.act, "audit_id": act.audit_id, "reason": reason}
    requests.append_event(connection, request_id, "undone", now, actor=actor, detail=detail)
    auditing.record(
        connection,
        "undone",
        device_id=act.device_id,
        request_id=request_id,
        permission=None,
        inputs=detail,
        now=now,
        actor=actor,
    )
