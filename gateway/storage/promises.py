"""Promises: parts reserved, bays held for offered dates, appointments. The database's named constraints protect them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg.types.range import Range, TimestamptzRange

from gateway.storage.connection import Connection
from gateway.storage.findings import one
from workflows.dates import Bay, Centre, DateOption, Interval, distance_km

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Booking:
    """A bay's time that is or was held for a request."""

    booking_id: int
    bay_id: int
    offer_id: int
    centre_id: int
    start_at: datetime
    end_at: datetime
    kind: str
    released_at: datetime | None
    skills: list[str]
    outcome: str | None


def load_centres(
    connection: Connection, place: tuple[float, float] | None, part_nos: Sequence[str], now: datetime
) -> list[Centre]:
    """Return the tenant's service centres with their bays' taken times and what is free of the given parts.

    Parameters
    ----------
    connection : Connection
        In a tenant's transaction.
    place : tuple of float or None
        Latitude and longitude to measure distances from, in degrees.
    part_nos : sequence of str
        The parts of which free stock is wanted.
    now : datetime
        Bookings that ended before are left out.
    """
    bays: dict[int, list[Bay]] = {}
    rows = connection.execute(
        """SELECT b.centre_id, b.bay_id, b.skills,
            coalesce(array_agg(k.during ORDER BY k.during) FILTER (WHERE k.during IS NOT NULL), '{}')
        FROM bay b
        LEFT JOIN bay_booking k ON k.bay_id = b.bay_id AND k.released_at IS NULL AND upper(k.during) > %s
        GROUP BY b.bay_id ORDER BY b.bay_id""",
        [now],
    )
    for centre_id, bay_id, skills, taken in rows:
        bays.setdefault(centre_id, []).append(Bay(bay_id, frozenset(skills), [_interval(during) for during in taken]))
    free: dict[int, dict[str, int]] = {}
    for centre_id, part_no, count in connection.execute(
        "SELECT centre_id, part_no, on_hand - allocated FROM stock_level WHERE part_no = ANY(%s)", [list(part_nos)]
    ):
        free.setdefault(centre_id, {})[part_no] = count
    centres = connection.execute("SELECT centre_id, time_zone, hours, latitude, longitude FROM service_centre")
    return [
        Centre(
            centre_id,
            time_zone,
            _hours(hours),
            bays.get(centre_id, []),
            free.get(centre_id, {}),
            distance_km(*place, latitude, longitude) if place else 0.0,
        )
        for centre_id, time_zone, hours, latitude, longitude in centres
    ]


def _interval(during: Range[datetime]) -> Interval:
    if during.lower is None or during.upper is None:
        raise ValueError(f"booking {during} has no beginning or no end")
    return Interval(during.lower, during.upper)


def _hours(hours: dict[str, list[str]]) -> dict[int, tuple[time, time]]:
    return {
        _DAYS.index(day): (time.fromisoformat(opens), time.fromisoformat(closes))
        for day, (opens, closes) in hours.items()
    }


def reserve_parts(
    connection: Connection, request_id: int, centre_id: int, part_nos: Sequence[str], now: datetime
) -> None:
    """Reserve one of each part at a centre; reservations of the request at another centre end.

    Raises
    ------
    psycopg.errors.CheckViolation
        `no_part_is_promised_twice`: somebody else took the last one.
    """
    connection.execute(
        "UPDATE reservation SET released_at = %s WHERE request_id = %s AND released_at IS NULL AND centre_id <> %s",
        [now, request_id, centre_id],
    )
    for part_no in sorted(part_nos):
        connection.execute(
            """INSERT INTO reservation (request_id, centre_id, part_no, quantity, reserved_at) VALUES (%s, %s, %s, 1, %s)
            ON CONFLICT (request_id, part_no) WHERE released_at IS NULL DO NOTHING""",
            [request_id, centre_id, part_no, now],
        )


def reserved_parts(connection: Connection, request_id: int) -> tuple[int | None, frozenset[str]]:
    """Return the centre at which a request holds parts, and which; None when it holds none."""
    rows = connection.execute(
        "SELECT centre_id, part_no FROM reservation WHERE request_id = %s AND released_at IS NULL", [request_id]
    ).fetchall()
    return (rows[0][0] if rows else None, frozenset(row[1] for row in rows))


def release_parts(connection: Connection, request_id: int, now: datetime, *, kept: Sequence[str] = ()) -> None:
    """Give a request's parts back to the stock, except for those that are kept."""
    connection.execute(
        """UPDATE reservation SET released_at = %s
        WHERE request_id = %s AND released_at IS NULL AND part_no <> ALL(%s::text[])""",
        [now, request_id, list(kept)],
    )


def hold_dates(
    connection: Connection, request_id: int, options: Sequence[DateOption], now: datetime, expires_at: datetime
) -> int:
    """Make an offer whose dates hold their bays, and return its id.

    Raises
    ------
    psycopg.errors.ExclusionViolation
        `bay_serves_one_vehicle_at_a_time`: somebody else took one of the times.
    """
    offer_id = one(
        connection.execute(
            "INSERT INTO offer (request_id, made_at, expires_at) VALUES (%s, %s, %s) RETURNING offer_id",
            [request_id, now, expires_at],
        ).fetchone()
    )
    for rank, option in enumerate(options, start=1):
        connection.execute(
            """INSERT INTO bay_booking (bay_id, request_id, offer_id, during, rank, reason, kind)
            VALUES (%s, %s, %s, %s, %s, %s, 'held')""",
            [
                option.bay_id,
                request_id,
                offer_id,
                TimestamptzRange(option.during.start_at, option.during.end_at),
                rank,
                Jsonb({"why": option.why}),
            ],
        )
    return offer_id


def close_offers(connection: Connection, request_id: int, outcome: str, now: datetime) -> None:
    """Close a request's open offer and end its holds."""
    connection.execute(
        "UPDATE offer SET closed_at = %s, outcome = %s WHERE request_id = %s AND closed_at IS NULL",
        [now, outcome, request_id],
    )
    connection.execute(
        "UPDATE bay_booking SET released_at = %s WHERE request_id = %s AND kind = 'held' AND released_at IS NULL",
        [now, request_id],
    )


def find_booking(connection: Connection, request_id: int, booking_id: int) -> Booking | None:
    """Return one of a request's bookings."""
    with connection.cursor(row_factory=class_row(Booking)) as cursor:
        return cursor.execute(
            """SELECT k.booking_id, k.bay_id, k.offer_id, b.centre_id, lower(k.during) AS start_at,
                upper(k.during) AS end_at, k.kind, k.released_at, b.skills, o.outcome
            FROM bay_booking k JOIN bay b USING (bay_id) JOIN offer o USING (offer_id) WHERE k.request_id = %s AND k.booking_id = %s""",
            [request_id, booking_id],
        ).fetchone()


def book(connection: Connection, booking: Booking, request_id: int, now: datetime) -> int:
    """Make a held time the request's booked one, and return the appointment's id.

    Raises
    ------
    psycopg.errors.ExclusionViolation
        `bay_serves_one_vehicle_at_a_time`: the hold had ended and somebody else has the time now.
    """
    connection.execute(
        "UPDATE bay_booking SET kind = 'booked', released_at = NULL WHERE booking_id = %s", [booking.booking_id]
    )
    return one(
        connection.execute(
            """INSERT INTO appointment (request_id, booking_id, state, during, confirmed_at)
            VALUES (%s, %s, 'confirmed', %s, %s) RETURNING appointment_id""",
            [request_id, booking.booking_id, TimestamptzRange(booking.start_at, booking.end_at), now],
        ).fetchone()
    )


def living_appointment(connection: Connection, request_id: int) -> tuple[int, int] | None:
    """Return (appointment id, booking id) of a request's confirmed appointment."""
    row = connection.execute(
        "SELECT appointment_id, booking_id FROM appointment WHERE request_id = %s AND state = 'confirmed'", [request_id]
    ).fetchone()
    return None if row is None else (row[0], row[1])


def cancel_appointment(connection: Connection, request_id: int, now: datetime) -> bool:
    """Cancel a request's appointment and free its bay; return whether there was one."""
    row = connection.execute(
        """UPDATE appointment SET state = 'cancelled', cancelled_at = %s, revision = revision + 1
        WHERE request_id = %s AND state = 'confirmed' RETURNING booking_id""",
        [now, request_id],
    ).fetchone()
    if row is None:
        return False
    connection.execute("UPDATE bay_booking SET released_at = %s WHERE booking_id = %s", [now, row[0]])
    return True
