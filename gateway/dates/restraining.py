"""Restraining: the desk writes to an owner three times by itself about one trouble; who has still not been helped is asked by a person.

Parts that go missing and dates that nobody answers would otherwise send him one offer after the other. What he does
himself, and what a member of staff does by hand, begins the count anew; that he has chosen a date which was lost does not.
"""

from datetime import datetime
from typing import Final

from gateway.following import give_case
from gateway.parts.sourcing import free_of
from gateway.storage import requests
from gateway.storage.connection import Connection
from gateway.storage.requests import Request
from workflows.request import Command
from workflows.triage import CaseWanted, Queue

LETTERS: Final = 3
ENOUGH: Final = "The owner was written to three times, and it is not settled: please ask in person."


def leave_to_a_person(connection: Connection, request: Request, now: datetime) -> bool:
    """Hold a locked request whose owner was written to often enough, and give it to a human; return whether it is so.

    Parameters
    ----------
    connection : Connection
        In a transaction of the request's tenant.
    request : Request
        Open, or waiting.
    now : datetime
        Aware.
    """
    if requests.unasked_letters(connection, request) < LETTERS:
        return False
    requests.transition(connection, request, Command.HOLD, now)
    free_of(connection, request.request_id, now)
    requests.append_event(connection, request.request_id, "held", now, detail={"reason": ENOUGH})
    give_case(connection, request.request_id, CaseWanted(Queue.JUDGEMENT, ENOUGH), now)
    return True
