"""Numbers of devices' messages as lanes: loaded for a whole batch, and written back in one statement.

What the numbers mean is decided in `devices.numbering`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np

from devices.instants import from_us, to_us
from devices.numbering import RECENT, Fallen, Lane, Recent
from devices.readings import IntArray
from devices.seqs import Range
from gateway.storage.arrays import int_array
from gateway.storage.connection import Connection

# Lanes of a device that are remembered, the newest first.
_MOST_LANES: Final = 64
_RANGE: Final = re.compile(r"\[(-?\d+),(-?\d+)\)")
_SELECT: Final = """SELECT DISTINCT ON (s.device_id, s.boot, s.epoch) s.device_id, s.boot, s.epoch, s.begins, s.heard_at,
    s.is_current, s.floor_seq, s.received::text, s.newest_claimed_at, s.returns, s.returned_at, s.clashes, s.fallen,
    s.recent, s.suspected::text, s.suspect_at, s.noticed::text """


@dataclass(frozen=True, slots=True)
class Held:
    """How far the present lanes of m devices have gone on, int64 [m]; `recent` is [m, 10, 4] as `Recent` has it, its first `count` rows count."""

    device_id: IntArray
    boot: IntArray
    epoch: IntArray
    highest: IntArray
    newest_us: IntArray
    heard_us: IntArray
    count: IntArray
    recent: IntArray


def as_text(ranges: Sequence[Range]) -> str:
    """Return a set of numbers as PostgreSQL writes a multirange.

    >>> as_text([(1, 3), (7, 7)])
    '{[1,4),[7,8)}'
    """
    return "{" + ",".join([f"[{first},{last + 1})" for first, last in ranges]) + "}" if ranges else "{}"


def from_text(text: str) -> list[Range]:
    """Return the set of numbers that a multirange or range says.

    >>> from_text("{[1,4),[7,8)}"), from_text("[5,9)"), from_text("{}")
    ([(1, 3), (7, 7)], [(5, 8)], [])
    """
    if text == "{}":
        return []
    return [(int(first), int(end) - 1) for first, end in _RANGE.findall(text)]


def load_lanes(connection: Connection, asked: Iterable[tuple[int, int]]) -> dict[int, list[Lane]]:
    """Return by device the lanes of the (device id, boot) pairs asked for, and each device's current one."""
    pairs = sorted(set(asked))
    rows = connection.execute(
        _SELECT
        + """FROM unnest(%(devices)s::int[], %(boots)s::bigint[]) AS a (device_id, boot)
        JOIN device_sequence s ON s.device_id = a.device_id AND (s.boot = a.boot OR s.is_current)
        ORDER BY s.device_id, s.boot, s.epoch""",
        {"devices": [device for device, _ in pairs], "boots": [boot for _, boot in pairs]},
        binary=True,
    )
    found: dict[int, list[Lane]] = {device: [] for device, _ in pairs}
    for device, *columns in rows:
        found[device].append(_lane(*columns))
    return found


def suspects(connection: Connection, before_at: datetime, partitions: range, limit: int) -> list[tuple[int, Lane]]:
    """Return (device id, lane) of those whose gaps were there before an instant and have to be looked at."""
    rows = connection.execute(
        _SELECT
        + """FROM device_sequence s JOIN device d USING (device_id)
        WHERE s.suspect_at <= %(before)s AND d.partition BETWEEN %(first)s AND %(last)s
        ORDER BY s.device_id, s.boot, s.epoch LIMIT %(limit)s""",
        {"before": before_at, "first": partitions.start, "last": partitions.stop - 1, "limit": limit},
        binary=True,
    )
    return [(device, _lane(*columns)) for device, *columns in rows]


def _lane(
    boot: int,
    epoch: int,
    begins: int,
    heard_at: datetime,
    is_current: bool,
    floor: int,
    received: str,
    newest_claimed_at: datetime | None,
    returns: int,
    returned_at: datetime | None,
    clashes: int,
    fallen: Sequence[int],
    recent: Sequence[int],
    suspected: str,
    suspect_at: datetime | None,
    noticed: str,
) -> Lane:
    return Lane(
        boot=boot,
        epoch=epoch,
        begins=begins,
        heard_us=to_us(heard_at),
        is_current=is_current,
        floor=floor,
        received=from_text(received),
        newest_us=None if newest_claimed_at is None else to_us(newest_claimed_at),
        returns=returns,
        returned_us=None if returned_at is None else to_us(returned_at),
        clashes=clashes,
        fallen=list(map(Fallen._make, zip(*[iter(fallen)] * 2, strict=True))),
        recent=list(map(Recent._make, zip(*[iter(recent)] * 4, strict=True))),
        suspected=from_text(suspected),
        suspect_us=None if suspect_at is None else to_us(suspect_at),
        noticed=from_text(noticed),
        is_new=False,
    )


def _row(device_id: int, lane: Lane) -> dict[str, Any]:
    return {
        "device_id": device_id,
        "boot": lane.boot,
        "epoch": lane.epoch,
        "is_current": lane.is_current,
        "begins": lane.begins,
        "floor_seq": lane.floor,
        "received": as_text(lane.received),
        "newest_claimed_at": _instant(lane.newest_us),
        "heard_at": _instant(lane.heard_us),
        "returns": lane.returns,
        "returned_at": _instant(lane.returned_us),
        "clashes": lane.clashes,
        "fallen": _flat(lane.fallen),
        "recent": _flat(lane.recent),
        "suspected": as_text(lane.suspected),
        "suspect_at": _instant(lane.suspect_us),
        "noticed": as_text(lane.noticed),
    }


def _flat(rows: Sequence[tuple[int, ...]]) -> str:
    """Return rows of numbers as one array, written as PostgreSQL does: it reads that twice as fast as one of JSON."""
    return "{" + str(list(chain.from_iterable(rows)))[1:-1] + "}"


def _instant(at_us: int | None) -> datetime | None:
    return None if at_us is None else from_us(at_us)


def save_lanes(connection: Connection, lanes: Mapping[int, Sequence[Lane]]) -> None:
    """Write the lanes of devices, in one statement."""
    rows = [_row(device, lane) for device, of_device in sorted(lanes.items()) for lane in of_device]
    connection.execute(
        """INSERT INTO device_sequence (device_id, boot, epoch, is_current, begins, floor_seq, received,
            newest_claimed_at, heard_at, returns, returned_at, clashes, fallen, recent, suspected, suspect_at, noticed)
        SELECT * FROM json_to_recordset(%(rows)s::json) AS r (device_id int, boot bigint, epoch smallint,
            is_current boolean, begins bigint, floor_seq bigint, received int8multirange, newest_claimed_at timestamptz,
            heard_at timestamptz, returns smallint, returned_at timestamptz, clashes smallint, fallen bigint[],
            recent bigint[], suspected int8multirange, suspect_at timestamptz, noticed int8multirange)
        ON CONFLICT (device_id, boot, epoch) DO UPDATE SET is_current = EXCLUDED.is_current, begins = EXCLUDED.begins,
            floor_seq = EXCLUDED.floor_seq, received = EXCLUDED.received,
            newest_claimed_at = EXCLUDED.newest_claimed_at, heard_at = EXCLUDED.heard_at, returns = EXCLUDED.returns,
            returned_at = EXCLUDED.returned_at, clashes = EXCLUDED.clashes, fallen = EXCLUDED.fallen,
            recent = EXCLUDED.recent, suspected = EXCLUDED.suspected, suspect_at = EXCLUDED.suspect_at,
            noticed = EXCLUDED.noticed""",
        {"rows": msgspec.json.encode(rows).decode()},
    )


def load_runs(connection: Connection, device_ids: Iterable[int]) -> Held:
    """Return the present lanes of devices that just go on: without a gap, a doubt or another lane in their boot."""
    rows = connection.execute(
        """SELECT s.device_id, s.boot, s.epoch, (upper(s.received) - 1), s.newest_claimed_at, s.heard_at, s.recent
        FROM unnest(%(devices)s::int[]) AS asked (device_id)
        JOIN device_sequence s ON s.device_id = asked.device_id AND s.is_current
        WHERE s.received = int8multirange(int8range(s.begins, upper(s.received))) AND s.newest_claimed_at IS NOT NULL
            AND s.fallen = '{}' AND s.suspected = '{}' AND s.noticed = '{}' AND NOT EXISTS (
                SELECT FROM device_sequence o
                WHERE o.device_id = s.device_id AND o.boot = s.boot AND o.epoch <> s.epoch)""",
        {"devices": int_array(list(device_ids))},
        binary=True,
    ).fetchall()
    heads = [(*row[:4], to_us(row[4]), to_us(row[5]), len(row[6]) // len(Recent._fields)) for row in rows]
    recent = np.zeros((len(rows), RECENT * len(Recent._fields)), np.int64)
    for place, row in enumerate(rows):
        recent[place, : len(row[6])] = row[6]
    columns = np.array(heads, dtype=np.int64).reshape(len(rows), 7).T
    return Held(*columns, recent=recent.reshape(len(rows), RECENT, len(Recent._fields)))


def save_runs(connection: Connection, held: Held) -> None:
    """Write how far devices' present lanes have gone on, in one statement."""
    width = held.recent.shape[1] * held.recent.shape[2]
    firsts = np.arange(len(held.device_id)) * width + 1
    connection.execute(
        """UPDATE device_sequence s SET received = int8multirange(int8range(s.begins, r.highest + 1)),
            newest_claimed_at = 'epoch'::timestamptz + r.newest_us * interval '1 microsecond',
            heard_at = 'epoch'::timestamptz + r.heard_us * interval '1 microsecond',
            recent = (%(recent)s::bigint[])[r.first:r.last]
        FROM unnest(%(devices)s::int[], %(boots)s::bigint[], %(epochs)s::int[], %(highest)s::bigint[],
            %(newest)s::bigint[], %(heard)s::bigint[], %(firsts)s::int[], %(lasts)s::int[])
            AS r (device_id, boot, epoch, highest, newest_us, heard_us, first, last)
        WHERE s.device_id = r.device_id AND s.boot = r.boot AND s.epoch = r.epoch""",
        {
            "devices": int_array(held.device_id),
            "boots": int_array(held.boot),
            "epochs": int_array(held.epoch),
            "highest": int_array(held.highest),
            "newest": int_array(held.newest_us),
            "heard": int_array(held.heard_us),
            "firsts": int_array(firsts),
            "lasts": int_array(firsts + held.count * held.recent.shape[2] - 1),
            "recent": int_array(held.recent.ravel()),
        },
    )


def prune_lanes(connection: Connection, devices: Iterable[int], now: datetime) -> None:
    """Forget the oldest lanes of devices that have too many boots; what is missing in them is given up."""
    connection.execute(
        """WITH gone AS (
            DELETE FROM device_sequence s USING (
                SELECT device_id, boot, epoch, row_number() OVER
                    (PARTITION BY device_id ORDER BY is_current DESC, heard_at DESC, boot DESC, epoch DESC) AS place
                FROM device_sequence WHERE device_id = ANY(%(devices)s)) AS o
            WHERE o.place > %(most)s AND (s.device_id, s.boot, s.epoch) = (o.device_id, o.boot, o.epoch)
            RETURNING s.device_id, s.boot, s.epoch)
        UPDATE sequence_gap g SET given_up_at = %(now)s FROM gone
        WHERE (g.device_id, g.boot, g.epoch) = (gone.device_id, gone.boot, gone.epoch)
            AND g.filled_at IS NULL AND g.given_up_at IS NULL""",
        {"devices": list(devices), "most": _MOST_LANES, "now": now},
    )


def save_suspicion(connection: Connection, lanes: Sequence[tuple[int, Lane]]) -> None:
    """Write which gaps of lanes are suspected and noticed, and nothing else of them."""
    rows = [
        {
            "device_id": device,
            "boot": lane.boot,
            "epoch": lane.epoch,
            "suspected": as_text(lane.suspected),
            "suspect_at": _instant(lane.suspect_us),
            "noticed": as_text(lane.noticed),
        }
        for device, lane in lanes
    ]
    connection.execute(
        """UPDATE device_sequence s
        SET suspected = r.suspected, suspect_at = r.suspect_at, noticed = r.noticed
        FROM json_to_recordset(%(rows)s::json) AS r (device_id int, boot bigint, epoch smallint,
            suspected int8multirange, suspect_at timestamptz, noticed int8multirange)
        WHERE (s.device_id, s.boot, s.epoch) = (r.device_id, r.boot, r.epoch)""",
        {"rows": msgspec.json.encode(rows).decode()},
    )
