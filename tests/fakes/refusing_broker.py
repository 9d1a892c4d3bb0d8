"""A broker that answers as it is told: it lets in, refuses with a reason, swallows what is sent, or grants no topic."""

import socket
import threading
import time
from typing import Self

CONNECT, SUBSCRIBE = 1, 8
LET_IN = bytes([0x20, 3, 0, 0, 0])
TOO_OLD = bytes([0x20, 2, 0, 1])


def refusal(reason: int) -> bytes:
    """CONNACK of MQTT 5 with a reason code."""
    return bytes([0x20, 3, 0, reason, 0])


class RefusingBroker:
    """Listens on a port of the loopback address; `connack` is its answer, empty for none at all.

    `topics_reason` is what it says to each topic that is asked for. It counts who came, and when.
    """

    def __init__(self, connack: bytes, topics_reason: int = 1) -> None:
        self.connack = connack
        self.topics_reason = topics_reason
        self.came_at_s: list[float] = []
        self.asked = 0
        self._living: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.hang_up()
        self._thread.join(5)

    @property
    def url(self) -> str:
        return f"mqtt://somebody:secret@127.0.0.1:{self.port}"

    def hang_up(self) -> None:
        """End all connections."""
        for each in self._living:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._living.clear()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.came_at_s.append(time.monotonic())
            self._living.append(connection)
            threading.Thread(target=self._answer, args=[connection], daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            # To close a stream is to write what is left in it, also to somebody who has gone.
            with connection, connection.makefile("rwb") as stream:
                while head := stream.read(1):
                    body = stream.read(_length(stream))
                    if head[0] >> 4 == CONNECT and self.connack:
                        stream.write(self.connack)
                    elif head[0] >> 4 == SUBSCRIBE:
                        self.asked += 1
                        stream.write(self._suback(body))
                    stream.flush()
                    if self.connack and self.connack != LET_IN:
                        return
        except (OSError, ValueError):
            return

    def _suback(self, body: bytes) -> bytes:
        at, count = 3, 0  # behind the packet's id and its empty properties
        while at < len(body):
            at += 2 + int.from_bytes(body[at : at + 2], "big") + 1
            count += 1
        payload = body[:2] + b"\0" + bytes([self.topics_reason]) * count
        length = len(payload)
        return bytes([0x90, length & 0x7F | 0x80, length >> 7]) + payload


def _length(stream: object) -> int:
    length = shift = 0
    while True:
        (byte,) = stream.read(1)  # type: ignore[attr-defined]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return length
