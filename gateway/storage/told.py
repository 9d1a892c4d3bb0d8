"""What an owner was told of a request: by letters that left, and by what he did about it himself.

That he merely looked at his page is kept nowhere. What is in the outbox he has not heard of: it may be taken back.
"""

from typing import Final

from psycopg import sql

from gateway.storage.connection import Connection

# Asked or offered for as long as the request is open; taken back when it is closed before they leave.
OPEN_MATTERS: Final = sql.SQL("('offer', 'earlier', 'date_misfit', 'quote', 'ask', 'deposit_due')")

# A letter that set out and whose end nobody has written down may have arrived: its sender died in between.
_HAS_LEFT: Final = sql.SQL("(told.sent_at IS NOT NULL OR told.attempts > 0 AND told.last_error IS NULL)")

# In the columns of `notice n`: whether the owner of its request has heard of it otherwise, or will by a letter that stays.
KNOWS_OTHERWISE: Final = sql.SQL("""(EXISTS (SELECT FROM notice told WHERE told.request_id = n.request_id
        AND told.kind NOT IN ('cancelled', 'case_opened', 'shared')
        AND ({has_left} OR told.withdrawn_at IS NULL AND told.kind NOT IN {open_matters}))
    OR EXISTS (SELECT FROM request_event e WHERE e.request_id = n.request_id AND e.actor = 'owner'))""").format(
    has_left=_HAS_LEFT, open_matters=OPEN_MATTERS
)


def was_shown_dates(connection: Connection, request_id: int) -> bool:
    """Whether a request's owner has seen dates that he could choose: in a letter that left, or on his page.

    Who did something on his page after dates were offered had them before his eyes.
    """
    row = connection.execute(
        sql.SQL("""SELECT EXISTS (SELECT FROM notice told WHERE told.request_id = %(request_id)s
            AND told.kind IN ('offer', 'earlier', 'date_misfit', 'called_off') AND {has_left})
        OR EXISTS (SELECT FROM request_event offered WHERE offered.request_id = %(request_id)s
            AND offered.event = 'offered' AND (offered.detail @> '{{"asked": true}}' OR EXISTS (
                SELECT FROM request_event e WHERE e.request_id = %(request_id)s AND e.actor = 'owner'
                    AND e.event_id > offered.event_id)))""").format(has_left=_HAS_LEFT),
        {"request_id": request_id},
    ).fetchone()
    return row == (True,)
