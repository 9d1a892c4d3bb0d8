"""With PostgreSQL away or slow nothing is acknowledged, the broker's queue is an alarm, and all is there afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.identity import Identity, partition_of
from gateway.admission.broker_accounts import INGEST_USER, hash_password
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import DataFolder, open_folder
from gateway.embedded.ports import next_free_port
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.ingest.mqtt import RECEIVE_MAXIMUM
from gateway.ingest.sharing import SERVES
from gateway.settings import CHECKOUT
from gateway.storage.migrate import migrate
from tests.conftest import free_port, make_enterable
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry

PASSWORD = "a password of a device"
QUEUE = 1000
# What waits behind the messages that the broker has under way.
BOUND = QUEUE + RECEIVE_MAXIMUM
# Over half of it, at which there is an alarm.
WAITING = 63 * BOUND // 100
# Long enough ago for all that is published, a reading for each ten seconds.
START = datetime.now(UTC) - timedelta(days=3)


@pytest.fixture(scope="module")
def small_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A broker that keeps little."""
    path = tmp_path_factory.mktemp("small-broker")
    make_enterable(path)
    first = free_port()
    with EmbeddedBroker(open_folder(path / "data"), first, next_free_port(first + 1), queue_messages=QUEUE) as server:
        server.accounts.write({identity().username: hash_password(PASSWORD)})
        yield server


def identity() -> Identity:
    return Identity(partition_of("acme", "ev-1"), "acme", "ev-1")


@dataclass
class Ingest:
    """`callout ingest` with its health on a port."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def readiness(self) -> tuple[int, dict[str, Any]]:
        answer = httpx2.get(f"{self.url}/readyz", timeout=10)
        return answer.status_code, answer.json()

    def figure(self, name: str) -> float:
        lines = httpx2.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        (value,) = (line.rpartition(" ")[2] for line in lines if line.rpartition(" ")[0] == name)
        return float(value)


@pytest.fixture
def start(small_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Callable[[str], Ingest]]:
    started: list[Ingest] = []

    def begin(dsn: str) -> Ingest:
        port, log = free_port(), tmp_path / "ingest.log"
        variables = {
            "CALLOUT_DATABASE_URL": dsn,
            "CALLOUT_BROKER_URL": small_broker.service_url(INGEST_USER),
            "CALLOUT_BROKER_QUEUE_MESSAGES": str(QUEUE),
            "CALLOUT_INGEST_METRICS_PORT": str(port),
            "CALLOUT_DATA_DIR": str(tmp_path),
        }
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "ingest"],
                cwd=CHECKOUT,
                env={**os.environ, **variables},
                stdout=file,
                stderr=file,
            )
        ingest = Ingest(process, f"http://127.0.0.1:{port}", log)
        started.append(ingest)
        wait_until(lambda: SERVES in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        return ingest

    yield begin
    for ingest in started:
        ingest.process.send_signal(signal.SIGKILL)
        ingest.process.wait(20)


def wait_until(holds: Callable[[], bool], seconds: float = 90.0) -> None:
    until_s = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until_s, "it did not come about in time"
        time.sleep(0.1)


def publish(broker: EmbeddedBroker, first: int, count: int) -> None:
    """Publish messages as the device, and return when the broker has acknowledged them."""
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(identity().username, PASSWORD)
    client.max_inflight_messages_set(500)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    sent = [
        client.publish(
            identity().topic("telemetry"),
            telemetry(seq, sample(START + timedelta(seconds=10 * seq), soc_pct=50.0)),
            qos=1,
        )
        for seq in range(first, first + count)
    ]
    for each in sent:
        each.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def count(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM electric_vehicle_reading")


def at_broker(ingest: Ingest) -> float:
    return ingest.figure("callout_broker_queue_messages")


@pytest.mark.slow
def test_with_postgresql_stopped_all_waits_at_the_broker_with_an_alarm_and_is_there_afterwards(
    data_folder: DataFolder, small_broker: EmbeddedBroker, start: Callable[[str], Ingest], tmp_path: Path
) -> None:
    with EmbeddedPostgres(data_folder, free_port()) as server:
        migrate(server.dsn)
        desk = open_desk(server.dsn, tmp_path)
        desk.vehicle("ev-1")
        ingest = start(server.dsn)
        publish(small_broker, 0, 50)
        wait_until(lambda: count(desk) == 50)
        wait_until(lambda: ingest.readiness()[0] == 200)
        desk.close()

        assert server._program is not None
        server._program.stop((signal.SIGQUIT, 20.0))
        publish(small_broker, 50, WAITING)
        wait_until(lambda: at_broker(ingest) == WAITING)
        assert ingest.figure("callout_broker_queue_fill_ratio") == pytest.approx(WAITING / BOUND)
        assert ingest.figure("callout_ingest_messages_total") == 50
        lag = f'callout_ingest_lag_seconds{{partition="{identity().partition}"}}'
        wait_until(lambda: ingest.figure(lag) > 5)
        status, said = ingest.readiness()
        assert status == 503
        assert any("does not answer" in reason or "terminating" in reason for reason in said["reasons"])
        wait_until(lambda: "alarm queue_fills: the broker's queue for ingest is 63% full" in ingest.log.read_text())
        wait_until(lambda: "alarm database_away" in ingest.log.read_text())
        assert at_broker(ingest) == WAITING, "something was acknowledged before it was committed"

        server.start()
        desk = SmallDesk(
            server.dsn, 1, psycopg.connect(server.dsn, autocommit=True, options="-c search_path=callout"), desk.work
        )
        wait_until(lambda: count(desk) == 50 + WAITING)
        assert desk.value("SELECT count(DISTINCT seq) FROM electric_vehicle_reading") == 50 + WAITING
        wait_until(lambda: at_broker(ingest) == 0)
        wait_until(lambda: desk.value("SELECT count(*) FROM desk_alarm WHERE closed_at IS NULL") == 0)
        told = dict(desk.rows("SELECT kind, closed_at > since_at FROM desk_alarm"))
        assert told == {"queue_fills": True, "database_away": True}
        wait_until(lambda: ingest.readiness()[0] == 200)
        assert ingest.figure(lag) == 0
        assert ingest.figure("callout_ingest_database_waits_total") >= 1
        desk.admin.close()


def test_a_commit_that_waits_for_a_lock_acknowledges_nothing_until_it_is_done(
    database: str, small_broker: EmbeddedBroker, start: Callable[[str], Ingest], tmp_path: Path
) -> None:
    desk = open_desk(database, tmp_path)
    desk.vehicle("ev-1")
    ingest = start(database)
    with psycopg.connect(database) as slow:
        slow.execute("LOCK TABLE callout.electric_vehicle_reading IN ACCESS EXCLUSIVE MODE")
        publish(small_broker, 0, 200)
        wait_until(lambda: at_broker(ingest) == 200)
        time.sleep(3)
        assert at_broker(ingest) == 200
        assert ingest.figure("callout_ingest_messages_total") == 0
        # The process is alive and says so; what is slow shows in the lag.
        assert ingest.readiness()[0] == 200
        assert ingest.figure(f'callout_ingest_lag_seconds{{partition="{identity().partition}"}}') > 3
    wait_until(lambda: count(desk) == 200)
    wait_until(lambda: at_broker(ingest) == 0)
    assert ingest.figure("callout_ingest_messages_total") == 200
    assert ingest.figure('callout_ingest_readings_total{outcome="stored"}') == 200
    desk.close()


def test_what_the_broker_drops_when_its_queue_is_full_is_a_critical_alarm(
    database: str, small_broker: EmbeddedBroker, start: Callable[[str], Ingest], tmp_path: Path
) -> None:
    desk = open_desk(database, tmp_path)
    desk.vehicle("ev-1")
    ingest = start(database)
    with psycopg.connect(database) as slow:
        slow.execute("LOCK TABLE callout.electric_vehicle_reading IN ACCESS EXCLUSIVE MODE")
        publish(small_broker, 0, BOUND + 300)
        wait_until(
            lambda: desk.rows("SELECT kind FROM desk_alarm ORDER BY kind") == [("queue_drops",), ("queue_fills",)]
        )
        wait_until(lambda: desk.rows("SELECT DISTINCT is_critical FROM desk_alarm") == [(True,)])
        assert desk.value("SELECT value FROM desk_alarm WHERE kind = 'queue_drops'") == 300
        assert "CRITICAL gateway.health.pulse: alarm queue_drops" in ingest.log.read_text()
    wait_until(lambda: count(desk) == BOUND)
    wait_until(lambda: desk.rows("SELECT kind FROM desk_alarm WHERE closed_at IS NULL") == [("queue_drops",)])
    desk.close()


def test_the_door_of_ingest_answers_to_neighbours_in_json(database: str, start: Callable[[str], Ingest]) -> None:
    ingest = start(database)
    wait_until(lambda: ingest.readiness() == (200, {"process": "ingest", "ready": True}))
    up = httpx2.get(f"{ingest.url}/healthz", timeout=10)
    assert json.loads(up.text) == {"process": "ingest", "up": True}
    assert httpx2.get(f"{ingest.url}/else", timeout=10).status_code == 404
