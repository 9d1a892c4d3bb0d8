"""The benchmark's own MQTT: what it publishes reaches others as MQTT, and what others publish is counted and acknowledged."""

import threading
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.broker import MeasuredBroker, broker
from benchmarks.publish import finished, started
from benchmarks.wire import Consumer, WireError, publish_frame, publisher
from gateway.settings import ServerAddress

_TOPIC = "callout/v1/0/measured/ev-0001/telemetry"


@pytest.fixture(scope="module")
def measured_broker():
    with broker() as at:
        yield at


def test_what_the_load_generator_writes_is_received_by_another_client(
    measured_broker: MeasuredBroker, tmp_path: Path
) -> None:
    address = ServerAddress.parse(measured_broker.load_url)
    payloads = [b"x" * size for size in (0, 1, 120, 200, 20_000)]
    got: list[bytes] = []
    subscribed, done = threading.Event(), threading.Event()

    def take(_client: Client, _data: object, message: MQTTMessage) -> None:
        got.append(bytes(message.payload))
        if len(got) == len(payloads):
            done.set()

    client = Client(CallbackAPIVersion.VERSION2, client_id="listener")
    client.username_pw_set(address.username or "", address.password)
    client.on_message = take
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect(address.host, address.port)
    client.loop_start()
    try:
        client.subscribe(_TOPIC, qos=1)
        assert subscribed.wait(60)
        file = tmp_path / "frames"
        file.write_bytes(b"".join(publish_frame(_TOPIC, payload, number) for number, payload in enumerate(payloads, 1)))
        told = finished(started(measured_broker.load_url, [file], len(payloads)))
        assert done.wait(60)
    finally:
        client.disconnect()
        client.loop_stop()
    assert got == payloads
    assert told.messages == len(payloads)


def test_a_new_consumer_is_not_met_with_what_waited_for_a_former_one(
    measured_broker: MeasuredBroker, tmp_path: Path
) -> None:
    address = ServerAddress.parse(measured_broker.load_url)
    former = Consumer(address, "renewed", 20, is_new=True)
    former.subscribe([_TOPIC])
    former.close()
    file = tmp_path / "frames"
    file.write_bytes(b"".join(publish_frame(_TOPIC, b"left", number) for number in range(1, 31)))
    finished(started(measured_broker.load_url, [file], 30))
    # With a message of the former session in place of the answer, subscribing would fail.
    renewed = Consumer(address, "renewed", 20, is_new=True)
    renewed.subscribe([_TOPIC])
    renewed.forget()


def test_a_consumer_takes_what_waited_for_it_once(measured_broker: MeasuredBroker, tmp_path: Path) -> None:
    address = ServerAddress.parse(measured_broker.load_url)
    first = Consumer(address, "counter", 20)
    first.subscribe([f"callout/v1/{partition}/+/+/telemetry" for partition in range(64)])
    first.close()
    file = tmp_path / "frames"
    file.write_bytes(b"".join(publish_frame(_TOPIC, bytes(300), number) for number in range(1, 501)))
    finished(started(measured_broker.load_url, [file], 500))
    second = Consumer(address, "counter", 20)
    second.drain(500)
    second.close()
    # All 500 were acknowledged, or the next message would wait behind those that came again.
    file.write_bytes(publish_frame(_TOPIC, b"last", 1))
    finished(started(measured_broker.load_url, [file], 1))
    third = Consumer(address, "counter", 20)
    third.drain(1)
    third.forget()


def test_a_wrong_password_is_said(measured_broker: MeasuredBroker) -> None:
    address = ServerAddress.parse(measured_broker.load_url)
    wrong = ServerAddress(address.host, address.port, address.username, "wrong", tls=False)
    with pytest.raises(WireError, match="CONNECT of intruder"):
        publisher(wrong, "intruder")
