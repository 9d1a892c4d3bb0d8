"""What is Kafka's own: its troubles said plainly, offsets that keep pace, and a real worker that is killed over it."""

import functools
import itertools
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from devices.identity import Identity, partition_of
from gateway.errors import SettingsError
from gateway.ingest import kafka as kafka_module
from gateway.ingest.choose_sessions import choose_sessions
from gateway.ingest.kafka import GROUP, KafkaSource, KafkaUnusableError
from gateway.ingest.log_lag import Behind
from gateway.ingest.mqtt import MqttSource
from gateway.ingest.source import Message
from gateway.kafka_address import KafkaAddress
from gateway.settings import CHECKOUT, Settings
from tests.conftest import BrokerForTests
from tests.fakes.kafka import OFFSET_COMMIT, TOPIC, FakeKafka
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry
from tests.gateway.ingest.streets import write
from tests.gateway.ingest.test_mqtt import wait_until
from tests.gateway.ingest.test_sources import payloads, receive

EVERY_PARTITION = range(64)
DEVICE = Identity(partition_of("acme", "ev-1"), "acme", "ev-1")


@pytest.fixture
def kafka() -> Iterator[FakeKafka]:
    with FakeKafka() as started:
        started.create()
        yield started


def opened(kafka: FakeKafka, partitions: range = EVERY_PARTITION) -> KafkaSource:
    return KafkaSource(KafkaAddress.parse(kafka.url), partitions)


def committed(kafka: FakeKafka, partition: int = DEVICE.partition) -> int:
    """What Kafka was told for a partition, as another client sees it."""
    asker = Consumer({"bootstrap.servers": kafka.servers, "group.id": GROUP})
    (place,) = asker.committed([TopicPartition(TOPIC, partition)], timeout=20)
    asker.close()
    return place.offset


def test_a_record_is_a_message_on_the_topic_of_its_key_and_channel(kafka: FakeKafka) -> None:
    source = opened(kafka)
    write(kafka, DEVICE, [b"measured"])
    write(kafka, DEVICE, [b"broken"], channel="event")
    found = receive(source, 2)
    assert [(message.topic, message.payload) for message in found] == [
        (DEVICE.topic("telemetry"), b"measured"),
        (DEVICE.topic("event"), b"broken"),
    ]
    source.close()


def test_a_record_without_a_key_or_value_comes_as_what_can_only_be_refused(kafka: FakeKafka) -> None:
    source = opened(kafka)
    producer = Producer({"bootstrap.servers": kafka.servers})
    producer.produce(TOPIC, value=b"whose?", partition=5)
    producer.produce(TOPIC, key=b"\xff\xfe", value=b"whose?", partition=5)
    producer.produce(TOPIC, key="acme/ev-1", partition=5, headers={"retain": b"1", "channel": b"state"})
    producer.flush(30)
    found = receive(source, 3)
    assert [message.topic for message in found] == [
        "callout/v1/5//telemetry", "callout/v1/5/\ufffd\ufffd/telemetry", "callout/v1/5/acme/ev-1/state",
    ]  # fmt: skip
    assert [message.payload for message in found] == [b"whose?", b"whose?", b""]
    assert [message.is_retained for message in found] == [False, False, True]
    source.close()


def test_a_range_of_partitions_is_read_and_no_other(kafka: FakeKafka) -> None:
    low, high = opened(kafka, range(32)), opened(kafka, range(32, 64))
    producer = Producer({"bootstrap.servers": kafka.servers})
    for partition in EVERY_PARTITION:
        producer.produce(TOPIC, key="acme/ev-1", value=str(partition), partition=partition)
    producer.flush(30)
    assert sorted(int(each.payload) for each in receive(low, 32)) == list(range(32))
    assert sorted(int(each.payload) for each in receive(high, 32)) == list(range(32, 64))
    low.close()
    high.close()


def test_a_range_that_changes_hands_goes_on_where_it_was(kafka: FakeKafka) -> None:
    whole = opened(kafka)
    write(kafka, DEVICE, [b"1", b"2", b"3"])
    whole.acknowledge(receive(whole, 3)[:2])
    whole.close()
    part = opened(kafka, range(DEVICE.partition, DEVICE.partition + 1))
    assert payloads(receive(part, 1)) == [b"3"]
    part.close()


def test_offsets_never_pass_a_record_that_is_not_committed(kafka: FakeKafka) -> None:
    source = opened(kafka)
    write(kafka, DEVICE, [b"%d" % number for number in range(10)])
    found = receive(source, 10)
    source.acknowledge(found[3:7])
    source.acknowledge(found[:2])
    wait_until(lambda: source.receive(1, 0.1) == () and committed(kafka) == 2)
    source.acknowledge(found[2:3])
    wait_until(lambda: source.receive(1, 0.1) == () and committed(kafka) == 7)
    source.close()


def test_kafka_is_told_again_what_it_did_not_take(kafka: FakeKafka, caplog: pytest.LogCaptureFixture) -> None:
    source = opened(kafka)
    write(kafka, DEVICE, [b"1", b"2"])
    found = receive(source, 2)
    kafka.fail_next(OFFSET_COMMIT, KafkaError.INVALID_COMMIT_OFFSET_SIZE)
    with caplog.at_level(logging.WARNING):
        source.acknowledge(found)
        wait_until(lambda: source.receive(1, 0.1) == () and "told again" in caplog.text)
        wait_until(lambda: source.receive(1, 0.1) == () and committed(kafka) == 2)
    source.close()


def test_what_kafka_deleted_before_it_came_is_said_and_the_rest_comes(
    kafka: FakeKafka, caplog: pytest.LogCaptureFixture
) -> None:
    source = opened(kafka)
    write(kafka, DEVICE, [b"first"])
    source.acknowledge(receive(source, 1))
    source.close()
    # The fake keeps five megabytes a partition: what follows pushes out what comes next.
    write(kafka, DEVICE, [bytes(500_000)] * 12)
    write(kafka, DEVICE, [b"last"])
    source = opened(kafka)
    found: list[Message] = []
    with caplog.at_level(logging.ERROR):
        wait_until(lambda: found.extend(source.receive(100, 0.2)) or (found and found[-1].payload == b"last"))
    assert "deleted records before they were received" in caplog.text
    assert 1 < len(found) < 13
    source.close()


def test_a_broker_that_goes_away_is_not_connected_and_its_return_loses_nothing(kafka: FakeKafka) -> None:
    source = opened(kafka)
    wait_until(lambda: source.receive(1, 0.1) == () and source.is_connected)
    kafka.go_down()
    wait_until(lambda: source.receive(1, 0.1) == () and not source.is_connected)
    kafka.come_up()
    write(kafka, DEVICE, [b"after"])
    assert payloads(receive(source, 1)) == [b"after"]
    wait_until(lambda: source.receive(1, 0.1) == () and source.is_connected)
    source.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_module, "_ANSWER_S", 2.0)


@pytest.mark.usefixtures("impatient")
def test_a_kafka_that_is_not_there_is_said_plainly() -> None:
    with pytest.raises(KafkaUnusableError, match=r"127\.0\.0\.1:1 cannot be read.*CALLOUT_SOURCE_URL") as told:
        KafkaSource(KafkaAddress.parse("kafka://desk:s3cret@127.0.0.1:1/callout?sasl=plain"), EVERY_PARTITION)
    assert "s3cret" not in str(told.value)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("scheme", "sasl", "why"),
    [
        ("kafka", "plain", "SASL Handshake not supported by broker .required by mechanism PLAIN"),
        ("kafka", "scram-sha-512", "SASL Handshake not supported by broker .required by mechanism SCRAM-SHA-512"),
        ("kafkas", "plain", "SSL_HANDSHAKE"),
    ],
)
def test_a_kafka_that_takes_no_such_account_is_said_once_and_without_the_password(
    kafka: FakeKafka, scheme: str, sasl: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{kafka.url.replace('kafka://', f'{scheme}://desk:s3cret@')}?sasl={sasl}"
    with caplog.at_level(logging.DEBUG), pytest.raises(KafkaUnusableError, match=why) as told:
        KafkaSource(KafkaAddress.parse(url), EVERY_PARTITION)
    assert "s3cret" not in str(told.value) + caplog.text
    assert sum(record.getMessage().startswith("FAIL") for record in caplog.records) <= 1


def test_what_waits_in_the_log_is_known_and_its_age_counts_until_it_is_taken(kafka: FakeKafka) -> None:
    source = opened(kafka)
    wait_until(lambda: source.receive(1, 0.1) == () and source.behind() == Behind(0, 0.0))
    write(kafka, DEVICE, [b"%d" % number for number in range(300)])
    taken: list[Message] = []

    def waits(messages: int) -> bool:
        # The library tells how things stand while somebody receives.
        behind = source.behind()
        return (behind is not None and behind.messages == messages) or bool(taken.extend(source.receive(1, 0.1)))

    wait_until(
        lambda: bool(taken.extend(source.receive(1, 0.1)) or 0 < (source.behind() or Behind(0, 0)).messages < 300)
    )
    first = source.behind()
    time.sleep(0.2)
    second = source.behind()
    assert first is not None
    assert second is not None
    assert second.waited_s > first.waited_s
    taken += receive(source, 300 - len(taken))
    wait_until(lambda: waits(0))
    assert source.behind() == Behind(0, 0.0)
    source.close()


def test_a_topic_that_is_missing_is_said_plainly(kafka: FakeKafka) -> None:
    with pytest.raises(KafkaUnusableError, match="the topic elsewhere at .* cannot be read: the topic is not there"):
        KafkaSource(KafkaAddress.parse(kafka.url.replace(TOPIC, "elsewhere")), EVERY_PARTITION)


def test_a_topic_with_another_number_of_partitions_is_said_plainly(kafka: FakeKafka) -> None:
    kafka.create("narrow", 4)
    with pytest.raises(KafkaUnusableError, match="the topic has 4 partitions, and a device's number is one of 64"):
        KafkaSource(KafkaAddress.parse(kafka.url.replace(TOPIC, "narrow")), EVERY_PARTITION)


def test_a_topic_that_the_account_may_not_read_is_said_plainly(kafka: FakeKafka) -> None:
    kafka.refuse(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaUnusableError, match="the account may not read the topic"):
        opened(kafka)


def test_rights_that_are_taken_away_end_the_work_with_a_message(kafka: FakeKafka) -> None:
    source = opened(kafka)
    write(kafka, DEVICE, [b"1"])
    receive(source, 1)
    kafka.refuse(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    kafka.go_down()
    kafka.come_up()

    def work() -> None:
        until_s = time.monotonic() + 30.0
        while time.monotonic() < until_s:
            source.receive(1, 0.2)

    with pytest.raises(KafkaUnusableError, match="the account may not read the topic"):
        work()
    source.close()


def test_the_settings_alone_choose_the_source(kafka: FakeKafka, broker: BrokerForTests) -> None:
    chosen = choose_sessions(Settings(source_url=kafka.url, broker_url=broker.ingest_url)).open(EVERY_PARTITION)
    write(kafka, DEVICE, [b"1"])
    assert payloads(receive(chosen, 1)) == [b"1"]
    wait_until(lambda: chosen.send(DEVICE.topic("command"), b"{}", 5) is not None)
    answered: list[object] = []
    wait_until(lambda: answered.extend(chosen.receipts()) or answered)
    chosen.close()
    chosen.close()
    silent = choose_sessions(Settings(source_url=kafka.url)).open(EVERY_PARTITION)
    assert silent.send(DEVICE.topic("command"), b"{}", 5) is None
    silent.close()
    over_mqtt = choose_sessions(Settings(broker_url=broker.ingest_url)).open(EVERY_PARTITION)
    assert isinstance(over_mqtt, MqttSource)
    over_mqtt.close()


def test_a_kafka_client_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    for name in ("gateway.ingest.kafka", "gateway.ingest.kafka_sessions"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(SettingsError, match="pip install confluent-kafka.*the extra `kafka`"):
        choose_sessions(Settings(source_url="kafka://127.0.0.1:1/callout"))


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    made = open_desk(database, tmp_path)
    made.vehicle("ev-1")
    yield made
    made.close()


@pytest.fixture
def processes() -> Iterator[list["Ingest"]]:
    """Those that a test has started; what still runs at its end is killed."""
    started: list[Ingest] = []
    yield started
    for each in started:
        if each.process.poll() is None:
            each.end(signal.SIGKILL)


class Ingest:
    """`callout ingest` over Kafka, as a process."""

    def __init__(self, desk: SmallDesk, kafka: FakeKafka, log: Path, processes: list["Ingest"]) -> None:
        processes.append(self)
        variables = {"CALLOUT_DATABASE_URL": desk.dsn, "CALLOUT_SOURCE_URL": kafka.url}
        with log.open("a") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "ingest"],
                cwd=CHECKOUT,
                env={**os.environ, **variables},
                stdout=file,
                stderr=file,
            )

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


def test_a_worker_that_is_killed_again_and_again_stores_each_reading_once(
    desk: SmallDesk, kafka: FakeKafka, tmp_path: Path, processes: list[Ingest]
) -> None:
    log = tmp_path / "ingest.log"
    sequence = itertools.count(1)

    def send(count: int) -> None:
        write(kafka, DEVICE, [telemetry(next(sequence), sample(datetime.now(UTC))) for _ in range(count)])

    for _ in range(4):
        send(400)
        before = count(desk)
        ingest = Ingest(desk, kafka, log, processes)
        # Killed in the middle: something of this round is stored, and the rest is not yet told to Kafka.
        wait_until(functools.partial(has_more, desk, before))
        send(400)
        wait_until(functools.partial(has_more, desk, before + 400))
        ingest.end(signal.SIGKILL)
    send(1)
    ingest = Ingest(desk, kafka, log, processes)
    wait_until(lambda: count(desk) == 3201)
    assert ingest.end(signal.SIGTERM) == 0, log.read_text()
    assert desk.rows("SELECT count(*), count(DISTINCT seq), max(seq) FROM electric_vehicle_reading") == [
        (3201, 3201, 3201)
    ]
    assert desk.value("SELECT count(*) FROM rejection") == 0
    assert committed(kafka) == 3201


def test_a_device_in_the_partition_of_another_is_refused_and_kept(
    desk: SmallDesk, kafka: FakeKafka, tmp_path: Path, processes: list[Ingest]
) -> None:
    wrong = (DEVICE.partition + 1) % 64
    producer = Producer({"bootstrap.servers": kafka.servers})
    body = telemetry(1, sample(datetime.now(UTC)))
    producer.produce(TOPIC, key="acme/ev-1", value=body, partition=wrong)
    producer.flush(30)
    ingest = Ingest(desk, kafka, tmp_path / "ingest.log", processes)
    wait_until(lambda: desk.value("SELECT count(*) FROM rejection") == 1 or ingest.process.poll() is not None)
    ingest.end(signal.SIGTERM)
    assert desk.rows("SELECT reason FROM rejection") == [("wrong_partition",)]
    assert count(desk) == 0


def has_more(desk: SmallDesk, than: int) -> bool:
    return count(desk) > than


def count(desk: SmallDesk) -> int:
    return int(str(desk.value("SELECT count(*) FROM electric_vehicle_reading")))
