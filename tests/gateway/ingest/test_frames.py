import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt._packet import decode_publish
from paho.mqtt.enums import MQTTProtocolVersion

from gateway.ingest.frames import NO_RECEIPT, Frames, MalformedFrameError, Packet
from gateway.ingest.source import Message
from tests.fakes.mqtt_broker import length, publish

AT = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
PINGRESP = b"\xd0\x00"
# Message expiry, content type and a user property, as a broker may pass them on.
PROPERTIES = b"\x02\x00\x00\x00\x10" + b"\x03\x00\x01j" + b"\x26\x00\x01k\x00\x01v"


def read(*pieces: bytes) -> list[Message | Packet]:
    frames = Frames(lambda: 7)
    found: list[Message | Packet] = []
    for piece in pieces:
        for each in frames.feed(piece, AT):
            found += [each] if isinstance(each, Packet) else each
    return found


STREAM = (
    publish("a/b", b"first", mid=1)
    + publish("a/b", b"no promise")
    + PINGRESP
    + publish("c", b"x" * 300, mid=0x1234, flags=0x08, properties=PROPERTIES)
    + publish("c", b"", mid=2, flags=0x01)
    + b"\x90\x04\x00\x01\x00\x01"
    + publish("d", b"y" * 20_000, mid=3, properties=b"\x26\x00\x01k" + struct.pack("!H", 200) + b"v" * 200)
)
FOUND = [
    Message("a/b", b"first", AT, (7, 1)),
    Message("a/b", b"no promise", AT, NO_RECEIPT),
    Packet(0xD0, b""),
    Message("c", b"x" * 300, AT, (7, 0x1234), is_redelivered=True),
    Message("c", b"", AT, (7, 2), is_retained=True),
    Packet(0x90, b"\x00\x01\x00\x01"),
    Message("d", b"y" * 20_000, AT, (7, 3)),
]


def test_many_frames_in_one_piece_are_all_read_in_their_order() -> None:
    assert read(STREAM) == FOUND


def test_a_stream_cut_at_any_byte_is_read_alike() -> None:
    for cut in range(len(STREAM)):
        assert read(STREAM[:cut], STREAM[cut:]) == FOUND


def test_a_stream_that_comes_byte_by_byte_is_read_alike() -> None:
    assert read(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == FOUND


@given(st.lists(st.integers(1, 700), max_size=80))
def test_a_stream_cut_anyhow_is_read_alike(sizes: list[int]) -> None:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(STREAM[at : at + size])
        at += size
    assert read(*pieces, STREAM[at:]) == FOUND


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.binary(max_size=300),
    st.integers(0, 65535),
    st.sampled_from([0x00, 0x01, 0x08, 0x09]),
)
def test_a_publish_is_read_as_paho_reads_it(topic: str, payload: bytes, mid: int, flags: int) -> None:
    frame = publish(topic, payload, mid, flags, PROPERTIES)
    body = frame[1 + len(length(len(frame) - 2)) :] if len(frame) < 130 else frame[3:]
    theirs = decode_publish(frame[0], body, MQTTProtocolVersion.MQTTv5)
    (ours,) = read(frame)
    assert isinstance(ours, Message)
    assert (ours.topic.encode(), ours.payload) == (theirs.topic, theirs.payload)
    assert (ours.is_redelivered, ours.is_retained) == (theirs.dup, theirs.retain)
    assert ours.receipt == ((7, theirs.mid) if theirs.qos else NO_RECEIPT)


def test_a_receipt_bears_the_connection_that_was_there_when_the_frame_came() -> None:
    generation = [1]
    frames = Frames(lambda: generation[0])
    receipts: list[tuple[int, int]] = []
    for each in frames.feed(publish("a", b"", 5) + PINGRESP + publish("a", b"", 6), AT):
        if isinstance(each, Packet):
            generation[0] = 2
        else:
            receipts += [message.receipt for message in each]
    assert receipts == [(1, 5), (2, 6)]


def test_a_frame_that_was_begun_is_forgotten_with_its_connection() -> None:
    frames = Frames(lambda: 7)
    assert list(frames.feed(STREAM[:9], AT)) == []
    frames.clear()
    assert list(frames.feed(publish("a", b"new", 1), AT)) == [[Message("a", b"new", AT, (7, 1))]]


def test_a_topic_that_is_no_utf_8_is_read_and_refused_further_on() -> None:
    (found,) = read(b"\x30\x05\x00\x02\xff\xfe\x00")
    assert isinstance(found, Message)
    assert found.topic == "\ufffd\ufffd"


@pytest.mark.parametrize(
    "frame",
    {
        "a topic longer than its frame": b"\x30\x04\x00\x09ab",
        "a topic longer than its frame, with more behind": b"\x30\x04\x00\x09ab" + STREAM,
        "properties longer than their frame": b"\x30\x05\x00\x01a\x09b",
        "properties of a length that never ends": b"\x30\x09\x00\x01a\xff\xff\xff\xff\x01b",
        "no properties at all": b"\x32\x05\x00\x01a\x00\x01",
        "no message id": publish("a", b"", 1).replace(b"\x00\x01\x00", b"\x00\x00\x00"),
        "a topic alias that nobody allowed": b"\x30\x06\x00\x00\x03\x23\x00\x01",
        "a frame of a length of five bytes": b"\x30\xff\xff\xff\xff\x01",
        "an empty publish": b"\x32\x00",
    }.values(),
)
def test_what_cannot_be_mqtt_is_said_to_be_malformed(frame: bytes) -> None:
    with pytest.raises(MalformedFrameError, match="the broker sent a"):
        read(frame)


@given(st.binary(max_size=200))
def test_no_bytes_end_in_another_error(data: bytes) -> None:
    try:
        read(data)
    except MalformedFrameError:
        pass
    else:
        return


def test_a_publish_of_qos_2_is_left_to_the_client() -> None:
    frame = b"\x34\x06\x00\x01a\x00\x01\x00"
    assert read(frame) == [Packet(0x34, frame[2:])]
