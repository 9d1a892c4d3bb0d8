"""Strangers: links that are forged or for something else, and numbers of dates and prices that are somebody else's.

Each is refused, and changes nothing; one that is taken is a step that fails.
"""

from datetime import timedelta
from typing import Final

from gateway import access, journey
from gateway.access import Purpose
from gateway.quotes import quoting
from gateway.rehearsal.life import Letter, Life
from gateway.rehearsal.processes import tenant

_DAY: Final = timedelta(days=1)
_OFTEN: Final = 0.06


def steal(life: Life, letter: Letter) -> None:
    """Let somebody get hold of a letter now and then, and try what its link opens when it is changed."""
    if letter.token and life.chance.random() < _OFTEN:
        life.plan(life.draw(timedelta(minutes=1), 3 * _DAY), "stranger", lambda: _try(life, letter.token))


def _try(life: Life, token: str) -> str:
    settings = life.desk.settings
    at = life.chance.randrange(len(token))
    forged = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    if access.read(settings, forged, Purpose.OWNER_REQUEST) is not None:
        raise LookupError("a link that was changed by one letter opens a page")
    others = (Purpose.OWNER_DEVICE, Purpose.PLANNER_LOGIN, Purpose.PLANNER_SESSION)
    if any(access.read(settings, token, purpose) is not None for purpose in others):
        raise LookupError("a link to one request opens something else")
    claim = access.read(settings, token, Purpose.OWNER_REQUEST)
    if claim is None:
        raise LookupError("a link of ours is none of ours")
    with tenant(life, life.desk.serve):
        found = access.find(life.desk.serve, claim)
    if found is None or found.request_id is None or found.is_expired(life.now):
        return "tries a changed link, which opens nothing"
    return _try_numbers(life, found.request_id)


def _try_numbers(life: Life, request_id: int) -> str:
    """Name a date and a price of another request behind a link that is good."""
    date = life.desk.admin.execute(
        "SELECT booking_id FROM booking WHERE request_id <> %s ORDER BY booking_id", [request_id]
    ).fetchall()
    price = life.desk.admin.execute(
        "SELECT quote_id FROM quote WHERE request_id <> %s ORDER BY quote_id", [request_id]
    ).fetchall()
    serve, told = life.desk.serve, "tries a changed link"
    if date:
        (booking_id,) = life.chance.choice(date)
        with tenant(life, serve):
            taken = journey.confirm(serve, request_id=request_id, booking_id=booking_id, now=life.now)
        if isinstance(taken, journey.Confirmed):
            raise LookupError("somebody else's date was taken")
        told += f", and somebody else's date: {type(taken).__name__}"
    if price:
        (quote_id,) = life.chance.choice(price)
        with tenant(life, serve):
            agreed = quoting.agree(serve, request_id=request_id, quote_id=quote_id, now=life.now)
        if isinstance(agreed, quoting.Agreed):
            raise LookupError("somebody else's price was agreed")
        told += f", and somebody else's price: {type(agreed).__name__}"
    return told
