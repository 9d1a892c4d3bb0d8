"""The broker's sessions of ranges: opened by whoever holds the lease, prepared and drained when ranges change.

A session keeps what comes for its range while nobody serves it. So a range begins by having one, and ends only when
nothing waits in its session any more.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.ingest.lease import told
from gateway.ingest.mqtt import (
    RECEIVE_MAXIMUM,
    SESSION_TAKEN,
    BrokerUnreachableError,
    MqttSource,
    client_id,
    mark_topic,
    topics,
)
from gateway.ingest.source import Commands, Message, Source
from gateway.settings import ServerAddress

_log = logging.getLogger(__name__)

_KEEPALIVE_S: Final = 30
_NEVER: Final = 0xFFFF_FFFF
# A full queue drops the newest, and the mark among them: it is sent again.
_MARK_AGAIN_S: Final = 5.0
# After the mark nothing can come; who knows what other brokers do.
_QUIET_S: Final = 0.5


class RangeSource(Source, Commands, Protocol):
    """A source of one range that also takes commands to its devices."""

    def waiting(self) -> Sequence[Message]:
        """Return what has arrived and was not received yet, the oldest first."""
        ...


class DrainingSource(Source, Protocol):
    """A source that gets nothing new, and knows when it has handed over all."""

    @property
    def is_drained(self) -> bool:
        """Whether all that it held is acknowledged; to close it ends its session then."""
        ...


class Sessions(Protocol):
    """Where the messages of ranges wait."""

    def open(self, partitions: range) -> RangeSource:
        """Return the source of a range; to be called by the holder of its lease only."""
        ...

    def prepare(self, partitions: range) -> None:
        """See to it that from now on what comes for a range is kept for it."""
        ...

    def drain(self, partitions: range, is_ours: Callable[[], bool]) -> DrainingSource:
        """Return what waits for a range, to which nothing new comes from now on.

        `is_ours` says whether the leases are still this process's: nobody else's session may be cut off.
        """
        ...


class MqttSessions:
    """Sessions at an MQTT broker.

    Parameters
    ----------
    broker : ServerAddress
        With the account of the ingest service.
    """

    def __init__(self, broker: ServerAddress) -> None:
        self._broker = broker

    def open(self, partitions: range) -> RangeSource:
        """Return the source of a range; whoever had its session before is disconnected."""
        return MqttSource(self._broker, partitions)

    def prepare(self, partitions: range) -> None:
        """Subscribe a range's session, and leave it to the broker."""
        MqttSource(self._broker, partitions).close()

    def drain(self, partitions: range, is_ours: Callable[[], bool]) -> DrainingSource:
        """Take a range's session and unsubscribe it."""
        return MqttDrain(self._broker, partitions, is_ours)


class MqttDrain:
    """A session that is emptied and then ended.

    It unsubscribes, and then publishes a mark to itself: the broker delivers in order, so what waited is through when
    the mark is back. The mark is a command to no device, which is all that the account of ingest may publish.

    Whoever takes the session over ends this connection, and with it all that it could still say. So what is asked of
    `is_ours` after connecting holds for as long as the connection lasts: an owner who slept for a while, and whose ranges
    are served by others by now, does not unsubscribe them.

    Parameters
    ----------
    broker : ServerAddress
        With the account of the ingest service.
    partitions : range
        The range.
    is_ours : callable
        Whether the leases are still this process's; asked by the thread that reads.

    Raises
    ------
    BrokerUnreachableError
        The broker does not answer; later it is tried again without end.
    """

    def __init__(self, broker: ServerAddress, partitions: range, is_ours: Callable[[], bool]) -> None:
        self._partitions = partitions
        self._is_ours = is_ours
        self._arrived = threading.Condition()
        self._waiting: list[Message] = []
        self._handed_over = 0
        self._generation = 0
        self._is_empty = False
        self._mark = secrets.token_bytes(8)
        self._mark_topic = mark_topic(partitions)
        self._marked_at_s = self._last_at_s = time.monotonic()
        self._client = self._made(broker)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = _NEVER
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        try:
            self._client.connect(broker.host, broker.port, _KEEPALIVE_S, clean_start=False, properties=properties)
        except OSError as error:
            raise BrokerUnreachableError(
                f"the broker at {broker.host}:{broker.port} does not answer: {error}"
            ) from error
        self._client.loop_start()

    def _made(self, broker: ServerAddress) -> Client:
        name, version = client_id(self._partitions), MQTTProtocolVersion.MQTTv5
        client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=version, manual_ack=True)
        if broker.username:
            client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            client.tls_set(ca_certs=broker.ca_file)  # pyright: ignore[reportUnknownMemberType]  # paho leaves one parameter untyped
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: Client, _userdata: Any, flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        with self._arrived:
            self._generation += 1
            self._waiting.clear()
            # Without a session there never was one, or it has been ended before: nothing waits in it. With one, what
            # was not acknowledged comes again, and a mark that had come already says nothing about that.
            self._is_empty = not reason.is_failure and not flags.session_present
        if reason.is_failure:
            _log.warning("the broker refuses to hand over the session of %s: %s", told(self._partitions), reason)
            return
        if self._is_empty:
            return
        if not self._is_ours():
            _log.warning("%s are others' by now: their session is left alone", told(self._partitions))
            client.disconnect()
            return
        client.unsubscribe(topics(self._partitions))
        client.subscribe(self._mark_topic, qos=1)

    def _on_disconnect(
        self, client: Client, _userdata: Any, _flags: DisconnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if reason.value == SESSION_TAKEN:
            # To connect again would take it from its new owner.
            client.disconnect()

    def _on_subscribe(
        self, _client: Client, _userdata: Any, _mid: int, _reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self._send_mark()

    def _send_mark(self) -> None:
        self._marked_at_s = time.monotonic()
        self._client.publish(self._mark_topic, self._mark, qos=1)

    def _on_message(self, client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self._last_at_s = time.monotonic()
        if message.topic == self._mark_topic:
            client.ack(message.mid, message.qos)
            with self._arrived:
                self._is_empty = self._is_empty or bytes(message.payload) == self._mark
            return
        receipt = (self._generation, message.mid) if message.qos == 1 else (-1, 0)
        received = Message(
            message.topic, bytes(message.payload), datetime.now(UTC), receipt, message.dup, message.retain
        )
        with self._arrived:
            self._waiting.append(received)
            self._arrived.notify()

    @property
    def is_connected(self) -> bool:
        """Never: what devices send now comes to the ranges that follow."""
        return False

    @property
    def is_drained(self) -> bool:
        """Whether the mark is back, and all that came is acknowledged."""
        with self._arrived:
            is_done = self._is_empty and not self._waiting and not self._handed_over
        return is_done and time.monotonic() - self._last_at_s >= _QUIET_S

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        """Return what has come, at most `most`."""
        if not self._is_empty and time.monotonic() - self._marked_at_s > _MARK_AGAIN_S and self._client.is_connected():
            self._send_mark()
        with self._arrived:
            if not self._waiting:
                self._arrived.wait(min(timeout_s, _QUIET_S / 4))
            taken, self._waiting = self._waiting[:most], self._waiting[most:]
            self._handed_over += len(taken)
        return taken

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledge committed messages; those of a former connection come again."""
        for message in messages:
            generation, mid = message.receipt
            if generation == self._generation:
                self._client.ack(mid, 1)
        with self._arrived:
            self._handed_over -= len(messages)

    def close(self) -> None:
        """Leave; the session ends with it when it is drained, and stays when it is not."""
        properties = Properties(PacketTypes.DISCONNECT)
        if self.is_drained:
            properties.SessionExpiryInterval = 0
        self._client.disconnect(properties=properties)
        self._client.loop_stop()
