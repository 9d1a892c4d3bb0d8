"""What is heard of devices: their newest signs of life, the ticks of the server's clock, and the silences between.

A sign that a lane of the device's numbers says already is not written here: readers take the newest of both, as the view
`device_heard` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from devices.instants import from_us, to_us
from devices.monitors import Silence
from diagnostics.detectors.silence import Remembered, SilenceChange
from gateway.storage.arrays import int_array
from gateway.storage.connection import Connection


class Sign(NamedTuple):
    """All that one batch says of a device's presence, in microseconds since 1970; None where it says nothing.

    `heard_us` is when its newest message was received, `claimed_us` the newest time that it claims, `is_online` its last
    word about itself, said at `told_us`. A word that the broker repeats is news only where it differs from the word that
    is kept, for nobody knows when it was said.
    """

    device_id: int
    heard_us: int | None
    claimed_us: int | None
    is_online: bool | None = None
    told_us: int | None = None
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class ToldSilence:
    """A silence as a tick tells it: confirmed, or else healed, after `quiet_h` hours of listening."""

    device_id: int
    tenant_id: int
    monitor: Silence
    since_at: datetime
    is_silent: bool
    quiet_h: float


def keep_signs(connection: Connection, signs: Sequence[Sign]) -> None:
    """Keep the newest signs of life of a batch's devices, those with words apart; what is older changes nothing."""
    plain = [sign for sign in signs if sign.is_online is None]
    if plain:
        _keep_plain(connection, plain)
    if len(plain) < len(signs):
        _keep_worded(connection, [sign for sign in signs if sign.is_online is not None])


def _keep_plain(connection: Connection, signs: Sequence[Sign]) -> None:
    """Keep when devices were heard, of which nothing else is said: nearly all, and nearly all were heard before.

    An upsert locks each row before it writes it, which costs as much again: so that is left to batches with a new device.
    """
    ids, heard, claimed, *_ = zip(*sorted(signs), strict=True)
    given = {"devices": int_array(ids), "heard": int_array(heard), "claimed": int_array(claimed)}
    renewed = connection.execute(
        """UPDATE device_presence kept SET
            heard_at = greatest(kept.heard_at, 'epoch'::timestamptz + s.heard_us * interval '1 microsecond'),
            newest_claimed_at = greatest(
                kept.newest_claimed_at, 'epoch'::timestamptz + s.claimed_us * interval '1 microsecond')
        FROM unnest(%(devices)s::int[], %(heard)s::bigint[], %(claimed)s::bigint[]) AS s (device_id, heard_us, claimed_us)
        WHERE kept.device_id = s.device_id""",
        given,
    )
    if renewed.rowcount == len(ids):
        return
    connection.execute(
        """INSERT INTO device_presence AS kept (device_id, heard_at, newest_claimed_at)
        SELECT s.device_id, 'epoch'::timestamptz + heard_us * interval '1 microsecond',
            'epoch'::timestamptz + claimed_us * interval '1 microsecond'
        FROM unnest(%(devices)s::int[], %(heard)s::bigint[], %(claimed)s::bigint[]) AS s (device_id, heard_us, claimed_us)
        ON CONFLICT (device_id) DO UPDATE SET
            heard_at = greatest(kept.heard_at, EXCLUDED.heard_at),
            newest_claimed_at = greatest(kept.newest_claimed_at, EXCLUDED.newest_claimed_at)""",
        given,
    )


def _keep_worded(connection: Connection, signs: Sequence[Sign]) -> None:
    ids, heard, claimed, online, told, repeated = zip(*sorted(signs), strict=True)
    connection.execute(
        """INSERT INTO device_presence AS kept (device_id, heard_at, newest_claimed_at, is_online, told_at, changed_at)
        SELECT s.device_id, 'epoch'::timestamptz + heard_us * interval '1 microsecond',
            'epoch'::timestamptz + claimed_us * interval '1 microsecond', s.is_online, news.told_at, news.told_at
        FROM unnest(%(devices)s::int[], %(heard)s::bigint[], %(claimed)s::bigint[], %(online)s::int[]::boolean[],
            %(told)s::bigint[], %(repeated)s::int[]::boolean[])
            AS s (device_id, heard_us, claimed_us, is_online, told_us, is_repeated)
        LEFT JOIN device_presence before ON s.is_repeated AND before.device_id = s.device_id
        CROSS JOIN LATERAL (SELECT CASE WHEN NOT s.is_repeated OR s.is_online IS DISTINCT FROM before.is_online
            THEN 'epoch'::timestamptz + told_us * interval '1 microsecond' END AS told_at) AS news
        ON CONFLICT (device_id) DO UPDATE SET
            heard_at = greatest(kept.heard_at, EXCLUDED.heard_at),
            newest_claimed_at = greatest(kept.newest_claimed_at, EXCLUDED.newest_claimed_at),
            is_online = CASE WHEN EXCLUDED.told_at >= coalesce(kept.told_at, '-infinity')
                THEN EXCLUDED.is_online ELSE kept.is_online END,
            changed_at = CASE WHEN EXCLUDED.told_at >= coalesce(kept.told_at, '-infinity')
                AND EXCLUDED.is_online IS DISTINCT FROM kept.is_online THEN EXCLUDED.told_at ELSE kept.changed_at END,
            told_at = greatest(kept.told_at, EXCLUDED.told_at)""",
        {
            "devices": int_array(ids),
            "heard": int_array(heard),
            "claimed": int_array(claimed),
            "online": int_array([None if each is None else int(each) for each in online]),
            "told": int_array(told),
            "repeated": int_array([int(each) for each in repeated]),
        },
    )


def keep_what_lanes_say(connection: Connection, device_ids: Sequence[int]) -> None:
    """Keep what devices' lanes say before they begin another, which may take one's place; make who is new present.

    Each device that has a lane has a presence from then on, though its signs are written into its lane alone.
    """
    connection.execute(
        """INSERT INTO device_presence AS kept (device_id, heard_at, newest_claimed_at)
        SELECT a.device_id, max(s.heard_at) FILTER (WHERE s.heard_at > 'epoch'), max(s.newest_claimed_at)
        FROM unnest(%s::int[]) AS a (device_id) LEFT JOIN device_sequence s USING (device_id)
        GROUP BY a.device_id ORDER BY a.device_id
        ON CONFLICT (device_id) DO UPDATE SET
            heard_at = greatest(kept.heard_at, EXCLUDED.heard_at),
            newest_claimed_at = greatest(kept.newest_claimed_at, EXCLUDED.newest_claimed_at)""",
        [int_array(device_ids)],
    )


def remembered(connection: Connection, partitions: range) -> list[Remembered]:
    """Return what is stored of each living device of some partitions that was heard once."""
    # As `device_heard` says it, but of all devices at once.
    rows = connection.execute(
        """SELECT device_id, d.product, greatest(p.heard_at, s.heard_at), p.silent_since_at, p.returned_at
        FROM device_presence p JOIN device d USING (device_id) LEFT JOIN (
            SELECT l.device_id, max(l.heard_at) AS heard_at FROM device_sequence l JOIN device USING (device_id)
            WHERE partition >= %(first)s AND partition < %(end)s AND l.heard_at > 'epoch'
            GROUP BY l.device_id) s USING (device_id)
        WHERE d.partition >= %(first)s AND d.partition < %(end)s AND d.retired_at IS NULL
            AND coalesce(p.heard_at, s.heard_at) IS NOT NULL""",
        {"first": partitions.start, "end": partitions.stop},
    )
    return [
        Remembered(device_id, product, to_us(heard_at), to_us(since_at) if since_at else 0, to_us(at) if at else 0)
        for device_id, product, heard_at, since_at, at in rows
    ]


def keep_tick(connection: Connection, partitions: range, at: datetime, *, since_at: datetime) -> None:
    """Keep a tick, and drop those before `since_at`, which no silence can reach back to, however they were divided."""
    connection.execute(
        """WITH dropped AS (DELETE FROM server_tick
            WHERE first_partition <= %(last)s AND last_partition >= %(first)s AND tick_at < %(since)s)
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


def keep_silence_symptoms(connection: Connection, told: Sequence[ToldSilence], at: datetime) -> None:
    """Write what a tick says of silences, each by its device, monitor and onset; no reading decided it, so 0 stands there.

    A region may fall silent in one tick: all are written by two statements.
    """
    connection.execute(
        """INSERT INTO symptom (tenant_id, device_id, monitor, component, state, since_at, noticed_at, noticed_value,
            confirmed_at, value, threshold, decided_by_ingest_no, decided_received_at)
        SELECT tenant_id, device_id, monitor, component, 'confirmed', since_at, %(at)s, quiet_h, %(at)s, quiet_h, limit_h, 0,
            %(at)s
        FROM unnest(%(tenants)s::int[], %(devices)s::int[], %(monitors)s::text[], %(components)s::text[],
            %(since)s::timestamptz[], %(quiet)s::float8[], %(limits)s::float8[])
            AS s (tenant_id, device_id, monitor, component, since_at, quiet_h, limit_h)
        ON CONFLICT ON CONSTRAINT symptom_is_told_once DO UPDATE SET state = 'confirmed', healed_at = NULL""",
        _columns([each for each in told if each.is_silent], at),
    )
    connection.execute(
        """UPDATE symptom SET state = 'healed', healed_at = %(at)s, decided_received_at = %(at)s
        FROM unnest(%(devices)s::int[], %(monitors)s::text[], %(since)s::timestamptz[]) AS s (device_id, monitor, since_at)
        WHERE symptom.device_id = s.device_id AND symptom.monitor = s.monitor AND symptom.element = 0
            AND symptom.since_at = s.since_at""",
        _columns([each for each in told if not each.is_silent], at),
    )


def _columns(told: Sequence[ToldSilence], at: datetime) -> dict[str, object]:
    return {
        "at": at,
        "tenants": [each.tenant_id for each in told],
        "devices": [each.device_id for each in told],
        "monitors": [each.monitor.name for each in told],
        "components": [each.monitor.component for each in told],
        "since": [each.since_at for each in told],
        "quiet": [each.quiet_h for each in told],
        "limits": [each.monitor.after_s / 3600.0 for each in told],
    }


def hand_on(connection: Connection, told: Sequence[ToldSilence], at: datetime) -> None:
    """Hand silences on to the desk, which looks at them together."""
    connection.execute(
        """INSERT INTO silence_change (device_id, tenant_id, since_at, is_silent, noticed_at)
        SELECT *, %(at)s::timestamptz
        FROM unnest(%(devices)s::int[], %(tenants)s::int[], %(since)s::timestamptz[], %(silent)s::boolean[])
        ON CONFLICT (device_id) DO UPDATE SET since_at = EXCLUDED.since_at, is_silent = EXCLUDED.is_silent,
            noticed_at = EXCLUDED.noticed_at""",
        {
            "devices": [each.device_id for each in told],
            "tenants": [each.tenant_id for each in told],
            "since": [each.since_at for each in told],
            "silent": [each.is_silent for each in told],
            "at": at,
        },
    )
