"""Calendars: on which days a centre keeps other hours than usual, a supplier works, and people and bays are absent.

Public holidays are reckoned by the library `holidays` from the country and region of a centre or supplier; a day that was
entered for the centre goes before them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

import holidays
from psycopg.rows import class_row
from psycopg.types.range import TimestamptzRange

from gateway.storage.connection import Connection
from workflows.dates import HORIZON_DAYS, Interval

# Parts may be weeks away, and owners may wish for a day that is even later.
_DAYS_KNOWN = HORIZON_DAYS * 4


class UnknownCountryError(ValueError):
    """A country or region of whose public holidays nothing is known."""


@dataclass(frozen=True, slots=True)
class Absence:
    """When a technician or a bay is absent; `who` is the name, `kind` why."""

    absence_id: int
    technician_id: int | None
    bay_id: int | None
    who: str
    begins_at: datetime
    ends_at: datetime
    kind: str
    note: str


@dataclass(frozen=True, slots=True)
class CentreDay:
    """A day on which a centre is closed (no hours), or open at other hours than usual."""

    day: date
    opens: time | None
    closes: time | None
    reason: str


@lru_cache(maxsize=256)
def public_holidays(country: str, region: str, year: int) -> Mapping[date, str]:
    """Return a year's public holidays by day, in English.

    Raises
    ------
    UnknownCountryError
        Nothing is known of this country, or it has no such region.
    """
    if not country:
        return {}
    try:
        found = holidays.country_holidays(country, subdiv=region or None, years=year)
    except NotImplementedError as error:
        raise UnknownCountryError(
            f"no public holidays are known of {country!r} {region!r}: {error}. Correct country and region, or leave them out."
        ) from error
    return dict(found.items())


def exceptions_of(connection: Connection, now: datetime) -> dict[int, dict[date, tuple[time, time] | None]]:
    """Return the days ahead on which a centre keeps other hours than usual, by centre; None where it is closed."""
    today = now.date() - timedelta(days=1)
    last = today + timedelta(days=_DAYS_KNOWN)
    found: dict[int, dict[date, tuple[time, time] | None]] = {}
    for centre_id, country, region in connection.execute("SELECT centre_id, country, region FROM service_centre"):
        days = (day for year in range(today.year, last.year + 1) for day in public_holidays(country, region, year))
        found[centre_id] = {day: None for day in days if today <= day <= last}
    for centre_id, day, opens, closes in connection.execute(
        "SELECT centre_id, day, opens, closes FROM centre_day WHERE day BETWEEN %s AND %s", [today, last]
    ):
        found.setdefault(centre_id, {})[day] = None if opens is None else (opens, closes)
    return found


def supplier_days(
    connection: Connection, supplier_ids: Sequence[int], now: datetime
) -> dict[int, tuple[frozenset[int] | None, frozenset[date]]]:
    """Return suppliers' calendars: the weekdays (0 is Monday) on which each works, None where nobody knows, and closed days.

    His public holidays and his weekend are his country's; days that were entered for him are closed besides.
    """
    first = now.date() - timedelta(days=1)
    years = range(first.year, (first + timedelta(days=_DAYS_KNOWN)).year + 1)
    found: dict[int, tuple[frozenset[int] | None, frozenset[date]]] = {}
    for supplier_id, country, region, closed_on in connection.execute(
        "SELECT supplier_id, country, region, closed_on FROM supplier WHERE supplier_id = ANY(%s)", [list(supplier_ids)]
    ):
        off = {day for year in years for day in public_holidays(country, region, year)}
        found[supplier_id] = (weekdays(country) if country else None, frozenset({*off, *closed_on}))
    return found


@lru_cache(maxsize=256)
def weekdays(country: str) -> frozenset[int]:
    """Return the weekdays (0 is Monday) that are no weekend in a country.

    >>> sorted(weekdays("SA"))
    [0, 1, 2, 3, 6]
    """
    return frozenset(range(7)) - holidays.country_holidays(country).weekend


def days_of(connection: Connection, centre_id: int, first: date) -> list[CentreDay]:
    """Return what was entered for a centre's days from a day on, in order."""
    with connection.cursor(row_factory=class_row(CentreDay)) as cursor:
        return cursor.execute(
            """SELECT day, opens, closes, reason FROM centre_day WHERE centre_id = %s AND day >= %s
            ORDER BY day LIMIT 100""",
            [centre_id, first],
        ).fetchall()


def set_day(
    connection: Connection,
    centre_id: int,
    day: date,
    hours: tuple[time, time] | None,
    reason: str,
    staff_id: int | None,
    now: datetime,
) -> None:
    """Say that a centre is closed on a day, or open at other hours than usual."""
    opens, closes = hours or (None, None)
    connection.execute(
        """INSERT INTO centre_day (centre_id, day, opens, closes, reason, staff_id, entered_at)
        VALUES (%(centre)s, %(day)s, %(opens)s, %(closes)s, %(reason)s, %(staff)s, %(now)s)
        ON CONFLICT (centre_id, day) DO UPDATE SET opens = EXCLUDED.opens, closes = EXCLUDED.closes,
            reason = EXCLUDED.reason, staff_id = EXCLUDED.staff_id, entered_at = EXCLUDED.entered_at""",
        {
            "centre": centre_id,
            "day": day,
            "opens": opens,
            "closes": closes,
            "reason": reason,
            "staff": staff_id,
            "now": now,
        },
    )


def unset_day(connection: Connection, centre_id: int, day: date) -> None:
    """Let a day be as usual again."""
    connection.execute("DELETE FROM centre_day WHERE centre_id = %s AND day = %s", [centre_id, day])


def absences_of(connection: Connection, technician_ids: Sequence[int], now: datetime) -> dict[int, list[Interval]]:
    """Return when technicians are absent from now on, by technician."""
    found: dict[int, list[Interval]] = {}
    for technician_id, begins_at, ends_at in connection.execute(
        """SELECT technician_id, lower(during), upper(during) FROM absence
        WHERE technician_id = ANY(%s) AND withdrawn_at IS NULL AND upper(during) > %s ORDER BY during""",
        [list(technician_ids), now],
    ):
        found.setdefault(technician_id, []).append(Interval(begins_at, ends_at))
    return found


def enter_absence(
    connection: Connection,
    *,
    technician_id: int | None,
    bay_id: int | None,
    during: Interval,
    kind: str,
    note: str,
    staff_id: int | None,
    now: datetime,
) -> int | None:
    """Enter an absence and return its number; None when one is entered for some of that time already."""
    row = connection.execute(
        """INSERT INTO absence (technician_id, bay_id, during, kind, note, staff_id, entered_at)
        VALUES (%(technician)s, %(bay)s, %(during)s, %(kind)s, %(note)s, %(staff)s, %(now)s)
        ON CONFLICT DO NOTHING RETURNING absence_id""",
        {
            "technician": technician_id,
            "bay": bay_id,
            "during": TimestamptzRange(during.start_at, during.end_at),
            "kind": kind,
            "note": note,
            "staff": staff_id,
            "now": now,
        },
    ).fetchone()
    return None if row is None else row[0]


def withdraw_absence(connection: Connection, absence_id: int, now: datetime) -> bool:
    """End an absence: its time can be promised again; return whether there was one."""
    row = connection.execute(
        "UPDATE absence SET withdrawn_at = %s WHERE absence_id = %s AND withdrawn_at IS NULL RETURNING absence_id",
        [now, absence_id],
    ).fetchone()
    return row is not None


def absences_at(connection: Connection, centre_id: int, during: Interval) -> list[Absence]:
    """Return the absences of a centre's people and bays that touch a stretch of time."""
    with connection.cursor(row_factory=class_row(Absence)) as cursor:
        return cursor.execute(
            """SELECT a.absence_id, a.technician_id, a.bay_id, coalesce(t.name, b.name) AS who,
                lower(a.during) AS begins_at, upper(a.during) AS ends_at, a.kind, a.note
            FROM absence a LEFT JOIN technician t USING (technician_id) LEFT JOIN bay b USING (bay_id)
            WHERE coalesce(t.centre_id, b.centre_id) = %s AND a.withdrawn_at IS NULL AND a.during && %s
            ORDER BY a.during, a.absence_id""",
            [centre_id, TimestamptzRange(during.start_at, during.end_at)],
        ).fetchall()
