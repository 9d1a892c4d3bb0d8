"""A broker that says what a test wants, byte by byte, and remembers what it was told: for what a real one never does."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from gateway.settings import ServerAddress

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 10, 12, 14


def publish(topic: str, payload: bytes, mid: int = 0, flags: int = 0, properties: bytes = b"") -> bytes:
    """A PUBLISH of MQTT 5, with QoS 1 if it has a message id."""
    raw = topic.encode()
    body = struct.pack("!H", len(raw)) + raw + (struct.pack("!H", mid) if mid else b"")
    body += length(len(properties)) + properties + payload
    return bytes([0x30 | flags | (2 if mid else 0)]) + length(len(body)) + body


def length(value: int) -> bytes:
    """A number as MQTT writes lengths."""
    told = bytearray()
    while True:
        value, low = divmod(value, 128)
        told.append(low | (128 if value else 0))
        if not value:
            return bytes(told)


@dataclass
class Visit:
    """A connection of the client, and what it said."""

    connection: socket.socket
    acknowledged: list[int] = field(default_factory=list)
    first_packets: list[int] = field(default_factory=list)
    pings: int = 0
    is_subscribed: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)

    def say(self, data: bytes) -> None:
        self.connection.sendall(data)

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class ScriptedBroker:
    """Listens on the loopback address until it is left; answers connections, subscriptions and pings."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, answers_pings: bool = True, waiting: bytes = b"") -> None:
        self._waiting = waiting
        self._tls = tls
        self._answers_pings = answers_pings
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.visits: list[Visit] = []
        self._came = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for visit in self.visits:
            visit.hang_up()
            visit.connection.close()

    @property
    def address(self) -> ServerAddress:
        return ServerAddress("localhost", self._listener.getsockname()[1], None, None, self._tls is not None)

    def visit(self, number: int = 0) -> Visit:
        """The client's connection of that number, subscribed; waits for it."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.visits) > number, 30), f"connection {number} never came"
        assert self.visits[number].is_subscribed.wait(30)
        return self.visits[number]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                return
            visit = Visit(connection)
            with self._came:
                self.visits.append(visit)
                self._came.notify_all()
            threading.Thread(target=self._serve, args=[visit], daemon=True).start()

    def _serve(self, visit: Visit) -> None:
        with contextlib.suppress(OSError):
            for kind, body in _packets(visit.connection):
                visit.first_packets.append(kind)
                self._answer(visit, kind, body)
        visit.is_over.set()

    def _answer(self, visit: Visit, kind: int, body: bytes) -> None:
        match kind:
            case _ if kind == CONNECT:
                visit.say(b"\x20\x03\x00\x00\x00")
            case _ if kind == SUBSCRIBE:
                visit.say(self._waiting)
                visit.say(b"\x90\x04" + body[:2] + b"\x00\x01")
                visit.is_subscribed.set()
            case _ if kind == UNSUBSCRIBE:
                visit.say(b"\xb0\x04" + body[:2] + b"\x00\x11")
            case _ if kind == PUBACK:
                visit.acknowledged.append(int.from_bytes(body[:2], "big"))
            case _ if kind == PINGREQ:
                visit.pings += 1
                if self._answers_pings:
                    visit.say(b"\xd0\x00")
            case _:
                pass


def _packets(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    reader = connection.makefile("rb")
    while head := reader.read(1):
        size = shift = 0
        while True:
            byte = reader.read(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield head[0] >> 4, reader.read(size)
