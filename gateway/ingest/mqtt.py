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
from gateway.ingest.commands_out import CommandsOut
from gateway.ingest.fast_client import FastClient, why_not_fast
from gateway.ingest.inbox import Inbox
from gateway.ingest.plain_client import PlainClient
from gateway.ingest.source import SUBSCRIBED, Message, Return
from gateway.ingest.unconnected import told_refusal, told_unreachable
from gateway.settings import ServerAddress

_log = logging.getLogger(__name__)

# What the broker may send before an acknowledgement: a batch that is being committed, one that is decoded meanwhile,
# and one that is on its way.
RECEIVE_MAXIMUM: Final = 12_000
_KEEPALIVE_S: Final = 30
_ANSWER_S: Final = 15.0
_ASK_AGAIN_S: Final = 10.0
_LOOK_S: Final = 0.1
_READ_S: Final = 2.0
_NO_TOPIC: Final = f"{ROOT}/-"
_NEVER: Final = 0xFFFF_FFFF
_CHANNELS: Final = ("telemetry", "event", "state", "answer")
SESSION_TAKEN: Final = 0x8E


class BrokerUnreachableError(CalloutError):
    """The broker does not answer, or refuses the login."""


class SessionTakenError(CalloutError):
    """Somebody else has connected with the client id of the session: it belongs to whoever holds the range's lease."""


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
        self._mark_topic = mark_topic(partitions)
        self._inbox = Inbox()
        self._refusal: str | None = None
        self._failure = ""
        self._ask_at_s: float | None = None
        self._is_taken = False
        self._subscribed = threading.Event()
        self._has_read = threading.Event()
        self._client = self._made(broker, client or fastest_client())
        self._commands = CommandsOut(self._client)
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
        until_s = time.monotonic() + _ANSWER_S
        while time.monotonic() < until_s:
            # The answer may stand behind a long queue, of which nobody takes anything as long as this waits.
            is_answered = self._subscribed.wait(_LOOK_S) or not self._inbox.has_room(0.0)
            if is_answered and self._refusal is None:
                return
            if is_answered:
                break
        self.close()
        if self._refusal is not None:
            raise BrokerUnreachableError(told_refusal(self._refusal))
        raise BrokerUnreachableError(
            f"{broker.host}:{broker.port} does not answer like an MQTT broker within {_ANSWER_S:g} s. "
            "Check CALLOUT_BROKER_URL."
        )

    def _made(self, broker: ServerAddress, kind: type[PlainClient]) -> PlainClient:
        client = kind(client_id(self._partitions), self._inbox)
        if broker.username:
            client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            client.tls_set(ca_certs=broker.ca_file)  # pyright: ignore[reportUnknownMemberType]  # paho leaves one parameter untyped
        client.reconnect_delay_set(min_delay=1, max_delay=10)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        return client

    def _on_connect(
        self, client: Client, _userdata: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        # What the former connection delivered comes again: it is not committed twice, but need not be kept twice.
        self._inbox.begin_connection()
        self._refusal = str(reason) if reason.is_failure else None
        if reason.is_failure:
            self._subscribed.set()
            self._inbox.wake()
            self._failure = told_refusal(str(reason))
            _log.error("%s It is tried again.", self._failure)
            return
        self._failure = ""
        self._ask_for_topics(client)

    def _ask_for_topics(self, client: Client) -> None:
        wanted = [(topic, SubscribeOptions(qos=1)) for topic in topics(self._partitions)]
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
        if reason.value == SESSION_TAKEN:
            self._give_up(_client)
        elif reason.is_failure and self._refusal is None:
            _log.warning("the broker ended the connection: %s; trying again", reason)

    def _give_up(self, client: Client) -> None:
        """Stay away: to connect again would take the session from its new owner."""
        client.disconnect()
        self._is_taken = True
        self._inbox.wake()

    @property
    def is_connected(self) -> bool:
        """Whether the broker has this session and would deliver to it."""
        return self._client.is_connected() and self._refusal is None

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        """Return what has arrived, at most `most`; wait up to `timeout_s` seconds for the first.

        A broker that is away or refuses us is tried again without end, and nothing comes meanwhile: see `trouble`.

        Raises
        ------
        SessionTakenError
            When another process has taken the session over.
        """
        if self._ask_at_s is not None and time.monotonic() >= self._ask_at_s and self._client.is_connected():
            self._ask_for_topics(self._client)
        taken = self._inbox.receive(most, 0.0 if self._is_taken else timeout_s)
        if self._is_taken:
            raise SessionTakenError(
                f"another process has connected as {client_id(self._partitions)}. Two desks at one broker with "
                "databases of their own need brokers of their own; else the lease says whose the session is."
            )
        return self._without_marks(taken)

    def _without_marks(self, taken: Sequence[Message]) -> Sequence[Message]:
        """Leave out the marks of somebody who began to empty this session and was killed: no device sent them."""
        marks = [message for message in taken if message.topic == self._mark_topic]
        if not marks:
            return taken
        self.acknowledge(marks)
        return [message for message in taken if message.topic != self._mark_topic]

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

    def send(self, topic: str, payload: bytes, expiry_s: int, answer: Return | None = None) -> int | None:
        """Publish a command with QoS 1; the broker drops it after `expiry_s`. None while the broker is away."""
        return self._commands.send(topic, payload, expiry_s, answer)

    def receipts(self) -> Sequence[tuple[int, str | None]]:
        """Return the numbers of commands that the broker answered for, each with its refusal or None."""
        return self._commands.receipts()

    def close(self) -> None:
        """Disconnect; the session stays at the broker, with what was not acknowledged."""
        self._inbox.close()
        if self._client.is_connected():
            # A broker that finds the connection closed leaves acknowledgements unread: it is asked whether it has
            # read all, by the one question that changes nothing.
            self._client.unsubscribe(_NO_TOPIC)
            self._has_read.wait(_READ_S)
        self._client.disconnect()
        self._client.loop_stop()

    def _on_unsubscribe(self, *_: object) -> None:
        self._has_read.set()


def fastest_client() -> type[PlainClient]:
    """Return the client that reads fastest with the installed paho."""
    difference = why_not_fast()
    if difference is None:
        return FastClient
    _log.warning("ingest reads message by message, several times slower: %s", difference)
    return PlainClient


def client_id(partitions: range) -> str:
    """Return the client id of the session of a range, whoever serves it.

    >>> client_id(range(0, 16))
    'callout-ingest-00-15'
    """
    return f"callout-ingest-{partitions.start:02d}-{partitions.stop - 1:02d}"


def mark_topic(partitions: range) -> str:
    """Return the topic on which whoever empties the session of a range tells himself that he has come to its end.

    >>> mark_topic(range(0, 16))
    'callout/v1/0/-/callout-ingest-00-15/command'
    """
    return f"{ROOT}/{partitions.start}/-/{client_id(partitions)}/command"


def topics(partitions: range) -> list[str]:
    """Return the topic filters of a range."""
    return [f"{ROOT}/{partition}/+/+/{channel}" for partition in partitions for channel in _CHANNELS]


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = _NEVER
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    return properties
