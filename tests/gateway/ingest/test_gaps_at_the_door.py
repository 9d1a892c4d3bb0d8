"""Gaps with a real broker, the ingest process and a device that sends again: what was lost on the way is there in the end."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.identity import Identity, partition_of
from gateway.embedded import broker as broker_module
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import DataFolder
from gateway.embedded.ports import next_free_port
from gateway.ingest.mqtt import MqttSource
from tests.conftest import BrokerForTests, free_port
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry
from tests.gateway.ingest.test_mqtt import IngestProcess, wait_until

PASSWORD = "a password of a device"
LONG_S = 120.0
# What the broker of this test keeps for a receiver that is away.
QUEUE = 30


class SendingAgain:
    """A vehicle that keeps what it sent, loses some of it on the way, and sends again what it is asked for."""

    def __init__(self, broker: BrokerForTests, name: str, version: MQTTProtocolVersion) -> None:
        self.identity = Identity(partition_of("acme", name), "acme", name)
        self.kept: dict[int, bytes] = {}
        self.commands: list[dict[str, object]] = []
        self.acked = 0
        self._lock = threading.Lock()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=version)
        self.client.username_pw_set(self.identity.username, PASSWORD)
        self.client.on_connect = lambda client, *_: client.subscribe(self.identity.topic("command"), 1)
        self.client.on_message = self._on_command
        self.client.on_publish = self._on_publish
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()

    def _on_publish(self, *_: object) -> None:
        with self._lock:
            self.acked += 1

    def _on_command(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        command = json.loads(message.payload)
        wanted = [seq for first, last in command["seqs"] for seq in range(first, last + 1)]
        missing = [[seq, seq] for seq in wanted if seq not in self.kept]
        for seq in wanted:
            if seq in self.kept:
                client.publish(self.identity.topic("telemetry"), self.kept[seq], qos=1)
        answer = {"schema": "callout.answer/1", "id": command["id"], "outcome": "partly" if missing else "done"}
        client.publish(self.identity.topic("answer"), json.dumps({**answer, "missing": missing}), qos=1)
        self.commands.append(command)

    def report(self, seq: int, *, is_lost: bool = False, is_forgotten: bool = False, is_spoiled: bool = False) -> None:
        at = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=seq)
        payload = telemetry(seq, sample(at, soc_pct=float("nan") if is_spoiled else 50.0))
        if not is_forgotten:
            self.kept[seq] = payload
        if not is_lost:
            self.client.publish(self.identity.topic("telemetry"), payload, qos=1)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def desk(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDesk]:
    monkeypatch.setenv("CALLOUT_GAP_PATIENCE_S", "0.4")
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    yield opened
    opened.close()


@pytest.fixture
def small_broker(data_folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[BrokerForTests]:
    """A broker that keeps a few messages only for a receiver that is away."""
    told = broker_module._CONFIGURATION
    small = told.replace("max_inflight_messages 12000", "max_inflight_messages 20")
    assert small != told
    monkeypatch.setattr(broker_module, "_CONFIGURATION", small)
    first = free_port()
    with EmbeddedBroker(data_folder, first, next_free_port(first + 1), queue_messages=QUEUE) as server:
        made = BrokerForTests(server)
        made.add_account(Identity(partition_of("acme", "ev-1"), "acme", "ev-1").username, PASSWORD)
        yield made


@pytest.fixture
def device(small_broker: BrokerForTests, request: pytest.FixtureRequest) -> Iterator[SendingAgain]:
    made = SendingAgain(small_broker, "ev-1", getattr(request, "param", MQTTProtocolVersion.MQTTv5))
    yield made
    made.close()


def count(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM electric_vehicle_reading")


def states(desk: SmallDesk) -> list[tuple[str, bool, bool]]:
    rows = desk.rows(
        "SELECT missing::text, filled_at IS NOT NULL, given_up_at IS NOT NULL FROM sequence_gap ORDER BY lower(missing)"
    )
    return [(row[0], row[1], row[2]) for row in rows]


@pytest.mark.parametrize("device", [MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311], indirect=True)
def test_what_a_bounded_queue_dropped_is_found_asked_for_and_filled(
    desk: SmallDesk, small_broker: BrokerForTests, device: SendingAgain, tmp_path: Path
) -> None:
    ingest = IngestProcess(desk, small_broker, tmp_path / "ingest.log")
    device.report(1)
    wait_until(lambda: count(desk) == 1, LONG_S)
    ingest.end(signal.SIGTERM)
    for seq in range(2, 202):
        device.report(seq)
    wait_until(lambda: device.acked == 201, LONG_S)
    ingest = IngestProcess(desk, small_broker, tmp_path / "ingest.log")
    try:
        # The queue is full of the oldest; what came after them is gone, and the next message shows it.
        device.report(202)
        wait_until(lambda: count(desk) == 202, LONG_S)
        wait_until(lambda: all(filled for _, filled, _ in states(desk)), LONG_S)
        assert sum(len(command["seqs"]) for command in device.commands) >= 1  # type: ignore[arg-type]
        assert desk.value("SELECT received::text FROM device_sequence") == "{[1,203)}"
        assert desk.value("SELECT sum(upper(missing) - lower(missing)) FROM sequence_gap") > 100
        wait_until(lambda: desk.rows("SELECT DISTINCT outcome FROM device_command") == [("done",)], LONG_S)
        assert desk.value("SELECT count(*) FROM rejection") == 0
    finally:
        ingest.end(signal.SIGTERM)


def test_what_a_lossy_way_lost_is_there_in_the_end_although_ingest_is_killed_again_and_again(
    desk: SmallDesk, small_broker: BrokerForTests, device: SendingAgain, tmp_path: Path
) -> None:
    ingest = IngestProcess(desk, small_broker, tmp_path / "ingest.log")
    seq = 0
    try:
        for _ in range(5):
            for _ in range(20):
                seq += 1
                device.report(seq, is_lost=seq % 7 == 3)
            wait_until(lambda: count(desk) > 0, LONG_S)
            ingest.process.kill()
            ingest.process.wait(20)
            ingest = IngestProcess(desk, small_broker, tmp_path / "ingest.log")
        # One that nobody has any longer, and a last one that shows what is missing before it.
        device.report(seq + 1, is_lost=True, is_forgotten=True)
        device.report(seq + 2)
        wait_until(lambda: count(desk) == seq + 1, LONG_S)
        wait_until(lambda: all(filled or given_up for _, filled, given_up in states(desk)), LONG_S)
        lost = f"[{seq + 1},{seq + 2})"
        wait_until(lambda: (lost, False, True) in states(desk), LONG_S)
        assert [each for each in states(desk) if not each[1]] == [(lost, False, True)]
        assert desk.rows("SELECT kind, count FROM door_trouble WHERE kind <> 'clock_off'") == [("gap_lost", 1)]
    finally:
        ingest.end(signal.SIGTERM)


def test_what_is_refused_is_not_asked_for_and_is_taken_in_corrected_although_ingest_is_killed(
    desk: SmallDesk, small_broker: BrokerForTests, device: SendingAgain, tmp_path: Path
) -> None:
    ingest = IngestProcess(desk, small_broker, tmp_path / "ingest.log")
    try:
        for seq in range(1, 5):
            device.report(seq, is_spoiled=seq > 1)
        wait_until(lambda: desk.value("SELECT count(*) FROM rejection") == 3, LONG_S)
        ingest.process.kill()
        ingest.process.wait(20)
        ingest = IngestProcess(desk, small_broker, tmp_path / "ingest.log")
        device.report(3)
        device.report(5, is_lost=True)
        device.report(6)
        wait_until(lambda: ("[5,6)", True, False) in states(desk), LONG_S)
        assert states(desk) == [("[5,6)", True, False)]
        assert [command["seqs"] for command in device.commands] == [[[5, 5]]]
        assert desk.rows("SELECT seq FROM electric_vehicle_reading ORDER BY seq") == [(1,), (3,), (5,), (6,)]
        assert desk.rows("SELECT received::text FROM device_sequence") == [("{[1,7)}",)]
        assert desk.rows("SELECT kind FROM door_trouble WHERE kind <> 'clock_off'") == []
    finally:
        ingest.end(signal.SIGTERM)


def test_a_device_reads_its_own_commands_only_and_writes_none(
    small_broker: BrokerForTests, device: SendingAgain
) -> None:
    other = Identity(partition_of("acme", "ev-2"), "acme", "ev-2")
    small_broker.add_account(other.username, PASSWORD)
    second = SendingAgain(small_broker, "ev-2", MQTTProtocolVersion.MQTTv5)
    second.client.subscribe(device.identity.topic("command"), 1)
    place = device.identity.topic("command")
    for client in (second.client, device.client):
        client.publish(place, b'{"id": "of a device", "seqs": []}', qos=1).wait_for_publish(LONG_S)
    source = MqttSource(small_broker.ingest, range(64))
    number = source.send(place, b'{"id": "of ingest", "seqs": []}', 60)
    receipts: list[tuple[int, object]] = []
    wait_until(lambda: receipts.extend(source.receipts()) or (device.commands and receipts), LONG_S)
    assert receipts == [(number, None)]
    source.close()
    second.close()
    assert ([each["id"] for each in device.commands], second.commands) == (["of ingest"], [])


def test_two_devices_with_one_password_are_told_and_all_that_both_sent_is_stored(
    desk: SmallDesk, small_broker: BrokerForTests, device: SendingAgain, tmp_path: Path
) -> None:
    """The broker lets one of them in at a time: each throws the other out, and comes back with what it kept."""
    ingest = IngestProcess(desk, small_broker, tmp_path / "ingest.log")
    second = SendingAgain(small_broker, "ev-1", MQTTProtocolVersion.MQTTv5)
    try:
        start = datetime.now(UTC)
        for seq in range(1, 16):
            for number, each in enumerate((device, second)):
                at = start + timedelta(seconds=seq + 0.25 * number - 20)
                each.client.publish(each.identity.topic("telemetry"), telemetry(seq, sample(at, soc_pct=50.0)), qos=1)
            time.sleep(0.2)
        wait_until(lambda: count(desk) == 30, LONG_S)
        assert ("two_devices",) in desk.rows("SELECT kind FROM door_trouble WHERE closed_at IS NULL")
        assert desk.value("SELECT count(*) FROM rejection") == 0
    finally:
        second.close()
        ingest.end(signal.SIGTERM)
