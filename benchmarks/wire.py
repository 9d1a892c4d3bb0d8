"""As much of MQTT as a measurement needs, without a client library: a load generator must cost less than what it loads.

Publishers speak 3.1.1, whose acknowledgements all have four bytes; the consumer speaks 5, as the ingest worker does. It
does not know sessions, retries or TLS.
"""

import socket
import struct
import time
from collections.abc import Iterable
from typing import Final

from gateway.settings import ServerAddress

_NEVER: Final = 0xFFFF_FFFF
_ANSWER_S: Final = 30.0
_CHUNK: Final = 1 << 18
_TOGETHER: Final = 256

PUBACK_BYTES: Final = 4


class WireError(Exception):
    """The broker answered something else than what was expected."""


def publish_frame(topic: str, payload: bytes, packet_id: int) -> bytes:
    """Return a PUBLISH of QoS 1 in MQTT 3.1.1.

    >>> publish_frame("a", b"xy", 7).hex()
    '320700016100077879'
    """
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + struct.pack(">H", packet_id) + payload
    return b"\x32" + _length(len(body)) + body


def publisher(address: ServerAddress, client_id: str) -> socket.socket:
    """Return a connection that PUBLISH frames can be written to.

    Raises
    ------
    WireError
        The broker refuses it.
    """
    link = socket.create_connection((address.host, address.port), timeout=_ANSWER_S)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(_connect(address, client_id, level=4, properties=b""))
    answer = _exactly(link, 4)
    if answer[0] != 0x20 or answer[3] != 0:
        link.close()
        raise WireError(f"the broker answers CONNECT of {client_id} with {answer.hex()}: expected 20020000")
    return link


class Consumer:
    """A persistent session that counts what comes and acknowledges it, and does nothing else.

    Parameters
    ----------
    address : ServerAddress
        The broker, with an account that may read.
    client_id : str
        Whose session.
    receive_maximum : int
        How many messages may be under way.
    is_new : bool
        Whether a former session of this name is forgotten, with what waits in it.
    """

    def __init__(self, address: ServerAddress, client_id: str, receive_maximum: int, *, is_new: bool = False) -> None:
        self._link = socket.create_connection((address.host, address.port), timeout=_ANSWER_S)
        self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        properties = b"\x11" + struct.pack(">I", _NEVER) + b"\x21" + struct.pack(">H", receive_maximum)
        self._link.sendall(_connect(address, client_id, level=5, properties=properties, is_new=is_new))
        self._rest = b""
        self._await(0x20)

    def subscribe(self, filters: Iterable[str]) -> None:
        """Ask for topics at QoS 1."""
        wanted = list(filters)
        for start in range(0, len(wanted), _TOGETHER):
            names = [name.encode() for name in wanted[start : start + _TOGETHER]]
            body = b"\x00\x01\x00" + b"".join(struct.pack(">H", len(name)) + name + b"\x01" for name in names)
            self._link.sendall(b"\x82" + _length(len(body)) + body)
            self._await(0x90)

    def drain(self, total: int) -> float:
        """Take and acknowledge so many messages; return the seconds since the first came."""
        count, began_s = 0, 0.0
        rest = self._rest
        while count < total:
            chunk = self._link.recv(_CHUNK)
            if not chunk:
                raise WireError(f"the broker ended the connection after {count:,} of {total:,} messages")
            began_s = began_s or time.monotonic()
            data = rest + chunk
            acks, used = _acknowledged(data)
            rest = data[used:]
            count += len(acks) // PUBACK_BYTES
            if acks:
                self._link.sendall(acks)
        self._rest = rest
        return time.monotonic() - began_s

    def close(self) -> None:
        """Leave; the session stays."""
        self._link.sendall(b"\xe0\x00")
        self._link.close()

    def forget(self) -> None:
        """Leave, and let the broker forget the session."""
        self._link.sendall(b"\xe0\x07\x00\x05\x11\x00\x00\x00\x00")
        self._link.close()

    def _await(self, kind: int) -> None:
        head = _exactly(self._link, 2)
        length, shift, latest = head[1] & 0x7F, 7, head[1]
        while latest & 0x80:
            latest = _exactly(self._link, 1)[0]
            length |= (latest & 0x7F) << shift
            shift += 7
        body = _exactly(self._link, length)
        is_refused = body[1] >= 0x80 if kind == 0x20 else any(code >= 0x80 for code in body[3:])
        if head[0] != kind or is_refused:
            raise WireError(
                f"the broker answers {head.hex()} {body.hex()[:40]}: expected a packet {kind:#x} of success"
            )


def _acknowledged(data: bytes) -> tuple[bytes, int]:
    """Return the acknowledgements for all whole messages in some bytes, and how many bytes those were."""
    acks: list[bytes] = []
    place, end = 0, len(data)
    while place + 5 <= end:
        start, length, shift = place + 1, 0, 0
        while True:
            byte = data[start]
            start += 1
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        after = start + length
        if after > end:
            break
        if data[place] & 0xF6 == 0x32:
            name = start + 2 + (data[start] << 8 | data[start + 1])
            acks.append(b"\x40\x02" + data[name : name + 2])
        place = after
    return b"".join(acks), place


def _connect(address: ServerAddress, client_id: str, *, level: int, properties: bytes, is_new: bool = False) -> bytes:
    is_fifth = level == 5
    texts = [client_id, address.username or "", address.password or ""]
    flags = 0xC2 if is_new or not is_fifth else 0xC0
    body = b"\x00\x04MQTT" + bytes([level, flags]) + b"\x00\x00"
    body += (_length(len(properties)) + properties) if is_fifth else b""
    body += b"".join(struct.pack(">H", len(text.encode())) + text.encode() for text in texts)
    return b"\x10" + _length(len(body)) + body


def _length(number: int) -> bytes:
    """Return a length as MQTT writes it: seven bits a byte, the lowest first."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _exactly(link: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = link.recv(count - len(parts))
        if not part:
            raise WireError(f"the broker ended the connection: {len(parts)} of {count} bytes came")
        parts += part
    return bytes(parts)
