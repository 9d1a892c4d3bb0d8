"""Days planned anew: what is promised of a centre's people, locked and moved in one transaction, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg.types.range import TimestamptzRange

from devices.products import product_type
from gateway.storage.calendars import absences_of, exceptions_of
from gateway.storage.connection import Connection
from gateway.storage.promises import hours_by_weekday, interval
from gateway.storage.routes import lock_routes
from workflows.dates import Interval, Place
from workflows.insertion import shift_within
from workflows.replanning import Move, Person, Promised


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """A day that was planned anew, or is being: at which centre, who asked, and what came of it."""

    plan_id: int
    centre_id: int
    centre: str
    day: date
    asked_at: datetime
    asked_by: str
    outcome: str
    ended_at: datetime | None
    visits: int
    technicians: int
    moved: int
    before_m: int
    after_m: int
    unplanned: list[dict[str, object]]


def time_zones(connection: Connection) -> dict[int, str]:
    """Return the time zone of each of the tenant's centres."""
    return dict(connection.execute("SELECT centre_id, time_zone FROM service_centre").fetchall())


def centres(connection: Connection) -> list[tuple[int, str]]:
    """Return the tenant's centres, by title."""
    return connection.execute("SELECT centre_id, title FROM service_centre ORDER BY title, centre_id").fetchall()


def people_on(connection: Connection, centre_id: int, day: date, zone: ZoneInfo, now: datetime) -> list[Person]:
    """Return who of a centre's technicians works on a day; those who are absent for a part of it are left out."""
    rows = connection.execute(
        """SELECT technician_id, skills, latitude, longitude, hours FROM technician
        WHERE centre_id = %s AND retired_at IS NULL ORDER BY technician_id""",
        [centre_id],
    ).fetchall()
    exceptions = exceptions_of(connection, now).get(centre_id, {})
    absences = absences_of(connection, [row[0] for row in rows], now)
    found: list[Person] = []
    for technician_id, skills, latitude, longitude, weekly in rows:
        hours = hours_by_weekday(weekly).get(day.weekday())
        shift = None if hours is None else shift_within(hours, day, exceptions, zone)
        if shift is not None and not any(shift.overlaps(away) for away in absences.get(technician_id, [])):
            found.append(Person(technician_id, Place(latitude, longitude), shift, frozenset(skills)))
    return found


def promised_visits(connection: Connection, centre_id: int, during: Interval) -> list[Promised]:
    """Return what is promised of a centre's technicians, retired ones among them, in windows that begin in a stretch of time.

    Held dates count: an owner may choose them at any moment. What a visit needs is what its fault's remedy needs; where no
    remedy is known any more, all that its technician can do.
    """
    rows = connection.execute(
        """SELECT k.booking_id, k.request_id, r.device_id, k.technician_id, k.during, k.arrives_at, k.arrival_window,
            k.latitude, k.longitude, d.product, coalesce(f.code, ''), t.skills
        FROM booking k JOIN technician t USING (technician_id) JOIN service_request r USING (request_id)
            JOIN device d USING (device_id) LEFT JOIN fault f ON f.fault_id = r.fault_id
        WHERE t.centre_id = %(centre)s AND k.released_at IS NULL AND k.during && %(during)s
            AND lower(k.arrival_window) <@ %(during)s
        ORDER BY k.booking_id""",
        {"centre": centre_id, "during": TimestamptzRange(during.start_at, during.end_at)},
    )
    return [
        Promised(
            booking_id,
            request_id,
            device_id,
            technician_id,
            interval(busy),
            arrives_at,
            interval(window),
            Place(latitude, longitude),
            _needed(product, fault, has_skills),
        )
        for (
            booking_id,
            request_id,
            device_id,
            technician_id,
            busy,
            arrives_at,
            window,
            latitude,
            longitude,
            product,
            fault,
            has_skills,
        ) in rows
    ]


def _needed(product: str, fault: str, has_skills: Sequence[str]) -> frozenset[str]:
    remedy = product_type(product).remedies.get(fault)
    return frozenset(has_skills) if remedy is None else frozenset(remedy.skills)


def has_visits(connection: Connection, centre_id: int, day: date, time_zone: str) -> bool:
    """Whether a visit of a centre's technicians is booked on a day, as clocks in a time zone show it."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM booking k JOIN technician t USING (technician_id)
            WHERE t.centre_id = %(centre)s AND k.released_at IS NULL AND k.kind = 'booked'
                AND k.during && tstzrange(%(day)s::date::timestamp AT TIME ZONE %(zone)s,
                    (%(day)s::date + 1)::timestamp AT TIME ZONE %(zone)s))""",
        {"centre": centre_id, "day": day, "zone": time_zone},
    ).fetchone()
    return row == (True,)


def lock_day(connection: Connection, request_ids: Sequence[int], technician_ids: Sequence[int]) -> None:
    """Let nobody else change these requests and routes until the transaction ends; in the order in which all others lock."""
    connection.execute(
        "SELECT FROM service_request WHERE request_id = ANY(%s) ORDER BY request_id FOR UPDATE", [list(request_ids)]
    )
    lock_routes(connection, technician_ids)
    connection.execute(
        "SELECT FROM booking WHERE request_id = ANY(%s) AND released_at IS NULL ORDER BY booking_id FOR UPDATE",
        [list(request_ids)],
    )


def move_visits(connection: Connection, moves: Sequence[Move], now: datetime) -> None:
    """Write visits' new technicians and times; all are taken out of their routes first, so that two can change places.

    Raises
    ------
    psycopg.errors.ExclusionViolation
        `technician_is_in_one_place`: the plan does not go with something that is promised beside it.
    """
    ids = [move.promised.booking_id for move in moves]
    connection.execute("UPDATE booking SET released_at = %s WHERE booking_id = ANY(%s)", [now, ids])
    connection.execute(
        """UPDATE booking k SET technician_id = n.technician_id, arrives_at = n.arrives_at,
            during = tstzrange(n.sets_out_at, n.done_at), released_at = NULL
        FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
            AS n (booking_id, technician_id, arrives_at, sets_out_at, done_at)
        WHERE k.booking_id = n.booking_id""",
        [
            ids,
            [move.technician_id for move in moves],
            [move.arrives_at for move in moves],
            [move.during.start_at for move in moves],
            [move.during.end_at for move in moves],
        ],
    )


def begin_plan(connection: Connection, centre_id: int, day: date, asked_by: str, now: datetime) -> int | None:
    """Note that a day is planned anew, and return the plan's number; None when the desk has planned it already."""
    row = connection.execute(
        """INSERT INTO route_plan (centre_id, day, asked_at, asked_by) VALUES (%s, %s, %s, %s)
        ON CONFLICT (centre_id, day) WHERE asked_by = 'desk' DO NOTHING RETURNING plan_id""",
        [centre_id, day, now, asked_by],
    ).fetchone()
    return None if row is None else row[0]


def end_plan(connection: Connection, plan_id: int, outcome: str, figures: Mapping[str, object], now: datetime) -> None:
    """Note what came of a plan."""
    connection.execute(
        """UPDATE route_plan SET outcome = %(outcome)s, ended_at = %(now)s, visits = %(visits)s,
            technicians = %(technicians)s, moved = %(moved)s, before_m = %(before_m)s, after_m = %(after_m)s,
            unplanned = %(unplanned)s
        WHERE plan_id = %(plan)s AND outcome = ''""",
        {**figures, "outcome": outcome, "now": now, "plan": plan_id, "unplanned": Jsonb(figures["unplanned"])},
    )


def find_plan(connection: Connection, plan_id: int) -> RoutePlan | None:
    """Return a plan."""
    with connection.cursor(row_factory=class_row(RoutePlan)) as cursor:
        return cursor.execute(
            """SELECT p.plan_id, p.centre_id, c.title AS centre, p.day, p.asked_at, p.asked_by, p.outcome, p.ended_at,
                p.visits, p.technicians, p.moved, p.before_m, p.after_m, p.unplanned
            FROM route_plan p JOIN service_centre c USING (centre_id) WHERE p.plan_id = %s""",
            [plan_id],
        ).fetchone()


def newest_plans(connection: Connection, limit: int) -> list[RoutePlan]:
    """Return the tenant's newest plans, newest first."""
    with connection.cursor(row_factory=class_row(RoutePlan)) as cursor:
        return cursor.execute(
            """SELECT p.plan_id, p.centre_id, c.title AS centre, p.day, p.asked_at, p.asked_by, p.outcome, p.ended_at,
                p.visits, p.technicians, p.moved, p.before_m, p.after_m, p.unplanned
            FROM route_plan p JOIN service_centre c USING (centre_id) ORDER BY p.plan_id DESC LIMIT %s""",
            [limit],
        ).fetchall()
