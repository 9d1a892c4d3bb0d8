"""Ending: whoever ends a request ends its price with it, in writing, and lets go of money that is not paid yet.

What is paid already goes back, or counts for work that was done, by `gateway.payments.settling`. The database's own
trigger is the last resort: it leaves no price open, and writes nothing down.
"""

from datetime import datetime

from gateway.payments import moving
from gateway.quotes import noting
from gateway.storage import quotes
from gateway.storage.connection import Connection
from gateway.storage.requests import Request


def end_price(connection: Connection, request: Request, now: datetime) -> None:
    """Take back what a locked request's owner is asked to agree to or to pay, because the request is about to end.

    Parameters
    ----------
    connection : Connection
        In the transaction that ends the request; called before that, for its end closes a price without a word.
    request : Request
        Locked; one that has no price is left as it is.
    now : datetime
        Aware.
    """
    if (asked := quotes.find_quote(connection, request.request_id, "open")) is not None:
        quotes.end_quotes(connection, request.request_id, "open", "expired", now)
        noting.note_ended(connection, request, "price_withdrawn", asked, now)
    moving.let_go_of_unpaid(connection, request.request_id, now)
