"""Packets come in pieces of any size; what a device sends is read by paho's own parser elsewhere, by the broker itself."""

from hypothesis import given
from hypothesis import strategies as st

from tests.trust import wire

PACKETS = st.lists(
    st.one_of(
        st.builds(lambda mid: (b"\x40\x02" + mid.to_bytes(2, "big"), wire.Packet(wire.PUBACK, mid)), st.integers(1, 65_535)),
        st.builds(
            lambda mid, reason: (
                b"\x40\x04" + mid.to_bytes(2, "big") + bytes((reason, 0)),
                wire.Packet(wire.PUBACK, mid, reason),
            ),
            st.integers(1, 65_535),
            st.sampled_from((0, 16, 135)),
        ),
        st.builds(
            lambda more: (b"\x20" + bytes((0x80 | (len(more) + 3) & 127, len(more) + 3 >> 7)) + b"\x00\x87\x00" + more,
                          wire.Packet(wire.CONNACK, reason=135)),
            st.binary(min_size=125, max_size=200),
        ),
    )
)  # fmt: skip


@given(PACKETS, st.integers(1, 300))
def test_packets_are_read_however_they_are_cut(sent: list[tuple[bytes, wire.Packet]], size: int) -> None:
    stream = b"".join(encoded for encoded, _ in sent)
    received, found = bytearray(), []
    for begin in range(0, len(stream), size):
        received += stream[begin : begin + size]
        found += wire.packets(received)
    assert found == [packet for _, packet in sent]
    assert not received


def test_a_message_says_whether_it_is_sent_again() -> None:
    first = wire.publish(wire.topic_field("a/b"), 7, b"x", is_again=False)
    assert first == b"\x32\x09\x00\x03a/b\x00\x07\x00x"
    assert wire.publish(wire.topic_field("a/b"), 7, b"x", is_again=True)[0] == 0x3A
