"""Rejections, the dead letters: listed and counted for a tenant, asked to be replayed, and settled by ingest.

A rejection is never changed but for what became of its replay. Those that went well are not replayed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from gateway.storage.connection import Connection

Outcome = Literal["stored", "absorbed", "refused"]


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many were refused for a reason; `open` of them have not come in by a replay."""

    reason: str
    count: int
    open: int
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class RejectionRow:
    """A message, or a piece of one, that could not be read; `payload_head` is its first 200 bytes."""

    rejection_id: int
    received_at: datetime
    device: str | None
    topic: str
    reason: str
    detail: str
    place: str
    payload_head: bytes
    payload_size: int
    replay_asked_at: datetime | None
    replayed_at: datetime | None
    outcome: Outcome | None
    outcome_detail: str

    @property
    def may_be_replayed(self) -> bool:
        """Whether a replay can be asked for: none waits, and none has gone well."""
        return self.replay_asked_at is None and self.outcome not in {"stored", "absorbed"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A rejection whose replay was asked for, as ingest needs it."""

    rejection_id: int
    received_at: datetime
    tenant_id: int
    topic: str
    place: str
    payload: bytes
    # Whether our own clock had just jumped when it was received.
    is_of_a_wrong_clock: bool


_ROW = """SELECT j.rejection_id, j.received_at, d.name AS device, j.topic, j.reason, j.detail, j.place,
                 substring(j.payload FOR 200) AS payload_head, octet_length(j.payload) AS payload_size,
                 j.replay_asked_at, j.replayed_at, j.outcome, j.outcome_detail
          FROM rejection j LEFT JOIN device d USING (device_id)"""


# The reasons are found by leaping from one to the next in the index, so that no reason is read to its end for it.
_COUNTS = """WITH RECURSIVE leap AS (
        (SELECT reason FROM rejection WHERE tenant_id = current_tenant() ORDER BY reason LIMIT 1)
        UNION ALL
        SELECT (SELECT j.reason FROM rejection j WHERE j.tenant_id = current_tenant() AND j.reason > leap.reason
            ORDER BY j.reason LIMIT 1)
        FROM leap WHERE leap.reason IS NOT NULL)
    SELECT leap.reason, counted.* FROM leap CROSS JOIN LATERAL (
        SELECT count(*) AS count, count(*) FILTER (WHERE outcome IS NULL OR outcome = 'refused') AS open,
            max(received_at) AS newest_at
        FROM (SELECT outcome, received_at FROM rejection
            WHERE tenant_id = current_tenant() AND reason = leap.reason
            ORDER BY received_at DESC, rejection_id DESC LIMIT %(at_most)s) AS newest) AS counted
    WHERE leap.reason IS NOT NULL ORDER BY count DESC, reason"""
_COUNTS_OF_DEVICE = """SELECT reason, count(*) AS count,
        count(*) FILTER (WHERE outcome IS NULL OR outcome = 'refused') AS open, max(received_at) AS newest_at
    FROM (SELECT reason, outcome, received_at FROM rejection WHERE device_id = %(device_id)s
        ORDER BY received_at DESC, rejection_id DESC LIMIT %(at_most)s) AS newest
    GROUP BY reason ORDER BY count DESC, reason"""


def counts(connection: Connection, *, device_id: int | None = None, at_most: int | None = None) -> list[ReasonCount]:
    """Return the present tenant's rejections by reason, the most frequent first; of one device or of all.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    device_id : int, optional
        Only those of this device.
    at_most : int, optional
        Of each reason so many are counted, the newest; of one device the newest so many of all. Without it all are,
        which takes as long as there are many.
    """
    query = _COUNTS if device_id is None else _COUNTS_OF_DEVICE
    with connection.cursor(row_factory=class_row(ReasonCount)) as cursor:
        return cursor.execute(query, {"device_id": device_id, "at_most": at_most}).fetchall()


def listed(
    connection: Connection,
    *,
    reason: str = "",
    device_id: int | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int,
) -> list[RejectionRow]:
    """Return rejections of the present tenant, newest first, of one reason or of all.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    reason : str
        Only those of this reason; empty for all.
    device_id : int, optional
        Only those of this device.
    before : (datetime, int), optional
        Only those before this instant of receipt and number.
    limit : int
        At most so many.
    """
    with connection.cursor(row_factory=class_row(RejectionRow)) as cursor:
        return cursor.execute(
            _ROW
            + """ WHERE (%(reason)s = '' OR j.reason = %(reason)s)
                    AND (%(device_id)s::int IS NULL OR j.device_id = %(device_id)s)
                    AND (%(id)s::bigint IS NULL OR (j.received_at, j.rejection_id) < (%(at)s, %(id)s))
                  ORDER BY j.received_at DESC, j.rejection_id DESC LIMIT %(limit)s""",
            {
                "reason": reason,
                "device_id": device_id,
                "at": before[0] if before else None,
                "id": before[1] if before else None,
                "limit": limit,
            },
        ).fetchall()


def find(connection: Connection, rejection_id: int) -> RejectionRow | None:
    """Return one rejection of the present tenant."""
    with connection.cursor(row_factory=class_row(RejectionRow)) as cursor:
        return cursor.execute(_ROW + " WHERE j.rejection_id = %s", [rejection_id]).fetchone()


def payload_of(connection: Connection, rejection_id: int) -> bytes:
    """Return all bytes of a rejection of the present tenant; none when there is no such rejection."""
    row = connection.execute("SELECT payload FROM rejection WHERE rejection_id = %s", [rejection_id]).fetchone()
    return bytes(row[0]) if row else b""


def ask_replay(
    connection: Connection, now: datetime, *, rejection_id: int | None = None, reason: str = ""
) -> list[int]:
    """Ask for the replay of one rejection of the present tenant, of all of a reason, or of all.

    Those that wait for it already, or came in by one before, are passed over, so that it can be repeated.

    Returns
    -------
    list of int
        Numbers of the rejections that will be replayed.
    """
    rows = connection.execute(
        """UPDATE rejection SET replay_asked_at = %(now)s
        WHERE (%(id)s::bigint IS NULL OR rejection_id = %(id)s) AND (%(reason)s = '' OR reason = %(reason)s)
            AND replay_asked_at IS NULL AND (outcome IS NULL OR outcome = 'refused')
        RETURNING rejection_id""",
        {"now": now, "id": rejection_id, "reason": reason},
    )
    return sorted(row[0] for row in rows)


def outcomes(connection: Connection, rejection_ids: Sequence[int]) -> dict[Outcome | None, int]:
    """Return how many of these rejections of the present tenant had which outcome; None counts those that wait."""
    rows = connection.execute(
        """SELECT CASE WHEN replay_asked_at IS NULL THEN outcome END, count(*) FROM rejection
        WHERE rejection_id = ANY(%s) GROUP BY 1""",
        [list(rejection_ids)],
    )
    return dict(rows.fetchall())


def asked(connection: Connection, partitions: range, after_id: int, limit: int) -> list[Asked]:
    """Return rejections of all tenants whose replay was asked for, in their order, after a number; for ingest.

    Only those whose topic names one of some partitions; what names none goes with the first.
    """
    with connection.cursor(row_factory=class_row(Asked)) as cursor:
        return cursor.execute(
            """SELECT rejection_id, received_at, tenant_id, topic, place, payload, reason = 'future' AND EXISTS (
                SELECT FROM desk_alarm WHERE kind = 'clock_jumped' AND since_at <= received_at + interval '1 minute'
                    AND received_at <= coalesce(closed_at, 'infinity')) AS is_of_a_wrong_clock
            FROM rejection WHERE replay_asked_at IS NOT NULL AND rejection_id > %(after)s
                AND CASE WHEN topic ~ '^[^/]*/[^/]*/([0-9]|[1-5][0-9]|6[0-3])/' THEN split_part(topic, '/', 3)::int
                    ELSE 0 END BETWEEN %(first)s AND %(last)s
            ORDER BY rejection_id LIMIT %(limit)s""",
            {"after": after_id, "first": partitions.start, "last": partitions.stop - 1, "limit": limit},
        ).fetchall()


def known_places(connection: Connection, rejection: Asked) -> set[str]:
    """Return the places that are known to be refused in the message of a rejection; for ingest."""
    rows = connection.execute(
        """SELECT place FROM rejection
        WHERE tenant_id = %(tenant_id)s AND received_at = %(at)s AND topic = %(topic)s AND payload = %(payload)s""",
        {
            "tenant_id": rejection.tenant_id,
            "at": rejection.received_at,
            "topic": rejection.topic,
            "payload": rejection.payload,
        },
    )
    return {row[0] for row in rows}


def settle(connection: Connection, rejection_id: int, outcome: Outcome, detail: str, now: datetime) -> None:
    """Write down what became of a replay, in the transaction that stored what came of it."""
    connection.execute(
        """UPDATE rejection SET replay_asked_at = NULL, replayed_at = %s, outcome = %s, outcome_detail = %s
        WHERE rejection_id = %s AND replay_asked_at IS NOT NULL""",
        [now, outcome, detail.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode(), rejection_id],
    )
