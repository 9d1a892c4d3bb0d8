"""Decode: a batch of messages to readings by product, rejections and presences. It never raises on what devices send.

Most messages are our own JSON without a fault: they are read in one step by types made from the declared signals. All
others take the way through the product's own `decode`, which says what is wrong with which of their pieces.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zlib import crc32

import msgspec

from devices.codecs import typed
from devices.codecs.foreign import UNNUMBERED
from devices.codecs.heads import read_head
from devices.instants import EPOCH, MICROSECOND, from_us, to_us
from devices.numbering import UNMARKED, Numbered
from devices.product import MessageKind
from devices.products import UnknownProductError, product_type, product_types
from devices.readings import Envelope, Refusal, Sample
from gateway.ingest.answers import Answered, read_answer
from gateway.ingest.directory import Known, NoPlace, Place
from gateway.ingest.sheets import Sheet
from gateway.ingest.source import Message
from gateway.storage.readings import Readings

# A device's clock may run ahead by this much before its readings are refused.
_AHEAD: Final = timedelta(minutes=5)
# Live readings are kept this long; older ones have to be declared a backfill.
_LIVE_FOR: Final = timedelta(days=400)
# Refusals kept one by one for each message.
_MOST_REFUSALS: Final = 8
_NOTHING_BEFORE: Final = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD_US: Final = _AHEAD // timedelta(microseconds=1)
_LIVE_FOR_US: Final = _LIVE_FOR // timedelta(microseconds=1)
_NOTHING_BEFORE_US: Final = to_us(_NOTHING_BEFORE)
_TYPED: Final = {name: typed.reader(product.signals) for name, product in product_types().items()}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A piece that could not be read, with the message that it came in."""

    message: Message
    device: Known | None
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Presence:
    """A device's own word, or its last will, that it is online or not."""

    device: Known
    is_online: bool
    received_at: datetime
    is_retained: bool = False


@dataclass(slots=True)
class Decoded:
    """What a batch of messages holds."""

    # By product, in the order of time, no key twice.
    readings: Mapping[str, Readings] = field(default_factory=dict[str, Readings])
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    presences: list[Presence] = field(default_factory=list[Presence])
    # Every message whose numbers could be read, in the order of receipt, also when it or its pieces were refused.
    numbered: list[tuple[int, Numbered]] = field(default_factory=list[tuple[int, Numbered]])
    answers: list[Answered] = field(default_factory=list[Answered])
    # All devices that are named, by id; and when the newest live word of each was received, readable or not.
    devices: dict[int, Known] = field(default_factory=dict[int, Known])
    heard_us: dict[int, int] = field(default_factory=dict[int, int])
    # Samples that were read, doubles included.
    samples: int = 0


class _State(msgspec.Struct):
    online: bool


_read_state = msgspec.json.Decoder(_State).decode


def decode(messages: Sequence[Message], places: Mapping[str, Place | NoPlace]) -> Decoded:
    """Decode messages; each one's fate is its own.

    Parameters
    ----------
    messages : sequence of Message
        In the order of receipt.
    places : mapping of str to Place or NoPlace
        What each of their topics stands for.
    """
    decoded = Decoded()
    sheets = _Blank()
    received_at, received_us = EPOCH, 0
    for message in messages:
        place = places[message.topic]
        if isinstance(place, NoPlace):
            decoded.rejected.append(Rejected(message, place.device, place.refusal))
            continue
        device = place.device
        # What one reading of the network brought shares the instant.
        if message.received_at is not received_at:
            received_at, received_us = message.received_at, to_us(message.received_at)
        decoded.devices[device.device_id] = device
        if place.channel == "state":
            _presence(message, device, decoded)
            continue
        if not message.is_retained:
            decoded.heard_us[device.device_id] = max(received_us, decoded.heard_us.get(device.device_id, 0))
        if place.channel == "answer":
            _answer(message, device, decoded)
        elif place.unserved is not None:
            # It was heard all the same: what the desk lacks must not look like a device that fell silent.
            _refuse(message, device, place.unserved, decoded)
        elif place.channel == "event" or not _is_taken(message, device, received_us, sheets, decoded):
            _samples(message, device, "event" if place.channel == "event" else "telemetry", sheets, decoded)
    decoded.samples = sum(map(len, sheets.values()))
    decoded.readings = {product: sheet.readings() for product, sheet in sheets.items() if len(sheet)}
    return decoded


class _Blank(defaultdict[str, Sheet]):
    def __missing__(self, product: str) -> Sheet:
        sheet = self[product] = Sheet(product_type(product))
        return sheet


def _is_taken(message: Message, device: Known, received_us: int, sheets: Mapping[str, Sheet], decoded: Decoded) -> bool:
    """Take a message in one step when it is just as it should be; nothing is taken of another."""
    read = _TYPED.get(device.product)
    telemetry = read(message.payload) if read is not None else None
    if telemetry is None:
        return False
    at_us = [(sample.at - EPOCH) // MICROSECOND for sample in telemetry.samples]
    newest_us = max(at_us)
    oldest_us = _NOTHING_BEFORE_US if telemetry.backfill else received_us - _LIVE_FOR_US
    if min(at_us) < oldest_us or newest_us > received_us + _AHEAD_US:
        return False
    head = (device.device_id, device.partition, telemetry.boot, telemetry.seq, received_us, telemetry.backfill)
    sheets[device.product].add(head, at_us, telemetry.samples)
    if telemetry.boot != UNNUMBERED:
        mark = crc32(message.payload)
        number = Numbered(
            telemetry.boot,
            telemetry.seq,
            newest_us,
            newest_us,
            received_us,
            mark,
            telemetry.backfill,
            is_retained=message.is_retained,
        )
        decoded.numbered.append((device.device_id, number))
    return True


def _presence(message: Message, device: Known, decoded: Decoded) -> None:
    try:
        state = _read_state(message.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        decoded.rejected.append(Rejected(message, device, Refusal("wrong_form", f"state: {error}")))
    else:
        decoded.presences.append(Presence(device, state.online, message.received_at, message.is_retained))


def _answer(message: Message, device: Known, decoded: Decoded) -> None:
    answer = read_answer(message, device)
    if isinstance(answer, Refusal):
        decoded.rejected.append(Rejected(message, device, answer))
    else:
        decoded.answers.append(answer)


def _samples(message: Message, device: Known, kind: MessageKind, sheets: Mapping[str, Sheet], decoded: Decoded) -> None:
    """Take a message by its product's own decode, and refuse those of its pieces that cannot be read or believed."""
    try:
        envelope = product_type(device.product).decode(message.payload, kind)
    except UnknownProductError as error:
        envelope = Refusal("unknown_product", str(error))
    if isinstance(envelope, Refusal):
        _refuse(message, device, envelope, decoded)
        return
    unbelievable: list[Refusal] = []
    believed: list[Sample] = []
    for sent in envelope.samples:
        sample = timed(sent, message.received_at)
        refusal = clock_refusal(sample, message.received_at, is_backfill=envelope.is_backfill)
        if refusal is None:
            believed.append(sample)
        else:
            unbelievable.append(refusal)
    if believed:
        received_us = to_us(message.received_at)
        head = (device.device_id, device.partition, envelope.boot, envelope.seq, received_us, envelope.is_backfill)
        sheets[device.product].add_samples(head, believed)
    if envelope.boot != UNNUMBERED:
        believed_us = max((sample.at_us for sample in believed), default=None)
        decoded.numbered.append((device.device_id, _numbered(message, envelope, believed_us, kind)))
    refusals = _shortened([*envelope.refusals, *unbelievable])
    decoded.rejected += [Rejected(message, device, refusal) for refusal in refusals]


def _refuse(message: Message, device: Known, refusal: Refusal, decoded: Decoded) -> None:
    """Refuse a message as a whole; its numbers came all the same."""
    decoded.rejected.append(Rejected(message, device, refusal))
    number = number_of_refused(message)
    if number is not None:
        decoded.numbered.append((device.device_id, number))


def number_of_refused(message: Message) -> Numbered | None:
    """Return the numbers of a message that was refused as a whole, where it says them; it never raises."""
    head = read_head(message.payload)
    if head is None:
        return None
    return Numbered(*head, None, None, to_us(message.received_at), UNMARKED, is_retained=message.is_retained)


def _numbered(message: Message, envelope: Envelope, believed_us: int | None, kind: MessageKind) -> Numbered:
    return Numbered(
        envelope.boot,
        envelope.seq,
        believed_us,
        max((sample.at_us for sample in envelope.samples), default=None),
        to_us(message.received_at),
        crc32(message.payload),
        envelope.is_backfill,
        kind == "event",
        message.is_retained,
    )


def _shortened(refusals: Sequence[Refusal]) -> Sequence[Refusal]:
    """Return the first few refusals of a message and how many more there are: its bytes are kept with each."""
    if len(refusals) <= _MOST_REFUSALS:
        return refusals
    more = len(refusals) - _MOST_REFUSALS
    return [*refusals[:_MOST_REFUSALS], Refusal("and_more", f"{more} more pieces of this message were refused")]


def timed(sample: Sample, received_at: datetime) -> Sample:
    """Return a sample with its claimed time, counted from the time of receipt where the payload knew no other."""
    if not sample.counts_from_receipt:
        return sample
    return replace(sample, at_us=to_us(received_at) + sample.at_us, counts_from_receipt=False)


def clock_refusal(sample: Sample, received_at: datetime, *, is_backfill: bool) -> Refusal | None:
    """Return why a sample's claimed time cannot be believed, or None."""
    place = f"samples[{sample.number}].at"
    if sample.at_us > to_us(received_at + _AHEAD):
        return Refusal(
            "future", f"{_told(sample.at_us)} is ahead of {received_at:%FT%TZ}: set the device's clock", place
        )
    if sample.at_us < to_us(_NOTHING_BEFORE):
        return Refusal("too_old", f"{_told(sample.at_us)} is before 2000: set the device's clock", place)
    if not is_backfill and sample.at_us < to_us(received_at - _LIVE_FOR):
        detail = f'{_told(sample.at_us)} is over {_LIVE_FOR.days} days old: declare recorded data with "backfill": true'
        return Refusal("too_old", detail, place)
    return None


def _told(at_us: int) -> str:
    try:
        return f"{from_us(at_us):%FT%TZ}"
    except OverflowError:
        return f"{at_us} microseconds since 1970"
