"""A short session at the broker, for trying what an account may do; it leaves nothing behind."""

import secrets
import ssl
import threading
from collections.abc import Iterable
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.settings import ServerAddress

ANSWER_S: Final = 5.0


class Probe:
    """One session of the doctor's; a context manager, whose block begins when the broker has answered.

    Parameters
    ----------
    address : ServerAddress
        The broker and the account to log in with.
    trust : ssl.SSLContext, optional
        Whose certificates are trusted where the address has TLS; this machine's own choice if left out.
    """

    def __init__(self, address: ServerAddress, trust: ssl.SSLContext | None = None) -> None:
        self.address = address
        self._answered = threading.Event()
        self._subscribed = threading.Event()
        self.refusal: str | None = None
        self.heard: dict[str, bytes] = {}
        self._came = threading.Condition()
        self._receipts: dict[int, ReasonCode] = {}
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"callout-doctor-{secrets.token_hex(4)}",
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        if address.username:
            self.client.username_pw_set(address.username, address.password)
        if address.tls:
            self.client.tls_set_context(trust or ssl.create_default_context())  # pyright: ignore[reportUnknownMemberType]  # half typed by paho
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message
        self.client.on_publish = self._on_publish
        self.client.on_subscribe = self._on_subscribe

    def __enter__(self) -> "Probe":
        self.client.connect_timeout = ANSWER_S
        self.client.connect(self.address.host, self.address.port)
        self.client.loop_start()
        if not self._answered.wait(ANSWER_S):
            self.refusal = "it does not answer like an MQTT broker"
        return self

    def __exit__(self, *_: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def subscribe(self, *topics: str) -> None:
        """Ask for topics, and wait until the broker has heard it."""
        self._subscribed.clear()
        self.client.subscribe([(topic, 1) for topic in topics])
        self._subscribed.wait(ANSWER_S)

    def waits_for(self, topics: Iterable[str], seconds: float) -> bool:
        """Return whether something came on each of the topics in time."""
        wanted = set(topics)
        with self._came:
            return self._came.wait_for(lambda: wanted <= self.heard.keys(), seconds)

    def may_publish(self, topic: str) -> bool | None:
        """Return whether the broker takes a message on a topic; None when it does not say."""
        published = self.client.publish(topic, b"", qos=1)
        with self._came:
            self._came.wait_for(lambda: published.mid in self._receipts, ANSWER_S)
            receipt = self._receipts.get(published.mid)
        if published.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS or receipt is None:
            return None
        return not receipt.is_failure

    def _on_connect(
        self, _client: Client, _userdata: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self.refusal = str(reason) if reason.is_failure else None
        self._answered.set()

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed.set()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        with self._came:
            self.heard[message.topic] = bytes(message.payload)
            self._came.notify_all()

    def _on_publish(
        self, _client: Client, _userdata: Any, mid: int, reason: ReasonCode, _properties: Properties
    ) -> None:
        with self._came:
            self._receipts[mid] = reason
            self._came.notify_all()
