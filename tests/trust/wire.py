"""The few MQTT 5 packets that a device needs which only publishes: as bytes, and back. It knows no sockets.

A library would do as well at a device's own rate; the street sends thousands of messages a second from one thread.
Source: MQTT Version 5.0, OASIS Standard, 7 March 2019, sections 3.1 to 3.4.
"""

import struct
from dataclasses import dataclass

CONNACK, PUBACK, DISCONNECT = 2, 4, 14
_FAILURE = 0x80
_CLEAN_START_WITH_LOGIN = 0b1100_0010


@dataclass(frozen=True, slots=True)
class Packet:
    """What came from the broker: its kind, the message that it is about, and why it refuses, 0 when it does not."""

    kind: int
    mid: int = 0
    reason: int = 0

    @property
    def is_refusal(self) -> bool:
        return self.reason >= _FAILURE


def connect(client: str, username: str, password: str) -> bytes:
    """CONNECT with a clean start, no keep-alive and a login."""
    head = _text("MQTT") + bytes((5, _CLEAN_START_WITH_LOGIN, 0, 0, 0))
    return _packet(0x10, head + _text(client) + _text(username) + _text(password))


def publish(topic: bytes, mid: int, payload: bytes, *, is_again: bool) -> bytes:
    """PUBLISH with QoS 1; `topic` is encoded already."""
    return _packet(0x3A if is_again else 0x32, topic + struct.pack(">Hx", mid) + payload)


def topic_field(topic: str) -> bytes:
    """A topic as PUBLISH wants it."""
    return _text(topic)


def packets(received: bytearray) -> list[Packet]:
    """Take all whole packets out of what was received; a last one that is not whole stays in it."""
    found: list[Packet] = []
    at = 0
    while (end := _end(received, at)) is not None:
        found.append(_read(received[at], bytes(received[end[0] : end[1]])))
        at = end[1]
    del received[:at]
    return found


def _end(received: bytearray, at: int) -> tuple[int, int] | None:
    """Where the body of the packet at `at` begins and ends; None while it is not whole."""
    length = shift = 0
    for place in range(at + 1, min(at + 5, len(received))):
        length |= (received[place] & 0x7F) << shift
        shift += 7
        if received[place] < 0x80:
            return (place + 1, place + 1 + length) if place + 1 + length <= len(received) else None
    return None


def _read(first: int, body: bytes) -> Packet:
    kind = first >> 4
    if kind == CONNACK:
        return Packet(kind, reason=body[1])
    if kind == PUBACK:
        return Packet(kind, int.from_bytes(body[:2], "big"), body[2] if len(body) > 2 else 0)
    return Packet(kind, reason=body[0] if kind == DISCONNECT and body else 0)


def _packet(first: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | (0x80 if rest else 0))
        if not rest:
            return bytes((first,)) + length + body


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">H", len(encoded)) + encoded
