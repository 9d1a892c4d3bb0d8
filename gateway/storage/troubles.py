"""Troubles of the door: what is wrong with how a device reports, open until it is over; one of a kind for each device."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec
from psycopg.rows import class_row

from gateway.storage.connection import Connection

Kind = Literal["two_devices", "seq_restarted", "clock_off", "gap_lost"]
KINDS: Final[tuple[Kind, ...]] = ("two_devices", "seq_restarted", "clock_off", "gap_lost")
# A trouble that was not seen again for so long is over; a clock's is over when the clock is right.
_OVER_AFTER: Final[Mapping[Kind, timedelta]] = {
    "two_devices": timedelta(days=1),
    "seq_restarted": timedelta(days=7),
    "gap_lost": timedelta(days=7),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was seen of a device in a batch: `count` times, or messages lost."""

    tenant_id: int
    device_id: int
    kind: Kind
    count: int
    detail: Mapping[str, int | float | str]


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """A trouble as a person sees it."""

    trouble_id: int
    device_id: int
    device: str
    kind: Kind
    since_at: datetime
    last_at: datetime
    count: int
    detail: Mapping[str, int | float | str]
    closed_at: datetime | None


def tell(connection: Connection, troubles: Sequence[Trouble], now: datetime) -> None:
    """Open troubles, or count them on in those that are open, in one statement.

    Two devices explain numbers that fell back, so that trouble is closed by this one.
    """
    together: dict[tuple[int, Kind], Trouble] = {}
    for each in troubles:
        earlier = together.get((each.device_id, each.kind))
        count = each.count + (earlier.count if earlier else 0)
        together[each.device_id, each.kind] = Trouble(each.tenant_id, each.device_id, each.kind, count, each.detail)
    rows = [together[key] for key in sorted(together)]
    connection.execute(
        """INSERT INTO door_trouble (tenant_id, device_id, kind, since_at, last_at, count, detail)
        SELECT r.tenant_id, r.device_id, r.kind, %(now)s, %(now)s, r.count, r.detail
        FROM json_to_recordset(%(rows)s::json)
            AS r (tenant_id int, device_id int, kind text, count bigint, detail jsonb)
        ON CONFLICT (device_id, kind) WHERE closed_at IS NULL DO UPDATE SET last_at = EXCLUDED.last_at,
            count = door_trouble.count + EXCLUDED.count, detail = EXCLUDED.detail""",
        {"rows": msgspec.json.encode(rows).decode(), "now": now},
    )
    two = [device for device, kind in together if kind == "two_devices"]
    if two:
        close(connection, two, "seq_restarted", now)


def close(connection: Connection, devices: Iterable[int], kind: Kind, now: datetime) -> None:
    """Close a kind of trouble of devices, where it is open."""
    connection.execute(
        """UPDATE door_trouble SET closed_at = %(now)s
        WHERE device_id = ANY(%(devices)s) AND kind = %(kind)s AND closed_at IS NULL""",
        {"now": now, "devices": list(devices), "kind": kind},
    )


def close_old(connection: Connection, now: datetime) -> None:
    """Close troubles that have not been seen again for long, and all of devices that are retired."""
    connection.execute(
        """UPDATE door_trouble t SET closed_at = %s FROM device d
        WHERE t.closed_at IS NULL AND d.device_id = t.device_id AND d.retired_at IS NOT NULL""",
        [now],
    )
    connection.execute(
        """UPDATE door_trouble t SET closed_at = %(now)s
        FROM unnest(%(kinds)s::text[], %(befores)s::timestamptz[]) AS a (kind, before_at)
        WHERE t.closed_at IS NULL AND t.kind = a.kind AND t.last_at < a.before_at""",
        {"now": now, "kinds": list(_OVER_AFTER), "befores": [now - span for span in _OVER_AFTER.values()]},
    )


_ROW: Final = """SELECT t.trouble_id, t.device_id, d.name AS device, t.kind, t.since_at, t.last_at, t.count, t.detail,
                        t.closed_at
                 FROM door_trouble t JOIN device d USING (device_id) """


def open_troubles(
    connection: Connection,
    *,
    device_id: int | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int,
) -> list[TroubleRow]:
    """Return open troubles of the present tenant, seen last first; of one device or of all.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    device_id : int, optional
        Only those of this device.
    before : (datetime, int), optional
        Only those seen last before this instant, and with a lower number at the same.
    limit : int
        At most so many.
    """
    with connection.cursor(row_factory=class_row(TroubleRow)) as cursor:
        return cursor.execute(
            _ROW
            + """WHERE t.closed_at IS NULL AND (%(device)s::int IS NULL OR t.device_id = %(device)s)
                AND (%(id)s::bigint IS NULL OR (t.last_at, t.trouble_id) < (%(at)s, %(id)s))
            ORDER BY t.last_at DESC, t.trouble_id DESC LIMIT %(limit)s""",
            {
                "device": device_id,
                "at": before[0] if before else None,
                "id": before[1] if before else None,
                "limit": limit,
            },
        ).fetchall()


def troubles_of_device(connection: Connection, device_id: int, limit: int) -> list[TroubleRow]:
    """Return troubles of a device of the present tenant, open and closed, seen last first."""
    with connection.cursor(row_factory=class_row(TroubleRow)) as cursor:
        return cursor.execute(
            _ROW + "WHERE t.device_id = %s ORDER BY t.last_at DESC, t.trouble_id DESC LIMIT %s", [device_id, limit]
        ).fetchall()
