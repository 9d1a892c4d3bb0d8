"""How full the broker's queue for ingest is, from mosquitto's own figures under ``$SYS/broker``.

The bound is per session and counts what lies behind the messages under way. mosquitto does not say how long a
session's queue is, but it says what it stores in all: that, without what it retains, is the queue of ingest but for a
few commands to devices that are away. A session of its own, so that the figures come while ingest acknowledges nothing.
"""

import logging
import secrets
import threading
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.ingest.mqtt import RECEIVE_MAXIMUM
from gateway.settings import ServerAddress

_log = logging.getLogger(__name__)

_KEEPALIVE_S: Final = 30
STORED: Final = "$SYS/broker/store/messages/count"
_STORED_BYTES: Final = "$SYS/broker/store/messages/bytes"
RETAINED: Final = "$SYS/broker/retained messages/count"
_DROPPED: Final = "$SYS/broker/publish/messages/dropped"
# It changes all the time. mosquitto tells what changes, and forgets what has not been told for a minute.
UPTIME: Final = "$SYS/broker/uptime"
FIGURES: Final = (STORED, _STORED_BYTES, RETAINED, _DROPPED)


@dataclass(frozen=True, slots=True)
class Bound:
    """What the broker keeps for one session at most."""

    messages: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Fill:
    """Messages that wait at the broker, the share of its bound that they take, and how many it has dropped.

    Examples
    --------
    >>> Fill.of({STORED: 16_050, RETAINED: 50, _STORED_BYTES: 10, _DROPPED: 0}, Bound(4000, 1000)).ratio
    1.0
    >>> Fill.of({STORED: 5, RETAINED: 5, _STORED_BYTES: 750, _DROPPED: 2}, Bound(4000, 1000))
    Fill(messages=0, ratio=0.75, dropped=2)
    """

    messages: int
    ratio: float
    dropped: int

    @classmethod
    def of(cls, figures: dict[str, int], bound: Bound) -> "Fill":
        """Work the fill out of the broker's figures; the nearer of the two bounds counts."""
        messages = max(0, figures.get(STORED, 0) - figures.get(RETAINED, 0))
        by_count = messages / (bound.messages + RECEIVE_MAXIMUM)
        by_size = figures.get(_STORED_BYTES, 0) / bound.size_bytes
        return cls(messages, min(1.0, max(by_count, by_size)), figures.get(_DROPPED, 0))


class QueueWatch:
    """Listens to the broker's figures until it is closed; a broker that is away is tried again without end.

    Parameters
    ----------
    broker : ServerAddress
        With the account of ingest, which may read ``$SYS/broker``.
    bound : Bound
        What the broker was told to keep.
    """

    def __init__(self, broker: ServerAddress, bound: Bound) -> None:
        self._bound = bound
        self._lock = threading.Lock()
        self._figures: dict[str, int] = {}
        self._is_connected = False
        # Each ingest process has one, and none is missed: a name of its own, and nothing that stays behind.
        name = f"callout-ingest-watch-{secrets.token_hex(4)}"
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
        if broker.username:
            self._client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            self._client.tls_set(ca_certs=broker.ca_file)  # pyright: ignore[reportUnknownMemberType]  # paho leaves one parameter untyped
        self._client.reconnect_delay_set(min_delay=1, max_delay=10)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.connect_async(broker.host, broker.port, _KEEPALIVE_S)
        self._client.loop_start()

    @property
    def is_connected(self) -> bool:
        """Whether the broker answers."""
        return self._is_connected

    def fill(self) -> Fill | None:
        """Return how full the queue is; None while the broker is away or says nothing of itself."""
        with self._lock:
            if not self._is_connected or STORED not in self._figures:
                return None
            return Fill.of(self._figures, self._bound)

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self, client: Client, _userdata: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        with self._lock:
            # A broker that has been started again counts anew.
            self._figures.clear()
            self._is_connected = not reason.is_failure
        if not reason.is_failure:
            client.subscribe([(topic, 0) for topic in FIGURES])

    def _on_disconnect(self, *_: object) -> None:
        self._is_connected = False

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if not message.payload.isdigit():
            _log.debug("%s says %r, which is no number", message.topic, message.payload[:40])
            return
        with self._lock:
            self._figures[message.topic] = int(message.payload)
