"""The MQTT client of ingest that reads what is there at once, and acknowledges a batch with one write.

paho reads three times for a message and makes an object of each part; that, and the hand-over of single messages between
threads, is dearer than the database. This one takes a buffer from the socket, reads the publishes out of it itself, and
leaves all other packets, the connection, keepalive and commands to paho. For that it needs private methods: it says
whether they are the ones it knows, and `plain_client` is there when they are not.
"""

import inspect
import logging
import struct
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import paho.mqtt
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from gateway.ingest.frames import Frames, MalformedFrameError, Packet
from gateway.ingest.inbox import Inbox
from gateway.ingest.plain_client import LOOK_AGAIN_S, PlainClient

_log = logging.getLogger(__name__)

_READ_BYTES: Final = 262_144
_PUBACK: Final = 0x40
# A PUBACK without reason and properties, but for its message id: first byte, length 2.
_PUBACK_HEAD: Final = 0x4002_0000

_KNOWN_VERSIONS: Final = ("2.2.0",)
_KNOWN_METHODS: Final = {
    "loop_read": ("self", "max_packets"),
    "reconnect": ("self",),
    "_loop_rc_handle": ("self", "rc"),
    "_packet_handle": ("self",),
    "_packet_queue": ("self", "command", "packet", "mid", "qos", "info"),
    "_sock_recv": ("self", "bufsize"),
}
_KNOWN_FIELDS: Final = ("_in_packet", "_last_bytes_received", "_msgtime_mutex", "_ping_t", "_sock")


class FastClient(PlainClient):
    """A client with the face of `PlainClient`, several times faster."""

    def __init__(self, name: str, inbox: Inbox) -> None:
        super().__init__(name, inbox)
        self._frames = Frames(lambda: inbox.generation)

    def reconnect(self) -> MQTTErrorCode:
        """Connect anew; what the old connection left half said is forgotten."""
        self._frames.clear()
        return super().reconnect()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read what is there, at most a buffer full, and deal with each packet in it."""
        del max_packets
        if self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        if not self._inbox.has_room(LOOK_AGAIN_S):
            # The answer to a ping waits in the network behind what is not read, and is not missed.
            self._ping_t = 0.0
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        return self._loop_rc_handle(self._read())

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Acknowledge messages of QoS 1 by their ids, in the order in which they came, with one write."""
        if mids:
            packets = struct.pack(f"!{len(mids)}I", *(_PUBACK_HEAD | mid for mid in mids))
            self._packet_queue(_PUBACK, packets, 0, 1)

    def _read(self) -> MQTTErrorCode:
        try:
            data = self._sock_recv(_READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        if not data:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        try:
            return self._deal(data)
        except MalformedFrameError as error:
            _log.warning("%s; the connection is made anew", error)
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _deal(self, data: bytes) -> MQTTErrorCode:
        for found in self._frames.feed(data, datetime.now(UTC)):
            if not isinstance(found, Packet):
                self._inbox.take(found)
                continue
            outcome = self._leave_to_paho(found)
            # A packet that ended the connection ends what came behind it, too.
            if outcome or self._sock is None:
                return outcome
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _leave_to_paho(self, packet: Packet) -> MQTTErrorCode:
        self._in_packet.update(
            command=packet.command, remaining_length=len(packet.body), packet=bytearray(packet.body), pos=0
        )
        return self._packet_handle()


def why_not_fast() -> str | None:
    """Return in what the installed paho differs from the one whose private methods are used here; None when in nothing."""
    if paho.mqtt.__version__ not in _KNOWN_VERSIONS:
        return f"paho-mqtt {paho.mqtt.__version__} is not {' or '.join(_KNOWN_VERSIONS)}"
    for name, parameters in _KNOWN_METHODS.items():
        method = getattr(Client, name, None)
        if method is None or tuple(inspect.signature(method).parameters) != parameters:
            return f"paho's {name} does not take {', '.join(parameters)}"
    return next(
        (f"paho has no {name}" for name in _KNOWN_FIELDS if name not in vars(Client(CallbackAPIVersion.VERSION2))), None
    )
