"""MQTT as a source, and as the way of commands to devices: one persistent session for a range of partitions, acknowledged by hand.

The session belongs to the range, never to a worker: a fixed client id and clean start off, so that whichever worker
serves the range gets what the one before it did not acknowledge. Messages are put into a list that the worker takes
as a whole; handing them over one by one between threads would be the bottleneck.
"""

import logging
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices.identity import ROOT
from gateway.errors import CalloutError
from gateway.ingest.fast_client import FastClient, why_not_fast
from gateway.ingest.inbox import Inbox
from gateway.ingest.plain_client import PlainClient
from gateway.ingest.source import Message
from gateway.ingest.unconnected import told_refusal, told_unreachable
from gateway.settings import ServerAddress

_log = logging.getLogger(__name__)

# Said in the log when the broker keeps what comes for us.
SUBSCRIBED: Final = "subscribed to"
# What the broker may send before an acknowledgement; at least the largest batch, or the worker starves.
RECEIVE_MAXIMUM: Final = 2000
_KEEPALIVE_S: Final = 30
_ANSWER_S: Final = 15.0
_ASK_AGAIN_S: Final = 10.0
_NEVER: Final = 0xFFFF_FFFF
_CHANNELS: Final = ("telemetry", "event", "state", "answer")


class BrokerUnreachableError(CalloutError):
    """The broker does not answer, or refuses the login."""


class MqttSource:
    """The session of a range of partitions.

    Parameters
    ----------
    broker : ServerAddress
        Host, port and the account of the ingest service.
    partitions : range
        Partitions whose telemetry, events, states and answers are wanted.
    client : type, optional
        How packets are read: without it, in the fastest way that fits the installed paho.

    Raises
    ------
    BrokerUnreachableError
        When the first connection or subscription fails; later ones are tried again without end.
    """

    def __init__(self, broker: ServerAddress, partitions: range, client: type[PlainClient] | None = None) -> None:
        self._broker = broker
        self._partitions = partitions
        self._inbox = Inbox()
        self._receipts: list[tuple[int, str | None]] = []
        self._refusal: str | None = None
        self._failure = ""
        self._ask_at_s: float | None = None
        self._subscribed = threading.Event()
        self._client = self._made(broker, client or fastest_client())
        try:
            self._client.connect(
                broker.host, broker.port, _KEEPALIVE_S, clean_start=False, properties=_connect_properties()
            )
        except OSError as error:
            raise BrokerUnreachableError(told_unreachable(broker, error)) from error
        self._client.loop_start()
        self._wait_for_subscription(broker)

    def _wait_for_subscription(self, broker: ServerAddress) -> None:
        """Wait for the session: from then on the broker keeps for it what comes."""
        is_answered = self._subscribed.wait(_ANSWER_S)
        if is_answered and self._refusal is None:
            return
        self.close()
        if self._refusal is not None:
            raise BrokerUnreachableError(told_refusal(self._refusal))
        raise BrokerUnreachableError(
            f"{broker.host}:{broker.port} does not answer like an MQTT broker within {_ANSWER_S:g} s. "
            "Check CALLOUT_BROKER_URL."
        )

    def _made(self, broker: ServerAddress, kind: type[PlainClient]) -> PlainClient:
        name = f"callout-ingest-{self._partitions.start:02d}-{self._partitions.stop - 1:02d}"
        client = kind(name, self._inbox)
        if broker.username:
            client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            client.tls_set(ca_certs=broker.ca_file)  # pyright: ignore[reportUnknownMemberType]  # paho leaves one parameter untyped
        client.reconnect_delay_set(min_delay=1, max_delay=10)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        return client

    def _on_connect(
        self, client: Client, _userdata: Any, flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        # What the former connection delivered comes again: it is not committed twice, but need not be kept twice.
        self._inbox.begin_connection()
        self._refusal = str(reason) if reason.is_failure else None
        if reason.is_failure or flags.session_present:
            # A session that is there knows its topics already, and the answer may stand behind a long queue.
            self._subscribed.set()
            self._inbox.wake()
        self._failure = told_refusal(str(reason)) if reason.is_failure else ""
        if reason.is_failure:
            _log.error("%s It is tried again.", self._failure)
            return
        self._ask_for_topics(client)

    def _ask_for_topics(self, client: Client) -> None:
        wanted = [
            (f"{ROOT}/{partition}/+/+/{channel}", SubscribeOptions(qos=1))
            for partition in self._partitions
            for channel in _CHANNELS
        ]
        self._ask_at_s = None
        client.subscribe(wanted)
        _log.info("connected to the broker, asking for %d topics", len(wanted))

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        """Called while the error is being handled, which paho does not hand on."""
        self._failure = told_unreachable(self._broker, sys.exc_info()[1])
        _log.warning("%s It is tried again.", self._failure)

    def _on_subscribe(
        self, _client: Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = sum(reason.is_failure for reason in reasons)
        if refused:
            self._refusal = f"{refused} of {len(reasons)} topics"
            self._failure = told_refusal(self._refusal)
            self._ask_at_s = time.monotonic() + _ASK_AGAIN_S
            _log.error("%s They are asked for again.", self._failure)
        else:
            self._refusal, self._failure = None, ""
            _log.info("%s %d topics", SUBSCRIBED, len(reasons))
        self._subscribed.set()

    def _on_disconnect(
        self, _client: Client, _userdata: Any, _flags: DisconnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        self._inbox.end_connection()
        if reason.is_failure and self._refusal is None:
            _log.warning("the broker ended the connection: %s; trying again", reason)

    @property
    def is_connected(self) -> bool:
        """Whether the broker has this session and would deliver to it."""
        return self._client.is_connected() and self._refusal is None

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        """Return what has arrived, at most `most`; wait up to `timeout_s` seconds for the first.

        A broker that is away or refuses us is tried again without end, and nothing comes meanwhile: see `trouble`.
        """
        if self._ask_at_s is not None and time.monotonic() >= self._ask_at_s and self._client.is_connected():
            self._ask_for_topics(self._client)
        return self._inbox.receive(most, timeout_s)

    def trouble(self) -> str:
        """Return why the broker does not have this session, with the next move; empty while it has."""
        if self.is_connected:
            return ""
        return self._failure or told_unreachable(self._broker, None)

    def waiting(self) -> Sequence[Message]:
        """Return what has arrived and was not received yet, the oldest first."""
        return self._inbox.waiting()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledge committed messages; those of a former connection come again and are known by their key."""
        receipts = [message.receipt for message in messages]
        # An acknowledgement of the connection that ends just now must not be the first word of the next.
        with self._inbox.lock:
            now = self._inbox.generation
            self._client.acknowledge([mid for generation, mid in receipts if generation == now])

    def send(self, topic: str, payload: bytes, expiry_s: int) -> int | None:
        """Publish a command with QoS 1; the broker drops it after `expiry_s`. None while the broker is away."""
        if not self._client.is_connected():
            return None
        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = expiry_s
        return self._client.publish(topic, payload, qos=1, properties=properties).mid

    def receipts(self) -> Sequence[tuple[int, str | None]]:
        """Return the numbers of commands that the broker answered for, each with its refusal or None."""
        with self._inbox.lock:
            taken, self._receipts = self._receipts, []
        return taken

    def _on_publish(
        self, _client: Client, _userdata: Any, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        with self._inbox.lock:
            self._receipts.append((mid, str(reason) if reason.is_failure else None))

    def close(self) -> None:
        """Disconnect; the session stays at the broker."""
        self._client.disconnect()
        self._client.loop_stop()


def fastest_client() -> type[PlainClient]:
    """Return the client that reads fastest with the installed paho."""
    difference = why_not_fast()
    if difference is None:
        return FastClient
    _log.warning("ingest reads message by message, several times slower: %s", difference)
    return PlainClient


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = _NEVER
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    return properties
