"""What every source promises, asked of each: MQTT read fast, MQTT read by plain paho, and Kafka."""

import random
import time
from collections.abc import Iterator, Sequence

import pytest

from gateway.ingest.source import Message, Source
from tests.conftest import BrokerForTests
from tests.fakes.kafka import FakeKafka
from tests.gateway.ingest.streets import MQTT_CLIENTS, KafkaStreet, MqttStreet, Street
from tests.gateway.ingest.test_mqtt import wait_until

QUIET_S = 0.5


@pytest.fixture(params=[*MQTT_CLIENTS, "kafka"])
def street(request: pytest.FixtureRequest) -> Iterator[Street]:
    if request.param == "kafka":
        with FakeKafka() as kafka:
            kafka.create()
            yield KafkaStreet(kafka)
        return
    broker: BrokerForTests = request.getfixturevalue("broker")
    yield MqttStreet(broker, MQTT_CLIENTS[request.param])


def numbered(*numbers: int) -> list[bytes]:
    return [str(number).encode() for number in numbers]


def receive(source: Source, count: int) -> list[Message]:
    """So many messages; those that come in too many are in it, too."""
    found: list[Message] = []
    wait_until(lambda: found.extend(source.receive(100, 0.2)) or len(found) >= count)
    return found


def payloads(messages: Sequence[Message]) -> list[bytes]:
    return [message.payload for message in messages]


def test_what_is_sent_comes_once_in_its_order_under_the_devices_topic(street: Street) -> None:
    source = street.open()
    street.send(numbered(*range(300)))
    found = receive(source, 300)
    assert payloads(found) == numbered(*range(300))
    assert {message.topic for message in found} == {street.device.topic("telemetry")}
    assert source.receive(100, QUIET_S) == [] or source.receive(100, QUIET_S) == ()
    source.close()


def test_what_is_sent_while_nobody_receives_is_kept(street: Street) -> None:
    source = street.open()
    source.close()
    street.send(numbered(1, 2, 3))
    source = street.open()
    assert payloads(receive(source, 3)) == numbered(1, 2, 3)
    source.close()


def test_what_was_not_acknowledged_comes_again_and_says_so(street: Street) -> None:
    source = street.open()
    street.send(numbered(*range(20)))
    first = receive(source, 20)
    source.acknowledge(first[:1])
    source.close()
    source = street.open()
    again = receive(source, 19)
    assert payloads(again) == numbered(*range(1, 20))
    assert all(message.is_redelivered for message in again)
    source.close()


def test_what_was_acknowledged_does_not_come_again(street: Street) -> None:
    source = street.open()
    street.send(numbered(*range(50)))
    source.acknowledge(receive(source, 50))
    source.close()
    source = street.open()
    assert not source.receive(100, QUIET_S)
    street.send(numbered(99))
    assert payloads(receive(source, 1)) == numbered(99)
    source.close()


def test_an_acknowledgement_before_one_that_is_missing_loses_nothing(street: Street) -> None:
    source = street.open()
    street.send(numbered(*range(10)))
    first = receive(source, 10)
    source.acknowledge(first[5:])
    source.close()
    source = street.open()
    assert payloads(receive(source, 5))[:5] == numbered(*range(5))
    source.close()


def test_nothing_is_lost_over_restarts_at_any_point(street: Street) -> None:
    chance = random.Random(11)
    everything = set(numbered(*range(2000)))
    source = street.open()
    done: set[bytes] = set()
    for part in range(8):
        street.send(numbered(*range(part * 250, part * 250 + 250)))
        for _ in range(chance.randrange(1, 4)):
            batch = source.receive(chance.randrange(1, 200), 1.0)
            source.acknowledge(batch)
            done.update(payloads(batch))
        source.receive(chance.randrange(1, 200), 0.0)  # in hand, and never acknowledged
        source.close()
        source = street.open()
    while batch := source.receive(1000, 2.0):
        source.acknowledge(batch)
        done.update(payloads(batch))
    assert done == everything
    source.close()


def test_no_more_is_handed_over_than_was_asked_for_and_nothing_is_waited_for_in_vain(street: Street) -> None:
    source = street.open()
    street.send(numbered(*range(30)))
    found: list[Message] = []
    while len(found) < 30:
        batch = source.receive(7, 5.0)
        assert 0 < len(batch) <= 7
        found += batch
    began_s = time.monotonic()
    assert not source.receive(7, QUIET_S)
    assert time.monotonic() - began_s >= QUIET_S * 0.9
    source.close()


def test_a_payload_of_nearly_a_megabyte_comes_whole_among_small_ones(street: Street) -> None:
    large = random.Random(3).randbytes(950_000)
    source = street.open()
    street.send([b"before", large, b"after"])
    assert payloads(receive(source, 3)) == [b"before", large, b"after"]
    source.close()


def test_a_source_says_that_it_is_connected(street: Street) -> None:
    source = street.open()
    wait_until(lambda: source.receive(1, 0.1) == () or source.is_connected)
    wait_until(lambda: not source.receive(1, 0.1) and source.is_connected)
    source.close()
