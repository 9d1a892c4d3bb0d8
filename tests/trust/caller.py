"""One device's line to the broker: it keeps what is not acknowledged, and its last seconds even after that.

A broker that is killed may lose what it acknowledged since it last wrote to its disk. So a device with a memory sends the
messages of its last seconds again after each loss of the connection, with the same numbers. A forgetful one does not.
"""

import selectors
import socket
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

from tests.trust import wire

_WINDOW = 200
_RETRY_S = 0.25
_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Saying:
    """One message of a device."""

    seq: int
    payload: bytes


class Caller:
    """The connection of one device.

    Parameters
    ----------
    address
        Host and port of the devices' door.
    username, password
        Its account.
    topic
        Where it says what it has to say.
    memory_s
        For how many seconds it keeps what has been acknowledged; 0 for a forgetful one.
    """

    def __init__(self, address: tuple[str, int], username: str, password: str, topic: str, memory_s: float) -> None:
        self.acknowledged = bytearray(1)
        self.refused = 0
        self._address, self._username, self._password = address, username, password
        self._topic = wire.topic_field(topic)
        self._memory_s = memory_s
        self._waiting: deque[Saying] = deque()
        self._under_way: OrderedDict[int, Saying] = OrderedDict()
        self._memory: deque[tuple[float, Saying]] = deque()
        self._again_until_seq = 0
        self._mid = 0
        self._socket: socket.socket | None = None
        self._is_in = False
        self._retry_at_s = 0.0
        self._received, self._unsent = bytearray(), bytearray()

    @property
    def backlog(self) -> int:
        """How many messages are waiting or not acknowledged yet."""
        return len(self._waiting) + len(self._under_way)

    def say(self, saying: Saying) -> None:
        """Hand over a message; it goes out as soon as there is a connection and room."""
        self.acknowledged.append(0)
        self._waiting.append(saying)

    def turn(self, selector: selectors.BaseSelector, now_s: float) -> None:
        """Connect when that is due, and send what the window allows."""
        if self._socket is None and now_s >= self._retry_at_s:
            self._connect(selector, now_s)
        if not self._is_in:
            return
        while self._waiting and len(self._under_way) < _WINDOW:
            saying = self._waiting.popleft()
            self._mid = self._mid % 65_535 + 1
            self._under_way[self._mid] = saying
            is_again = saying.seq <= self._again_until_seq
            self._unsent += wire.publish(self._topic, self._mid, saying.payload, is_again=is_again)
        self._send(selector, now_s)

    def hear(self, selector: selectors.BaseSelector, now_s: float) -> None:
        """Take in what the broker sent."""
        assert self._socket is not None
        try:
            came = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            came = b""
        if not came:
            self._lose(selector, now_s)
            return
        self._received += came
        for packet in wire.packets(self._received):
            self._take(packet, now_s)

    def hang_up(self, selector: selectors.BaseSelector) -> None:
        """End the connection."""
        self._lose(selector, time.monotonic())

    def _take(self, packet: wire.Packet, now_s: float) -> None:
        if packet.kind == wire.CONNACK:
            self._is_in = not packet.is_refusal
        elif packet.kind == wire.PUBACK:
            saying = self._under_way.pop(packet.mid)
            self.refused += packet.is_refusal
            if not packet.is_refusal:
                self.acknowledged[saying.seq] = 1
            self._memory.append((now_s, saying))
            while self._memory and self._memory[0][0] < now_s - self._memory_s:
                self._memory.popleft()

    def _connect(self, selector: selectors.BaseSelector, now_s: float) -> None:
        self._retry_at_s = now_s + _RETRY_S
        try:
            self._socket = socket.create_connection(self._address, timeout=5.0)
        except OSError:  # nobody is there now: tried again
            return
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(self._socket, selectors.EVENT_READ, self)
        self._unsent += wire.connect(self._username, self._username, self._password)
        self._send(selector, now_s)

    def _send(self, selector: selectors.BaseSelector, now_s: float) -> None:
        if not self._unsent or self._socket is None:
            return
        try:
            del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            return
        except OSError:
            self._lose(selector, now_s)

    def _lose(self, selector: selectors.BaseSelector, now_s: float) -> None:
        """Forget the connection; what was under way, and the last seconds before, go out first on the next one."""
        if self._socket is None:
            return
        selector.unregister(self._socket)
        self._socket.close()
        self._socket, self._is_in = None, False
        self._received.clear()
        self._unsent.clear()
        remembered = [saying for at_s, saying in self._memory if at_s >= now_s - self._memory_s and self._memory_s]
        again = sorted([*remembered, *self._under_way.values()], key=lambda saying: saying.seq)
        self._again_until_seq = max([self._again_until_seq, *(saying.seq for saying in again)])
        self._waiting.extendleft(reversed(again))
        self._under_way.clear()
        self._memory.clear()
        self._retry_at_s = now_s + _RETRY_S
