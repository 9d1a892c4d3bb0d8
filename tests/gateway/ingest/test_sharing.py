"""Several ingest processes on a real broker and a real database: they share, take over, are paused, and divide anew."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices.identity import Identity, partition_of
from gateway.ingest.sessions import MqttSessions
from gateway.ingest.shares import division
from gateway.ingest.sharing import SERVES
from gateway.ingest.source import SUBSCRIBED
from gateway.settings import CHECKOUT
from gateway.storage import leases
from gateway.storage.leases import LEASE_S
from tests.conftest import BrokerForTests
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry
from tests.gateway.ingest.forgotten import forget_sessions

PASSWORD = "a password of a device"
LONG_S = 90.0
NAMES = [f"ev-{number}" for number in range(8)]
STEP = timedelta(seconds=10)


def identity(name: str) -> Identity:
    return Identity(partition_of("acme", name), "acme", name)


@pytest.fixture
def desk(database: str, tmp_path: Path, broker: BrokerForTests) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    for name in NAMES:
        opened.vehicle(name)
        broker.add_account(identity(name).username, PASSWORD)
    forget_sessions(broker)
    yield opened
    opened.close()
    forget_sessions(broker)


def wait_until(is_so: Callable[[], object], seconds: float = LONG_S) -> None:
    until_s = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until_s, "it did not come about in time"
        time.sleep(0.05)


class Ingest:
    """`callout ingest` as a process of its own."""

    def __init__(self, desk: SmallDesk, broker: BrokerForTests, log: Path, ranges: int) -> None:
        variables = {
            "CALLOUT_DATABASE_URL": desk.dsn,
            "CALLOUT_BROKER_URL": broker.ingest_url,
            "CALLOUT_INGEST_RANGES": str(ranges),
        }
        self.log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "ingest"],
                cwd=CHECKOUT,
                env={**os.environ, **variables},
                stdout=file,
                stderr=file,
            )

    def says(self, words: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return words in self.log.read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
        return self.process.wait(timeout=60)


Start = Callable[..., Ingest]


@pytest.fixture
def start(desk: SmallDesk, broker: BrokerForTests, tmp_path: Path) -> Iterator[Start]:
    started: list[Ingest] = []

    def begin(ranges: int, *, is_ready: bool = True) -> Ingest:
        made = Ingest(desk, broker, tmp_path / f"ingest-{len(started)}.log", ranges)
        started.append(made)
        if is_ready:
            wait_until(lambda: made.says(SERVES))
        return made

    yield begin
    for each in started:
        each.end(signal.SIGKILL)


class Fleet:
    """Vehicles that publish at a steady pace until they are told to stop; one of them has a sunk cell."""

    def __init__(self, broker: BrokerForTests) -> None:
        self.messages = 0
        self._acked = 0
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._begins_at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
        self._clients = {name: self._client(broker, name) for name in NAMES}
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._thread.start()

    def _client(self, broker: BrokerForTests, name: str) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5)
        client.username_pw_set(identity(name).username, PASSWORD)
        client.max_inflight_messages_set(200)
        client.on_publish = self._on_publish
        client.connect(broker.host, broker.port)
        client.loop_start()
        wait_until(client.is_connected)
        return client

    def _on_publish(self, *_: object) -> None:
        with self._lock:
            self._acked += 1

    def _publish(self) -> None:
        while not self._is_over.wait(0.02) or self.messages < 400:
            at = self._begins_at + STEP * self.messages
            for name, client in self._clients.items():
                cells = [3.7] * 6
                cells[2] -= 0.3 if name == NAMES[0] else 0.0
                client.publish(
                    identity(name).topic("telemetry"),
                    telemetry(self.messages, sample(at, cell_voltages_v=cells)),
                    qos=1,
                )
            self.messages += 1

    def stop(self) -> None:
        """End when all is acknowledged by the broker."""
        self._is_over.set()
        self._thread.join()
        wait_until(lambda: self._acked == self.messages * len(NAMES))
        self.leave()

    def leave(self) -> None:
        """End at once."""
        self._is_over.set()
        for client in self._clients.values():
            client.disconnect()
            client.loop_stop()


Launch = Callable[[], Fleet]


@pytest.fixture
def launch(start: Start, broker: BrokerForTests) -> Iterator[Launch]:
    """Launches fleets, and lets none of them send on into the next test."""
    launched: list[Fleet] = []

    def begin() -> Fleet:
        launched.append(Fleet(broker))
        return launched[-1]

    yield begin
    for each in launched:
        each.leave()


def holders(desk: SmallDesk) -> list[tuple[range, int | None]]:
    return [(row.partitions, row.owner) for row in leases.standing(desk.admin).leases]


def owners(desk: SmallDesk) -> set[int | None]:
    return {owner for _, owner in holders(desk)}


def stored(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM electric_vehicle_reading")


def assert_each_reading_is_stored_once_and_the_fault_is_told_once(desk: SmallDesk, fleet: Fleet) -> None:
    fleet.stop()
    wait_until(lambda: stored(desk) >= fleet.messages * len(NAMES))
    time.sleep(1.0)
    assert stored(desk) == fleet.messages * len(NAMES)
    for distinct in ("(device_id, seq)", "(partition, ingest_no)"):
        assert desk.value(f"SELECT count(DISTINCT {distinct}) FROM electric_vehicle_reading") == stored(desk)
    assert desk.value("SELECT count(*) FROM rejection") == 0
    assert desk.rows("SELECT monitor, element, state FROM symptom") == [("cell_leaves_pack", 3, "confirmed")]


def grows(desk: SmallDesk) -> None:
    """Wait until something new is stored of every device."""
    query = "SELECT device_id, max(seq) FROM electric_vehicle_reading GROUP BY device_id"
    before = dict(desk.rows(query))
    wait_until(
        lambda: (
            len(now := dict(desk.rows(query))) == len(NAMES) and all(now[each] > before.get(each, -1) for each in now)
        )
    )


def test_two_processes_share_the_ranges_and_the_one_that_stays_takes_over_what_the_other_had(
    desk: SmallDesk, start: Start, launch: Launch
) -> None:
    first = start(4)
    assert [partitions for partitions, _ in holders(desk)] == list(division(4))
    fleet = launch()
    second = start(4)
    wait_until(lambda: second.says("partitions 32 to 47, partitions 48 to 63"))
    assert [owner for _, owner in holders(desk)] == [1, 1, 2, 2]
    grows(desk)
    second.end(signal.SIGKILL)
    wait_until(lambda: owners(desk) == {1}, 10.0)  # its connection is gone: nobody waits for its lease to expire
    grows(desk)
    third = start(4)
    wait_until(lambda: owners(desk) == {1, 3})
    assert first.end() == 0
    wait_until(lambda: owners(desk) == {3})
    grows(desk)
    assert_each_reading_is_stored_once_and_the_fault_is_told_once(desk, fleet)
    assert third.end() == 0
    assert owners(desk) == {None}
    assert "Traceback" not in first.log.read_text() + third.log.read_text()


def test_an_owner_that_was_stopped_beyond_its_lease_writes_nothing_and_says_so(
    desk: SmallDesk, start: Start, launch: Launch
) -> None:
    first = start(1)
    fleet = launch()
    second = start(1)
    assert second.says(f"{SERVES} nothing")
    grows(desk)
    first.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: second.says(f"{SERVES} partitions 0 to 63"))
    grows(desk)
    epoch = leases.standing(desk.admin).leases[0].epoch
    first.process.send_signal(signal.SIGCONT)
    wait_until(lambda: first.says("others have its ranges"))
    wait_until(lambda: first.says(f"{SERVES} nothing"))
    for _ in range(5):
        grows(desk)
    # The one that came back did not take the session or the lease away again.
    assert leases.standing(desk.admin).leases[0].epoch == epoch
    assert owners(desk) == {2}
    assert_each_reading_is_stored_once_and_the_fault_is_told_once(desk, fleet)
    assert second.end() == 0


def test_the_partitions_are_divided_anew_while_messages_wait_and_nothing_is_lost(
    desk: SmallDesk, start: Start, launch: Launch
) -> None:
    start(1).end()
    fleet = launch()
    wait_until(lambda: fleet.messages > 100)
    assert stored(desk) == 0
    first = start(4)
    assert [partitions for partitions, _ in holders(desk)] == list(division(4))
    grows(desk)
    second = start(2)
    wait_until(lambda: [partitions for partitions, _ in holders(desk)] == list(division(2)))
    wait_until(lambda: len(owners(desk)) == 2)
    grows(desk)
    second.end(signal.SIGKILL)
    third = start(1)
    wait_until(lambda: [partitions for partitions, _ in holders(desk)] == list(division(1)))
    grows(desk)
    assert_each_reading_is_stored_once_and_the_fault_is_told_once(desk, fleet)
    assert [each.end() for each in (first, third)] == [0, 0]


def test_what_came_to_a_division_that_was_given_up_half_way_is_not_forgotten(
    desk: SmallDesk, start: Start, launch: Launch, broker: BrokerForTests
) -> None:
    start(4).end()
    # Somebody begins to divide: the session of all partitions is made, those of the first two ranges are ended.
    sessions = MqttSessions(broker.ingest)
    leases.begin_sessions(desk.admin, division(1))
    sessions.prepare(range(64))
    for partitions in division(4)[:2]:
        source = sessions.drain(partitions, lambda: True)
        wait_until(lambda source=source: not source.receive(1, 0.1) and source.is_drained)
        source.close()
    # And is killed. What comes now to partitions 0 to 31 waits in a session that no lease names.
    fleet = launch()
    wait_until(lambda: fleet.messages > 100)
    started = start(4)
    grows(desk)
    assert_each_reading_is_stored_once_and_the_fault_is_told_once(desk, fleet)
    assert leases.standing(desk.admin).sessions == division(4)
    assert started.end() == 0


def test_a_session_that_others_serve_by_now_is_not_cut_off(
    desk: SmallDesk, start: Start, launch: Launch, broker: BrokerForTests
) -> None:
    started = start(1)
    fleet = launch()
    grows(desk)
    # Somebody who has slept through all that happened goes on with emptying this session.
    source = MqttSessions(broker.ingest).drain(range(64), lambda: False)
    wait_until(lambda: started.log.read_text().count(SUBSCRIBED) == 2)
    grows(desk)
    source.close()
    assert_each_reading_is_stored_once_and_the_fault_is_told_once(desk, fleet)
    assert started.end() == 0


def test_a_database_whose_clock_jumps_ahead_lets_a_lease_expire_early_and_costs_nothing(
    desk: SmallDesk, start: Start, launch: Launch
) -> None:
    started = [start(2), start(2)]
    wait_until(lambda: len(owners(desk)) == 2)
    fleet = launch()
    grows(desk)
    for _ in range(3):
        # To a clock that is ahead, all of them have expired.
        desk.admin.execute(
            "UPDATE ingest_process SET expires_at = expires_at - make_interval(secs => %s)", [60 * LEASE_S]
        )
        time.sleep(1.5)
    grows(desk)
    wait_until(lambda: len(owners(desk)) == 2 and None not in owners(desk))
    assert_each_reading_is_stored_once_and_the_fault_is_told_once(desk, fleet)
    assert [each.end() for each in started] == [0, 0]
