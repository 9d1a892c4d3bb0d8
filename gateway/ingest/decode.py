"""Decode: a batch of messages to rows by product, rejections and presences. It never raises on what devices send."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zlib import crc32

import msgspec

from devices.codecs.foreign import UNNUMBERED
from devices.identity import Identity, IdentityError, parse_topic
from devices.instants import from_us, to_us
from devices.numbering import Numbered
from devices.product import MessageKind
from devices.products import UnknownProductError, product_type
from devices.readings import Envelope, Refusal, Sample
from gateway.ingest.answers import Answered, read_answer
from gateway.ingest.directory import Known
from gateway.ingest.source import Message
from gateway.storage.readings import Row

# A device's clock may run ahead by this much before its readings are refused.
_AHEAD: Final = timedelta(minutes=5)
# Live readings are kept this long; older ones have to be declared a backfill.
_LIVE_FOR: Final = timedelta(days=400)
# Refusals kept one by one for each message.
_MOST_REFUSALS: Final = 8
_NOTHING_BEFORE: Final = datetime(2000, 1, 1, tzinfo=UTC)


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

    rows: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    presences: list[Presence] = field(default_factory=list[Presence])
    # Every readable message that has numbers, in the order of receipt, also when its pieces were refused.
    numbered: list[tuple[Known, Numbered]] = field(default_factory=list[tuple[Known, Numbered]])
    answers: list[Answered] = field(default_factory=list[Answered])


class _State(msgspec.Struct):
    online: bool


_read_state = msgspec.json.Decoder(_State).decode


def addressed(messages: Sequence[Message], decoded: Decoded) -> list[tuple[Message, Identity, str]]:
    """Split messages into those with a readable topic and rejections; return (message, identity, channel)."""
    found: list[tuple[Message, Identity, str]] = []
    for message in messages:
        try:
            found.append((message, *parse_topic(message.topic)))
        except IdentityError as error:
            decoded.rejected.append(Rejected(message, None, Refusal("wrong_topic", str(error))))
    return found


def decode(
    messages: Sequence[tuple[Message, Identity, str]], find: Callable[[Identity], Known | None], decoded: Decoded
) -> None:
    """Decode addressed messages into `decoded`; each message's fate is its own.

    Parameters
    ----------
    messages : sequence of (Message, Identity, str)
        As returned by `addressed`.
    find : callable
        The directory's look-up.
    decoded : Decoded
        Rows sorted by claimed time within a product, rejections and presences are put here.
    """
    for message, identity, channel in messages:
        device = find(identity)
        if device is None:
            detail = f"no device {identity.device!r} of tenant {identity.tenant!r} is enrolled: enrol it, then replay"
            decoded.rejected.append(Rejected(message, None, Refusal("unknown_device", detail)))
        elif device.partition != identity.partition:
            detail = f"{identity.device!r} belongs to partition {device.partition}, not {identity.partition}"
            decoded.rejected.append(Rejected(message, device, Refusal("wrong_partition", detail)))
        elif channel == "state":
            _presence(message, device, decoded)
        elif channel == "answer":
            _answer(message, device, decoded)
        else:
            _samples(message, device, "event" if channel == "event" else "telemetry", decoded)
    for rows in decoded.rows.values():
        rows.sort(key=lambda row: (row.sample.at_us, row.boot, row.seq, row.sample.number))


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


def _samples(message: Message, device: Known, kind: MessageKind, decoded: Decoded) -> None:
    try:
        envelope = product_type(device.product).decode(message.payload, kind)
    except UnknownProductError as error:
        envelope = Refusal("unknown_product", str(error))
    if isinstance(envelope, Refusal):
        decoded.rejected.append(Rejected(message, device, envelope))
        return
    rows = decoded.rows[device.product]
    before = len(rows)
    unbelievable: list[Refusal] = []
    for sent in envelope.samples:
        sample = timed(sent, message.received_at)
        refusal = clock_refusal(sample, message.received_at, is_backfill=envelope.is_backfill)
        if refusal is not None:
            unbelievable.append(refusal)
            continue
        rows.append(
            Row(
                device.device_id,
                device.tenant_id,
                device.partition,
                envelope.boot,
                envelope.seq,
                envelope.is_backfill,
                message.received_at,
                sample,
            )
        )
    if envelope.boot != UNNUMBERED:
        believed_us = max((row.sample.at_us for row in rows[before:]), default=None)
        decoded.numbered.append((device, _numbered(message, envelope, believed_us, kind)))
    refusals = _shortened([*envelope.refusals, *unbelievable])
    decoded.rejected += [Rejected(message, device, refusal) for refusal in refusals]


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
