"""Auditing: every act of the desk is written down with its ground, in the transaction of the act."""

from datetime import datetime

from gateway.owners.mandates import Ordered
from gateway.storage import audit
from gateway.storage.connection import Connection
from gateway.storage.findings import one
from gateway.storage.requests import case_owner
from workflows.audit import Act, Rule
from workflows.mandate import Allowed


class NobodyAnswersError(ValueError):
    """An act without a clause, and no person who answers for it."""


def record(
    connection: Connection,
    act: str,
    *,
    device_id: int,
    request_id: int | None,
    permission: Allowed | Ordered | Rule | None,
    inputs: dict[str, object],
    now: datetime,
    actor: str | None = None,
) -> int:
    """Write down an act with what it stood on, and return the record's number.

    Parameters
    ----------
    connection : Connection
        In the transaction of the act.
    act : str
        What was done, in the past tense, as an event of a request is called.
    device_id : int
        Of which device.
    request_id : int or None
        For which request.
    permission : Allowed, Ordered, Rule or None
        The clause, the member of staff who has said that it may be done, or the rule that needs nobody's leave. With None a person has it in hand: `actor`,
        or else who has the request's case.
    inputs : dict
        What was decided on: JSON.
    now : datetime
        Aware; the same as was asked for with `gateway.owners.mandates.allow`.
    actor : str or None
        Who did it, where it was not the desk: 'staff-3', 'owner-12'.

    Raises
    ------
    NobodyAnswersError
        When there is neither a clause nor a person.
    """
    match permission:
        case Allowed(mandate_id=mandate_id, clause=clause):
            who, ground = "desk", (mandate_id, clause.value)
        case Ordered(staff_id=staff_id):
            who, ground = f"staff-{staff_id}", (None, None)
        case Rule():
            who, ground = permission.value, (None, None)
        case None:
            who, ground = actor or _who_has_it(connection, act, request_id), (None, None)
    tenant_id = one(connection.execute("SELECT current_tenant()").fetchone())
    return audit.append(connection, Act(tenant_id, now, who, act, device_id, request_id, *ground, inputs))


def _who_has_it(connection: Connection, act: str, request_id: int | None) -> str:
    staff_id = None if request_id is None else case_owner(connection, request_id)
    if staff_id is None:
        message = (
            f"{act!r} of request {request_id} has no clause, and nobody has a case of it: give it to a person first "
            "(gateway.following.give_case), or name the actor"
        )
        raise NobodyAnswersError(message)
    return f"staff-{staff_id}"
