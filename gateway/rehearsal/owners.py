"""Owners: they answer soon, late, twice or never, with a link that is used or expired, and some want something else.

An owner does what his page lets him do: he opens the link of a letter, sees what the page would show, and taps.
"""

from datetime import timedelta
from typing import Final

from gateway import access, journey, planner
from gateway.access import Purpose
from gateway.dates import no_show, rescheduling
from gateway.notices.links import ask_for_link
from gateway.owners import owning, stopping
from gateway.quotes import quoting
from gateway.rehearsal import machines, strangers
from gateway.rehearsal.life import Letter, Life
from gateway.rehearsal.processes import tenant
from gateway.rehearsal.world import Machine
from gateway.remedies import asking
from gateway.storage import asks, quotes
from gateway.storage.findings import one
from gateway.storage.pages.request import OfferedDate, RequestRow, find_request, late_dates, open_dates
from workflows.asking import Answer
from workflows.dates import Wish
from workflows.mandate import Clause
from workflows.money import Money

_DIES: Final = 0.03
_STATEMENTS: Final = 30
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def read(life: Life, letter: Letter) -> None:
    """Let an owner react to a letter."""
    if not letter.token:
        # It leads to a device's own page, of which `handovers` knows what is done there.
        return
    strangers.steal(life, letter)
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
    return _tap(life, request, about, dates)


def _tap(life: Life, request: RequestRow, about: str, dates: list[OfferedDate]) -> str:
    """Do one thing that the page lets him do in the request's state, or nothing."""
    wish = life.chance.random()
    if wish < 0.04:
        return _stop(life, request, about)
    if wish < 0.14:
        return _ask(life, request.request_id, about, "None of the dates suits the owner.")
    match request.state:
        case "asking":
            return _say(life, request, about)
        case "quoted":
            return _answer_price(life, request.request_id, about)
        case "cancelled":
            return _resume(life, request.request_id, about)
        case "confirmed" if wish < 0.6 or not dates:
            return _reconsider(life, request.request_id, about)
        case "offered" if wish < 0.25:
            return _others(life, request.request_id, about)
        case _ if dates:
            return _choose(life, request.request_id, about, life.chance.choice(dates))
        case _:
            return ""


def _choose(life: Life, request_id: int, about: str, date: OfferedDate) -> str:
    told = f"taps {date.begins_at:%a %d %b %H:%M} for {about}"
    with tenant(life, life.desk.serve):
        # Some have had the page open since before it had a price.
        quote = quotes.find_quote(life.desk.serve, request_id, "open") if life.chance.random() < 0.9 else None
        outcome = journey.confirm(
            life.desk.serve,
            request_id=request_id,
            booking_id=date.booking_id,
            now=life.now,
            quote_id=None if quote is None else quote.quote_id,
        )
    match outcome:
        case journey.Confirmed(is_new=is_new):
            return f"{told}: {'it is his' if is_new else 'it was his already'}"
        case journey.FreshDates():
            return f"{told}: it is lost, and he is shown others"
        case journey.NotOpen(state=state):
            return f"{told}: not open, it is {state}"


def _others(life: Life, request_id: int, about: str) -> str:
    wish = Wish(half=life.chance.choice(("any", "morning", "afternoon")))
    with tenant(life, life.desk.serve):
        outcome = rescheduling.ask_other_dates(life.desk.serve, request_id=request_id, wish=wish, now=life.now)
    return f"asks for other dates for {about}: {type(outcome).__name__}"


def _reconsider(life: Life, request_id: int, about: str) -> str:
    """Think of a confirmed date anew: move it, come earlier, keep it, give it up, or say that nobody came."""
    serve, now, wish = life.desk.serve, life.now, life.chance.random()
    if wish < 0.3:
        return _others(life, request_id, about)
    with tenant(life, serve):
        if wish < 0.5:
            return f"would come earlier with {about}: {_name(rescheduling.wish_earlier(serve, request_id=request_id, now=now))}"
        if wish < 0.6:
            return f"keeps the date of {about}: {_name(rescheduling.keep_date(serve, request_id=request_id, now=now))}"
        if wish < 0.7:
            return f"gives {about} up: {_name(stopping.stop(serve, request_id=request_id, now=now))}"
        return f"says that nobody came to {about}: {_name(no_show.nobody_came(serve, request_id=request_id, now=now))}"


def _name(outcome: object) -> str:
    return type(outcome).__name__


def _answer_price(life: Life, request_id: int, about: str) -> str:
    with tenant(life, life.desk.serve):
        quote = quotes.find_quote(life.desk.serve, request_id, "open")
        if quote is None:
            return ""
        is_yes = life.chance.random() < 0.75
        answer = quoting.agree if is_yes else quoting.decline
        outcome = answer(life.desk.serve, request_id=request_id, quote_id=quote.quote_id, now=life.now)
    return f"says {'yes' if is_yes else 'no'} to the price of {about}: {type(outcome).__name__}"


def _say(life: Life, request: RequestRow, about: str) -> str:
    with tenant(life, life.desk.serve):
        ask = asks.find_ask(life.desk.serve, request.request_id)
        if ask is None:
            return ""
        fitting = asking.answers_to(ask)
        # Now and then a page that is old, or somebody's own form, says what nobody has asked.
        said = life.chance.choice(tuple(Answer) if life.chance.random() < 0.15 else fitting)
        counted = asking.answer(life.desk.serve, request_id=request.request_id, said=said, now=life.now)
    if counted and said not in fitting:
        raise LookupError(f"{said} was taken for an answer to {ask.kind} {ask.name!r}")
    if counted and said is Answer.DONE and life.chance.random() < 0.5:
        machine = next(each for each in life.world.machines if each.name == request.device)
        life.plan(life.draw(timedelta(minutes=1), 6 * _HOUR), machine.name, lambda: machines.heal_all(life, machine))
    return f"answers {said} about {about}{'' if counted else ': too late'}"


def _stop(life: Life, request: RequestRow, about: str) -> str:
    with tenant(life, life.desk.serve):
        outcome = stopping.stop(life.desk.serve, request_id=request.request_id, now=life.now)
    return f"says stop to {about}: {type(outcome).__name__}"


def _resume(life: Life, request_id: int, about: str) -> str:
    with tenant(life, life.desk.serve):
        outcome = stopping.resume(life.desk.serve, request_id=request_id, now=life.now)
    return f"takes his stop to {about} back: {type(outcome).__name__}"


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
