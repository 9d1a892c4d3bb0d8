"""The day board of a centre: who has which promised times; absences and closed days are entered here."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Path, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from dashboards.days import LONGEST, day_of, whole_day
from dashboards.desk import Now, TheDesk
from dashboards.login import Session, TheSession, own_form
from dashboards.numbers import LARGEST_INT, Number
from dashboards.render import message, page
from gateway.notices.desk_words import ABSENCES
from gateway.storage import calendars
from gateway.storage.calendars import Absence, public_holidays
from gateway.storage.connection import Connection
from gateway.storage.pages import schedule
from gateway.storage.pages.schedule import CentreName, Resource, TakenTime
from workflows.dates import Interval

router: Final = APIRouter(prefix="/planner/schedule", include_in_schema=False)

# The board shows the hours in which people work; what is earlier or later stands at its edges, and in the table.
_FIRST_H, _LAST_H = 6, 22
CentreId = Annotated[int, Path(ge=1, le=LARGEST_INT)]
Note = Annotated[str, Form(max_length=200), StringConstraints(strip_whitespace=True)]
Kind = Literal["sick", "leave", "training", "broken", "other"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch on the board, in hundredths of its width."""

    left: float
    width: float
    kind: str
    text: str
    request_id: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """One bay's or technician's day: bars for the eye, the same as rows for the keyboard; `is_off` on a day without hours."""

    resource: Resource
    bars: list[Bar]
    promises: list[TakenTime]
    absences: list[Absence]
    is_off: bool = False


@router.get("")
def show_first(desk: TheDesk, session: TheSession) -> Response:
    """Lead to the first centre's board."""
    with desk.tenant(session.tenant_id) as conn:
        found = schedule.centres(conn)
    return RedirectResponse(f"/planner/schedule/{found[0].centre_id if found else 1}", 303)


@router.get("/{centre_id}")
def show(
    request: Request, desk: TheDesk, session: TheSession, now: Now, centre_id: CentreId, day: str = "", note: str = ""
) -> Response:
    """Show a day of a centre."""
    t = session.translator
    with desk.tenant(session.tenant_id) as conn:
        found = schedule.centres(conn)
        centre = next((each for each in found if each.centre_id == centre_id), None)
        if centre is None:
            return _no_centre(request, session)
        zone = ZoneInfo(centre.time_zone)
        today = now.astimezone(zone).date()
        shown = day_of(day, today)
        whole = whole_day(shown, zone)
        promises = schedule.promises(conn, centre_id, whole)
        absences = calendars.absences_at(conn, centre_id, Interval(whole.start_at, whole.end_at + LONGEST))
        days = calendars.days_of(conn, centre_id, today)
        resources = schedule.resources(conn, centre_id)
    closed = _why_closed(centre, days, shown)
    opens_otherwise = any(each.day == shown and each.opens for each in days)
    context: dict[str, object] = {
        "request": request,
        "session": session,
        "now": now,
        "centre": centre,
        "centres": found,
        "shown": shown,
        "today": today,
        "yesterday": shown - timedelta(days=1),
        "tomorrow": shown + timedelta(days=1),
        "lines": [
            replace(
                _line(each, promises, absences, whole, shown, zone),
                is_off=closed is not None or not (each.works_on(shown) or (opens_otherwise and not each.is_technician)),
            )
            for each in resources
        ],
        "hours": range(_FIRST_H, _LAST_H, 2),
        "absences": absences,
        "days": days,
        "why_closed": closed,
        "kinds": ABSENCES,
        "note": note,
        "zone_name": centre.time_zone,
    }
    return page("schedule.html", t, context)


def _why_closed(centre: CentreName, days: list[calendars.CentreDay], shown: date) -> str | None:
    """Why a centre is closed on a day: what was entered, or the holiday's name; None when it is not, or nobody said."""
    for each in days:
        if each.day == shown:
            return None if each.opens else each.reason or "-"
    return public_holidays(centre.country, centre.region, shown.year).get(shown)


def _line(
    resource: Resource, promises: list[TakenTime], absences: list[Absence], whole: Interval, shown: date, zone: ZoneInfo
) -> Line:
    mine = [each for each in promises if each.key == resource.key]
    gone = [
        each
        for each in absences
        if resource.key in {f"technician-{each.technician_id}", f"bay-{each.bay_id}"} and each.begins_at < whole.end_at
    ]
    bars = [_bar(each.begins_at, each.ends_at, shown, zone, "absent", "", None) for each in gone]
    bars += [
        _bar(
            each.begins_at,
            each.ends_at,
            shown,
            zone,
            "held" if each.is_held else "booked",
            f"C-{each.request_id:06d}",
            each.request_id,
        )
        for each in mine
    ]
    return Line(resource, bars, mine, gone)


def _bar(
    begins_at: datetime, ends_at: datetime, shown: date, zone: ZoneInfo, kind: str, text: str, request_id: int | None
) -> Bar:
    def place(at: datetime) -> float:
        local = at.astimezone(zone)
        hour = local.hour + local.minute / 60 if local.date() == shown else 24.0 * (local.date() > shown)
        return min(max((hour - _FIRST_H) / (_LAST_H - _FIRST_H) * 100, 0.0), 100.0)

    left = min(place(begins_at), 99.0)
    return Bar(round(left, 2), round(max(place(ends_at) - left, 1.0), 2), kind, text, request_id)


@router.post("/{centre_id}/absence", dependencies=[Depends(own_form)])
def enter_absence(
    desk: TheDesk,
    session: TheSession,
    now: Now,
    centre_id: CentreId,
    who: Annotated[str, Form(max_length=40)],
    kind: Annotated[Kind, Form()],
    begins: Annotated[datetime, Form()],
    ends: Annotated[datetime, Form()],
    note: Note = "",
) -> Response:
    """Enter an absence; what it displaces is seen to by the sweep."""
    with desk.tenant(session.tenant_id) as conn:
        said = _enter(conn, session, centre_id, who, kind, (begins, ends), note, now)
    return RedirectResponse(f"/planner/schedule/{centre_id}?note={said}&day={begins.date()}", 303)


def _enter(
    conn: Connection,
    session: Session,
    centre_id: int,
    who: str,
    kind: str,
    local: tuple[datetime, datetime],
    note: str,
    now: datetime,
) -> str:
    centre = next((each for each in schedule.centres(conn) if each.centre_id == centre_id), None)
    technician_id, bay_id = schedule.resource_ids(conn, centre_id, who)
    if centre is None or (technician_id is None and bay_id is None):
        return "unknown"
    if kind != "other" and (kind == "broken") != (bay_id is not None):
        return "wrong_kind"
    zone = ZoneInfo(centre.time_zone)
    begins_at, ends_at = (at.replace(tzinfo=zone).astimezone(UTC) for at in local)
    if not begins_at < ends_at or ends_at <= now or ends_at - begins_at > LONGEST:
        return "wrong_time"
    entered = calendars.enter_absence(
        conn,
        technician_id=technician_id,
        bay_id=bay_id,
        during=Interval(begins_at, ends_at),
        kind=kind,
        note=note,
        staff_id=session.staff.staff_id,
        now=now,
    )
    return "twice" if entered is None else "entered"


@router.post("/{centre_id}/absence/{absence_id}/end", dependencies=[Depends(own_form)])
def end_absence(
    desk: TheDesk,
    session: TheSession,
    now: Now,
    centre_id: CentreId,
    absence_id: Number,
) -> Response:
    """End an absence: its time can be promised again."""
    with desk.tenant(session.tenant_id) as conn:
        calendars.withdraw_absence(conn, absence_id, now)
    return RedirectResponse(f"/planner/schedule/{centre_id}?note=ended", 303)


@router.post("/{centre_id}/day", dependencies=[Depends(own_form)])
def set_day(
    desk: TheDesk,
    session: TheSession,
    now: Now,
    centre_id: CentreId,
    day: Annotated[date, Form()],
    opens: Annotated[time | Literal[""], Form()] = "",
    closes: Annotated[time | Literal[""], Form()] = "",
    reason: Note = "",
) -> Response:
    """Say that a centre is closed on a day, or open at other hours than usual."""
    hours = (opens, closes) if opens and closes else None
    is_wrong = bool(opens) != bool(closes) or (hours is not None and hours[0] >= hours[1]) or day < now.date()
    with desk.tenant(session.tenant_id) as conn:
        known = {each.centre_id for each in schedule.centres(conn)}
        if is_wrong or centre_id not in known:
            return RedirectResponse(f"/planner/schedule/{centre_id}?note=wrong_time", 303)
        calendars.set_day(conn, centre_id, day, hours, reason, session.staff.staff_id, now)
    return RedirectResponse(f"/planner/schedule/{centre_id}?note=entered&day={day}", 303)


@router.post("/{centre_id}/day/{day}/usual", dependencies=[Depends(own_form)])
def unset_day(desk: TheDesk, session: TheSession, centre_id: CentreId, day: date) -> Response:
    """Let a day be as usual again."""
    with desk.tenant(session.tenant_id) as conn:
        calendars.unset_day(conn, centre_id, day)
    return RedirectResponse(f"/planner/schedule/{centre_id}?note=ended", 303)


def _no_centre(request: Request, session: Session) -> Response:
    t = session.translator
    return message(
        request,
        t,
        title=t.gettext("There is no such service centre"),
        text=t.gettext("Its number may be mistyped, or it belongs to another service desk. Go back to the queue."),
        status=404,
    )
