"""What is heard of devices: their newest signs of life, the ticks of the server's clock, and the silences between."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from devices.instants import from_us, to_us
from devices.readings import IntArray
from diagnostics.detectors.silence import Remembered, SilenceChange
from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Sign:
    """All that one batch says of a device's presence; None where it says nothing.

    `heard_at` is when its newest message was received, `newest_claimed_at` the newest time that it claims, `is_online`
    its last word about itself, said at `told_at`.
    """

    device_id: int
    heard_at: datetime | None
    newest_claimed_at: datetime | None
    is_online: bool | None
    told_at: datetime | None


def keep_signs(connection: Connection, signs: Sequence[Sign]) -> None:
    """Keep the newest signs of life of a batch's devices, in one statement; what is older changes nothing."""
    if not signs:
        return
    ordered = sorted(signs, key=lambda sign: sign.device_id)
    connection.execute(
        """INSERT INTO device_presence AS kept (device_id, heard_at, newest_claimed_at, is_online, told_at, changed_at)
        SELECT device_id, heard_at, claimed_at, is_online, told_at, told_at
        FROM unnest(%(devices)s::int[], %(heard)s::timestamptz[], %(claimed)s::timestamptz[], %(online)s::boolean[],
            %(told)s::timestamptz[]) AS sign (device_id, heard_at, claimed_at, is_online, told_at)
        ON CONFLICT (device_id) DO UPDATE SET
            heard_at = greatest(kept.heard_at, EXCLUDED.heard_at),
            newest_claimed_at = greatest(kept.newest_claimed_at, EXCLUDED.newest_claimed_at),
            is_online = CASE WHEN EXCLUDED.told_at >= coalesce(kept.told_at, '-infinity')
                THEN EXCLUDED.is_online ELSE kept.is_online END,
            changed_at = CASE WHEN EXCLUDED.told_at >= coalesce(kept.told_at, '-infinity')
                AND EXCLUDED.is_online IS DISTINCT FROM kept.is_online THEN EXCLUDED.told_at ELSE kept.changed_at END,
            told_at = greatest(kept.told_at, EXCLUDED.told_at)""",
        {
            "devices": [sign.device_id for sign in ordered],
            "heard": [sign.heard_at for sign in ordered],
            "claimed": [sign.newest_claimed_at for sign in ordered],
            "online": [sign.is_online for sign in ordered],
            "told": [sign.told_at for sign in ordered],
        },
    )


def remembered(connection: Connection, partitions: range) -> list[Remembered]:
    """Return what is stored of each living device of some partitions that was heard once."""
    rows = connection.execute(
        """SELECT d.device_id, d.product, p.heard_at, p.silent_since_at, p.returned_at
        FROM device_presence p JOIN device d USING (device_id)
        WHERE d.partition >= %s AND d.partition < %s AND d.retired_at IS NULL AND p.heard_at IS NOT NULL""",
        [partitions.start, partitions.stop],
    )
    return [
        Remembered(device_id, product, to_us(heard_at), to_us(since_at) if since_at else 0, to_us(at) if at else 0)
        for device_id, product, heard_at, since_at, at in rows
    ]


def ticks_us(connection: Connection, partitions: range) -> IntArray:
    """Return the ticks that are kept of a range of partitions, int64 microseconds, ascending."""
    rows = connection.execute(
        """SELECT tick_at FROM server_tick WHERE first_partition = %s AND last_partition = %s ORDER BY tick_at""",
        [partitions.start, partitions.stop - 1],
    )
    return np.array([to_us(at) for (at,) in rows], dtype=np.int64)


def keep_tick(connection: Connection, partitions: range, at: datetime, *, since_at: datetime) -> None:
    """Keep a tick, and drop those before `since_at`, which no silence can reach back to."""
    connection.execute(
        """WITH dropped AS (DELETE FROM server_tick
            WHERE first_partition = %(first)s AND last_partition = %(last)s AND tick_at < %(since)s)
        INSERT INTO server_tick (first_partition, last_partition, tick_at) VALUES (%(first)s, %(last)s, %(at)s)
        ON CONFLICT DO NOTHING""",
        {"first": partitions.start, "last": partitions.stop - 1, "at": at, "since": since_at},
    )


def keep_silences(connection: Connection, changes: Sequence[SilenceChange], at: datetime) -> dict[int, tuple[int, str]]:
    """Keep what a tick changed; return tenant and product of the devices that live, by device id.

    A device that was retired meanwhile is left as it is.
    """
    rows = connection.execute(
        """UPDATE device_presence p SET
            silent_since_at = CASE WHEN a.turn = 'healed' THEN NULL ELSE a.since_at END,
            returned_at = CASE WHEN a.turn = 'returned' THEN %(at)s::timestamptz END
        FROM unnest(%(devices)s::int[], %(turns)s::text[], %(since)s::timestamptz[]) AS a (device_id, turn, since_at)
        JOIN device d USING (device_id)
        WHERE p.device_id = a.device_id AND d.retired_at IS NULL
        RETURNING d.device_id, d.tenant_id, d.product""",
        {
            "devices": [change.device_id for change in changes],
            "turns": [change.turn for change in changes],
            "since": [from_us(change.since_us) for change in changes],
            "at": at,
        },
    )
    return {device_id: (tenant_id, product) for device_id, tenant_id, product in rows}


def hand_on(connection: Connection, changes: Sequence[tuple[int, int, int, bool]], at: datetime) -> None:
    """Hand silences on to the desk: (device id, tenant id, since in microseconds, is silent) of each."""
    connection.execute(
        """INSERT INTO silence_change (device_id, tenant_id, since_at, is_silent, noticed_at)
        SELECT *, %(at)s::timestamptz
        FROM unnest(%(devices)s::int[], %(tenants)s::int[], %(since)s::timestamptz[], %(silent)s::boolean[])
        ON CONFLICT (device_id) DO UPDATE SET since_at = EXCLUDED.since_at, is_silent = EXCLUDED.is_silent,
            noticed_at = EXCLUDED.noticed_at""",
        {
            "devices": [change[0] for change in changes],
            "tenants": [change[1] for change in changes],
            "since": [from_us(change[2]) for change in changes],
            "silent": [change[3] for change in changes],
            "at": at,
        },
    )
