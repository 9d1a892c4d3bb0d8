"""Mandates: the one place that says whether the desk may do something in an owner's name, and where owners sign.

What is allowed is decided in `workflows.mandate`; here the mandate is loaded under a lock, so that an act and the
taking back of its mandate have an order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.storage import mandates
from gateway.storage.connection import Connection
from workflows.mandate import Allowed, Clause, Denied, check
from workflows.money import Money, Several
from workflows.pricing import Unpriced


@dataclass(frozen=True, slots=True)
class Ordered:
    """A member of staff has said that it may be done: he answers for it in place of a clause."""

    staff_id: int


def allow(
    connection: Connection,
    device_id: int,
    clause: Clause,
    now: datetime,
    amount: Money | Several | Unpriced | None = None,
) -> Allowed | Denied:
    """Say whether an automatic act may be done now, and let nobody take the mandate back until it is.

    Parameters
    ----------
    connection : Connection
        In a transaction of the device's tenant: the act belongs into the same.
    device_id : int
        Whose mandate it is.
    clause : Clause
        What the act needs.
    now : datetime
        Aware.
    amount : Money, Several, Unpriced or None
        What the act costs; None where it costs nothing.

    Returns
    -------
    Allowed or Denied
        What is allowed is written to the audit with `gateway.audit.auditing.record`; what is denied goes to a human.
    """
    return check(mandates.latest_mandate(connection, device_id, locked=True), clause, amount, now)


def permit(
    connection: Connection,
    device_id: int,
    request_id: int,
    clause: Clause,
    now: datetime,
    amount: Money | Several | Unpriced | None = None,
) -> Allowed | Ordered | Denied:
    """Say whether an act for a request may be done: on a clause, or because a member of staff has approved the request.

    His word is taken where the owner has signed nothing of the kind: that is what the request went to him for.
    """
    permission = allow(connection, device_id, clause, now, amount)
    if isinstance(permission, Allowed):
        return permission
    staff_id = mandates.approved_by(connection, request_id)
    return permission if staff_id is None else Ordered(staff_id)


def sign(
    connection: Connection,
    *,
    device_id: int,
    owner_id: int,
    clauses: Mapping[Clause, Money | None],
    signed_by: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> int:
    """Sign a mandate in place of the one that the device has; return its number.

    Parameters
    ----------
    connection : Connection
        In a transaction of the device's tenant.
    device_id, owner_id : int
        Which device, and which of its owners signs: one is enough.
    clauses : mapping of Clause to Money or None
        What may be done alone, and up to which amount; None for any amount.
    signed_by : str
        How: 'enrolment' or 'page'.
    now, expires_at : datetime
        From when, and until when; None for no end.
    """
    mandates.end_mandate(connection, device_id, "replaced", f"owner-{owner_id}", now)
    return mandates.sign_mandate(
        connection,
        device_id=device_id,
        owner_id=owner_id,
        clauses=clauses,
        signed_by=signed_by,
        expires_at=expires_at,
        now=now,
    )
