"""Letters to owners whose matter is over before they left: they are taken back, and never sent.

A letter asks for something, or offers it. Once that is gone, what is true is said by a later letter, or is on the page; a
letter that says the opposite must not follow it. News that stay true (a danger, a date that is booked or lost, a new link)
are never taken back here.
"""

from datetime import datetime
from typing import Final

from psycopg import sql

from gateway.storage.connection import Connection

# In the columns of `notice n` and its `service_request r`.
IS_OBSOLETE: Final = sql.SQL("""(
    n.kind IN ('offer', 'earlier', 'date_misfit', 'quote', 'ask', 'deposit_due') AND r.closed_at IS NOT NULL
    OR n.kind = 'offer' AND (r.state NOT IN ('open', 'waiting', 'offered') OR EXISTS (
        SELECT FROM notice later WHERE later.request_id = n.request_id AND later.kind = 'offer'
            AND later.notice_id > n.notice_id))
    OR n.kind = 'ask' AND r.state <> 'asking')""")


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
    return connection.execute(
        sql.SQL("""UPDATE notice n SET withdrawn_at = %(now)s FROM service_request r
        WHERE n.tenant_id = %(tenant_id)s AND n.sent_at IS NULL AND n.withdrawn_at IS NULL
            AND r.request_id = n.request_id AND {obsolete}""").format(obsolete=IS_OBSOLETE),
        {"tenant_id": tenant_id, "now": now},
    ).rowcount
