"""Readings that are older than they are kept: which pieces of the tables they lie in, and forgetting these.

What is forgotten and what is kept all the same is decided in the database, by `forget_readings` and `reading_need`:
nobody may delete a reading in another way, so nobody can delete one that a request stands on. Hours likewise, by
`forget_hours`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from psycopg.errors import DeadlockDetected, LockNotAvailable
from psycopg.rows import class_row

from gateway.storage.connection import Connection

# In use: somebody else holds the table; nothing was done, and it is tried again with the next sweep.
Outcome = Literal["forgotten", "needed", "received_lately", "not_seen", "not_rolled_up", "in_use"]
LOOK_AGAIN: Final = timedelta(days=1)
# Whoever holds a table for longer is not pushed aside: the piece is tried again.
_LOCK_MS: Final = 500
# So many at a time take a fraction of a second.
_DEVICES_AT_A_TIME: Final = 500
_HOURS_AT_A_TIME: Final = 5000


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time that one or several whole pieces of a table hold."""

    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What became of a stretch: its readings that are gone, and those that are kept because they are needed."""

    outcome: Outcome
    forgotten: int
    kept: int


@dataclass(frozen=True, slots=True)
class Held:
    """Stretches of a product that are older than wanted and could not be forgotten, by why."""

    product: str
    outcome: Outcome
    stretches: int
    oldest_at: datetime


def overdue(connection: Connection, product: str, before: datetime, now: datetime, most: int) -> list[Stretch]:
    """Return the oldest pieces that end before an instant and were not looked at for a day.

    Parameters
    ----------
    connection : Connection
        In the role of work.
    product : str
        Product type.
    before : datetime
        What ends later is kept.
    now : datetime
        Aware.
    most : int
        How many at most.
    """
    with connection.cursor(row_factory=class_row(Stretch)) as cursor:
        return cursor.execute(
            """SELECT p.begins_at, p.ends_at FROM reading_pieces(%(table)s::regclass) p
            LEFT JOIN reading_retention r
                ON r.product = %(product)s AND r.begins_at = p.begins_at AND r.ends_at = p.ends_at
            WHERE p.ends_at <= %(before)s AND (r.looked_at IS NULL OR r.looked_at <= %(looked_before)s)
            ORDER BY p.begins_at LIMIT %(most)s""",
            {
                "table": f"callout.{product}_reading",
                "product": product,
                "before": before,
                "looked_before": now - LOOK_AGAIN,
                "most": most,
            },
        ).fetchall()


def scattered(connection: Connection, product: str, before: datetime) -> Stretch | None:
    """Return the oldest month whose pieces are all past and looked at, of which little is left in more than one piece.

    Their number would grow for ever; one piece a month does not hurt.
    """
    with connection.cursor(row_factory=class_row(Stretch)) as cursor:
        return cursor.execute(
            """SELECT date_trunc('month', p.begins_at, 'UTC') AS begins_at,
                date_trunc('month', p.begins_at, 'UTC') + interval '1 month' AS ends_at
            FROM reading_pieces(%(table)s::regclass) p
            LEFT JOIN reading_retention r
                ON r.product = %(product)s AND r.begins_at = p.begins_at AND r.ends_at = p.ends_at
            WHERE date_trunc('month', p.begins_at, 'UTC') + interval '1 month' <= %(before)s
            GROUP BY date_trunc('month', p.begins_at, 'UTC')
            HAVING count(*) > 1 AND bool_and(coalesce(r.outcome IN ('forgotten', 'needed'), false))
                AND max(p.ends_at) <= date_trunc('month', p.begins_at, 'UTC') + interval '1 month'
            ORDER BY 1 LIMIT 1""",
            {"table": f"callout.{product}_reading", "product": product, "before": before},
        ).fetchone()


def forget(
    connection: Connection, product: str, stretch: Stretch, *, received_before: datetime, now: datetime
) -> Forgotten:
    """Forget what nobody needs of a stretch, note what became of it, and return that; one transaction.

    Whoever writes or reads is not kept waiting for more than half a second beyond the work itself.
    """
    try:
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", [f"{_LOCK_MS}ms"])
            found = _forget(connection, product, stretch, received_before)
            _note(connection, product, stretch, found, now)
            return found
    except (LockNotAvailable, DeadlockDetected):
        return Forgotten("in_use", 0, 0)


def _forget(connection: Connection, product: str, stretch: Stretch, received_before: datetime) -> Forgotten:
    with connection.cursor(row_factory=class_row(Forgotten)) as cursor:
        found = cursor.execute(
            "SELECT outcome, forgotten, kept FROM forget_readings(%s::regclass, %s, %s, %s)",
            [f"callout.{product}_reading", stretch.begins_at, stretch.ends_at, received_before],
        ).fetchone()
    if found is None:
        message = "a function of one row gave none"
        raise RuntimeError(message)
    return found


def _note(connection: Connection, product: str, stretch: Stretch, found: Forgotten, now: datetime) -> None:
    asked = {
        "product": product,
        "begins": stretch.begins_at,
        "ends": stretch.ends_at,
        "now": now,
        "outcome": found.outcome,
        "forgotten": found.forgotten,
        "kept": found.kept,
    }
    # A month that is in one piece now takes the place of its days.
    connection.execute(
        """DELETE FROM reading_retention WHERE product = %(product)s AND begins_at >= %(begins)s AND ends_at <= %(ends)s
            AND (begins_at, ends_at) <> (%(begins)s, %(ends)s)""",
        asked,
    )
    connection.execute(
        """INSERT INTO reading_retention (product, begins_at, ends_at, looked_at, outcome, forgotten, kept)
        VALUES (%(product)s, %(begins)s, %(ends)s, %(now)s, %(outcome)s, %(forgotten)s, %(kept)s)
        ON CONFLICT (product, begins_at, ends_at) DO UPDATE SET looked_at = EXCLUDED.looked_at,
            outcome = EXCLUDED.outcome, forgotten = reading_retention.forgotten + EXCLUDED.forgotten, kept = EXCLUDED.kept""",
        asked,
    )


def held(connection: Connection) -> Sequence[Held]:
    """Return what is older than wanted and could not be forgotten, by product and reason."""
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(
            """SELECT product, outcome, count(*) AS stretches, min(begins_at) AS oldest_at
            FROM callout.reading_retention WHERE outcome NOT IN ('forgotten', 'needed')
            GROUP BY product, outcome ORDER BY product, outcome"""
        ).fetchall()


def forget_hours(connection: Connection, product: str, after: int, before: datetime) -> tuple[int, int | None]:
    """Forget old hours of the next devices, a bounded number; return how many, and the device to go on after.

    Parameters
    ----------
    connection : Connection
        In the role of work, in autocommit mode.
    product : str
        Product type.
    after : int
        The device up to which it is done; 0 at first.
    before : datetime
        Hours that begin later are kept.

    Returns
    -------
    tuple
        How many hours are gone, and the device to go on after; None when all devices were looked at.
    """
    row = connection.execute(
        "SELECT forgotten, up_to FROM forget_hours(%s, %s, %s, %s, %s)",
        [product, after, _DEVICES_AT_A_TIME, before, _HOURS_AT_A_TIME],
    ).fetchone()
    if row is None:
        message = "a function of one row gave none"
        raise RuntimeError(message)
    return int(row[0]), row[1]
