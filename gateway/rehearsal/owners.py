"""Owners: they answer soon, late, twice or never, with a link that is used or expired, and some want something else.

An owner does what his page lets him do: he opens the link of a letter, sees what the page would show, and taps.
"""

from datetime import timedelta
from typing import Final

from gateway import access, journey, owning, planner
from gateway.access import Purpose
from gateway.notices.links import ask_for_link
from gateway.rehearsal.life import Letter, Life
from gateway.rehearsal.processes import tenant
from gateway.rehearsal.world import Machine
from gateway.storage.findings import one
from gateway.storage.pages.request import OfferedDate, find_request, late_dates, open_dates
from workflows.mandate import Clause
from workflows.money import Money

_DIES: Final = 0.03
_STATEMENTS: Final = 30
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def read(life: Life, letter: Letter) -> None:
    """Let an owner react to a letter."""
    name = letter.recipient.partition("@")[0]
    temper = life.chance.random()
    if temper < 0.15:
        return
    if temper < 0.70:
        delay = life.draw(timedelta(minutes=1), 20 * _HOUR)
    elif temper < 0.90:
        delay = life.draw(30 * _HOUR, 9 * _DAY)
    else:
        delay = life.draw(20 * _DAY, 33 * _DAY)
    life.plan(delay, name, lambda: _open(life, letter))
    if life.chance.random() < 0.15:
        life.plan(delay + life.draw(timedelta(seconds=1), 2 * _DAY), name, lambda: _open(life, letter))


def _open(life: Life, letter: Letter) -> str:
    """Open the page behind a link, and do something on it."""
    claim = access.read(life.desk.settings, letter.token, Purpose.OWNER_REQUEST)
    if claim is None:
        raise LookupError(f"the link in the letter {letter.subject!r} is none of ours")
    serve = life.desk.serve
    with tenant(life, serve):
        found = access.find(serve, claim)
        if found is None or found.request_id is None:
            raise LookupError(f"nobody knows the link in the letter {letter.subject!r}")
        request = find_request(serve, found.request_id)
        if request is None:
            raise LookupError(f"the link in the letter {letter.subject!r} opens nothing")
        dates = open_dates(serve, request.request_id, life.now)
        if not dates and request.state in {"open", "waiting", "offered"}:
            dates = late_dates(serve, request.request_id, life.now)
    about = f"{request.device}/{request.component}"
    if found.is_expired(life.now):
        with tenant(life, serve):
            ask_for_link(serve, request, now=life.now)
        return f"asks for a new link to {about}"
    if life.chance.random() < _DIES:
        life.desk.fuse.light(life.chance.randrange(_STATEMENTS))
    return _tap(life, request.request_id, about, dates)


def _tap(life: Life, request_id: int, about: str, dates: list[OfferedDate]) -> str:
    wish = life.chance.random()
    if not dates or wish < 0.12:
        return _ask(life, request_id, about, "None of the dates suits the owner.") if wish < 0.12 else ""
    date = life.chance.choice(dates)
    with tenant(life, life.desk.serve):
        outcome = journey.confirm(life.desk.serve, request_id=request_id, booking_id=date.booking_id, now=life.now)
    told = f"taps {date.begins_at:%a %d %b %H:%M} for {about}"
    match outcome:
        case journey.Confirmed(is_new=is_new):
            return f"{told}: {'it is his' if is_new else 'it was his already'}"
        case journey.FreshDates():
            return f"{told}: it is lost, and he is shown others"
        case journey.NotOpen(state=state):
            return f"{told}: not open, it is {state}"


def waver(life: Life, machine: Machine) -> None:
    """Let some owners take their mandate back in the middle of it all, and sign again later, or not."""
    if life.chance.random() < 0.2:
        life.plan(life.draw(_DAY, 25 * _DAY), machine.email.partition("@")[0], lambda: _revoke(life, machine))


def _revoke(life: Life, machine: Machine) -> str:
    owner_id = _owner_of(life, machine)
    with tenant(life, life.desk.serve):
        owning.revoke(life.desk.serve, device_id=machine.device_id, owner_id=owner_id, now=life.now)
    if life.chance.random() < 0.5:
        life.plan(life.draw(_HOUR, 6 * _DAY), machine.email.partition("@")[0], lambda: _sign(life, machine))
    return f"takes the mandate of {machine.name} back"


def _sign(life: Life, machine: Machine) -> str:
    clauses: dict[Clause, Money | None] = {clause: None for clause in Clause if life.chance.random() < 0.85}
    owner_id = _owner_of(life, machine)
    with tenant(life, life.desk.serve):
        owning.sign(
            life.desk.serve,
            device_id=machine.device_id,
            owner_id=owner_id,
            clauses=clauses,
            expires_at=None,
            now=life.now,
        )
    return f"signs {', '.join(clauses)} for {machine.name}"


def _owner_of(life: Life, machine: Machine) -> int:
    row = life.desk.admin.execute("SELECT owner_id FROM device WHERE device_id = %s", [machine.device_id]).fetchone()
    return one(row)


def _ask(life: Life, request_id: int, about: str, reason: str) -> str:
    with tenant(life, life.desk.serve):
        planner.ask_for_human(life.desk.serve, request_id=request_id, reason=reason, now=life.now)
    return f"asks for a person about {about}"
