"""Numbering: what boot and seq of a device's messages say - what is missing, that they began anew, that two devices speak.

A device counts its boots and, from 1 on in each, its messages. A *lane* is one run of such a count: a boot, or an epoch
of it after the numbers fell back under the same boot. Each message belongs to the lane that it continues, or fills.

- **Gaps** are what is missing between a lane's beginning and its highest number. The first boot that is heard of a
  device begins where it is first heard; a later one begins at 1, unless the device goes on counting over its restarts or
  begins so high that its first number cannot be the loss of a few.
- **Restarted numbers**: three messages in a row that carry numbers already used (or far below), each later by the
  device's own clock than all before. A double or a late message is never later, so no good device looks like this.
  An event whose number fell back is told at once and begins nothing: its maker counts events apart from telemetry.
- **Refused messages**: the number of one of which nothing could be believed came, and is not missing. It does not move
  its lane on before a higher one does, so that the same message, corrected or replayed, continues the lane like any other.
- **Two devices**: lanes take turns. Each came back twice within a day, later by its clock than the other; or numbers
  come again with another content at times that are not new. One device leaves a boot once and does not come back.

What it cannot see: the loss of a boot's last messages when nothing follows them in that boot; two devices of which one
is always behind the other's clock and whose numbers never meet (its clock is told instead); messages that were refused,
and come corrected after later ones with times that are newer than theirs: these look like numbers that fell back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from devices.seqs import Range, add, common, contains, holes, size, without

# One more does not fit a range of 64-bit integers, whose end is exclusive.
HIGHEST_SEQ: Final = 2**63 - 2
# Gaps that are kept apart for a lane; the oldest are given up beyond it.
MOST_RANGES: Final = 64
# Epochs of one boot; the last one is begun again and again.
MOST_EPOCHS: Final = 16
RECENT: Final = 10
UNMARKED: Final = 0
_FIRST_SEQ: Final = 1
# A boot that is first heard above this has not lost so many: it counts otherwise.
_HIGHEST_START: Final = 1000
# A boot that begins so little above the end of the one before goes on counting.
_GOES_ON: Final = 100
# A number so far below the highest is not late in its turn.
_FAR: Final = 1000
_FALLEN_TO_RESTART: Final = 3
_RETURNS_TO_TELL: Final = 2
_CLASHES_TO_TELL: Final = 3
_DAY_US: Final = 86_400_000_000


class Recent(NamedTuple):
    """Live telemetry that was the newest of its lane: seq, its newest sample by its own clock and ours, its content."""

    seq: int
    told_us: int
    received_us: int
    mark: int


class Fallen(NamedTuple):
    """A message whose number fell back although its time is newer."""

    seq: int
    claimed_us: int


class Numbered(NamedTuple):
    """What numbering looks at in a message.

    `claimed_us` is the newest sample that was believed, `told_us` the newest of all, in microseconds since 1970 by the
    device's clock; None when there is none, both where the message was refused as a whole. `mark` is a checksum of the
    payload, `UNMARKED` where that is gone. What is retained the broker says again, whether or not the device is alive.
    """

    boot: int
    seq: int
    claimed_us: int | None
    told_us: int | None
    received_us: int
    mark: int
    is_backfill: bool = False
    is_event: bool = False
    is_retained: bool = False


@dataclass(frozen=True, slots=True)
class TwoDevices:
    """Two devices report under one identity; their (boot, seq) as seen last."""

    here: tuple[int, int]
    there: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SeqRestarted:
    """Numbers fell back under the same boot."""

    boot: int
    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """So many missing messages are not asked for, for there are too many gaps."""

    boot: int
    count: int


Finding = TwoDevices | SeqRestarted | Forgotten


@dataclass(slots=True)
class Lane:
    """One run of a device's numbers, changed in place by `take_in`; times are microseconds since 1970.

    `heard_us` is when its newest live message was received, 0 where nothing but a retained one ever came. `noticed` is
    what need not be noticed any more: gaps that are written down, and above the highest number what came and was refused.
    """

    boot: int
    epoch: int
    begins: int
    heard_us: int
    is_current: bool = False
    floor: int = 0
    received: list[Range] = field(default_factory=list[Range])
    newest_us: int | None = None
    returns: int = 0
    returned_us: int | None = None
    clashes: int = 0
    fallen: list[Fallen] = field(default_factory=list[Fallen])
    recent: list[Recent] = field(default_factory=list[Recent])
    suspected: list[Range] = field(default_factory=list[Range])
    suspect_us: int | None = None
    noticed: list[Range] = field(default_factory=list[Range])
    is_new: bool = True

    @property
    def highest(self) -> int:
        """The highest number that came; one below the beginning before the first."""
        return self.received[-1][1] if self.received else self.begins - 1

    @property
    def missing(self) -> list[Range]:
        """What has not come, from the lane's beginning to its highest number."""
        return holes(self.received, self.begins)


def take_in(lanes: list[Lane], message: Numbered) -> list[Finding]:
    """Take one message into a device's lanes and return what it shows.

    Parameters
    ----------
    lanes : list of Lane
        The current lane of the device, if it has one, and all lanes of the message's boot; a new one is added.
    message : Numbered
        In the order of receipt.
    """
    if message.seq > HIGHEST_SEQ:
        return []
    lane = _lane_of(lanes, message)
    lane.heard_us = max(lane.heard_us, _heard_us(message))
    if message.claimed_us is None:
        return _hold(lane, message)
    found: list[Finding] = []
    if message.seq > lane.highest:
        found += _advance(lanes, lane, message)
    elif _is_fallen(lane, message):
        return _fall(lanes, lane, message)
    else:
        found += _clash(lane, message)
    _add(lane, message.seq)
    lane.newest_us = message.claimed_us if lane.newest_us is None else max(lane.newest_us, message.claimed_us)
    return found + _forget(lane)


def suspect(lane: Lane, now_us: int) -> None:
    """Note which gaps a lane has from now on, to be looked at again after a while: disorder closes by itself."""
    fresh = without(lane.missing, lane.noticed)
    if not fresh:
        lane.suspected, lane.suspect_us = [], None
    elif lane.suspect_us is None:
        lane.suspected, lane.suspect_us = fresh, now_us


def drop_noticed(lane: Lane) -> None:
    """Forget those of the noticed numbers that have come."""
    lane.noticed = without(lane.noticed, lane.received)


def _add(lane: Lane, seq: int) -> None:
    """Add a number to those that came, and what was refused below it: the lane has gone beyond that."""
    if seq < lane.floor:
        return
    for first, last in common(lane.noticed, [(lane.highest + 1, seq)]):
        add(lane.received, first, last)
    add(lane.received, seq)
    lane.begins = min(lane.begins, seq)


def _hold(lane: Lane, message: Numbered) -> list[Finding]:
    """Take in the number of a message of which nothing was believed.

    One that leaps has its lane leap where the message could be read, and says nothing where it could not.
    """
    highest = lane.highest
    top = max(highest, lane.noticed[-1][1]) if lane.noticed else highest
    if message.seq > top and not message.is_backfill:
        lane.fallen = []
        _remember(lane, message)
    is_next = message.seq == top + 1 or (message.seq - top <= _FAR and len(lane.noticed) < MOST_RANGES)
    if message.seq > highest and is_next:
        add(lane.noticed, message.seq)
    elif message.seq <= highest or message.told_us is not None:
        _add(lane, message.seq)
    return _forget(lane)


def _remember(lane: Lane, message: Numbered) -> None:
    """Keep live telemetry that is the newest of its lane, for its clock and to know it again."""
    if message.told_us is not None and not message.is_event:
        seen = Recent(message.seq, message.told_us, message.received_us, message.mark)
        lane.recent = [*lane.recent, seen][-RECENT:]


def _heard_us(message: Numbered) -> int:
    return 0 if message.is_retained else message.received_us


def _current(lanes: Sequence[Lane]) -> Lane | None:
    return next((lane for lane in lanes if lane.is_current), None)


def _lane_of(lanes: list[Lane], message: Numbered) -> Lane:
    same = sorted((lane for lane in lanes if lane.boot == message.boot), key=lambda lane: lane.epoch)
    if not same:
        return _open(lanes, message)
    if len(same) == 1:
        return same[0]
    ahead = [lane for lane in same if lane.highest < message.seq]
    if ahead:
        # The one that it continues most closely; the current one may have lost a message or two.
        return min(ahead, key=lambda lane: message.seq - lane.highest - (2 if lane.is_current else 0))
    if message.claimed_us is not None:
        for lane in same:
            if lane.newest_us is not None and message.claimed_us <= lane.newest_us:
                return lane
    return next((lane for lane in same if lane.is_current), same[-1])


def _open(lanes: list[Lane], message: Numbered) -> Lane:
    before = _current(lanes)
    is_later = before is not None and message.boot > before.boot
    begins = message.seq
    if before is not None and is_later and _FIRST_SEQ < message.seq <= _HIGHEST_START:
        goes_on = before.highest < message.seq <= before.highest + _GOES_ON
        begins = message.seq if goes_on else _FIRST_SEQ
    lane = Lane(message.boot, 0, begins, _heard_us(message))
    lanes.append(lane)
    if before is None or is_later:
        _make_current(lanes, lane)
    return lane


def _make_current(lanes: Sequence[Lane], lane: Lane) -> None:
    for each in lanes:
        each.is_current = each is lane


def _advance(lanes: list[Lane], lane: Lane, message: Numbered) -> list[Finding]:
    """Take in a number above all before it."""
    if message.is_backfill:
        return []
    found: list[Finding] = []
    claimed_us = message.claimed_us
    if claimed_us is not None and (lane.newest_us is None or claimed_us > lane.newest_us):
        other = _current(lanes)
        if lane.fallen and claimed_us > lane.fallen[-1].claimed_us:
            found = _return(lane, message, (lane.boot, lane.fallen[-1].seq))
        elif other is not None and lane is not other and (other.newest_us is None or claimed_us > other.newest_us):
            found = _return(lane, message, (other.boot, other.highest))
            _make_current(lanes, lane)
    lane.fallen = []
    _remember(lane, message)
    return found


def _return(lane: Lane, message: Numbered, there: tuple[int, int]) -> list[Finding]:
    """Count that a lane was left and come back to."""
    is_fresh = lane.returned_us is not None and message.received_us - lane.returned_us < _DAY_US
    lane.returns = min(lane.returns + 1, 1000) if is_fresh else 1
    lane.returned_us = message.received_us
    return [TwoDevices((message.boot, message.seq), there)] if lane.returns >= _RETURNS_TO_TELL else []


def _is_fallen(lane: Lane, message: Numbered) -> bool:
    """Whether a number that is not new belongs to a message that is."""
    if message.is_backfill or message.claimed_us is None or lane.newest_us is None:
        return False
    is_used = contains(lane.received, message.seq) or message.seq < lane.begins or lane.highest - message.seq > _FAR
    return message.claimed_us > lane.newest_us and is_used


def _fall(lanes: list[Lane], lane: Lane, message: Numbered) -> list[Finding]:
    """Hold a message whose number fell back; three in a row begin an epoch of their own."""
    if message.is_event:
        return [SeqRestarted(lane.boot, lane.highest, message.seq)]
    fallen = Fallen(message.seq, message.claimed_us or 0)
    is_next = bool(lane.fallen) and fallen.seq >= lane.fallen[-1].seq and fallen.claimed_us > lane.fallen[-1].claimed_us
    lane.fallen = [*lane.fallen, fallen] if is_next else [fallen]
    if len(lane.fallen) < _FALLEN_TO_RESTART:
        return []
    restarted = SeqRestarted(lane.boot, lane.highest, lane.fallen[0].seq)
    last = max(each.epoch for each in lanes if each.boot == lane.boot)
    epoch = min(last + 1, MOST_EPOCHS - 1)
    begun = Lane(lane.boot, epoch, lane.fallen[0].seq, _heard_us(message), newest_us=fallen.claimed_us)
    for each in lane.fallen:
        add(begun.received, each.seq)
    lane.fallen = []
    lanes[:] = [each for each in lanes if (each.boot, each.epoch) != (begun.boot, begun.epoch)]
    lanes.append(begun)
    _make_current(lanes, begun)
    return [restarted]


def _clash(lane: Lane, message: Numbered) -> list[Finding]:
    """Count a number that came with another content or time before; a double is the same message again."""
    if message.is_backfill or message.is_event or message.claimed_us is None:
        return []
    earlier = next((each for each in lane.recent if each.seq == message.seq), None)
    if earlier is None or earlier.mark == UNMARKED or message.mark == UNMARKED:
        return []
    if (earlier.told_us, earlier.mark) == (message.told_us, message.mark):
        return []
    lane.clashes = min(lane.clashes + 1, 1000)
    here = (message.boot, message.seq)
    return [TwoDevices(here, (lane.boot, earlier.seq))] if lane.clashes >= _CLASHES_TO_TELL else []


def _forget(lane: Lane) -> list[Finding]:
    """Keep a lane bounded: beyond so many gaps the oldest are given up."""
    if len(lane.received) <= MOST_RANGES:
        return []
    kept = lane.received[-MOST_RANGES:]
    given_up = [each for each in lane.missing if each[0] < kept[0][0]]
    lane.received = kept
    lane.begins = lane.floor = kept[0][0]
    lane.noticed = without(lane.noticed, [(0, lane.floor - 1)])
    lane.suspected = without(lane.suspected, [(0, lane.floor - 1)])
    return [Forgotten(lane.boot, size(given_up))]
