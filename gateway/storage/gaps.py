"""Gaps in the numbers of a device's messages: noticed, asked for again, filled or given up; and as people see them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from psycopg.rows import class_row

from devices.seqs import Range
from gateway.storage.connection import Connection
from gateway.storage.sequences import as_text, from_text

Key = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Due:
    """Missing numbers whose time to be asked for has come; `may_ask` when the device is there to hear it."""

    gap_id: int
    device_id: int
    boot: int
    epoch: int
    attempts: int
    missing: list[Range]
    may_ask: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """How many messages of a boot are given up."""

    device_id: int
    boot: int
    count: int


@dataclass(frozen=True, slots=True)
class GapRow:
    """A gap as a person sees it: numbers `first_seq` to `last_seq` of a boot, and what became of them.

    `state` is noticed, asked, filled or given_up.
    """

    gap_id: int
    boot: int
    first_seq: int
    last_seq: int
    noticed_at: datetime
    asked_at: datetime | None
    attempts: int
    ended_at: datetime | None
    state: str


def notice_gaps(connection: Connection, gaps: Sequence[tuple[Key, Range]], now: datetime) -> None:
    """Write gaps, ((device id, boot, epoch), numbers); they are due to be asked for at once."""
    connection.execute(
        """INSERT INTO sequence_gap (device_id, boot, epoch, missing, noticed_at, next_at)
        SELECT r.*, %(now)s, %(now)s FROM json_to_recordset(%(rows)s::json)
            AS r (device_id int, boot bigint, epoch smallint, missing int8range)
        ON CONFLICT ON CONSTRAINT gap_is_noticed_once DO NOTHING""",
        {"rows": _rows(gaps), "now": now},
    )


def devices_with_many(connection: Connection, devices: Iterable[int], since: datetime, most: int) -> set[int]:
    """Return those of some devices that have had `most` gaps or more since an instant."""
    rows = connection.execute(
        """SELECT device_id FROM sequence_gap WHERE device_id = ANY(%s) AND noticed_at >= %s
        GROUP BY device_id HAVING count(*) >= %s""",
        [sorted(set(devices)), since, most],
    )
    return {device for (device,) in rows}


def prune_gaps(connection: Connection, before_at: datetime) -> None:
    """Forget gaps that were noticed before an instant and have ended."""
    connection.execute(
        """DELETE FROM sequence_gap
        WHERE noticed_at < %s AND (filled_at IS NOT NULL OR given_up_at IS NOT NULL)""",
        [before_at],
    )


def _rows(gaps: Iterable[tuple[Key, Range]]) -> str:
    rows: list[dict[str, Any]] = [
        {"device_id": device, "boot": boot, "epoch": epoch, "missing": f"[{first},{last + 1})"}
        for (device, boot, epoch), (first, last) in gaps
    ]
    return msgspec.json.encode(rows).decode()


def fill_gaps(connection: Connection, lanes: Iterable[Key], now: datetime) -> list[Lost]:
    """End the open gaps of lanes whose numbers have come, and those below a lane's floor; return what is given up."""
    keys = list(lanes)
    rows = connection.execute(
        """UPDATE sequence_gap g SET
            filled_at = CASE WHEN s.received @> g.missing THEN %(now)s::timestamptz END,
            given_up_at = CASE WHEN NOT s.received @> g.missing THEN %(now)s::timestamptz END
        FROM unnest(%(devices)s::int[], %(boots)s::bigint[], %(epochs)s::smallint[]) AS a (device_id, boot, epoch)
        JOIN device_sequence s USING (device_id, boot, epoch)
        WHERE g.filled_at IS NULL AND g.given_up_at IS NULL
            AND (g.device_id, g.boot, g.epoch) = (a.device_id, a.boot, a.epoch)
            AND (s.received @> g.missing OR g.missing && int8range(NULL, s.floor_seq))
        RETURNING g.device_id, g.boot, g.missing::text, g.given_up_at""",
        {"devices": [key[0] for key in keys], "boots": [key[1] for key in keys], "epochs": [key[2] for key in keys]}
        | {"now": now},
    )
    return [Lost(device, boot, _size(missing)) for device, boot, missing, given_up_at in rows if given_up_at]


def end_gaps_of_former_epochs(connection: Connection, device_id: int, boot: int, now: datetime) -> list[Lost]:
    """Give up what is missing in epochs of a boot that are over: their numbers mean other messages now."""
    rows = connection.execute(
        """UPDATE sequence_gap SET given_up_at = %(now)s
        WHERE device_id = %(device)s AND boot = %(boot)s AND filled_at IS NULL AND given_up_at IS NULL
        RETURNING device_id, boot, missing::text""",
        {"device": device_id, "boot": boot, "now": now},
    )
    return [Lost(device, of_boot, _size(missing)) for device, of_boot, missing in rows]


def lose(connection: Connection, key: Key, lost: Sequence[Range], now: datetime) -> list[Lost]:
    """Keep that a device no longer has some numbers, and give up the gaps in which nothing else is missing."""
    device, boot, epoch = key
    rows = connection.execute(
        """WITH told AS (
            UPDATE sequence_gap g SET lost = g.lost + int8multirange(g.missing) * %(lost)s::int8multirange,
                given_up_at = CASE WHEN int8multirange(g.missing) - s.received - g.lost - %(lost)s::int8multirange = '{}'
                    THEN %(now)s::timestamptz END
            FROM device_sequence s
            WHERE (g.device_id, g.boot, g.epoch) = (%(device)s, %(boot)s, %(epoch)s)
                AND (s.device_id, s.boot, s.epoch) = (%(device)s, %(boot)s, %(epoch)s)
                AND g.filled_at IS NULL AND g.given_up_at IS NULL
                AND int8multirange(g.missing) && %(lost)s::int8multirange
            RETURNING (int8multirange(g.missing) - s.received)::text AS never_came, g.given_up_at)
        SELECT never_came FROM told WHERE given_up_at IS NOT NULL""",
        {"device": device, "boot": boot, "epoch": epoch, "lost": as_text(lost), "now": now},
    )
    return [Lost(device, boot, _size(missing)) for (missing,) in rows]


def due_gaps(connection: Connection, now: datetime, quiet_since: datetime, partitions: range, limit: int) -> list[Due]:
    """Return open gaps of some partitions whose time has come, those of a device together.

    A device may be asked when it was heard after it was last asked, when no command is under way to it that was written
    after `quiet_since`, and when it is not two devices: nobody would know which of them answers.
    """
    rows = connection.execute(
        """SELECT g.gap_id, g.device_id, g.boot, g.epoch, g.attempts,
            (int8multirange(g.missing) - coalesce(s.received, '{}') - g.lost)::text,
            (g.asked_at IS NULL
                OR (SELECT max(h.heard_at) FROM device_sequence h WHERE h.device_id = g.device_id) > g.asked_at)
            AND NOT EXISTS (SELECT FROM device_command c WHERE c.device_id = g.device_id
                AND c.written_at > %(quiet_since)s AND c.answered_at IS NULL)
            AND NOT EXISTS (SELECT FROM door_trouble t WHERE t.device_id = g.device_id
                AND t.kind = 'two_devices' AND t.closed_at IS NULL) AS may_ask
        FROM (SELECT o.* FROM sequence_gap o JOIN device d USING (device_id)
            WHERE o.filled_at IS NULL AND o.given_up_at IS NULL AND o.next_at <= %(now)s
                AND d.partition BETWEEN %(first)s AND %(last)s
            ORDER BY o.next_at, o.gap_id LIMIT %(limit)s) g
        LEFT JOIN device_sequence s USING (device_id, boot, epoch)
        ORDER BY g.device_id, g.boot, g.epoch, g.gap_id""",
        {"now": now, "quiet_since": quiet_since, "limit": limit}
        | {"first": partitions.start, "last": partitions.stop - 1},
    )
    return [
        Due(gap_id, device, boot, epoch, attempts, from_text(missing), may_ask)
        for gap_id, device, boot, epoch, attempts, missing, may_ask in rows
    ]


def mark_asked(connection: Connection, gaps: Sequence[tuple[int, datetime]], now: datetime) -> None:
    """Note that gaps, (gap id, when to ask again), are asked for."""
    connection.execute(
        """UPDATE sequence_gap g SET asked_at = %(now)s, attempts = g.attempts + 1, next_at = a.next_at
        FROM unnest(%(ids)s::bigint[], %(nexts)s::timestamptz[]) AS a (gap_id, next_at) WHERE g.gap_id = a.gap_id""",
        {"now": now, "ids": [gap for gap, _ in gaps], "nexts": [at for _, at in gaps]},
    )


def put_off(connection: Connection, gap_ids: Sequence[int], next_at: datetime) -> None:
    """Let gaps wait until an instant without having been asked for."""
    connection.execute("UPDATE sequence_gap SET next_at = %s WHERE gap_id = ANY(%s)", [next_at, list(gap_ids)])


def give_up(connection: Connection, gap_ids: Sequence[int], now: datetime) -> list[Lost]:
    """Give gaps up; return what never came."""
    rows = connection.execute(
        """UPDATE sequence_gap g SET given_up_at = %(now)s
        FROM sequence_gap o LEFT JOIN device_sequence s USING (device_id, boot, epoch)
        WHERE g.gap_id = ANY(%(ids)s) AND o.gap_id = g.gap_id AND g.filled_at IS NULL AND g.given_up_at IS NULL
        RETURNING g.device_id, g.boot, (int8multirange(g.missing) - coalesce(s.received, '{}'))::text""",
        {"ids": list(gap_ids), "now": now},
    )
    return [Lost(device, boot, _size(missing)) for device, boot, missing in rows]


def _size(missing: str) -> int:
    return sum(last - first + 1 for first, last in from_text(missing))


def gaps_of_device(
    connection: Connection, device_id: int, *, before: tuple[datetime, int] | None = None, limit: int
) -> list[GapRow]:
    """Return the gaps of a device of the present tenant, newest first; for pages.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    device_id : int
        Whose gaps.
    before : (datetime, int), optional
        Only those noticed before this instant and number.
    limit : int
        At most so many.
    """
    with connection.cursor(row_factory=class_row(GapRow)) as cursor:
        return cursor.execute(
            """SELECT gap_id, boot, lower(missing) AS first_seq, upper(missing) - 1 AS last_seq, noticed_at, asked_at,
                attempts, coalesce(filled_at, given_up_at) AS ended_at,
                CASE WHEN filled_at IS NOT NULL THEN 'filled' WHEN given_up_at IS NOT NULL THEN 'given_up'
                    WHEN asked_at IS NOT NULL THEN 'asked' ELSE 'noticed' END AS state
            FROM sequence_gap
            WHERE device_id = %(device)s
                AND (%(id)s::bigint IS NULL OR (noticed_at, gap_id) < (%(at)s, %(id)s))
            ORDER BY noticed_at DESC, gap_id DESC LIMIT %(limit)s""",
            {
                "device": device_id,
                "at": before[0] if before else None,
                "id": before[1] if before else None,
                "limit": limit,
            },
        ).fetchall()
