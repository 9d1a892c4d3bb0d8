"""Numbering: the boots and seqs of messages, with what they show of gaps, clocks and identities.

Devices whose numbers just go on are counted in memory and written when there is time. All others take one query and one
statement a batch; what is rare - a gap that closes, a trouble - costs one more. What it all means is decided in
`devices.numbering` and `devices.clocks`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Final

import numpy as np

from devices.clocks import Skew, skews
from devices.instants import from_us, to_us
from devices.numbering import (
    Finding,
    Forgotten,
    Lane,
    Numbered,
    SeqRestarted,
    TwoDevices,
    drop_noticed,
    suspect,
    take_in,
)
from devices.products import UnknownProductError, product_type
from devices.readings import IntArray
from gateway.ingest.answers import settle_answers
from gateway.ingest.decode import Decoded, Rejected
from gateway.ingest.directory import Known
from gateway.ingest.runs import Numbers, Runs
from gateway.storage.clocks import ClockRow, load_clocks, save_clocks
from gateway.storage.connection import Connection
from gateway.storage.gaps import Lost, end_gaps_of_former_epochs, fill_gaps
from gateway.storage.presence import keep_what_lanes_say
from gateway.storage.sequences import Held, load_lanes, load_runs, prune_lanes, save_lanes, save_runs
from gateway.storage.troubles import Trouble, close, tell

# A clock is written down again when it has moved by so much, or when it was off for so long.
_MOVED_S: Final = 5.0
_AGAIN_S: Final = 600.0


class Numbering:
    """The numbers of the devices that a worker hears."""

    def __init__(self) -> None:
        self._runs = Runs()
        self._devices: dict[int, Known] = {}
        self._clocks: dict[int, ClockRow | None] = {}

    def forget(self) -> None:
        """Begin anew from what is stored."""
        self._runs = Runs()
        self._devices.clear()
        self._clocks.clear()

    def keep(self, connection: Connection, decoded: Decoded, now: datetime) -> list[int]:
        """Keep the numbers and answers of a batch, in its transaction, and tell what troubles they show.

        Answers to what was never asked are added to what the batch refuses. When the transaction is undone, `forget`
        has to follow.

        Returns
        -------
        list of int
            Devices whose numbers went on in memory only, until `write` writes them.
        """
        troubles: list[Trouble] = []
        went_on: list[int] = []
        if decoded.numbered:
            went_on, troubles = self.count(connection, decoded.numbered, decoded.devices, now)
        if decoded.answers:
            refused, lost = settle_answers(connection, decoded.answers, now)
            decoded.rejected += [Rejected(each.message, each.device, refusal) for each, refusal in refused]
            troubles += [told_lost(device.tenant_id, each) for device, each in lost]
        if troubles:
            tell(connection, troubles, now)
        return went_on

    def count(
        self,
        connection: Connection,
        numbered: Sequence[tuple[int, Numbered]],
        devices: Mapping[int, Known],
        now: datetime,
    ) -> tuple[list[int], list[Trouble]]:
        """Take numbers in; return the devices whose numbers went on in memory only, and troubles to be told."""
        numbers = Numbers.of(numbered)
        # A set less a dictionary's keys would go through all of the fleet.
        fresh = {device_id for device_id, _ in numbered if device_id not in self._devices}
        self._devices |= devices
        if fresh:
            self._runs.put_all(load_runs(connection, fresh))
        is_taken = self._runs.take(numbers)
        went_on: list[int] = np.unique(numbers.device_id[is_taken]).tolist()
        if is_taken.all():
            return went_on, []
        others = [each for each, taken in zip(numbered, is_taken.tolist(), strict=True) if not taken]
        return went_on, self._count_apart(connection, others, now)

    def _count_apart(
        self, connection: Connection, numbered: Sequence[tuple[int, Numbered]], now: datetime
    ) -> list[Trouble]:
        """Take in numbers that do not just go on, from what is stored of their devices."""
        self.write(connection, list({device_id for device_id, _ in numbered}), now)
        lanes = load_lanes(connection, ((device_id, message.boot) for device_id, message in numbered))
        found: defaultdict[int, list[Finding]] = defaultdict(list)
        for device_id, message in numbered:
            found[device_id] += take_in(lanes[device_id], message)
        with_gaps: list[tuple[int, int, int]] = []
        for device_id, of_device in lanes.items():
            for lane in of_device:
                if lane.noticed and lane.noticed[0][0] <= lane.highest:
                    with_gaps.append((device_id, lane.boot, lane.epoch))
                    drop_noticed(lane)
                suspect(lane, to_us(now))
        begun = [device_id for device_id, of_device in lanes.items() if any(lane.is_new for lane in of_device)]
        if begun:
            keep_what_lanes_say(connection, begun)
        save_lanes(connection, lanes)
        if begun:
            prune_lanes(connection, begun, now)
        lost = fill_gaps(connection, with_gaps, now) if with_gaps else []
        for device_id, findings in found.items():
            for each in findings:
                if isinstance(each, SeqRestarted):
                    lost += end_gaps_of_former_epochs(connection, device_id, each.boot, now)
        self._remember(lanes, {(device_id, message.boot) for device_id, message in numbered})
        troubles = [
            _trouble(self._devices[device_id], each) for device_id, findings in found.items() for each in findings
        ]
        troubles += [told_lost(self._devices[each.device_id].tenant_id, each) for each in lost]
        recent = {
            device_id: [(each.told_us, each.received_us) for each in lane.recent]
            for device_id, of_device in lanes.items()
            for lane in of_device
            if lane.is_current and lane.recent
        }
        return troubles + self._measure(connection, *_padded(recent), now)

    def _remember(self, lanes: Mapping[int, Sequence[Lane]], loaded: Set[tuple[int, int]]) -> None:
        """Remember the present lanes of devices, where they are the only ones of boots that were loaded."""
        for device_id, of_device in lanes.items():
            current = next((lane for lane in of_device if lane.is_current), None)
            is_known = current is not None and (device_id, current.boot) in loaded
            if current is not None and is_known and sum(lane.boot == current.boot for lane in of_device) == 1:
                self._runs.put(device_id, current)
            else:
                self._runs.forget([device_id])

    def write(self, connection: Connection, device_ids: Sequence[int], now: datetime) -> Held:
        """Write what went on in memory of some devices, and what their clocks show; return the lanes that were written."""
        held = self._runs.held(device_ids)
        if not len(held.device_id):
            return held
        save_runs(connection, held)
        told_us, received_us = held.recent[:, :, 1], held.recent[:, :, 2]
        troubles = self._measure(connection, held.device_id, told_us, received_us, held.count, now)
        if troubles:
            tell(connection, troubles, now)
        return held

    def _measure(
        self,
        connection: Connection,
        device_ids: IntArray,
        told_us: IntArray,
        received_us: IntArray,
        counts: IntArray,
        now: datetime,
    ) -> list[Trouble]:
        """Measure clocks, and write down those that changed."""
        ids: list[int] = device_ids.tolist()
        cadence_s = np.array([_cadence_s(self._devices[each].product) for each in ids])
        newest = np.maximum(counts - 1, 0)[:, None]
        newest_us: list[int] = np.take_along_axis(received_us, newest, 1)[:, 0].tolist() if ids else []
        measured = {
            each: (estimate, from_us(at_us))
            for each, estimate, at_us in zip(
                ids, skews(told_us, received_us, counts, cadence_s), newest_us, strict=True
            )
            if estimate is not None
        }
        if unknown := [each for each in measured if each not in self._clocks]:
            self._clocks |= dict.fromkeys(unknown) | load_clocks(connection, unknown)
        known = self._clocks
        changed = {each: m for each, m in measured.items() if _is_news(known[each], *m)}
        if not changed:
            return []
        rows = [ClockRow(each, s.skew_s, s.is_off, at) for each, (s, at) in changed.items()]
        save_clocks(connection, rows)
        right = [row.device_id for row in rows if not row.is_off and _was_off(known[row.device_id])]
        if right:
            close(connection, right, "clock_off", now)
        self._clocks |= {row.device_id: row for row in rows}
        return [
            Trouble(self._devices[each].tenant_id, each, "clock_off", 1, {"skew_s": round(s.skew_s, 1)})
            for each, (s, _) in changed.items()
            if s.is_off
        ]


def told_lost(tenant_id: int, lost: Lost) -> Trouble:
    """Return the trouble of messages that are given up."""
    return Trouble(tenant_id, lost.device_id, "gap_lost", lost.count, {"boot": lost.boot})


def _cadence_s(product: str) -> float:
    try:
        return product_type(product).cadence_s
    except UnknownProductError:
        return 0.0


def _padded(recent: Mapping[int, Sequence[tuple[int, int]]]) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return devices, times told and received side by side, and how many of them count."""
    counts = np.array([len(pairs) for pairs in recent.values()], dtype=np.int64)
    together = np.zeros((len(recent), int(counts.max(initial=1)), 2), np.int64)
    for row, pairs in enumerate(recent.values()):
        together[row, : len(pairs)] = pairs
    return np.array(list(recent), dtype=np.int64), together[:, :, 0], together[:, :, 1], counts


def _trouble(device: Known, finding: Finding) -> Trouble:
    match finding:
        case TwoDevices(here, there):
            detail = {"boot": here[0], "seq": here[1], "other_boot": there[0], "other_seq": there[1]}
            return Trouble(device.tenant_id, device.device_id, "two_devices", 1, detail)
        case SeqRestarted(boot, from_seq, to_seq):
            detail = {"boot": boot, "from_seq": from_seq, "to_seq": to_seq}
            return Trouble(device.tenant_id, device.device_id, "seq_restarted", 1, detail)
        case Forgotten(boot, count):
            return told_lost(device.tenant_id, Lost(device.device_id, boot, count))


def _is_news(known: ClockRow | None, measured: Skew, at: datetime) -> bool:
    if known is None or known.is_off != measured.is_off or abs(known.skew_s - measured.skew_s) > _MOVED_S:
        return True
    return measured.is_off and (at - known.measured_at).total_seconds() > _AGAIN_S


def _was_off(known: ClockRow | None) -> bool:
    return known is not None and known.is_off
