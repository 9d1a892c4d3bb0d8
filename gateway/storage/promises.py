"""Promises: parts reserved, bays and technicians held for offered dates, appointments. Named constraints protect them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg.types.range import Range, TimestamptzRange

from gateway.storage.calendars import exceptions_of
from gateway.storage.connection import Connection
from gateway.storage.findings import one
from workflows.dates import Bay, Centre, DropOff, Interval, Place, Visit, distance_km
from workflows.fitting import Promised

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Booking:
    """A time that is or was held for a request, in a bay or of a technician.

    From `begins_at` to `ends_at` is what its owner was told; the work itself lasts from `arrives_at` to `done_at`.
    `visit` is the technician's plan, None for a bay.
    """

    booking_id: int
    offer_id: int
    centre_id: int
    begins_at: datetime
    ends_at: datetime
    sets_out_at: datetime
    arrives_at: datetime
    done_at: datetime
    released_at: datetime | None
    skills: list[str]
    outcome: str | None
    technician_id: int | None
    latitude: float | None
    longitude: float | None

    def is_ahead(self, now: datetime) -> bool:
        """Say whether it can still be chosen: nobody would have set out, and what the owner was told has not begun."""
        return now < min(self.sets_out_at, self.begins_at)

    @property
    def promised(self) -> Promised:
        """What the time is good for, as the bay or the technician is by now."""
        return Promised(self.technician_id is not None, frozenset(self.skills), self.done_at - self.arrives_at)

    @property
    def visit(self) -> Visit | None:
        """The visit as it was planned, None where the owner comes to a bay."""
        if self.technician_id is None or self.latitude is None or self.longitude is None:
            return None
        return Visit(
            self.technician_id,
            Interval(self.sets_out_at, self.done_at),
            self.arrives_at,
            Interval(self.begins_at, self.ends_at),
            Place(self.latitude, self.longitude),
            "soonest",
        )


def load_centres(
    connection: Connection, place: Place | None, ready_at: Mapping[int, datetime], now: datetime
) -> list[Centre]:
    """Return the tenant's service centres with their bays' taken times.

    Parameters
    ----------
    connection : Connection
        In a tenant's transaction.
    place : Place or None
        From where distances are measured.
    ready_at : mapping of int to datetime
        From when on a centre has the parts; one that is missing cannot have them.
    now : datetime
        Bookings that ended before are left out.
    """
    bays: dict[int, list[Bay]] = {}
    rows = connection.execute(
        """SELECT b.centre_id, b.bay_id, b.skills,
            coalesce(array_agg(k.during ORDER BY k.during) FILTER (WHERE k.during IS NOT NULL), '{}')
        FROM bay b
        LEFT JOIN (SELECT bay_id, during FROM booking WHERE released_at IS NULL AND upper(during) > %(now)s
            UNION ALL SELECT bay_id, during FROM absence WHERE withdrawn_at IS NULL AND upper(during) > %(now)s) k
            ON k.bay_id = b.bay_id
        GROUP BY b.bay_id ORDER BY b.bay_id""",
        {"now": now},
    )
    for centre_id, bay_id, skills, taken in rows:
        bays.setdefault(centre_id, []).append(Bay(bay_id, frozenset(skills), [interval(during) for during in taken]))
    exceptions = exceptions_of(connection, now)
    centres = connection.execute("SELECT centre_id, time_zone, hours, latitude, longitude FROM service_centre")
    return [
        Centre(
            centre_id,
            time_zone,
            hours_by_weekday(hours),
            bays.get(centre_id, []),
            ready_at.get(centre_id),
            distance_km(place.latitude, place.longitude, latitude, longitude) if place else 0.0,
            exceptions[centre_id],
        )
        for centre_id, time_zone, hours, latitude, longitude in centres
    ]


def interval(during: Range[datetime]) -> Interval:
    """Return a stored range as a stretch of time; one without an end cannot be stored."""
    if during.lower is None or during.upper is None:
        raise ValueError(f"booking {during} has no beginning or no end")
    return Interval(during.lower, during.upper)


def hours_by_weekday(hours: dict[str, list[str]]) -> dict[int, tuple[time, time]]:
    """Return stored opening or working hours by weekday, 0 is Monday."""
    return {
        _DAYS.index(day): (time.fromisoformat(opens), time.fromisoformat(closes))
        for day, (opens, closes) in hours.items()
    }


def release_parts(connection: Connection, request_id: int, now: datetime, *, kept: Sequence[str] = ()) -> None:
    """Give a request's parts back, except for those whose roles are kept."""
    connection.execute(
        """UPDATE reservation SET released_at = %s
        WHERE request_id = %s AND released_at IS NULL AND coalesce(nullif(role, ''), part_no) <> ALL(%s::text[])""",
        [now, request_id, list(kept)],
    )


def hold_dates(
    connection: Connection, request_id: int, options: Sequence[DropOff | Visit], now: datetime, expires_at: datetime
) -> int:
    """Make an offer whose dates hold their bays or technicians, and return its id.

    Raises
    ------
    psycopg.errors.ExclusionViolation
        `bay_serves_one_vehicle_at_a_time` or `technician_is_in_one_place`: somebody else took one of the times.
    """
    offer_id = one(
        connection.execute(
            "INSERT INTO offer (request_id, made_at, expires_at) VALUES (%s, %s, %s) RETURNING offer_id",
            [request_id, now, expires_at],
        ).fetchone()
    )
    # Everybody takes times in the same order, so that two who take several never wait for each other.
    ranked = sorted(enumerate(options, start=1), key=lambda each: (_whose(each[1]), each[1].during.start_at))
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO booking (request_id, offer_id, bay_id, technician_id, during, arrives_at, arrival_window,
                latitude, longitude, rank, reason, kind)
            VALUES (%(request_id)s, %(offer_id)s, %(bay_id)s, %(technician_id)s, %(during)s, %(arrives_at)s,
                %(window)s, %(latitude)s, %(longitude)s, %(rank)s, %(reason)s, 'held')""",
            [{"request_id": request_id, "offer_id": offer_id, "rank": rank} | _held(option) for rank, option in ranked],
        )
    return offer_id


def _whose(option: DropOff | Visit) -> int:
    match option:
        case DropOff(bay_id=bay_id):
            return bay_id
        case Visit(technician_id=technician_id):
            return technician_id


def _held(option: DropOff | Visit) -> dict[str, object]:
    promised: dict[str, object] = {"during": _range(option.during), "reason": Jsonb({"why": option.why})}
    match option:
        case DropOff(bay_id=bay_id):
            nobody = dict.fromkeys(("technician_id", "arrives_at", "window", "latitude", "longitude"))
            return promised | nobody | {"bay_id": bay_id}
        case Visit():
            return promised | {
                "bay_id": None,
                "technician_id": option.technician_id,
                "arrives_at": option.arrives_at,
                "window": _range(option.window),
                "latitude": option.place.latitude,
                "longitude": option.place.longitude,
            }


def _range(during: Interval) -> TimestamptzRange:
    return TimestamptzRange(during.start_at, during.end_at)


def is_open(connection: Connection, offer_id: int) -> bool:
    """Whether an offer still waits for an answer."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM offer WHERE offer_id = %s AND closed_at IS NULL)", [offer_id]
    ).fetchone()
    return row == (True,)


def has_open_offer(connection: Connection, request_id: int) -> bool:
    """Whether a request's owner has dates to choose from."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM offer WHERE request_id = %s AND closed_at IS NULL)", [request_id]
    ).fetchone()
    return row == (True,)


def close_offers(connection: Connection, request_id: int, outcome: str, now: datetime) -> None:
    """Close a request's open offer and end its holds."""
    connection.execute(
        "UPDATE offer SET closed_at = %s, outcome = %s WHERE request_id = %s AND closed_at IS NULL",
        [now, outcome, request_id],
    )
    connection.execute(
        "UPDATE booking SET released_at = %s WHERE request_id = %s AND kind = 'held' AND released_at IS NULL",
        [now, request_id],
    )


def offer_is_over(connection: Connection, request_id: int, now: datetime) -> bool:
    """Whether a request's open offer has run out; one that was made meanwhile in its place has not."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM offer WHERE request_id = %s AND closed_at IS NULL AND expires_at <= %s)",
        [request_id, now],
    ).fetchone()
    return row == (True,)


def find_booking(connection: Connection, request_id: int, booking_id: int) -> Booking | None:
    """Return one of a request's bookings."""
    with connection.cursor(row_factory=class_row(Booking)) as cursor:
        return cursor.execute(
            """SELECT k.booking_id, k.offer_id, k.centre_id, k.begins_at, k.ends_at, k.sets_out_at, k.arrives_at,
                k.done_at, k.released_at, k.skills, o.outcome, k.technician_id, k.latitude, k.longitude
            FROM booking_seen k JOIN offer o USING (offer_id)
            WHERE k.request_id = %s AND k.booking_id = %s""",
            [request_id, booking_id],
        ).fetchone()


def book(connection: Connection, booking: Booking, request_id: int, now: datetime) -> int:
    """Make a held time the request's booked one, and return the appointment's id.

    Raises
    ------
    psycopg.errors.ExclusionViolation
        `bay_serves_one_vehicle_at_a_time` or `technician_is_in_one_place`: the hold had ended and somebody else has
        the time now.
    """
    connection.execute(
        "UPDATE booking SET kind = 'booked', released_at = NULL WHERE booking_id = %s", [booking.booking_id]
    )
    return one(
        connection.execute(
            """INSERT INTO appointment (request_id, booking_id, state, during, confirmed_at)
            VALUES (%s, %s, 'confirmed', %s, %s) RETURNING appointment_id""",
            [request_id, booking.booking_id, TimestamptzRange(booking.begins_at, booking.ends_at), now],
        ).fetchone()
    )


def living_appointment(connection: Connection, request_id: int) -> tuple[int, int] | None:
    """Return (appointment id, booking id) of a request's confirmed appointment."""
    row = connection.execute(
        "SELECT appointment_id, booking_id FROM appointment WHERE request_id = %s AND state = 'confirmed'", [request_id]
    ).fetchone()
    return None if row is None else (row[0], row[1])


def has_date_ahead(connection: Connection, request_id: int, now: datetime) -> bool:
    """Whether a request has a confirmed appointment that is not over yet."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM appointment a JOIN booking_seen k USING (booking_id)
            WHERE a.request_id = %(request)s AND a.state = 'confirmed'
                AND greatest(upper(a.during), k.done_at) > %(now)s)""",
        {"request": request_id, "now": now},
    ).fetchone()
    return row == (True,)


def renew_appointment(connection: Connection, appointment_id: int) -> None:
    """Count a change of what an appointment's calendar entry says, so that calendars take the new one."""
    connection.execute("UPDATE appointment SET revision = revision + 1 WHERE appointment_id = %s", [appointment_id])


def cancel_appointment(connection: Connection, request_id: int, now: datetime, why: str = "cancelled") -> int | None:
    """Cancel a request's appointment and free its time; return which it was, None where there was none."""
    row = connection.execute(
        """UPDATE appointment SET state = 'cancelled', cancelled_at = %s, revision = revision + 1, ended_why = %s
        WHERE request_id = %s AND state = 'confirmed' RETURNING appointment_id, booking_id""",
        [now, why, request_id],
    ).fetchone()
    if row is None:
        return None
    connection.execute("UPDATE booking SET released_at = %s WHERE booking_id = %s", [now, row[1]])
    return row[0]
