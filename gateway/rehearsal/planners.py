"""Planners: they look at their cases soon or late, approve, hold or cancel, or say what was found at a date."""

from datetime import timedelta
from typing import Final

from gateway import planner
from gateway.dates import completing, no_show
from gateway.dates.completing import Report
from gateway.planner import Done, Refused
from gateway.rehearsal import undoing
from gateway.rehearsal.life import Letter, Life
from gateway.rehearsal.processes import tenant
from gateway.rehearsal.world import Person
from gateway.storage import appointments, calendars, stock
from workflows.completing import Found, Next
from workflows.dates import Interval

_DIES: Final = 0.03
_STATEMENTS: Final = 30
_HOUR: Final = timedelta(hours=1)


def read(life: Life, person: Person, letter: Letter) -> None:
    """Let a member of staff look at his cases after a letter about one of them."""
    del letter
    life.plan(life.draw(timedelta(minutes=3), 30 * _HOUR), person.name, lambda: look(life, person))


def meddle(life: Life, person: Person) -> None:
    """Let a member of staff look at some request now and then without being asked."""
    life.plan(life.draw(12 * _HOUR, 8 * 24 * _HOUR), person.name, lambda: _meddle(life, person))


def _meddle(life: Life, person: Person) -> str:
    meddle(life, person)
    return _do(life, person, "WHERE r.closed_at IS NULL")


def fall_ill(life: Life, person: Person) -> None:
    """Let some technicians call in sick, and bays break, at an hour's notice or after promises were made for that time."""
    rows = life.desk.admin.execute(
        """SELECT name, technician_id, NULL::int FROM technician UNION ALL SELECT name, NULL, bay_id FROM bay
        ORDER BY 1"""
    ).fetchall()
    for name, technician_id, bay_id in rows:
        if life.chance.random() < 0.4:
            life.plan(
                life.draw(24 * _HOUR, 25 * 24 * _HOUR),
                person.name,
                lambda name=name, technician_id=technician_id, bay_id=bay_id: _enter_absence(
                    life, person, name, technician_id, bay_id
                ),
            )


def _enter_absence(life: Life, person: Person, name: str, technician_id: int | None, bay_id: int | None) -> str:
    begins_at = life.now + life.draw(timedelta(minutes=5), 48 * _HOUR)
    during = Interval(begins_at, begins_at + life.draw(4 * _HOUR, 100 * _HOUR))
    with tenant(life, life.desk.serve):
        calendars.enter_absence(
            life.desk.serve,
            technician_id=technician_id,
            bay_id=bay_id,
            during=during,
            kind="sick" if bay_id is None else "broken",
            note="",
            staff_id=person.staff_id,
            now=life.now,
        )
    return f"enters that {name} is not there from {begins_at:%a %d %b %H:%M} to {during.end_at:%a %d %b %H:%M}"


def look(life: Life, person: Person) -> str:
    """Take one of the open cases and do something about it; come back for the others."""
    done = _do(
        life, person,
        "JOIN human_case c ON c.request_id = r.request_id AND c.closed_at IS NULL WHERE r.closed_at IS NULL",
    )  # fmt: skip
    if done:
        life.plan(life.draw(timedelta(minutes=10), 30 * _HOUR), person.name, lambda: look(life, person))
    return done


def _do(life: Life, person: Person, which: str) -> str:
    asked = f"""SELECT DISTINCT r.request_id, d.name || '/' || r.component FROM service_request r
        JOIN device d USING (device_id) {which} ORDER BY r.request_id"""  # noqa: S608  # one of the two texts above
    with tenant(life, life.desk.serve):
        found = life.desk.serve.execute(asked.encode()).fetchall()
    if not found:
        return ""
    request_id, about = life.chance.choice(found)
    if life.chance.random() < _DIES:
        life.desk.fuse.light(life.chance.randrange(_STATEMENTS))
    choice = life.chance.random()
    with tenant(life, life.desk.serve):
        told, outcome = _decide(life, person, request_id, choice)
    return f"{told} {about}: {_said(outcome)}"


def _decide(life: Life, person: Person, request_id: int, choice: float) -> tuple[str, Done | Refused]:
    serve, staff_id, now = life.desk.serve, person.staff_id, life.now
    date = appointments.living(serve, request_id)
    report = None if date is None or date.begins_at > now else _report(life, request_id, choice)
    if report is not None:
        told = f"says {report.finding} of"
        return told, completing.complete(serve, request_id=request_id, by=f"staff-{staff_id}", report=report, now=now)
    if choice < 0.1:
        return undoing.undo_something(life, person, request_id)
    if choice < 0.6:
        return "approves", planner.approve(serve, request_id=request_id, staff_id=staff_id, now=now)
    if choice < 0.65:
        away = no_show.owner_was_away(serve, request_id=request_id, staff_id=staff_id, now=now)
        return "notes that the owner was away from", Done(type(away).__name__)
    if choice < 0.75:
        reason = "I want to look at it."
        return "holds", planner.hold(serve, request_id=request_id, staff_id=staff_id, reason=reason, now=now)
    reason = "It is done."
    return "cancels", planner.cancel(serve, request_id=request_id, staff_id=staff_id, reason=reason, now=now)


def _report(life: Life, request_id: int, choice: float) -> Report | None:
    """What was found at a date: mostly it is repaired, now and then without one of its parts; now and then nobody says."""
    if choice < 0.6:
        lying = [each.reservation_id for each in stock.held_parts(life.desk.serve, request_id) if not each.inbound_id]
        return Report(Found.REPAIRED, frozenset(lying if choice < 0.5 else lying[1:]))
    if choice < 0.65 or choice >= 0.95:
        return None
    if choice < 0.75:
        return Report(Found.NO_FAULT)
    return Report(Found.NOT_DONE, note="Not today.", next_step=Next.DATES if choice < 0.85 else Next.PERSON)


def _said(outcome: Done | Refused) -> str:
    match outcome:
        case Done(state=state):
            return f"it is {state}"
        case Refused(reason=reason):
            return reason
