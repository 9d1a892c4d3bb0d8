"""What has happened on the way from a reading to a date, read from the database for the person at the terminal.

It only reads, and each question is one query.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from devices.products import product_types
from gateway.embedded.journeys import Journey, journeys
from gateway.storage.connection import Connection, Role, connect

_NEWS: Final = """
    SELECT 'symptom ' || s.symptom_id AS key, s.decided_received_at AS happened_at, d.name AS device,
        'symptom' AS event, coalesce(%(titles)s::jsonb ->> s.monitor, s.monitor) || CASE WHEN s.element > 0 THEN ' ' || s.element ELSE '' END
            || ' since ' || to_char(s.since_at, 'YYYY-MM-DD HH24:MI "UTC"') AS detail
    FROM callout.symptom s JOIN callout.device d USING (device_id)
    WHERE s.state = 'confirmed' AND s.decided_received_at >= %(since_at)s
    UNION ALL
    SELECT 'event ' || e.event_id, e.happened_at, d.name, e.event,
        CASE e.event
            WHEN 'opened' THEN (SELECT coalesce(g.hypotheses -> 0 ->> 'title', '') FROM callout.diagnosis g
                WHERE g.diagnosis_id = r.diagnosis_id)
            WHEN 'case_opened' THEN (SELECT string_agg(p.name || ', due ' || to_char(h.due_at, 'HH24:MI "UTC"'), '; ')
                FROM callout.human_case h JOIN callout.staff p USING (staff_id) WHERE h.request_id = r.request_id)
            WHEN 'part_reserved' THEN (SELECT string_agg(v.part_no, ', ') FROM callout.reservation v
                WHERE v.request_id = r.request_id AND v.released_at IS NULL)
            WHEN 'part_ordered' THEN (SELECT i.part_no || ' from ' || s.title FROM callout.inbound i
                JOIN callout.supplier s USING (supplier_id) WHERE i.inbound_id = (e.detail ->> 'inbound_id')::bigint)
            WHEN 'part_confirmed' THEN (e.detail -> 'parts' ->> 0) || ' comes by '
                || to_char((e.detail ->> 'expected_at')::timestamptz, 'Dy DD Mon HH24:MI "UTC"')
            WHEN 'offered' THEN (SELECT string_agg(to_char(b.begins_at AT TIME ZONE c.time_zone, 'Dy DD Mon HH24:MI')
                    || CASE WHEN b.is_visit THEN to_char(b.ends_at AT TIME ZONE c.time_zone, '-HH24:MI') ELSE '' END,
                    ', ' ORDER BY b.rank) || ' (' || min(c.time_zone) || ')'
                FROM callout.booking_seen b JOIN callout.service_centre c USING (centre_id)
                WHERE b.request_id = r.request_id AND b.released_at IS NULL)
            WHEN 'confirmed' THEN (SELECT string_agg(
                    to_char(b.begins_at AT TIME ZONE c.time_zone, 'Dy DD Mon HH24:MI') || CASE WHEN b.is_visit
                        THEN to_char(b.ends_at AT TIME ZONE c.time_zone, '-HH24:MI') || ', ' || b.who || ' comes'
                        ELSE ', ' || c.title END, '; ')
                FROM callout.appointment a JOIN callout.booking_seen b USING (booking_id)
                JOIN callout.service_centre c USING (centre_id)
                WHERE a.request_id = r.request_id AND a.state = 'confirmed')
        END
    FROM callout.request_event e
    JOIN callout.service_request r USING (request_id) JOIN callout.device d USING (device_id)
    WHERE e.happened_at >= %(since_at)s
    ORDER BY happened_at, key
"""

_SUMMARY: Final = """
    SELECT
        (SELECT count(*) FROM callout.device) AS devices,
        (SELECT count(*) FROM callout.symptom WHERE confirmed_at IS NOT NULL) AS symptoms_found,
        (SELECT count(*) FROM callout.service_request) AS requests_opened,
        (SELECT count(*) FROM callout.human_case) AS cases_opened,
        (SELECT count(DISTINCT request_id) FROM callout.offer) AS requests_offered,
        (SELECT count(*) FROM callout.notice WHERE sent_at IS NOT NULL) AS notices_sent,
        (SELECT count(*) FROM callout.appointment WHERE state = 'confirmed') AS appointments,
        first.*
    FROM (SELECT 1) AS one LEFT JOIN LATERAL (
        SELECT d.name AS device,
            extract(epoch FROM (SELECT min(o.made_at) FROM callout.offer o WHERE o.request_id = r.request_id)
                - r.decided_received_at)::float8 AS seconds_reading_to_offer,
            extract(epoch FROM a.confirmed_at - r.decided_received_at)::float8 AS seconds_reading_to_confirmation
        FROM callout.appointment a
        JOIN callout.service_request r USING (request_id) JOIN callout.device d USING (device_id)
        WHERE a.state = 'confirmed'
        ORDER BY a.confirmed_at LIMIT 1) AS first ON true
"""

_WORDS: Final = {
    "symptom": "symptom found",
    "opened": "service request opened",
    "diagnosis_changed": "diagnosis changed",
    "escalated": "made more urgent",
    "case_opened": "given to a named human",
    "part_reserved": "part held",
    "weighed": "ways to mend it weighed by their expected cost",
    "priced": "price known",
    "no_part": "no part in stock",
    "part_ordered": "part ordered",
    "part_confirmed": "the supplier promises the part, signed",
    "part_arrived": "the part has come",
    "offered": "dates offered and held",
    "offer_expired": "dates expired",
    "confirmed": "date confirmed by the owner",
    "symptom_healed": "symptom healed",
    "remedy_sent": "told to heal itself",
    "remedy_done": "says that it has done so",
    "remedy_refused": "refuses",
    "remedy_healed": "readings are well, and have to stay so",
    "remedy_held": "readings stayed well: it is proven",
    "remedy_given_up": "nothing more is tried from afar",
    "solved": "solved from afar",
}


@dataclass(frozen=True, slots=True)
class News:
    """One thing that has happened to one device."""

    key: str
    happened_at: datetime
    device: str
    event: str
    detail: str | None

    def __str__(self) -> str:
        """Say it in a line."""
        words = _WORDS.get(self.event, self.event.replace("_", " "))
        return f"{self.device}: {words}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Summary:
    """How far the journey has come; the seconds are those of the first confirmed request, None before."""

    devices: int
    symptoms_found: int
    requests_opened: int
    cases_opened: int
    requests_offered: int
    notices_sent: int
    appointments: int
    device: str | None
    seconds_reading_to_offer: float | None
    seconds_reading_to_confirmation: float | None


@dataclass(slots=True)
class Journal:
    """Tells each thing once, from a moment on; a connection that was lost is opened again by the next question.

    While the database is away, every question raises `psycopg.OperationalError` or `DatabaseUnreachableError`.
    """

    database_url: str
    since_at: datetime
    _told: set[str] = field(default_factory=set[str], init=False)
    _open: Connection | None = field(default=None, init=False)

    @property
    def connection(self) -> Connection:
        """The connection that questions are asked on."""
        if self._open is None or self._open.closed:
            self._open = connect(self.database_url, Role.ADMIN)
        return self._open

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open.close()

    def news(self) -> list[News]:
        """Return what has happened since the last call, oldest first."""
        with self.connection.cursor(row_factory=class_row(News)) as cursor:
            rows = cursor.execute(_NEWS, {"since_at": self.since_at, "titles": Jsonb(_titles())}).fetchall()
        new = [row for row in rows if row.key not in self._told]
        self._told.update(row.key for row in new)
        return new

    def summary(self) -> Summary:
        """Return how far the journey has come."""
        with self.connection.cursor(row_factory=class_row(Summary)) as cursor:
            row = cursor.execute(_SUMMARY).fetchone()
        if row is None:
            message = "a query of one row gave none"
            raise RuntimeError(message)
        return row

    def journeys(self) -> list[Journey]:
        """Return each request's way so far."""
        return journeys(self.connection)

    def readings_given(self) -> int:
        """Return how many ingest numbers have been given out: quick, and not less than the readings stored."""
        row = self.connection.execute("SELECT sum(last_ingest_no)::bigint FROM callout.ingest_partition").fetchone()
        return int(row[0] or 0) if row else 0

    def readings_stored(self) -> int:
        """Count the readings of all product types."""
        tables = self.connection.execute(
            r"""SELECT relname FROM pg_class
                WHERE relnamespace = 'callout'::regnamespace AND relkind IN ('p', 'r') AND NOT relispartition
                    AND relname LIKE '%\_reading'"""
        ).fetchall()
        counted = 0
        for (table,) in tables:
            query = sql.SQL("SELECT count(*) FROM callout.{}").format(sql.Identifier(str(table)))
            row = self.connection.execute(query).fetchone()
            counted += int(row[0]) if row else 0
        return counted


def _titles() -> dict[str, str]:
    """Return what each monitor finds, in words."""
    return {monitor.name: monitor.title for product in product_types().values() for monitor in product.monitors}
