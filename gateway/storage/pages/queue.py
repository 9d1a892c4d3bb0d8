"""The planner's queue: what needs a person first, a page at a time, and how much there is of each kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg import sql
from psycopg.rows import class_row

from gateway.storage.connection import Connection
from gateway.storage.pages.evidence import Hypothesis, hypotheses_of

# Ended requests are counted no further than this: the number would grow with the fleet and tell nobody anything.
COUNTED_AT_MOST: Final = 999


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One request in the queue; (`urgency`, `clock_at`, `request_id`) is its place.

    `urgency` is 0 for safety, 1 for a case that waits for a person, 2 for the rest; `clock_at` is when the case is
    due, else when the request was opened.
    """

    urgency: int
    clock_at: datetime
    request_id: int
    state: str
    is_safety: bool
    severity: str
    opened_at: datetime
    product: str
    device: str
    model: str
    place_name: str
    owner_name: str
    queue: str | None
    due_at: datetime | None
    verdict: str
    best: object
    appointment_at: datetime | None
    time_zone: str

    def hypothesis(self) -> Hypothesis | None:
        """Return the best hypothesis, None where the diagnosis has none."""
        return next(iter(hypotheses_of([self.best])), None) if self.best is not None else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the queue ends: the next one begins after it."""

    urgency: int
    clock_at: datetime
    request_id: int


_ROWS: Final[LiteralString] = """
    WITH line AS (
        SELECT r.*, h.queue, h.due_at,
               CASE WHEN r.is_safety THEN 0 WHEN h.case_id IS NOT NULL THEN 1 ELSE 2 END AS urgency,
               coalesce(h.due_at, r.opened_at) AS clock_at
        FROM service_request r
        LEFT JOIN LATERAL (
            SELECT case_id, queue, due_at FROM human_case
            WHERE request_id = r.request_id AND closed_at IS NULL ORDER BY due_at LIMIT 1
        ) h ON true
        WHERE {which}
    )
    SELECT l.urgency, l.clock_at, l.request_id, l.state, l.is_safety, l.severity, l.opened_at, d.product,
           d.name AS device, d.model, d.place_name, o.name AS owner_name, l.queue, l.due_at, g.verdict,
           g.hypotheses -> 0 AS best, lower(a.during) AS appointment_at, coalesce(c.time_zone, d.time_zone) AS time_zone
    FROM (SELECT * FROM line WHERE {after} ORDER BY {order} LIMIT %(limit)s) l
    JOIN device d USING (device_id)
    JOIN owner o ON o.owner_id = l.owner_id
    JOIN diagnosis g USING (diagnosis_id)
    LEFT JOIN appointment a ON a.request_id = l.request_id AND a.state = 'confirmed'
    LEFT JOIN booking_seen b USING (booking_id)
    LEFT JOIN service_centre c ON c.centre_id = b.centre_id
    ORDER BY {order}"""

_URGENT_FIRST: Final = sql.SQL("urgency, clock_at, request_id")
_NEWEST_FIRST: Final = sql.SQL("opened_at DESC, request_id DESC")

_FILTERS: Final[Mapping[str, sql.SQL]] = {
    # What a person has in hand is here whatever its state is: a date that no longer suffices, money that does not go back.
    "all": sql.SQL(
        """(r.closed_at IS NULL AND r.state <> 'confirmed')
           OR r.request_id = ANY (ARRAY(SELECT request_id FROM human_case WHERE closed_at IS NULL))"""
    ),
    "open": sql.SQL("r.closed_at IS NULL AND r.state IN ('open', 'held', 'remedying', 'asking', 'quoted')"),
    "waiting": sql.SQL("r.closed_at IS NULL AND r.state = 'waiting'"),
    "offered": sql.SQL("r.closed_at IS NULL AND r.state = 'offered'"),
    "confirmed": sql.SQL("r.state = 'confirmed'"),
    "solved": sql.SQL("r.state = 'solved'"),
    "cancelled": sql.SQL("r.state = 'cancelled'"),
}
FILTERS: Final = tuple(_FILTERS)
_BY_AGE: Final = frozenset({"confirmed", "solved", "cancelled"})


def page(conn: Connection, which: str, *, after: Place | None, limit: int) -> list[QueueRow]:
    """Return the next rows of the queue after a place.

    What still needs doing comes by urgency, then by clock; what is settled comes newest first.

    Raises
    ------
    KeyError
        `which` is not one of `FILTERS`.
    """
    by_age = which in _BY_AGE
    following = (
        sql.SQL("%(request_id)s::bigint IS NULL OR (opened_at, request_id) < (%(clock_at)s, %(request_id)s)")
        if by_age
        else sql.SQL(
            """%(request_id)s::bigint IS NULL OR
               (urgency, clock_at, request_id) > (%(urgency)s, %(clock_at)s, %(request_id)s)"""
        )
    )
    query = sql.SQL(_ROWS).format(
        which=_FILTERS[which], after=following, order=_NEWEST_FIRST if by_age else _URGENT_FIRST
    )
    with conn.cursor(row_factory=class_row(QueueRow)) as cursor:
        return cursor.execute(
            query,
            {
                "limit": limit,
                "urgency": after.urgency if after else None,
                "clock_at": after.clock_at if after else None,
                "request_id": after.request_id if after else None,
            },
        ).fetchall()


def place_after(row: QueueRow, which: str) -> Place:
    """Return the place that the page after this row begins at."""
    return Place(row.urgency, row.opened_at if which in _BY_AGE else row.clock_at, row.request_id)


def counts(conn: Connection) -> dict[str, int]:
    """Return how many requests each filter has, in one query; settled ones up to `COUNTED_AT_MOST` + 1."""
    rows = conn.execute(
        """SELECT state, count(*) FROM service_request
           WHERE closed_at IS NULL AND state <> 'confirmed' GROUP BY state
           UNION ALL
           SELECT 'in_hand', count(*) FROM service_request
           WHERE request_id = ANY (ARRAY(SELECT request_id FROM human_case WHERE closed_at IS NULL))
               AND (closed_at IS NOT NULL OR state = 'confirmed')
           UNION ALL
           SELECT 'confirmed', count(*) FROM (
               SELECT FROM service_request WHERE state = 'confirmed' LIMIT %(most)s) c
           UNION ALL
           SELECT 'solved', count(*) FROM (
               SELECT FROM service_request WHERE state = 'solved' LIMIT %(most)s) c
           UNION ALL
           SELECT 'cancelled', count(*) FROM (
               SELECT FROM service_request WHERE state = 'cancelled' LIMIT %(most)s) c""",
        {"most": COUNTED_AT_MOST + 1},
    ).fetchall()
    by_state = {str(state): int(count) for state, count in rows}
    found = {name: by_state.get(name, 0) for name in ("waiting", "offered", "confirmed", "solved", "cancelled")}
    found["open"] = sum(by_state.get(name, 0) for name in ("open", "held", "remedying", "asking", "quoted"))
    found["all"] = found["open"] + found["waiting"] + found["offered"] + by_state.get("in_hand", 0)
    return found
