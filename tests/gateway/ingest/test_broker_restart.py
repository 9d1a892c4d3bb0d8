"""Both ways of reading MQTT over a real broker that is stopped and started again."""

from collections.abc import Iterator

import pytest

from devices.identity import Identity, partition_of
from gateway.admission.broker_accounts import INGEST_USER, hash_password
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import DataFolder
from gateway.embedded.ports import next_free_port
from gateway.ingest.mqtt import MqttSource
from gateway.ingest.plain_client import PlainClient
from gateway.settings import ServerAddress
from tests.conftest import free_port
from tests.gateway.ingest.streets import MQTT_CLIENTS, PASSWORD, sender
from tests.gateway.ingest.test_mqtt import wait_until

DEVICE = Identity(partition_of("acme", "ev-1"), "acme", "ev-1")


@pytest.fixture
def own_broker(data_folder: DataFolder) -> Iterator[EmbeddedBroker]:
    port = free_port()
    with EmbeddedBroker(data_folder, port, next_free_port(port + 1)) as broker:
        broker.accounts.write({DEVICE.username: hash_password(PASSWORD)})
        yield broker


@pytest.mark.parametrize("client", MQTT_CLIENTS.values(), ids=MQTT_CLIENTS.keys())
def test_a_broker_that_is_started_again_costs_nothing_and_what_is_in_hand_comes_again(
    own_broker: EmbeddedBroker, client: type[PlainClient]
) -> None:
    source = MqttSource(ServerAddress.parse(own_broker.service_url(INGEST_USER)), range(64), client)
    done: set[bytes] = set()
    sent: set[bytes] = set()
    for part in range(3):
        payloads = [b"%d" % number for number in range(part * 300, part * 300 + 300)]
        with sender("127.0.0.1", own_broker.port, DEVICE) as publish:
            publish(DEVICE.topic("telemetry"), payloads)
        sent.update(payloads)
        batch = source.receive(100, 10.0)
        source.acknowledge(batch)
        done.update(message.payload for message in batch)
        source.receive(100, 1.0)  # in hand, and not acknowledged when the broker goes
        own_broker.stop()
        wait_until(lambda: not source.is_connected)
        own_broker.start()
        wait_until(lambda: source.is_connected)

    def all_came() -> bool:
        batch = source.receive(1000, 0.5)
        source.acknowledge(batch)
        done.update(message.payload for message in batch)
        return done == sent

    wait_until(all_came)
    source.close()
