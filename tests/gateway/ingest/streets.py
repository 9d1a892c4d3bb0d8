"""The ways by which messages come, each with a sender and a source: what is asked of one is asked of all."""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from confluent_kafka import Producer
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.identity import Identity, partition_of
from gateway.ingest.fast_client import FastClient
from gateway.ingest.kafka import KafkaSource
from gateway.ingest.mqtt import MqttSource
from gateway.ingest.plain_client import PlainClient
from gateway.ingest.source import Source
from gateway.kafka_address import KafkaAddress
from gateway.settings import ServerAddress
from tests.conftest import BrokerForTests
from tests.fakes.kafka import TOPIC, FakeKafka
from tests.gateway.ingest.test_mqtt import wait_until

PASSWORD = "a password of a device"
EVERY_PARTITION = range(64)
_names = itertools.count(1)


class Street(Protocol):
    """A device that sends, and the source that its messages come to."""

    device: Identity

    def open(self) -> Source: ...

    def send(self, payloads: Sequence[bytes]) -> None:
        """Return when all of them are safe on their way."""
        ...


class MqttStreet:
    """A device at the session's broker."""

    def __init__(self, broker: BrokerForTests, client: type[PlainClient]) -> None:
        self.device = _device()
        self._broker = broker
        self._client = client
        broker.add_account(self.device.username, PASSWORD)
        # The broker keeps nothing for a session that has never been; what other tests left in it is let go.
        source = self.open()
        while left := source.receive(1000, 0.3):
            source.acknowledge(left)
        source.close()

    def open(self) -> MqttSource:
        return MqttSource(ServerAddress.parse(self._broker.ingest_url), EVERY_PARTITION, self._client)

    def send(self, payloads: Sequence[bytes]) -> None:
        with sender(self._broker.host, self._broker.port, self.device) as publish:
            publish(self.device.topic("telemetry"), payloads)


class KafkaStreet:
    """A bridge that writes what a device says into a topic."""

    def __init__(self, kafka: FakeKafka) -> None:
        self.device = _device()
        self._kafka = kafka

    def open(self) -> KafkaSource:
        return KafkaSource(KafkaAddress.parse(self._kafka.url), EVERY_PARTITION)

    def send(self, payloads: Sequence[bytes]) -> None:
        write(self._kafka, self.device, payloads)


def write(kafka: FakeKafka, device: Identity, payloads: Sequence[bytes], channel: str = "telemetry") -> None:
    """Write records as a bridge does: keyed by the device, which is enough for the partition to be the right one."""
    producer = Producer({"bootstrap.servers": kafka.servers, "partitioner": "consistent", "linger.ms": 5})
    headers = {} if channel == "telemetry" else {"channel": channel}
    for payload in payloads:
        producer.produce(TOPIC, key=f"{device.tenant}/{device.device}", value=payload, headers=headers)
    assert producer.flush(60) == 0


@contextmanager
def sender(host: str, port: int, device: Identity) -> Iterator[Callable[[str, Sequence[bytes]], None]]:
    """Connect a device; gives a function that publishes and returns when all is acknowledged."""
    acked = threading.Semaphore(0)
    client = Client(CallbackAPIVersion.VERSION2, client_id=device.device, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(device.username, PASSWORD)
    client.max_inflight_messages_set(500)
    client.on_publish = lambda *_: acked.release()
    client.connect(host, port)
    client.loop_start()
    wait_until(client.is_connected)

    def publish(topic: str, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            client.publish(topic, payload, qos=1)
        for _ in payloads:
            assert acked.acquire(timeout=60), "the broker did not take what was published"

    try:
        yield publish
    finally:
        client.disconnect()
        client.loop_stop()


def _device() -> Identity:
    name = f"ev-street-{next(_names)}"
    return Identity(partition_of("acme", name), "acme", name)


MQTT_CLIENTS = {"mqtt-fast": FastClient, "mqtt-plain": PlainClient}
