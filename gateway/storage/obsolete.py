"""Letters to owners whose matter is over before they left: they are taken back, and never sent.

A letter asks for something, or offers it. Once that is gone, what is true is said by a later letter, or is on the page; a
letter that says the opposite must not follow it. News that stay true (a danger, a date that is lost, a new link) are never
taken back here; that a date is booked stays true for as long as it stands.

Nobody is told of the end of what he never heard of: a cancellation leaves when a letter about the request has left, or one
that stays will, or when its owner did something about it himself. It waits while that is not decided, because another
process is just sending.
"""

from datetime import datetime
from typing import Final

from psycopg import sql

from gateway.storage.connection import Connection
from gateway.storage.told import KNOWS_OTHERWISE, OPEN_MATTERS

# In the columns of `notice n` and its `service_request r`.
_IS_OBSOLETE: Final = sql.SQL("""(
    n.kind IN {open_matters} AND r.closed_at IS NOT NULL
    OR n.kind = 'offer' AND (r.state NOT IN ('open', 'waiting', 'offered') OR EXISTS (
        SELECT FROM notice later WHERE later.request_id = n.request_id AND later.kind = 'offer'
            AND later.notice_id > n.notice_id))
    OR n.kind = 'ask' AND r.state <> 'asking'
    OR n.kind = 'confirmed' AND n.detail ? 'appointment_id' AND (NOT EXISTS (
        SELECT FROM appointment a WHERE a.request_id = n.request_id AND a.state = 'confirmed'
            AND a.appointment_id::text = n.detail ->> 'appointment_id')
        OR EXISTS (SELECT FROM notice later WHERE later.request_id = n.request_id AND later.kind = 'confirmed'
            AND later.detail -> 'appointment_id' = n.detail -> 'appointment_id'
            AND later.notice_id > n.notice_id)))""").format(open_matters=OPEN_MATTERS)

MAY_LEAVE: Final = sql.SQL("({is_obsolete} IS NOT TRUE AND (n.kind <> 'cancelled' OR {knows_otherwise}))").format(
    is_obsolete=_IS_OBSOLETE, knows_otherwise=KNOWS_OTHERWISE
)


def withdraw_obsolete(connection: Connection, tenant_id: int, now: datetime) -> int:
    """Take back the letters of a tenant that wait in the outbox although what they ask or offer is over.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    tenant_id : int
        Whose outbox.
    now : datetime
        Aware.

    Returns
    -------
    int
        How many were taken back.
    """
    over = connection.execute(
        sql.SQL("""UPDATE notice n SET withdrawn_at = %(now)s FROM service_request r
        WHERE n.tenant_id = %(tenant_id)s AND n.sent_at IS NULL AND n.withdrawn_at IS NULL
            AND r.request_id = n.request_id AND {is_obsolete}""").format(is_obsolete=_IS_OBSOLETE),
        {"tenant_id": tenant_id, "now": now},
    ).rowcount
    return over + _withdraw_unheard_ends(connection, tenant_id, now)


def _withdraw_unheard_ends(connection: Connection, tenant_id: int, now: datetime) -> int:
    """Take back cancellations of what nobody heard of; the statement before this one waited for whoever was sending."""
    return connection.execute(
        sql.SQL("""UPDATE notice n SET withdrawn_at = %(now)s
        WHERE n.tenant_id = %(tenant_id)s AND n.sent_at IS NULL AND n.withdrawn_at IS NULL AND n.kind = 'cancelled'
            AND NOT {knows_otherwise} AND NOT EXISTS (
                SELECT FROM notice undecided WHERE undecided.request_id = n.request_id AND undecided.sent_at IS NULL
                    AND undecided.withdrawn_at IS NULL AND undecided.kind IN {open_matters})""").format(
            knows_otherwise=KNOWS_OTHERWISE, open_matters=OPEN_MATTERS
        ),
        {"tenant_id": tenant_id, "now": now},
    ).rowcount
