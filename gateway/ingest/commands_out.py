"""Commands to devices over MQTT: published with QoS 1, and what the broker answered for each. It receives nothing."""

import threading
from collections.abc import Sequence
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.ingest.source import Return
from gateway.settings import ServerAddress

_KEEPALIVE_S: Final = 30


class CommandsOut:
    """Publishes commands through a client that somebody else connects.

    Parameters
    ----------
    client : Client
        The client; its `on_publish` is taken.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._receipts: list[tuple[int, str | None]] = []
        client.on_publish = self._on_publish

    def send(self, topic: str, payload: bytes, expiry_s: int, answer: Return | None = None) -> int | None:
        """Publish a command with QoS 1; the broker drops it after `expiry_s`. None while the broker is away."""
        if not self._client.is_connected():
            return None
        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = expiry_s
        if answer is not None:
            properties.ResponseTopic = answer.topic
            properties.CorrelationData = answer.correlation
        return self._client.publish(topic, payload, qos=1, properties=properties).mid

    def receipts(self) -> Sequence[tuple[int, str | None]]:
        """Return the numbers of commands that the broker answered for, each with its refusal or None."""
        with self._lock:
            taken, self._receipts = self._receipts, []
        return taken

    def _on_publish(
        self, _client: Client, _userdata: Any, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        with self._lock:
            self._receipts.append((mid, str(reason) if reason.is_failure else None))


class MqttCommands:
    """Commands over MQTT where readings come from elsewhere; a broker that is away is tried again without end.

    Parameters
    ----------
    broker : ServerAddress
        Host, port and the account of the ingest service.
    partitions : range
        The partitions whose worker sends: it is in the client id, which two may not have at a time.
    """

    def __init__(self, broker: ServerAddress, partitions: range) -> None:
        name = f"callout-commands-{partitions.start:02d}-{partitions.stop - 1:02d}"
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
        if broker.username:
            self._client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            self._client.tls_set(ca_certs=broker.ca_file)  # pyright: ignore[reportUnknownMemberType]  # paho leaves one parameter untyped
        self._client.reconnect_delay_set(min_delay=1, max_delay=10)
        self._out = CommandsOut(self._client)
        self._client.connect_async(broker.host, broker.port, _KEEPALIVE_S)
        self._client.loop_start()

    def send(self, topic: str, payload: bytes, expiry_s: int, answer: Return | None = None) -> int | None:
        """Publish a command that is worth nothing after `expiry_s` seconds; None while the broker is away."""
        return self._out.send(topic, payload, expiry_s, answer)

    def receipts(self) -> Sequence[tuple[int, str | None]]:
        """Return the numbers of commands that the broker answered for, each with its refusal or None."""
        return self._out.receipts()

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()
