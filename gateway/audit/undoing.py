"""Undoing: a planner takes back what the desk did by itself; each undo is a human's act and stands in the audit.

Part and dates of an offer are one promise, so either undoes both. What a device did on a command stays done: only what
is under way is called off. After an undo of a promise the request is held, with a human's case, so that it is nobody's never.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from gateway import planner
from gateway.audit import auditing
from gateway.dates import rescheduling
from gateway.planner import Done, Refused
from gateway.remedies import remedying
from gateway.routing.putting_back import put_back
from gateway.storage import audit, promises, requests
from gateway.storage.audit import Recorded
from gateway.storage.connection import Connection
from workflows.request import CLOSED, State

# What the desk does by itself and a planner can take back.
UNDOABLE: Final = frozenset(
    {
        "opened",
        "approved",
        "part_reserved",
        "offered",
        "remedy_sent",
        "replanned",
        "reassigned",
        "earlier_offered",
        "refit_offered",
    }
)

# What else stands in the audit, and why it has no undo of its own.
KEPT: Final[Mapping[str, str]] = {
    "weighed": "A comparison did nothing; what followed from it has its own undo.",
    "left_to_a_person": "It is with a person already, who lets it go on or ends it.",
    "device_warned": "What a device has shown cannot be unseen; a danger is judged in its case.",
    "remedy_skipped": "A planner's own act: holding the request keeps its dates back.",
    "priced": "Goodwill or other prices write another price; what an owner has agreed to stays his.",
    "price_withdrawn": "Nothing has to be agreed any more; a new price is written when something has.",
    "quote_accepted": "An owner's own word, or that of who was told it.",
    "quote_declined": "An owner's own word.",
    "quote_expired": "A person has it, or dates stand; who lets the request go on has it priced again.",
    "goodwill_granted": "A planner's own act, which he takes back beside the price.",
    "goodwill_withdrawn": "A planner's own act, which he grants again beside the price.",
    "deposit_wanted": "Cancelling the request calls it off, or gives it back; approving it goes on without.",
    "deposit_asked": "As a deposit that is wanted.",
    "deposit_reserved": "As a deposit that is wanted: a reserved sum is let go.",
    "deposit_paid": "Cancelling the request gives it back.",
    "deposit_unwanted": "Its request has ended.",
    "deposit_refunding": "Its request has ended, and the money is the owner's.",
    "deposit_returned": "Money that is back is asked for anew, with a new price.",
    "deposit_counted": "The work is done; goodwill is a planner's to give.",
    "deposit_failed": "A person has it.",
    "deposit_void": "Nothing was taken.",
    "shared": "An owner's or a planner's own act, which either ends on his page.",
    "share_opened": "What was read was read; the share is ended.",
    "share_ended": "Sharing again is a new act.",
    "mandate_signed": "An owner's own act, which he takes back on his page.",
    "mandate_revoked": "An owner's own act: he signs again.",
    "owner_joined": "Who owns a device is told from outside, by a command.",
    "owner_changed": "Who owns a device is told from outside, by a command.",
    "job_dropped": "A member of staff's own act; who has the case goes on with it.",
    "completed": "What a member of staff has said of a date.",
    "not_done": "What a member of staff has said of a date.",
    "undone": "A planner's own act: he lets the request go on again.",
}
_NOT_OFFERED: Final = "The other dates are not offered any more."


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
        An opened request is cancelled by its undo, a visit that was planned anew is put back, and of other dates that
        were offered beside a confirmed one that one is left; all others are held, and a human has the case.
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
    return done


def _take_back(
    connection: Connection, act: Recorded, request_id: int, staff_id: int, reason: str, now: datetime
) -> Done | Refused:
    if act.act == "replanned":
        # The date stands; only who comes, and when within what was told, is as it was.
        request = requests.lock_request(connection, request_id)
        if request is None:
            return Refused("There is no such request.")
        return put_back(connection, request, act.inputs, cause=f"undone-{act.audit_id}", now=now)
    if act.act in {"earlier_offered", "refit_offered"}:
        return _withdraw_beside(connection, act, request_id, now)
    end = planner.cancel if act.act == "opened" else planner.hold
    done = end(connection, request_id=request_id, staff_id=staff_id, reason=reason, now=now)
    # The request is not being healed any more: what is under way is called off, and a late answer changes nothing.
    remedying.go_on(connection, request_id=request_id, now=now)
    return done


def _withdraw_beside(connection: Connection, act: Recorded, request_id: int, now: datetime) -> Done | Refused:
    """Take back other dates of which none was chosen yet: the confirmed one stands, and so does a wish for an earlier one."""
    if not promises.is_open(connection, int(str(act.inputs["offer_id"]))):
        return Refused(_NOT_OFFERED)
    kept = rescheduling.keep_date(connection, request_id=request_id, now=now)
    return Done(State.CONFIRMED) if isinstance(kept, rescheduling.Kept) else Refused(_NOT_OFFERED)


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
