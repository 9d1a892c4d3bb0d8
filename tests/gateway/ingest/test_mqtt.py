"""The whole door: a real broker, the ingest process, a real database; killed on purpose."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.identity import Identity, partition_of
from gateway.ingest.mqtt import BrokerUnreachableError, MqttSource
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.settings import CHECKOUT, ServerAddress
from gateway.storage.connection import Role, connect
from tests.conftest import BrokerForTests
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic
from tests.gateway.ingest.forgotten import forget_sessions

PASSWORD = "a password of a device"
LONG_S = 60.0


@pytest.fixture
def desk(database: str, tmp_path: Path, broker: BrokerForTests) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    broker.add_account(identity().username, PASSWORD)
    forget_sessions(broker)
    yield opened
    opened.close()


def identity() -> Identity:
    return Identity(partition_of("acme", "ev-1"), "acme", "ev-1")


class IngestProcess:
    """`callout ingest` as a process of its own, connected when it has been made."""

    def __init__(self, desk: SmallDesk, broker: BrokerForTests, log: Path) -> None:
        variables = {"CALLOUT_DATABASE_URL": desk.dsn, "CALLOUT_BROKER_URL": broker.ingest_url}
        self.log = log
        self.log.write_text("")
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "ingest"],
                cwd=CHECKOUT,
                env={**os.environ, **variables},
                stdout=file,
                stderr=file,
            )
        # The broker keeps nothing for a session that has never been: the first connection comes before the devices.
        wait_until(lambda: "subscribed" in log.read_text() or self.process.poll() is not None)
        assert self.process.poll() is None, log.read_text()

    def end(self, number: int) -> None:
        self.process.send_signal(number)
        self.process.wait(timeout=20)


class Ingest:
    """Starts ingest, again and again, and ends what a test has left running."""

    def __init__(self, desk: SmallDesk, broker: BrokerForTests, log: Path) -> None:
        self._start = lambda: IngestProcess(desk, broker, log)
        self.running: IngestProcess | None = None

    def start(self) -> IngestProcess:
        self.running = self._start()
        return self.running

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.running is not None
        self.running.end(number)
        code = self.running.process.returncode
        self.running = None
        return code


@pytest.fixture
def ingest(desk: SmallDesk, broker: BrokerForTests, tmp_path: Path) -> Iterator[Ingest]:
    started = Ingest(desk, broker, tmp_path / "ingest.log")
    started.start()
    yield started
    if started.running is not None:
        started.end(signal.SIGKILL)


@pytest.fixture
def device(ingest: Ingest, broker: BrokerForTests) -> Iterator["Device"]:
    made = Device(broker)
    yield made
    made.close()


class Device:
    """A vehicle that publishes until its messages are acknowledged."""

    def __init__(self, broker: BrokerForTests, version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5) -> None:
        self.acked = 0
        self._lock = threading.Lock()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="vehicle-of-a-test", protocol=version)
        self.client.username_pw_set(identity().username, PASSWORD)
        self.client.max_inflight_messages_set(200)
        self.client.on_publish = self._on_publish
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        # The broker may still be reading its accounts anew; what is sent with QoS 0 before it lets us in is lost.
        wait_until(self.client.is_connected)

    def _on_publish(self, *_: object) -> None:
        with self._lock:
            self.acked += 1

    def publish(self, payload: bytes, channel: str = "telemetry") -> None:
        self.client.publish(identity().topic(channel), payload, qos=1)

    def wait_for(self, count: int) -> None:
        wait_until(lambda: self.acked >= count)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def wait_until(is_so: object, seconds: float = LONG_S) -> None:
    until_s = time.monotonic() + seconds
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < until_s, "it did not come about in time"
        time.sleep(0.05)


def count(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM electric_vehicle_reading")


@pytest.mark.parametrize("version", [MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311])
def test_what_a_device_publishes_is_stored(
    desk: SmallDesk, broker: BrokerForTests, ingest: Ingest, version: MQTTProtocolVersion
) -> None:
    device = Device(broker, version)
    at = datetime.now(UTC)
    device.publish(telemetry(1, sample(at, soc_pct=50.0), sample(at + timedelta(seconds=1), soc_pct=49.0)))
    device.publish(b"not JSON")
    wait_until(lambda: count(desk) == 2)
    wait_until(lambda: desk.rows("SELECT FROM rejection"))
    assert desk.rows("SELECT reason, topic FROM rejection") == [("not_json", identity().topic("telemetry"))]
    device.close()
    assert ingest.end() == 0


def test_a_worker_killed_ten_times_under_load_loses_and_doubles_nothing(
    desk: SmallDesk, ingest: Ingest, device: "Device"
) -> None:
    kills, samples = 10, 3
    start = datetime.now(UTC) - timedelta(days=2)
    killing_is_done = threading.Event()
    published: list[int] = []

    def publish() -> None:
        cells = [3.7] * 12
        cells[2] -= 0.05
        while not killing_is_done.wait(0.008) or len(published) < 2000:
            at = start + timedelta(seconds=10 * len(published))
            body = [sample(at + timedelta(seconds=i), cell_voltages_v=cells) for i in range(samples)]
            device.publish(telemetry(len(published), *body))
            published.append(1)

    publisher = threading.Thread(target=publish)
    publisher.start()
    seen = 0
    for _ in range(kills):
        before = seen
        wait_until(lambda before=before: count(desk) > before)
        seen = count(desk)
        ingest.end(signal.SIGKILL)
        ingest.start()
    killing_is_done.set()
    publisher.join()
    messages = len(published)
    device.wait_for(messages)
    wait_until(lambda: count(desk) >= messages * samples)
    assert ingest.end() == 0
    assert count(desk) == messages * samples
    assert desk.value("SELECT count(DISTINCT (seq, sample)) FROM electric_vehicle_reading") == messages * samples
    assert desk.value("SELECT count(DISTINCT ingest_no) FROM electric_vehicle_reading") == messages * samples
    assert desk.rows("SELECT monitor, element, state FROM symptom") == [("cell_leaves_pack", 3, "confirmed")]
    assert desk.value("SELECT count(*) FROM rejection") == 0


def test_messages_published_while_no_worker_runs_wait_at_the_broker(
    desk: SmallDesk, ingest: Ingest, device: "Device"
) -> None:
    ingest.end()
    for seq in range(100):
        device.publish(telemetry(seq, sample(datetime.now(UTC))))
    device.wait_for(100)
    ingest.start()
    wait_until(lambda: count(desk) == 100)


def test_messages_of_qos_0_are_stored_and_do_not_end_the_session(
    desk: SmallDesk, ingest: Ingest, device: "Device"
) -> None:
    published = itertools.count(1)

    def publish_until_five_are_stored() -> bool:
        # QoS 0 promises nothing: a broker that reads its accounts anew just then may drop one.
        body = telemetry(next(published), sample(datetime.now(UTC)))
        device.client.publish(identity().topic("telemetry"), body, qos=0)
        return count(desk) >= 5

    wait_until(publish_until_five_are_stored)
    assert ingest.running is not None
    assert "ended the connection" not in ingest.running.log.read_text()


def test_a_device_cannot_write_where_another_lives(desk: SmallDesk, ingest: Ingest, device: "Device") -> None:
    body = telemetry(1, sample(datetime.now(UTC)))
    for other in (topic("ev-2"), topic("ev-1", tenant="rival"), "callout/v1/0/acme/ev-1/telemetry"):
        device.client.publish(other, body, qos=1)
    device.publish(json.dumps({"online": True}).encode(), "state")
    wait_until(lambda: desk.rows("SELECT is_online FROM device_presence") == [(True,)])
    assert count(desk) == 0
    assert desk.value("SELECT count(*) FROM rejection") == 0


def test_a_bad_message_is_kept_once_although_the_worker_died_before_it_could_acknowledge(
    desk: SmallDesk, broker: BrokerForTests, ingest: Ingest, device: "Device"
) -> None:
    ingest.end()
    source = MqttSource(ServerAddress.parse(broker.ingest_url), range(64))
    device.publish(b"not JSON")
    worker = Worker(source, lambda: connect(desk.dsn, Role.INGEST), range(64))
    worker.take(received(source))
    worker.close()  # and nothing was acknowledged
    ingest.start()
    device.publish(telemetry(1, sample(datetime.now(UTC))))
    wait_until(lambda: count(desk) == 1)
    assert desk.rows("SELECT reason FROM rejection") == [("not_json",)]


def received(source: MqttSource) -> Sequence[Message]:
    found: list[Message] = []
    wait_until(lambda: found.extend(source.receive(10, 0.1)) or found)
    return found


def test_five_megabytes_end_the_connection_of_a_sender_who_was_told_the_limit_and_nobody_elses(
    desk: SmallDesk, broker: BrokerForTests, ingest: Ingest, device: "Device"
) -> None:
    desk.vehicle("ev-2")
    other = Identity(partition_of("acme", "ev-2"), "acme", "ev-2")
    broker.add_account(other.username, PASSWORD)
    reasons: list[str] = []
    sender = Client(CallbackAPIVersion.VERSION2, client_id="a-sender-of-much", protocol=MQTTProtocolVersion.MQTTv5)
    sender.username_pw_set(other.username, PASSWORD)
    sender.on_disconnect = lambda _client, _data, _flags, reason, _properties: reasons.append(str(reason))
    told: list[int] = []
    sender.on_connect = lambda _client, _data, _flags, _reason, properties: told.append(properties.MaximumPacketSize)
    sender.connect(broker.host, broker.port)
    sender.loop_start()
    wait_until(lambda: told)
    sender.publish(other.topic("telemetry"), b" " * 5_000_000, qos=1)
    wait_until(lambda: reasons)
    sender.loop_stop()
    assert told == [1_048_576]
    device.publish(telemetry(1, sample(datetime.now(UTC))))
    wait_until(lambda: count(desk) == 1)
    assert ingest.running is not None
    assert "ended the connection" not in ingest.running.log.read_text()


def test_a_broker_that_is_away_is_said_plainly() -> None:
    with pytest.raises(BrokerUnreachableError, match=r"127\.0\.0\.1:1 does not answer.*CALLOUT_BROKER_URL"):
        MqttSource(ServerAddress.parse("mqtt://127.0.0.1:1"), range(64))


def test_a_wrong_login_ends_the_process_with_a_message(desk: SmallDesk, broker: BrokerForTests) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "gateway", "ingest"],
        cwd=CHECKOUT,
        env={
            **os.environ,
            "CALLOUT_DATABASE_URL": desk.dsn,
            "CALLOUT_BROKER_URL": f"mqtt://nobody:wrong@{broker.host}:{broker.port}",
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 1
    assert "broker refuses ingest" in result.stderr + result.stdout
    assert "wrong" not in (result.stderr + result.stdout).replace("nobody:wrong", "")


def test_a_retained_word_that_the_broker_repeats_is_no_sign_of_life_and_the_clock_ticks(
    desk: SmallDesk, ingest: Ingest, device: "Device"
) -> None:
    online = json.dumps({"schema": "callout.state/1", "online": True}).encode()
    device.client.publish(identity().topic("state"), online, qos=1, retain=True)
    heard = "SELECT is_online, heard_at, told_at FROM device_heard"
    wait_until(lambda: desk.rows(heard) != [])
    ((_, first_heard_at, told_at),) = desk.rows(heard)
    assert first_heard_at == told_at
    wait_until(lambda: desk.value("SELECT count(*) FROM server_tick") == 1)
    ingest.end()
    # The next worker subscribes again and is sent the word again; then comes another one, as from a last will.
    ingest.start()
    offline = json.dumps({"schema": "callout.state/1", "online": False}).encode()
    device.client.publish(identity().topic("state"), offline, qos=1)
    wait_until(lambda: desk.rows(heard)[0][0] is False)
    assert desk.rows(heard)[0][1] == first_heard_at
    device.client.publish(identity().topic("state"), b"", qos=1, retain=True)
