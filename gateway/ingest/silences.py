"""Presence at the door: who was heard in a batch, kept with the batch; and the ticks by which silence is found.

Both are committed with what caused them, and the detector's state is made again from what is stored, so a worker that
is lost finds the same silences once.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from devices.identity import Identity
from devices.instants import from_us, to_us
from devices.products import product_types
from diagnostics.detectors.silence import SilenceChange, Silences
from gateway.ingest.decode import Decoded, Presence
from gateway.ingest.directory import Known
from gateway.ingest.source import Message
from gateway.storage.connection import Connection
from gateway.storage.presence import (
    Sign,
    ToldSilence,
    hand_on,
    keep_signs,
    keep_silence_symptoms,
    keep_silences,
    keep_tick,
    remembered,
)
from gateway.storage.ticks import ticks_us

TICK_EVERY: Final = timedelta(minutes=1)
# Ticks are kept for several times the longest silence that any product allows, and for so long at least.
_KEEP_TIMES: Final = 3.0
_KEEP_AT_LEAST: Final = timedelta(days=14)


class DeviceSilences:
    """The silences of the devices of some partitions, in memory and in the database.

    Parameters
    ----------
    partitions : range
        Those that this worker serves.
    """

    def __init__(self, partitions: range) -> None:
        self._partitions = partitions
        self._monitors = {
            name: product.silence for name, product in product_types().items() if product.silence is not None
        }
        longest_s = max((monitor.after_s for monitor in self._monitors.values()), default=0.0)
        self._keep = max(_KEEP_AT_LEAST, timedelta(seconds=_KEEP_TIMES * longest_s))
        self._due_at: datetime | None = None
        self._silences = Silences(self._monitors, np.zeros(0, np.int64), [])

    def rebuild(self, connection: Connection) -> None:
        """Begin anew from what is stored."""
        ticks = ticks_us(connection, self._partitions)
        self._silences = Silences(self._monitors, ticks, remembered(connection, self._partitions))
        self._due_at = from_us(int(ticks[-1])) + TICK_EVERY if len(ticks) else None

    def hear(
        self,
        connection: Connection,
        named: Iterable[tuple[Message, Identity, str]],
        find: Callable[[Identity], Known | None],
        decoded: Decoded,
    ) -> None:
        """Keep the signs of life of a batch, in its transaction; when that is undone, `rebuild` has to follow."""
        known, signs = signs_of(named, find, decoded)
        keep_signs(connection, signs)
        heard = [(known[sign.device_id], to_us(sign.heard_at)) for sign in signs if sign.heard_at is not None]
        self._silences.hear(
            [device.device_id for device, _ in heard],
            [device.product for device, _ in heard],
            [heard_us for _, heard_us in heard],
        )

    def is_due(self, at: datetime) -> bool:
        """Whether it is time for a tick."""
        return self._due_at is None or at >= self._due_at

    def tick(self, connection: Connection, at: datetime) -> None:
        """Move the server's clock on, in a transaction of its own; when that is undone, `rebuild` has to follow.

        Parameters
        ----------
        connection : Connection
            In the role of ingest.
        at : datetime
            All that was received until then has been committed.
        """
        self._due_at = at + TICK_EVERY
        with connection.transaction():
            keep_tick(connection, self._partitions, at, since_at=at - self._keep)
            changes = self._silences.tick(to_us(at))
            if changes:
                self._tell(connection, changes, at)

    def _tell(self, connection: Connection, changes: Sequence[SilenceChange], at: datetime) -> None:
        living = keep_silences(connection, changes, at)
        self._silences.forget([change.device_id for change in changes if change.device_id not in living])
        told = [
            ToldSilence(
                change.device_id,
                living[change.device_id][0],
                self._monitors[living[change.device_id][1]],
                from_us(change.since_us),
                change.turn == "silent",
                change.quiet_h,
            )
            for change in changes
            if change.turn in ("silent", "healed") and change.device_id in living
        ]
        if told:
            keep_silence_symptoms(connection, told, at)
            hand_on(connection, told, at)


def signs_of(
    named: Iterable[tuple[Message, Identity, str]], find: Callable[[Identity], Known | None], decoded: Decoded
) -> tuple[dict[int, Known], list[Sign]]:
    """Return a batch's signs of life by device, and the devices.

    Whatever a device sent is a sign of life, readable or not. What the broker says for it is none: a last will, or a
    retained message that comes again with each subscription. A word that it is not online may be its will's.
    """
    known: dict[int, Known] = {}
    heard: dict[int, datetime] = {}
    claimed_us: dict[int, int] = {}
    for message, identity, channel in named:
        device = find(identity)
        if device is None or device.partition != identity.partition:
            continue
        known[device.device_id] = device
        if channel != "state" and not message.is_retained:
            _raise(heard, device.device_id, message.received_at)
    words: dict[int, Presence] = {}
    for presence in decoded.presences:
        device_id = presence.device.device_id
        if presence.is_online and not presence.is_retained:
            _raise(heard, device_id, presence.received_at)
        if device_id not in words or words[device_id].received_at <= presence.received_at:
            words[device_id] = presence
    for rows in decoded.rows.values():
        for row in rows:
            claimed_us[row.device_id] = max(claimed_us.get(row.device_id, row.sample.at_us), row.sample.at_us)
    return known, [
        Sign(
            device_id,
            heard.get(device_id),
            from_us(claimed_us[device_id]) if device_id in claimed_us else None,
            word.is_online if word else None,
            word.received_at if word else None,
            is_repeated=word is not None and word.is_retained,
        )
        for device_id, word in ((device_id, words.get(device_id)) for device_id in known)
        if word is not None or device_id in heard
    ]


def _raise(newest: dict[int, datetime], device_id: int, at: datetime) -> None:
    if device_id not in newest or newest[device_id] < at:
        newest[device_id] = at
