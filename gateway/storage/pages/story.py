"""What happened to one device: trouble codes, symptoms, diagnoses, requests, and what staff did to it. Each bounded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import sql
from psycopg.rows import class_row

from gateway.storage.connection import Connection
from gateway.storage.pages.evidence import Hypothesis, hypotheses_of
from gateway.storage.pages.series import Span
from gateway.storage.pages.signal import SAMPLES_AT_MOST, samples_in

ROWS: Final = 20
_CODES_LOOKED_BACK: Final = (timedelta(days=92), timedelta(days=14), timedelta(days=2))
_CHANGES: Final = 400


@dataclass(frozen=True, slots=True)
class CodeSpell:
    """A trouble code as long as the device reported it; `ended_at` is None while it does."""

    code: str
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class SymptomStory:
    """A symptom of a device with the times of its changes."""

    monitor: str
    component: str
    element: int
    state: str
    since_at: datetime
    confirmed_at: datetime | None
    healed_at: datetime | None
    value: float | None
    threshold: float | None
    text_value: str | None


def _hypothesis(stored: object) -> Hypothesis | None:
    return next(iter(hypotheses_of([stored])), None) if stored is not None else None


@dataclass(frozen=True, slots=True)
class DiagnosisStory:
    """A diagnosis of a device."""

    component: str
    made_at: datetime
    verdict: str
    best: object

    def hypothesis(self) -> Hypothesis | None:
        """Return the best hypothesis, None where the diagnosis has none."""
        return _hypothesis(self.best)


@dataclass(frozen=True, slots=True)
class RequestStory:
    """A request about a device, open or past."""

    request_id: int
    component: str
    state: str
    is_safety: bool
    severity: str
    opened_at: datetime
    closed_at: datetime | None
    best: object

    def hypothesis(self) -> Hypothesis | None:
        """Return the best hypothesis, None where the diagnosis has none."""
        return _hypothesis(self.best)


@dataclass(frozen=True, slots=True)
class ActStory:
    """What a member of staff did to a device: retired it, or took it back."""

    happened_at: datetime
    act: str
    reason: str
    staff_name: str


def codes_span(conn: Connection, product: str, device_id: int, ends_at: datetime) -> Span:
    """Return how far back trouble codes can be read from the samples: the longest span that does not hold too many."""
    for back in _CODES_LOOKED_BACK:
        span = Span(ends_at - back, ends_at)
        if samples_in(conn, product, device_id, span) <= SAMPLES_AT_MOST:
            return span
    return Span(ends_at - _CODES_LOOKED_BACK[-1], ends_at)


def code_spells(conn: Connection, product: str, signal: str, device_id: int, span: Span) -> list[CodeSpell]:
    """Return when each trouble code of a device began and ended within a span, newest first.

    Only the samples at which the codes became others are returned by the database, the newest `_CHANGES` of them.
    """
    query = sql.SQL(
        """SELECT claimed_at, codes FROM (
               SELECT claimed_at, {codes} AS codes, lag({codes}) OVER (ORDER BY claimed_at, boot, seq, sample) AS before
               FROM {view} WHERE device_id = %s AND claimed_at >= %s AND claimed_at <= %s AND {codes} IS NOT NULL
           ) AS sample
           WHERE codes IS DISTINCT FROM coalesce(before, '{{}}') ORDER BY claimed_at DESC LIMIT %s"""
    ).format(codes=sql.Identifier(signal), view=sql.Identifier(f"{product}_reading_seen"))
    rows: list[tuple[datetime, list[str]]] = conn.execute(
        query, [device_id, span.begins_at, span.ends_at, _CHANGES]
    ).fetchall()
    return spells(rows[::-1])


def spells(changes: Sequence[tuple[datetime, Sequence[str]]]) -> list[CodeSpell]:
    """Return the spells of codes out of the samples at which they changed, newest first.

    Parameters
    ----------
    changes : sequence of (instant, codes that are active from then on)
        Ascending.
    """
    found: list[CodeSpell] = []
    active: dict[str, datetime] = {}
    for at, codes in changes:
        found += [CodeSpell(code, began, at) for code, began in active.items() if code not in codes]
        active = {code: active.get(code, at) for code in codes}
    found += [CodeSpell(code, began, None) for code, began in active.items()]
    return sorted(found, key=lambda spell: (spell.ended_at is None, spell.began_at), reverse=True)


def symptoms(conn: Connection, device_id: int) -> list[SymptomStory]:
    """Return a device's newest symptoms: those that were confirmed, and those that may be."""
    with conn.cursor(row_factory=class_row(SymptomStory)) as cursor:
        return cursor.execute(
            """SELECT monitor, component, element, state, since_at, confirmed_at, healed_at, value, threshold, text_value
               FROM symptom
               WHERE device_id = %s AND state <> 'withdrawn' AND component <> 'mode'
                 AND (confirmed_at IS NOT NULL OR state = 'pending')
               ORDER BY since_at DESC LIMIT %s""",
            [device_id, ROWS],
        ).fetchall()


def diagnoses(conn: Connection, device_id: int) -> list[DiagnosisStory]:
    """Return a device's newest diagnoses."""
    with conn.cursor(row_factory=class_row(DiagnosisStory)) as cursor:
        return cursor.execute(
            """SELECT component, made_at, verdict, hypotheses -> 0 AS best
               FROM diagnosis WHERE device_id = %s ORDER BY made_at DESC LIMIT %s""",
            [device_id, ROWS],
        ).fetchall()


def requests(conn: Connection, device_id: int) -> list[RequestStory]:
    """Return a device's requests, open ones first, then the newest."""
    with conn.cursor(row_factory=class_row(RequestStory)) as cursor:
        return cursor.execute(
            """(SELECT r.request_id, r.component, r.state, r.is_safety, r.severity, r.opened_at, r.closed_at,
                       g.hypotheses -> 0 AS best
                FROM service_request r JOIN diagnosis g USING (diagnosis_id)
                WHERE r.device_id = %(device_id)s AND r.closed_at IS NULL ORDER BY r.opened_at DESC LIMIT %(rows)s)
               UNION ALL
               (SELECT r.request_id, r.component, r.state, r.is_safety, r.severity, r.opened_at, r.closed_at,
                       g.hypotheses -> 0 AS best
                FROM service_request r JOIN diagnosis g USING (diagnosis_id)
                WHERE r.device_id = %(device_id)s AND r.closed_at IS NOT NULL
                ORDER BY r.opened_at DESC LIMIT %(rows)s)""",
            {"device_id": device_id, "rows": ROWS},
        ).fetchall()


def acts(conn: Connection, device_id: int) -> list[ActStory]:
    """Return what staff did to a device, newest first."""
    with conn.cursor(row_factory=class_row(ActStory)) as cursor:
        return cursor.execute(
            """SELECT h.happened_at, h.act, h.reason, s.name AS staff_name
               FROM device_history h JOIN staff s USING (staff_id)
               WHERE h.device_id = %s ORDER BY h.history_id DESC LIMIT %s""",
            [device_id, ROWS],
        ).fetchall()


def has_rejections(conn: Connection, device_id: int) -> bool:
    """Whether the door refused anything of a device."""
    found = conn.execute("SELECT EXISTS (SELECT FROM rejection WHERE device_id = %s)", [device_id]).fetchone()
    return found == (True,)
