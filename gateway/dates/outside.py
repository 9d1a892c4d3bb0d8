"""Outside of the hours: dates that are promised already when a centre or a technician gets other usual hours or holidays.

Who changes the usual hours mostly means the days to come and not those that were promised: nothing is called off by
itself. Each such date is a person's, who has it kept or gives its owner another.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from psycopg.rows import class_row

from gateway.following import give_case
from gateway.storage.calendars import exceptions_of
from gateway.storage.connection import Connection
from gateway.storage.promises import hours_by_weekday
from workflows.dates import opening_of
from workflows.insertion import shift_within
from workflows.triage import CaseWanted, Queue

OUTSIDE: Final = (
    "The hours have changed, and a promised date is outside of them now: have it kept, or give the owner another one."
)


@dataclass(frozen=True, slots=True)
class _Promised:
    request_id: int
    appointment_id: int
    centre_id: int
    time_zone: str
    hours: dict[str, list[str]]
    is_visit: bool
    begins_at: datetime
    ends_at: datetime


def outside_of_hours(connection: Connection, now: datetime) -> dict[int, int]:
    """Return the confirmed dates ahead at times at which nobody would be promised now: the request by its appointment."""
    exceptions = exceptions_of(connection, now)
    found: dict[int, int] = {}
    with connection.cursor(row_factory=class_row(_Promised)) as cursor:
        for each in cursor.execute(
            """SELECT a.request_id, a.appointment_id, c.centre_id, c.time_zone, coalesce(t.hours, c.hours) AS hours,
                k.technician_id IS NOT NULL AS is_visit, lower(k.during) AS begins_at, upper(k.during) AS ends_at
            FROM appointment a JOIN booking k USING (booking_id) LEFT JOIN technician t USING (technician_id)
            LEFT JOIN bay b USING (bay_id) JOIN service_centre c ON c.centre_id = coalesce(t.centre_id, b.centre_id)
            WHERE a.state = 'confirmed' AND lower(k.during) > %s""",
            [now],
        ):
            if not _fits(each, exceptions[each.centre_id]):
                found[each.appointment_id] = each.request_id
    return found


def _fits(each: _Promised, exceptions: Mapping[date, tuple[time, time] | None]) -> bool:
    zone = ZoneInfo(each.time_zone)
    day = each.begins_at.astimezone(zone).date()
    usual = hours_by_weekday(each.hours)
    if not each.is_visit:
        opening = opening_of(usual, exceptions, day, zone)
    elif day.weekday() in usual:
        opening = shift_within(usual[day.weekday()], day, exceptions, zone)
    else:
        opening = None
    return opening is not None and opening.start_at <= each.begins_at and each.ends_at <= opening.end_at


def give_to_a_person(connection: Connection, before: Set[int], now: datetime) -> list[int]:
    """Give each date that is outside of the hours now, and was not `before`, to a person; return their requests."""
    new = sorted({request for each, request in outside_of_hours(connection, now).items() if each not in before})
    for request_id in new:
        give_case(connection, request_id, CaseWanted(Queue.JUDGEMENT, OUTSIDE), now)
    return new
