"""Presence at the door: who was heard in a batch, kept with the batch; and the ticks by which silence is found.

Both are committed with what caused them, and the detector's state is made again from what is stored, so a worker that
is lost finds the same silences once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from devices.instants import from_us, to_us
from devices.products import product_types
from diagnostics.detectors.silence import SilenceChange, Silences
from gateway.ingest.decode import Decoded, Presence
from gateway.ingest.directory import Known
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
from gateway.storage.sequences import Held
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
        # When devices were heard, and the newest times that they claim, which is not written yet.
        self._heard: dict[int, tuple[int, int | None]] = {}
        self._devices: dict[int, Known] = {}
        self._silences = Silences(self._monitors, np.zeros(0, np.int64), [])

    def rebuild(self, connection: Connection) -> None:
        """Begin anew from what is stored."""
        self._heard.clear()
        ticks = ticks_us(connection, self._partitions)
        self._silences = Silences(self._monitors, ticks, remembered(connection, self._partitions))
        self._due_at = from_us(int(ticks[-1])) + TICK_EVERY if len(ticks) else None

    def hear(self, connection: Connection, decoded: Decoded) -> list[int]:
        """Take in the signs of life of a batch, in its transaction; when that is undone, `rebuild` has to follow.

        A device's word about itself is written at once.

        Returns
        -------
        list of int
            Devices that were heard, until `write` writes when.
        """
        worded = signs_with_words(decoded)
        if worded:
            keep_signs(connection, worded)
            self._note_heard(worded, decoded.devices)
        self.note(decoded.devices, decoded.heard_us, _claimed_us(decoded))
        return list(decoded.heard_us)

    def note(self, devices: Mapping[int, Known], heard_us: Mapping[int, int], claimed_us: Mapping[int, int]) -> None:
        """Remember when devices were heard, and the newest times that they claim, to be written."""
        kept = self._heard
        for device_id, at_us in heard_us.items():
            newest_us, before_us = claimed_us.get(device_id), kept.get(device_id)
            if before_us is not None:
                heard_before_us, claimed_before_us = before_us
                if heard_before_us > at_us:
                    at_us = heard_before_us
                if newest_us is None or (claimed_before_us is not None and claimed_before_us > newest_us):
                    newest_us = claimed_before_us
            kept[device_id] = (at_us, newest_us)
        self._devices |= devices

    def write(self, connection: Connection, device_ids: Sequence[int], lanes: Held) -> None:
        """Write when some devices were heard, but for what lanes say that were written in the same transaction."""
        signs = [Sign(each, *self._heard.pop(each)) for each in device_ids if each in self._heard]
        if not signs:
            return
        left = _unsaid(signs, lanes)
        if left:
            keep_signs(connection, left)
        self._note_heard(signs, self._devices)

    def _note_heard(self, signs: Sequence[Sign], devices: Mapping[int, Known]) -> None:
        heard = [(sign.device_id, devices[sign.device_id].product, sign.heard_us) for sign in signs if sign.heard_us]
        if heard:
            self._silences.hear(*zip(*heard, strict=True))

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


def signs_with_words(decoded: Decoded) -> list[Sign]:
    """Return the signs of life of a batch's devices that have said something of themselves, or whose last will has.

    Whatever a device sent is a sign of life, readable or not. What the broker says for it is none: a last will, or a
    retained message that comes again with each subscription. A word that it is not online may be its will's.
    """
    heard_us: dict[int, int] = {}
    words: dict[int, Presence] = {}
    for presence in decoded.presences:
        device_id = presence.device.device_id
        if presence.is_online and not presence.is_retained:
            heard_us[device_id] = max(heard_us.get(device_id, 0), to_us(presence.received_at))
        if device_id not in words or words[device_id].received_at <= presence.received_at:
            words[device_id] = presence
    return [
        Sign(device_id, heard_us.get(device_id), None, word.is_online, to_us(word.received_at), word.is_retained)
        for device_id, word in words.items()
    ]


def _unsaid(signs: Sequence[Sign], lanes: Held) -> list[Sign]:
    """Return those of some plain signs that no lane says: each has its device's newest times, or older ones."""
    newest = zip(lanes.heard_us.tolist(), lanes.newest_us.tolist(), strict=True)
    said = dict(zip(lanes.device_id.tolist(), newest, strict=True))
    nothing = (-1, -1)
    return [
        sign
        for sign in signs
        if (lane := said.get(sign.device_id, nothing))[0] < (sign.heard_us or 0) or lane[1] < (sign.claimed_us or 0)
    ]


def _claimed_us(decoded: Decoded) -> dict[int, int]:
    """Return the newest claimed time of each device: readings are in the order of time, so the last one counts."""
    newest: dict[int, int] = {}
    for readings in decoded.readings.values():
        newest |= dict(zip(readings.device_id.tolist(), readings.at_us.tolist(), strict=True))
    return newest
