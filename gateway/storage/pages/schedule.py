"""A centre's day: who and which bay has which promised times, as the day board shows them."""

from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row
from psycopg.types.range import TimestamptzRange

from gateway.storage.connection import Connection
from gateway.storage.promises import hours_by_weekday
from workflows.dates import Interval


@dataclass(frozen=True, slots=True)
class CentreName:
    """A centre that a planner may look at."""

    centre_id: int
    title: str
    time_zone: str
    country: str
    region: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A bay or a technician of a centre: `key` is "bay-1" or "technician-1", `hours` are its usual ones by weekday."""

    key: str
    name: str
    is_technician: bool
    hours: dict[str, list[str]]

    def works_on(self, day: date) -> bool:
        """Say whether it has usual hours on the weekday of a day."""
        return day.weekday() in hours_by_weekday(self.hours)


@dataclass(frozen=True, slots=True)
class TakenTime:
    """A promised time on the board: of whom, from setting out or the beginning until done, for which request."""

    key: str
    request_id: int
    device: str
    begins_at: datetime
    ends_at: datetime
    is_held: bool
    state: str


def centres(connection: Connection) -> list[CentreName]:
    """Return the tenant's centres."""
    with connection.cursor(row_factory=class_row(CentreName)) as cursor:
        return cursor.execute(
            "SELECT centre_id, title, time_zone, country, region FROM service_centre ORDER BY centre_id LIMIT 200"
        ).fetchall()


def resources(connection: Connection, centre_id: int) -> list[Resource]:
    """Return a centre's bays and the technicians who are not retired."""
    with connection.cursor(row_factory=class_row(Resource)) as cursor:
        return cursor.execute(
            """SELECT 'bay-' || b.bay_id AS key, b.name, false AS is_technician, c.hours
            FROM bay b JOIN service_centre c USING (centre_id) WHERE b.centre_id = %(centre)s
            UNION ALL
            SELECT 'technician-' || technician_id, name, true, hours FROM technician
            WHERE centre_id = %(centre)s AND retired_at IS NULL
            ORDER BY is_technician, name LIMIT 300""",
            {"centre": centre_id},
        ).fetchall()


def promises(connection: Connection, centre_id: int, during: Interval) -> list[TakenTime]:
    """Return what is promised at a centre in a stretch of time, in order."""
    with connection.cursor(row_factory=class_row(TakenTime)) as cursor:
        return cursor.execute(
            """SELECT CASE WHEN k.bay_id IS NULL THEN 'technician-' || k.technician_id ELSE 'bay-' || k.bay_id END AS key,
                k.request_id, d.name AS device, lower(k.during) AS begins_at, upper(k.during) AS ends_at,
                k.kind = 'held' AS is_held, r.state
            FROM booking k
            LEFT JOIN bay b USING (bay_id) LEFT JOIN technician t USING (technician_id)
            JOIN service_request r ON r.request_id = k.request_id JOIN device d ON d.device_id = r.device_id
            WHERE coalesce(b.centre_id, t.centre_id) = %(centre)s AND k.released_at IS NULL AND k.during && %(during)s
            ORDER BY lower(k.during), k.booking_id LIMIT 2000""",
            {"centre": centre_id, "during": TimestamptzRange(during.start_at, during.end_at)},
        ).fetchall()


def resource_ids(connection: Connection, centre_id: int, key: str) -> tuple[int | None, int | None]:
    """Return (technician, bay) of a key of this centre, one of them None; both None for what it has not."""
    for resource in resources(connection, centre_id):
        if resource.key == key:
            number = int(key.rpartition("-")[2])
            return (number, None) if resource.is_technician else (None, number)
    return (None, None)
