"""Routes: technicians with what is promised of their days, and the lock under which a visit is put into one.

The exclusion constraint `technician_is_in_one_place` sees times; ways between places it does not see. So whoever puts a
visit into a route looks at it once more under a lock that is the technician's.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from gateway.storage.calendars import absences_of, exceptions_of
from gateway.storage.connection import Connection
from gateway.storage.promises import Booking, hours_by_weekday, interval
from workflows.dates import Dates, DropOff, Place, Visit, Work, distance_km
from workflows.visits import Crew, Stop, Technician, fits

# So many of the nearest are asked, however many there are.
_ASKED: Final = 60
_LOCK: Final = 2


class RouteChangedError(Exception):
    """Somebody else was promised a visit meanwhile, and there is no time for this one any more."""


def load_crews(
    connection: Connection, place: Place, work: Work, ready_at: Mapping[int, datetime], now: datetime
) -> list[Crew]:
    """Return the tenant's service centres, each with those of its technicians who have the skills, the nearest of all.

    Parameters
    ----------
    connection : Connection
        In a tenant's transaction.
    place : Place
        Where the device is.
    work : Work
        For its skills.
    ready_at : mapping of int to datetime
        From when on a centre has the parts; one that is missing cannot have them, and has nobody to send.
    now : datetime
        Visits that ended before are left out.
    """
    centres = connection.execute("SELECT centre_id, time_zone, latitude, longitude FROM service_centre").fetchall()
    people = _technicians(connection, place, work.skills, list(ready_at), now)
    exceptions = exceptions_of(connection, now)
    return [
        Crew(
            centre_id,
            time_zone,
            people.get(centre_id, []),
            ready_at.get(centre_id),
            distance_km(place.latitude, place.longitude, latitude, longitude),
            exceptions[centre_id],
        )
        for centre_id, time_zone, latitude, longitude in centres
    ]


def _technicians(
    connection: Connection, place: Place, skills: frozenset[str], centre_ids: Sequence[int], now: datetime
) -> dict[int, list[Technician]]:
    """Return the nearest technicians with the skills, by centre; near is measured on a flat map, which is near enough."""
    rows = connection.execute(
        """SELECT technician_id, centre_id, skills, hours, latitude, longitude FROM technician
        WHERE retired_at IS NULL AND skills @> %(skills)s AND centre_id = ANY(%(centres)s)
        ORDER BY (latitude - %(latitude)s) ^ 2 + ((longitude - %(longitude)s) * cos(radians(%(latitude)s))) ^ 2,
            technician_id
        LIMIT %(asked)s""",
        {
            "skills": sorted(skills),
            "centres": list(centre_ids),
            "latitude": place.latitude,
            "longitude": place.longitude,
            "asked": _ASKED,
        },
    ).fetchall()
    stops = _stops(connection, [row[0] for row in rows], now)
    absences = absences_of(connection, [row[0] for row in rows], now)
    found: dict[int, list[Technician]] = {}
    for technician_id, centre_id, has_skills, hours, latitude, longitude in rows:
        found.setdefault(centre_id, []).append(
            Technician(
                technician_id,
                frozenset(has_skills),
                Place(latitude, longitude),
                hours_by_weekday(hours),
                stops.get(technician_id, []),
                absences.get(technician_id, []),
            )
        )
    return found


def _stops(
    connection: Connection, technician_ids: Sequence[int], now: datetime, *, but: int | None = None
) -> dict[int, list[Stop]]:
    """Return what is promised of technicians from now on, save one booking."""
    rows = connection.execute(
        """SELECT technician_id, during, arrives_at, latitude, longitude FROM booking
        WHERE technician_id = ANY(%(technicians)s) AND released_at IS NULL AND during && tstzrange(%(now)s, NULL)
            AND booking_id IS DISTINCT FROM %(but)s
        ORDER BY lower(during)""",
        {"technicians": list(technician_ids), "now": now, "but": but},
    )
    found: dict[int, list[Stop]] = {}
    for technician_id, during, arrives_at, latitude, longitude in rows:
        found.setdefault(technician_id, []).append(Stop(interval(during), arrives_at, Place(latitude, longitude)))
    return found


def keep_routes(connection: Connection, dates: Dates, now: datetime) -> None:
    """Lock the technicians of an offer's visits until the transaction ends, and see that each visit still fits.

    Raises
    ------
    RouteChangedError
        One of them does not: somebody else was promised a visit since these dates were found.
    """
    visits = [option for option in dates.options if not isinstance(option, DropOff)]
    if visits:
        lock_routes(connection, {visit.technician_id for visit in visits})
        _see_that_they_fit(connection, visits, now)


def keep_route(connection: Connection, booking: Booking, now: datetime) -> None:
    """Do the same for a visit whose hold had ended, before it is booked after all; a bay needs its constraint only.

    Raises
    ------
    RouteChangedError
        The technician has been promised to somebody else.
    """
    if booking.visit is None or booking.released_at is None:
        return
    lock_routes(connection, {booking.visit.technician_id})
    _see_that_they_fit(connection, [booking.visit], now, but=booking.booking_id)


def lock_routes(connection: Connection, technician_ids: Collection[int]) -> None:
    """Lock technicians' routes until the transaction ends, always in the same order."""
    connection.execute(
        "SELECT pg_advisory_xact_lock(%s, technician_id) FROM unnest(%s::int[]) AS locked (technician_id)",
        [_LOCK, sorted(set(technician_ids))],
    )


def _see_that_they_fit(
    connection: Connection, visits: Sequence[Visit], now: datetime, *, but: int | None = None
) -> None:
    technician_ids = sorted({visit.technician_id for visit in visits})
    rows = connection.execute(
        "SELECT technician_id FROM technician WHERE technician_id = ANY(%s) AND retired_at IS NULL", [technician_ids]
    ).fetchall()
    here = {row[0] for row in rows}
    stops = _stops(connection, technician_ids, now, but=but)
    for visit in visits:
        if visit.technician_id not in here:
            raise RouteChangedError(f"technician {visit.technician_id} is retired")
        if not fits(visit, stops.get(visit.technician_id, [])):
            raise RouteChangedError(
                f"technician {visit.technician_id} is on the way to somebody else at {visit.arrives_at}"
            )
