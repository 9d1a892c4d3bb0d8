"""Numbering: a batch's boots and seqs, kept in its own transaction, with what they show of gaps, clocks and identities.

One query and one statement for all messages of a batch; what is rare - a gap that closes, a clock that changes, a trouble -
costs one more. What it all means is decided in `devices.numbering` and `devices.clocks`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from devices.clocks import Skew, skew
from devices.instants import from_us, to_us
from devices.numbering import Finding, Forgotten, Lane, Numbered, SeqRestarted, TwoDevices, suspect, take_in
from devices.products import product_type
from devices.seqs import common
from gateway.ingest.answers import settle_answers
from gateway.ingest.decode import Decoded, Rejected
from gateway.ingest.directory import Known
from gateway.storage.clocks import ClockRow, load_clocks, save_clocks
from gateway.storage.connection import Connection
from gateway.storage.gaps import Lost, end_gaps_of_former_epochs, fill_gaps
from gateway.storage.sequences import load_lanes, prune_lanes, save_lanes
from gateway.storage.troubles import Trouble, close, tell

# A clock is written down again when it has moved by so much, or when it was off for so long.
_MOVED_S: Final = 5.0
_AGAIN_S: Final = 600.0


def keep_numbers(connection: Connection, decoded: Decoded, now: datetime) -> None:
    """Keep the numbers and answers of a batch, and tell what troubles they show.

    Answers to what was never asked are added to what the batch refuses.
    """
    troubles: list[Trouble] = []
    if decoded.numbered:
        troubles += _count(connection, decoded.numbered, decoded.devices, now)
    if decoded.answers:
        refused, lost = settle_answers(connection, decoded.answers, now)
        decoded.rejected += [Rejected(each.message, each.device, refusal) for each, refusal in refused]
        troubles += [told_lost(device.tenant_id, each) for device, each in lost]
    if troubles:
        tell(connection, troubles, now)


def told_lost(tenant_id: int, lost: Lost) -> Trouble:
    """Return the trouble of messages that are given up."""
    return Trouble(tenant_id, lost.device_id, "gap_lost", lost.count, {"boot": lost.boot})


def _count(
    connection: Connection, numbered: Sequence[tuple[int, Numbered]], devices: Mapping[int, Known], now: datetime
) -> list[Trouble]:
    lanes = load_lanes(connection, ((device_id, message.boot) for device_id, message in numbered))
    found: defaultdict[int, list[Finding]] = defaultdict(list)
    for device_id, message in numbered:
        found[device_id] += take_in(lanes[device_id], message)
    with_gaps: list[tuple[int, int, int]] = []
    for device_id, of_device in lanes.items():
        for lane in of_device:
            if lane.noticed:
                with_gaps.append((device_id, lane.boot, lane.epoch))
                lane.noticed = common(lane.noticed, lane.missing)
            suspect(lane, to_us(now))
    save_lanes(connection, lanes)
    begun = [device_id for device_id, of_device in lanes.items() if any(lane.is_new for lane in of_device)]
    if begun:
        prune_lanes(connection, begun, now)
    lost = fill_gaps(connection, with_gaps, now) if with_gaps else []
    for device_id, findings in found.items():
        for each in findings:
            if isinstance(each, SeqRestarted):
                lost += end_gaps_of_former_epochs(connection, device_id, each.boot, now)
    troubles = [_trouble(devices[device_id], each) for device_id, findings in found.items() for each in findings]
    troubles += [told_lost(devices[each.device_id].tenant_id, each) for each in lost]
    return troubles + _clocks(connection, devices, lanes, now)


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


def _clocks(
    connection: Connection, devices: Mapping[int, Known], lanes: Mapping[int, Sequence[Lane]], now: datetime
) -> list[Trouble]:
    """Measure the clocks of a batch's devices, and write down those that changed."""
    measured: dict[int, tuple[Skew, datetime]] = {}
    for device_id, of_device in lanes.items():
        lane = next((each for each in of_device if each.is_current and each.recent), None)
        if lane is not None:
            pairs = [(each.told_us, each.received_us) for each in lane.recent]
            estimate = skew(pairs, product_type(devices[device_id].product).cadence_s)
            if estimate is not None:
                measured[device_id] = (estimate, from_us(lane.recent[-1].received_us))
    if not measured:
        return []
    known = load_clocks(connection, measured)
    changed = {each: m for each, m in measured.items() if _is_news(known.get(each), *m)}
    if not changed:
        return []
    save_clocks(connection, [ClockRow(each, s.skew_s, s.is_off, at) for each, (s, at) in changed.items()])
    right = [each for each, (s, _) in changed.items() if not s.is_off and each in known and known[each].is_off]
    if right:
        close(connection, right, "clock_off", now)
    return [
        Trouble(devices[each].tenant_id, each, "clock_off", 1, {"skew_s": round(s.skew_s, 1)})
        for each, (s, _) in changed.items()
        if s.is_off
    ]


def _is_news(known: ClockRow | None, measured: Skew, at: datetime) -> bool:
    if known is None or known.is_off != measured.is_off or abs(known.skew_s - measured.skew_s) > _MOVED_S:
        return True
    return measured.is_off and (at - known.measured_at).total_seconds() > _AGAIN_S
