"""How fast a full queue of the broker is received and acknowledged: by plain paho, by the fast client, by a bare socket.

    python -m benchmarks.receive [--messages 100000]

The bare socket cuts frames, counts them and answers, and does nothing else: it is what this broker gives to one
receiver in Python. Messages have 430 bytes, QoS 1, and come from sixteen devices; each run drains a queue of its own.
"""

import argparse
import secrets
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from benchmarks.report import tell
from devices.identity import Identity, partition_of
from gateway.admission.broker_accounts import INGEST_USER, hash_password
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import open_folder
from gateway.embedded.ports import next_free_port
from gateway.ingest.fast_client import FastClient
from gateway.ingest.mqtt import RECEIVE_MAXIMUM, MqttSource
from gateway.ingest.plain_client import PlainClient
from gateway.settings import ServerAddress
from simulators.progress import ProgressLine

_DEVICES: Final = 16
_PAYLOAD: Final = bytes(350)
_WINDOW: Final = 1000
_BATCH: Final = 1000
_PASSWORD: Final = "of a measured device"
_PATIENCE_S: Final = 120.0
_PLAIN, _FAST, _BARE = "plain paho", "fast client", "bare socket"
_EVERY_PARTITION: Final = range(64)


@dataclass(frozen=True, slots=True)
class Drained:
    """What one way of receiving took for a queue."""

    messages: int
    seconds: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    def row(self, way: str, slowest: "Drained") -> dict[str, object]:
        return {
            "receiver": way,
            "messages": self.messages,
            "messages/s": round(self.per_s),
            "ratio": round(self.per_s / slowest.per_s, 2),
            "process CPU us/message": round(self.cpu_s / self.messages * 1e6, 1),
        }


def main() -> None:
    """Measure and tell."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--messages", type=int, default=100_000)
    drained = measure(words.parse_args().messages, ProgressLine())
    rows = [each.row(way, drained[_PLAIN]) for way, each in drained.items()]
    tell("receive: a full queue drained, each message acknowledged", rows, {"benchmark": "receive"})


def figures(quick: bool, progress: ProgressLine) -> Sequence[Figure]:
    """How near receiving comes to a bare socket."""
    drained = measure(5_000 if quick else 100_000, progress)
    ours, bare = drained[_FAST], drained[_BARE]
    note = f"{ours.cpu_s / ours.messages * 1e6:.1f} us of CPU a message; plain paho {drained[_PLAIN].per_s:,.0f}/s"
    return [Figure("receiving, a full queue", ours.per_s, "messages/s", bare.per_s, "a bare socket", note=note)]


def measure(messages: int, progress: ProgressLine) -> dict[str, Drained]:
    """Drain a queue of so many messages in each way; gives what each took."""
    ways: dict[str, Callable[[EmbeddedBroker, int], Drained]] = {
        _PLAIN: lambda broker, count: _by_source(broker, count, PlainClient),
        _FAST: lambda broker, count: _by_source(broker, count, FastClient),
        _BARE: _by_socket,
    }
    drained: dict[str, Drained] = {}
    with _broker() as broker:
        for way, drain in ways.items():
            _by_source(broker, 0, PlainClient)  # the session that is to be filled
            progress.show(f"{way}: the queue is filled")
            _fill(broker, messages)
            progress.show(f"{way}: the queue is drained")
            drained[way] = drain(broker, messages)
    return drained


@contextmanager
def _broker() -> Generator[EmbeddedBroker]:
    with tempfile.TemporaryDirectory(prefix="callout-receive-") as folder:
        Path(folder).chmod(0o755)
        port = next_free_port(20000 + secrets.randbelow(10000))
        with EmbeddedBroker(open_folder(Path(folder) / "data"), port, next_free_port(port + 1)) as broker:
            broker.accounts.write({each.username: hash_password(_PASSWORD) for each in _devices()})
            yield broker


def _devices() -> list[Identity]:
    names = [f"ev-{number:04d}" for number in range(_DEVICES)]
    return [Identity(partition_of("measured", name), "measured", name) for name in names]


def _by_source(broker: EmbeddedBroker, messages: int, client: type[PlainClient]) -> Drained:
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    source = MqttSource(ServerAddress.parse(broker.service_url(INGEST_USER)), _EVERY_PARTITION, client)
    found = 0
    while found < messages:
        batch = source.receive(_BATCH, _PATIENCE_S)
        assert batch, f"the broker gave {found} of {messages}"
        source.acknowledge(batch)
        found += len(batch)
    if found:
        _wait_until_read(source)
    took = Drained(found, time.monotonic() - began_s, time.process_time() - began_cpu_s)
    source.close()
    return took


def _wait_until_read(source: MqttSource) -> None:
    """A broker reads in order: when it has answered for a command, it knows the acknowledgements before it."""
    assert source.send(_devices()[0].topic("command"), b"", 1) is not None
    while not source.receipts():
        time.sleep(0.001)


def _by_socket(broker: EmbeddedBroker, messages: int) -> Drained:
    address = ServerAddress.parse(broker.service_url(INGEST_USER))
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    with _connected(address, "callout-ingest-00-63", RECEIVE_MAXIMUM) as connection:
        found, rest, mids = 0, b"", list[int]()
        while found < messages:
            arrived = connection.recv(262_144)
            assert arrived, f"the broker gave {found} of {messages}"
            more, rest = _mids(rest + arrived)
            mids += more
            found += len(more)
            if len(mids) >= _BATCH or found >= messages:
                connection.sendall(struct.pack(f"!{len(mids)}I", *(0x4002_0000 | mid for mid in mids)))
                mids = []
        connection.sendall(b"\xc0\x00")
        assert _read(connection, 2) == b"\xd0\x00", "the broker answers to no ping"
        return Drained(found, time.monotonic() - began_s, time.process_time() - began_cpu_s)


def _mids(data: bytes) -> tuple[list[int], bytes]:
    """The message ids of the publishes, whose lengths take two bytes each here, and what is not complete."""
    found: list[int] = []
    at = 0
    while at + 5 < len(data):
        is_publish = data[at] & 0xF0 == 0x30
        start = at + 3 if is_publish else at + 2
        length = data[at + 1] & 0x7F | data[at + 2] << 7 if is_publish else data[at + 1]
        if start + length > len(data):
            break
        if is_publish:
            mid_at = start + 2 + (data[start] << 8 | data[start + 1])
            found.append(data[mid_at] << 8 | data[mid_at + 1])
        at = start + length
    return found, data[at:]


def _fill(broker: EmbeddedBroker, messages: int) -> None:
    share, rest = divmod(messages, _DEVICES)
    for number, device in enumerate(_devices()):
        topic = device.topic("telemetry").encode()
        address = ServerAddress("127.0.0.1", broker.port, device.username, _PASSWORD, tls=False)
        with _connected(address, device.device, RECEIVE_MAXIMUM) as connection:
            left = share + (number < rest)
            while left:
                count = min(left, _WINDOW)
                connection.sendall(b"".join(_publish(topic, mid) for mid in range(1, count + 1)))
                _read(connection, 4 * count)
                left -= count


def _publish(topic: bytes, mid: int) -> bytes:
    body = struct.pack("!H", len(topic)) + topic + struct.pack("!HB", mid, 0) + _PAYLOAD
    return bytes((0x32, len(body) & 0x7F | 0x80, len(body) >> 7)) + body


def _connected(address: ServerAddress, client_id: str, receive_maximum: int) -> socket.socket:
    texts = [text.encode() for text in (client_id, address.username or "", address.password or "")]
    properties = b"\x11\xff\xff\xff\xff" + b"\x21" + struct.pack("!H", receive_maximum)
    body = b"\x00\x04MQTT\x05\xc0\x00\x3c" + bytes([len(properties)]) + properties
    body += b"".join(struct.pack("!H", len(text)) + text for text in texts)
    connection = socket.create_connection((address.host, address.port), timeout=_PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(bytes((0x10, len(body) & 0x7F | 0x80, len(body) >> 7)) + body)
    head = _read(connection, 2)
    answer = _read(connection, head[1])
    assert head[0] == 0x20, f"the broker refuses {client_id}: {answer!r}"
    assert answer[1] == 0, f"the broker refuses {client_id}: {answer!r}"
    return connection


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        arrived = connection.recv(count - len(data))
        assert arrived, "the broker ended the connection"
        data += arrived
    return data


if __name__ == "__main__":
    main()
