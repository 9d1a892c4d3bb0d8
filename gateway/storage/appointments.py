"""Appointments that change: moved, given to somebody else, missed; and which of them cannot be kept any more."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg.types.range import TimestamptzRange

from gateway.storage.connection import Connection
from gateway.storage.findings import one
from gateway.storage.promises import Booking
from workflows.dates import DropOff, Visit

# A device that was carried farther than this is not where its visit was planned; in degrees, about a kilometre.
_MOVED_DEG = 0.01
# For so long after the work was done a person judges before its owner is asked to come again.
_SETTLES = timedelta(days=14)
# No transaction that frees a time lasts longer.
_ENDS_LATE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Living:
    """A request's confirmed appointment with the time and place that it holds."""

    appointment_id: int
    booking_id: int
    offer_id: int
    centre_id: int
    revision: int
    begins_at: datetime
    ends_at: datetime
    sets_out_at: datetime
    is_visit: bool
    who: str


@dataclass(frozen=True, slots=True)
class Displaced:
    """A promised time that cannot be kept: of which request, and why."""

    request_id: int
    booking_id: int
    kind: str
    why: str


def living(connection: Connection, request_id: int) -> Living | None:
    """Return a request's confirmed appointment, None where it has none."""
    with connection.cursor(row_factory=class_row(Living)) as cursor:
        return cursor.execute(
            """SELECT a.appointment_id, a.booking_id, b.offer_id, b.centre_id, a.revision, lower(a.during) AS begins_at,
                upper(a.during) AS ends_at, b.sets_out_at, b.is_visit, b.who
            FROM appointment a JOIN booking_seen b USING (booking_id)
            WHERE a.request_id = %s AND a.state = 'confirmed'""",
            [request_id],
        ).fetchone()


def move(connection: Connection, present: Living, booking: Booking, now: datetime) -> int:
    """Let an appointment take another held time; the old one is free. Return its new revision.

    Raises
    ------
    psycopg.errors.ExclusionViolation
        The hold had ended and somebody else has the time now, or the technician or bay is absent.
    """
    connection.execute("UPDATE booking SET released_at = %s WHERE booking_id = %s", [now, present.booking_id])
    connection.execute(
        "UPDATE booking SET kind = 'booked', released_at = NULL WHERE booking_id = %s", [booking.booking_id]
    )
    return one(
        connection.execute(
            """UPDATE appointment SET booking_id = %s, during = %s, revision = revision + 1
            WHERE appointment_id = %s AND state = 'confirmed' RETURNING revision""",
            [booking.booking_id, TimestamptzRange(booking.begins_at, booking.ends_at), present.appointment_id],
        ).fetchone()
    )


def free(connection: Connection, present: Living, now: datetime) -> None:
    """Let an appointment's time go, for another one to take its place."""
    connection.execute("UPDATE booking SET released_at = %s WHERE booking_id = %s", [now, present.booking_id])


def reassign(connection: Connection, request_id: int, present: Living, option: DropOff | Visit) -> int:
    """Let somebody else keep the same promise, or another bay; what the owner was told stands. Return the new booking.

    Raises
    ------
    psycopg.errors.ExclusionViolation
        Somebody else has been promised the time meanwhile.
    """
    visit = option if isinstance(option, Visit) else None
    booking_id = one(
        connection.execute(
            """INSERT INTO booking (request_id, offer_id, bay_id, technician_id, during, arrives_at, arrival_window,
                latitude, longitude, rank, reason, kind)
            VALUES (%(request)s, %(offer)s, %(bay)s, %(technician)s, %(during)s, %(arrives)s, %(window)s, %(latitude)s,
                %(longitude)s, 1, %(reason)s, 'booked') RETURNING booking_id""",
            {
                "request": request_id,
                "offer": present.offer_id,
                "bay": None if isinstance(option, Visit) else option.bay_id,
                "technician": visit.technician_id if visit else None,
                "during": TimestamptzRange(option.during.start_at, option.during.end_at),
                "arrives": visit.arrives_at if visit else None,
                "window": TimestamptzRange(visit.window.start_at, visit.window.end_at) if visit else None,
                "latitude": visit.place.latitude if visit else None,
                "longitude": visit.place.longitude if visit else None,
                "reason": Jsonb({"why": ""}),
            },
        ).fetchone()
    )
    connection.execute(
        "UPDATE appointment SET booking_id = %s WHERE appointment_id = %s", [booking_id, present.appointment_id]
    )
    return booking_id


def miss(connection: Connection, present: Living, why: str, now: datetime) -> None:
    """Note that one of the two was not there; what is left of the time is free."""
    connection.execute(
        "UPDATE appointment SET state = 'failed', cancelled_at = %s, ended_why = %s WHERE appointment_id = %s",
        [now, why, present.appointment_id],
    )
    connection.execute("UPDATE booking SET released_at = %s WHERE booking_id = %s", [now, present.booking_id])


def complete(connection: Connection, present: Living, why: str, now: datetime) -> None:
    """Note that an appointment took place and what came of it; the parts that are put aside for it are used with it."""
    connection.execute(
        """UPDATE appointment SET state = 'completed', completed_at = %s, ended_why = %s
        WHERE appointment_id = %s AND state = 'confirmed'""",
        [now, why, present.appointment_id],
    )


def took_place_lately(connection: Connection, device_id: int, component: str, now: datetime) -> bool:
    """Whether somebody was at a component of a device so lately that its readings may not show it yet."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM appointment a JOIN service_request r USING (request_id)
            WHERE r.device_id = %s AND r.component = %s AND a.completed_at > %s)""",
        [device_id, component, now - _SETTLES],
    ).fetchone()
    return row == (True,)


def beginnings_shown(connection: Connection, request_id: int) -> frozenset[datetime]:
    """Return when the dates began that a request's owner was ever shown."""
    rows = connection.execute("SELECT DISTINCT begins_at FROM booking_seen WHERE request_id = %s", [request_id])
    return frozenset(row[0] for row in rows)


@dataclass(frozen=True, slots=True)
class SentTo:
    """An appointment with the technician who keeps or kept it, None where it is a bay's; `ended_why` once it is over."""

    request_id: int
    technician_id: int | None
    state: str
    ended_why: str


def find_visit(connection: Connection, appointment_id: int) -> SentTo | None:
    """Return who keeps an appointment, whatever has become of it."""
    with connection.cursor(row_factory=class_row(SentTo)) as cursor:
        return cursor.execute(
            """SELECT a.request_id, k.technician_id, a.state, a.ended_why
            FROM appointment a JOIN booking k USING (booking_id) WHERE a.appointment_id = %s""",
            [appointment_id],
        ).fetchone()


def displaced(connection: Connection, now: datetime, most: int, *, booking_id: int | None = None) -> list[Displaced]:
    """Return promised times ahead that cannot be kept: somebody is absent or gone, a centre is closed then, the device is elsewhere.

    Who is absent is not there for whom he has set out to, either. A technician who is retired is absent for good; a day on which
    a centre opens later or closes earlier than the promised time is one on which it is closed then.

    With `booking_id` that one alone, if it is one of them. One whose request has been told of it and whose human has it in hand is not returned again.
    """
    with connection.cursor(row_factory=class_row(Displaced)) as cursor:
        return cursor.execute(
            """SELECT * FROM (SELECT k.request_id, k.booking_id, k.kind, 'absent' AS why
            FROM absence a JOIN booking k ON a.during && k.during
                AND (k.technician_id = a.technician_id OR k.bay_id = a.bay_id)
            WHERE a.withdrawn_at IS NULL AND upper(a.during) > %(now)s AND k.released_at IS NULL
                AND coalesce(k.arrives_at, lower(k.during)) > %(now)s
            UNION
            SELECT k.request_id, k.booking_id, k.kind, 'absent'
            FROM technician t JOIN booking k USING (technician_id)
            WHERE t.retired_at IS NOT NULL AND k.released_at IS NULL AND k.arrives_at > %(now)s
            UNION
            SELECT k.request_id, k.booking_id, k.kind, 'closed'
            FROM centre_day c JOIN service_centre s USING (centre_id)
            JOIN booking_seen b USING (centre_id) JOIN booking k USING (booking_id)
            WHERE c.day >= %(now)s::date - 1 AND k.released_at IS NULL
                AND lower(k.during) > %(now)s AND (b.begins_at AT TIME ZONE s.time_zone)::date = c.day
                AND (c.opens IS NULL OR (b.sets_out_at AT TIME ZONE s.time_zone)::time < c.opens
                    OR (b.done_at AT TIME ZONE s.time_zone)::time > c.closes)
            UNION
            SELECT k.request_id, k.booking_id, k.kind, 'moved'
            FROM booking k JOIN service_request r USING (request_id) JOIN device d USING (device_id)
            WHERE k.technician_id IS NOT NULL AND k.released_at IS NULL AND lower(k.during) > %(now)s
                AND (abs(d.latitude - k.latitude) > %(moved)s
                    OR abs(d.longitude - k.longitude) * cos(radians(d.latitude)) > %(moved)s)) AS found
            WHERE %(booking)s::bigint IS NULL OR booking_id = %(booking)s
            ORDER BY request_id, kind, booking_id LIMIT %(most)s""",
            {"now": now, "moved": _MOVED_DEG, "most": most, "booking": booking_id},
        ).fetchall()


def passed(connection: Connection, now: datetime, most: int, *, request_id: int | None = None) -> list[int]:
    """Return the requests of confirmed appointments that are over and that nobody was asked about yet; or the one named."""
    rows = connection.execute(
        """SELECT a.request_id FROM appointment a JOIN booking_seen b USING (booking_id)
        WHERE a.state = 'confirmed' AND upper(a.during) < %(now)s AND b.done_at < %(now)s
            AND a.request_id = coalesce(%(request)s, a.request_id) AND NOT EXISTS (
                SELECT FROM request_event e WHERE e.request_id = a.request_id AND e.event = 'date_passed'
                    AND e.happened_at > upper(a.during))
        ORDER BY a.appointment_id LIMIT %(most)s""",
        {"now": now, "most": most, "request": request_id},
    ).fetchall()
    return [row[0] for row in rows]


def release(connection: Connection, booking_id: int, now: datetime) -> None:
    """Let a held time go."""
    connection.execute(
        "UPDATE booking SET released_at = %s WHERE booking_id = %s AND kind = 'held' AND released_at IS NULL",
        [now, booking_id],
    )


def has_living_holds(connection: Connection, request_id: int) -> bool:
    """Whether a request's open offer still holds a time."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM booking WHERE request_id = %s AND kind = 'held' AND released_at IS NULL)",
        [request_id],
    ).fetchone()
    return row == (True,)


def wish_earlier(connection: Connection, request_id: int, now: datetime) -> None:
    """Put a request on the list of those who would come earlier; asked twice it keeps its place.

    What is free was last looked at when its newest dates were made: what has become free since is his to hear of at once.
    """
    connection.execute(
        """INSERT INTO earlier_wish (request_id, asked_at, looked_at) SELECT %(request)s, %(now)s, coalesce(
            (SELECT max(o.made_at) FROM offer o WHERE o.request_id = %(request)s), %(now)s)
        ON CONFLICT (request_id) DO UPDATE SET ended_at = NULL,
            letters = CASE WHEN earlier_wish.ended_at IS NULL THEN earlier_wish.letters ELSE 0 END,
            looked_at = CASE WHEN earlier_wish.ended_at IS NULL THEN earlier_wish.looked_at ELSE EXCLUDED.looked_at END,
            asked_at = CASE WHEN earlier_wish.ended_at IS NULL THEN earlier_wish.asked_at ELSE EXCLUDED.asked_at END""",
        {"request": request_id, "now": now},
    )


def end_wish(connection: Connection, request_id: int, now: datetime) -> None:
    """Take a request off the list of those who would come earlier."""
    connection.execute(
        "UPDATE earlier_wish SET ended_at = %s WHERE request_id = %s AND ended_at IS NULL", [now, request_id]
    )


def wishes_earlier(connection: Connection, request_id: int) -> bool:
    """Whether a request is on the list of those who would come earlier."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM earlier_wish WHERE request_id = %s AND ended_at IS NULL)", [request_id]
    ).fetchone()
    return row == (True,)


def waiting_for_earlier(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return the requests, in the order of asking, for which something became free since it was last looked at for them.

    What was held for the request itself does not count: an offer that runs out is no news to whom it was made. Nor does what
    another one who waits was offered after this request was looked at: that time was free then, so its owner was offered it or
    something better, and two who wait would free the same time for each other again and again. Within one sweep the order is
    that of the offers. A transaction that ends late frees a time earlier than somebody has looked: so what was freed shortly
    before that look is looked at once more, unless something was offered since.
    """
    rows = connection.execute(
        """SELECT w.request_id FROM earlier_wish w JOIN service_request r USING (request_id)
        JOIN appointment a ON a.request_id = w.request_id AND a.state = 'confirmed'
        WHERE w.ended_at IS NULL AND r.state = 'confirmed' AND lower(a.during) > %(now)s
            AND NOT EXISTS (SELECT FROM offer o WHERE o.request_id = w.request_id AND o.closed_at IS NULL)
            AND EXISTS (SELECT FROM booking k WHERE k.released_at <= %(now)s AND lower(k.during) > %(now)s
                AND upper(k.during) < upper(a.during) AND k.request_id <> w.request_id
                AND (k.released_at > w.looked_at OR (w.looked_at < %(now)s - %(late)s / 2
                    AND k.released_at > greatest(w.looked_at - %(late)s, w.asked_at) AND NOT EXISTS (
                        SELECT FROM offer o WHERE o.request_id = w.request_id AND o.made_at >= k.released_at)))
                AND NOT (k.kind = 'held' AND EXISTS (SELECT FROM offer o JOIN request_event e ON e.request_id = o.request_id
                        AND e.event = 'earlier_offered' AND (e.detail ->> 'offer_id')::bigint = o.offer_id
                    WHERE o.offer_id = k.offer_id AND (o.made_at > w.looked_at OR (o.made_at = w.looked_at AND EXISTS (
                        SELECT FROM offer mine WHERE mine.request_id = w.request_id AND mine.made_at = w.looked_at
                            AND mine.offer_id < o.offer_id))))))
        ORDER BY w.asked_at, w.request_id LIMIT %(most)s""",
        {"now": now, "most": most, "late": _ENDS_LATE},
    ).fetchall()
    return [row[0] for row in rows]


def count_letter(connection: Connection, request_id: int) -> int:
    """Count a letter about an earlier date, and return how many there were since its owner asked."""
    row = connection.execute(
        "UPDATE earlier_wish SET letters = letters + 1 WHERE request_id = %s RETURNING letters", [request_id]
    ).fetchone()
    return 0 if row is None else row[0]


def looked_for(connection: Connection, request_id: int, now: datetime) -> None:
    """Note that what is free by now was looked at for a request."""
    connection.execute("UPDATE earlier_wish SET looked_at = %s WHERE request_id = %s", [now, request_id])
