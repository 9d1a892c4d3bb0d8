"""A device's radio: its connection to the broker, and the messages that it keeps until they are acknowledged.

A message leaves the memory of the device only when its PUBACK has come. Whatever was under way when a connection
broke is sent again with the same boot and seq, in order: the other side absorbs what it has already.
"""

import logging
import selectors
import socket
import ssl
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from simulators.enrolment import Identity

_log = logging.getLogger(__name__)

STATE_SCHEMA = "callout.state/1"
WILL_DELAY_S = 60
# A session that never ends: what has an end is what mosquitto dies of (see the decision on sessions that never end).
_SESSION_S = 0xFFFF_FFFF
_KEEPALIVE_S = 60
_FIRST_RETRY_S = 0.25
_LONGEST_RETRY_S = 10.0
_CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way: topic and payload."""

    topic: str
    payload: bytes


class Link:
    """The connection of one device, driven by a :class:`simulators.radio.Radio`.

    Parameters
    ----------
    identity
        Name, password, topics and broker.
    selector
        Where the socket is watched.
    window
        Most messages that may be under way unacknowledged.
    """

    def __init__(self, identity: Identity, selector: selectors.BaseSelector, window: int) -> None:
        self.identity = identity
        self.acknowledged = 0
        self.refused = 0
        self.trouble = ""
        self.is_up = False
        self._selector = selector
        self._window = window
        self._allowed = window
        self._waiting: deque[Outgoing] = deque()
        self._under_way: OrderedDict[int, Outgoing] = OrderedDict()
        self._client: Client | None = None
        self._wants_up = True
        self._is_answered = False
        self._retry_at_s = 0.0
        self._pause_s = _FIRST_RETRY_S
        self.refused_since_s: float | None = None
        self._hear: Callable[[bytes], None] | None = None

    @property
    def backlog(self) -> int:
        """How many messages are kept: waiting or unacknowledged."""
        return len(self._waiting) + len(self._under_way)

    @property
    def is_wanted(self) -> bool:
        """Whether the device seeks a connection: it is switched on and within reach."""
        return self._wants_up

    def send(self, topic: str, payload: bytes) -> None:
        """Hand over a message; it goes out as soon as there is a connection and room in the window."""
        self._waiting.append(Outgoing(topic, payload))

    def listen(self, hear: Callable[[bytes], None]) -> None:
        """Listen on the device's command topic from the next connection on; each command is handed over once at least."""
        self._hear = hear

    def kept(self) -> list[Outgoing]:
        """Give all messages that are not acknowledged yet, oldest first."""
        return [*self._under_way.values(), *self._waiting]

    def lose_signal(self) -> None:
        """Drive into a tunnel: the connection breaks without a word, and is not sought until :meth:`find_signal`."""
        self._wants_up = False
        sock = self._client.socket() if self._client is not None else None
        if isinstance(sock, socket.socket):
            with suppress(OSError):  # broken already, or not yet open: as lost as it can be
                sock.shutdown(socket.SHUT_RDWR)

    def find_signal(self) -> None:
        """Leave the tunnel: connect again at the next turn."""
        self._wants_up = True
        self._retry_at_s = 0.0

    def accept(self, identity: Identity) -> None:
        """Go on with newly issued credentials."""
        self.identity = identity
        self.refused_since_s = None
        self._retry_at_s = 0.0

    def turn(self, now_s: float) -> None:
        """Do what is due: connect, publish what the window allows, answer keep-alives."""
        if self._client is None:
            if self._wants_up and now_s >= self._retry_at_s:
                self._connect(now_s)
            return
        self._client.loop_misc()
        while self.is_up and self._waiting and len(self._under_way) < self._allowed:
            outgoing = self._waiting.popleft()
            info = self._publish(self._client, outgoing.topic, outgoing.payload, retain=False)
            self._under_way[info.mid] = outgoing

    def readable(self) -> None:
        """Take in what the broker sent."""
        if self._client is not None:
            self._client.loop_read()

    def writable(self) -> None:
        """Send what is buffered."""
        if self._client is not None:
            self._client.loop_write()

    def hang_up(self) -> None:
        """Say good-bye: the retained state becomes offline and the connection ends in order."""
        self._wants_up = False
        if self._client is not None and self.is_up:
            self._publish(self._client, self.identity.topics.state, _state(is_online=False), retain=True)
            self._client.disconnect()

    def _connect(self, now_s: float) -> None:
        client = self._make_client()
        self._client = client
        self._is_answered = False
        broker = self.identity.broker
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = _SESSION_S
        try:
            # The session is taken up again (no clean start), for a new one would publish the will at once.
            client.connect(broker.host, broker.port, _KEEPALIVE_S, clean_start=False, properties=properties)
        except ssl.SSLError as error:
            self._refuse(f"no TLS with the broker at {broker.host}:{broker.port}: {error}")
            self._down(self.trouble, now_s)
        except OSError as error:
            # A broker that is away has said nothing about us.
            self.refused_since_s = None
            self._down(f"cannot reach the broker at {broker.host}:{broker.port}: {error}", now_s)

    def _make_client(self) -> Client:
        identity = self.identity
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{identity.tenant}-{identity.device}",
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        if identity.credentials.password:
            client.username_pw_set(identity.credentials.username, identity.credentials.password)
        client.max_inflight_messages_set(0)  # the window is ours
        will = Properties(PacketTypes.WILLMESSAGE)
        will.WillDelayInterval = WILL_DELAY_S
        client.will_set(identity.topics.state, _state(is_online=False), qos=1, retain=True, properties=will)
        shown = identity.credentials.shown
        if shown is not None:
            client.tls_set_context(shown.context())  # pyright: ignore[reportUnknownMemberType] (half typed by the library)
        elif identity.broker.tls:
            client.tls_set()  # pyright: ignore[reportUnknownMemberType] (half typed by the library)
        client.on_socket_open = self._socket_opened
        client.on_socket_close = self._socket_closed
        client.on_socket_register_write = self._wants_to_write
        client.on_socket_unregister_write = self._has_written
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._published
        client.on_message = self._commanded
        return client

    @staticmethod
    def _publish(client: Client, topic: str, payload: bytes, *, retain: bool) -> MQTTMessageInfo:
        return client.publish(topic, payload, qos=1, retain=retain)

    def _connected(
        self, client: Client, _userdata: Any, _flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._is_answered = True
        if code.is_failure:
            self._refuse(f"the broker refuses {self.identity.credentials.username}: {code}")
            return
        self.is_up = True
        self.trouble = ""
        self.refused_since_s = None
        self._pause_s = _FIRST_RETRY_S
        granted: int = getattr(properties, "ReceiveMaximum", self._window)
        self._allowed = max(1, min(self._window, granted))
        if self._hear is not None:
            client.subscribe(self.identity.topics.command, qos=1)
        self._publish(client, self.identity.topics.state, _state(is_online=True), retain=True)

    def _commanded(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if self._hear is not None:
            self._hear(bytes(message.payload))

    def _published(
        self, _client: Client, _userdata: Any, mid: int, code: ReasonCode, _properties: Properties | None
    ) -> None:
        outgoing = self._under_way.pop(mid, None)
        if code.is_failure:
            self.refused += 1
            self.trouble = f"the broker refuses a message of {self.identity.credentials.username}: {code}"
        elif outgoing is not None:
            self.acknowledged += 1

    def _disconnected(
        self,
        client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if client is self._client:
            if not self._is_answered and self.identity.credentials.shown is not None:
                # In TLS 1.3 a certificate is refused after the handshake, by hanging up.
                self._refuse(f"the broker refuses the certificate of {self.identity.credentials.username}")
            self._down(self.trouble or (f"connection lost: {code}" if code.is_failure else ""), time.monotonic())

    def _refuse(self, trouble: str) -> None:
        self.trouble = trouble
        self.refused_since_s = self.refused_since_s or time.monotonic()

    def _down(self, trouble: str, now_s: float) -> None:
        """Forget the connection, put what was under way back in front, and wait a little longer each time."""
        self._client = None
        self.is_up = False
        self.trouble = trouble
        self._waiting.extendleft(reversed(self._under_way.values()))
        self._under_way.clear()
        self._retry_at_s = now_s + self._pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_RETRY_S)

    def _socket_opened(self, _client: Client, _userdata: Any, sock: Any) -> None:
        self._selector.register(sock, selectors.EVENT_READ, self)

    def _socket_closed(self, _client: Client, _userdata: Any, sock: Any) -> None:
        if sock.fileno() in self._selector.get_map():
            self._selector.unregister(sock)

    def _wants_to_write(self, _client: Client, _userdata: Any, sock: Any) -> None:
        self._selector.modify(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    def _has_written(self, _client: Client, _userdata: Any, sock: Any) -> None:
        if sock.fileno() in self._selector.get_map():
            self._selector.modify(sock, selectors.EVENT_READ, self)


def _state(*, is_online: bool) -> bytes:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode({"schema": STATE_SCHEMA, "online": is_online, "at": at})
