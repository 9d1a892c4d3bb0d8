"""MQTT 5 frames out of a stream of bytes: publishes of QoS 0 and 1 become messages at once, all else stays a packet.

Pure: it knows no socket and no clock, and nothing of what the other packets mean.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.errors import CalloutError
from gateway.ingest.source import Message

# Of a message that is never acknowledged: a broker ends a session that answers to QoS 0.
NO_RECEIPT: Final = (-1, 0)
_PUBLISH: Final = 0x30
_QOS: Final = 0x06
_QOS_1: Final = 0x02
_QOS_2: Final = 0x04
_DUP: Final = 0x08
_RETAIN: Final = 0x01
_LENGTH_BYTES: Final = 4
# A topic is decoded once and its text shared, until so many are known: a few hundred bytes each.
_MOST_TOPICS: Final = 100_000


class MalformedFrameError(CalloutError):
    """What came is no MQTT: the connection has lost its thread, and only a new one can find it again."""


@dataclass(frozen=True, slots=True)
class Packet:
    """Any packet but a publish of QoS 0 or 1: its first byte, and what follows its length."""

    command: int
    body: bytes


class Frames:
    """Cuts what a connection delivers into frames, wherever the network cut it.

    Parameters
    ----------
    generation : callable
        The number of the connection, which goes into each receipt: a message id means something in its own only.

    Examples
    --------
    >>> frames = Frames(lambda: 7)
    >>> at = datetime(2026, 11, 22)
    >>> list(frames.feed(bytes([0x32, 8, 0, 1, 97, 0]), at))
    []
    >>> [(m.topic, m.payload, m.receipt) for m in next(frames.feed(bytes([9, 0]) + b"hi", at))]
    [('a', b'hi', (7, 9))]
    """

    def __init__(self, generation: Callable[[], int]) -> None:
        self._generation = generation
        self._rest = bytearray()
        self._wanted = 0
        self._topics: dict[bytes, str] = {}

    def clear(self) -> None:
        """Forget a frame that was begun: the next bytes are those of a new connection."""
        self._rest.clear()
        self._wanted = 0

    def feed(self, data: bytes, received_at: datetime) -> Iterator[list[Message] | Packet]:
        """Yield what is complete, in the order in which it came: publishes in a row as one list.

        Raises
        ------
        MalformedFrameError
            When the bytes cannot be MQTT, or use a topic alias, which nobody has allowed.
        """
        if self._rest:
            self._rest += data
            # A large payload comes in many pieces: they are only joined here, and read once all are there.
            if len(self._rest) < self._wanted:
                return
            data = bytes(self._rest)
            self._rest.clear()
        at, end = 0, len(data)
        while (frame := _span(data, at, end)) is not None and frame[1] <= end:
            start, stop = frame
            if _is_message(data[at]):
                found, at = self._messages(data, at, received_at)
                yield found
            else:
                yield Packet(data[at], data[start:stop])
                at = stop
        self._rest += data[at:]
        self._wanted = frame[1] - at if frame is not None else 0

    def _messages(self, data: bytes, at: int, received_at: datetime) -> tuple[list[Message], int]:
        """Read publishes from `at` on, as far as they are complete; return them and where the next frame begins."""
        generation = self._generation()
        topics = self._topics
        found: list[Message] = []
        end = len(data)
        while (frame := _span(data, at, end)) is not None:
            start, stop = frame
            if stop > end or not _is_message(command := data[at]):
                break
            try:
                after_topic = start + 2 + (data[start] << 8 | data[start + 1])
                raw = data[start + 2 : after_topic]
                receipt = NO_RECEIPT
                if command & _QOS:
                    receipt = (generation, data[after_topic] << 8 | data[after_topic + 1])
                    after_topic += 2
                properties = data[after_topic]
                begin = (
                    after_topic + 1 + properties if properties < 0x80 else _after_properties(data, after_topic, stop)
                )
            except IndexError:
                raise _malformed(command, "is shorter than it says") from None
            if begin > stop or not raw or (command & _QOS and receipt[1] == 0):
                raise _malformed(command, "has no topic, no message id, or is shorter than it says")
            topic = topics.get(raw)
            if topic is None:
                topic = self._learn(raw)
            is_again, is_retained = bool(command & _DUP), bool(command & _RETAIN)
            found.append(Message(topic, data[begin:stop], received_at, receipt, is_again, is_retained))
            at = stop
        return found, at

    def _learn(self, raw: bytes) -> str:
        if len(self._topics) >= _MOST_TOPICS:
            self._topics.clear()
        # What is no UTF-8 is no topic of a device either, and is refused as such further on.
        topic = self._topics[raw] = raw.decode(errors="replace")
        return topic


def _is_message(command: int) -> bool:
    return command & 0xF0 == _PUBLISH and not command & _QOS_2


def _span(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Return where the body of the frame at `at` begins and ends; None when its length has not come yet."""
    if end - at < 2:
        return None
    length = data[at + 1]
    if length < 0x80:
        return at + 2, at + 2 + length
    # Nearly all messages have a length of two bytes.
    if end - at > 2 and (high := data[at + 2]) < 0x80:
        return at + 3, at + 3 + (length & 0x7F | high << 7)
    counted = _number(data, at + 1, end)
    return None if counted is None else (counted[1], counted[1] + counted[0])


def _number(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Read a number of one to four bytes; return it and where it ends, or None when not all of it is there."""
    value = 0
    for count in range(_LENGTH_BYTES):
        if at + count >= end:
            return None
        byte = data[at + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, at + count + 1
    raise MalformedFrameError("the broker sent a length of more than four bytes: that is no MQTT")


def _after_properties(data: bytes, at: int, stop: int) -> int:
    counted = _number(data, at, stop)
    return stop + 1 if counted is None else counted[1] + counted[0]


def _malformed(command: int, problem: str) -> MalformedFrameError:
    return MalformedFrameError(f"the broker sent a publish (first byte {command:#04x}) that {problem}")
