"""A machine whose clock jumps: nobody's offer ends by it, no living process is missed, a dead one is, and nothing is lost."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import journey, work
from gateway.health.alarms import Alarm, Kind
from gateway.health.measures import WorkMeasures
from gateway.health.watches import Heard
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.settings import Settings
from gateway.storage.alarms import keep_alarms, say_alive
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.storage.rejections import ask_replay
from tests.fakes.source import ListSource
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic
from tests.gateway.test_work import wait_until


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


class WrongClock:
    """A clock that somebody sets."""

    def __init__(self) -> None:
        self.off = timedelta()
        self.looks = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return datetime.now(UTC) + self.off


def test_offers_do_not_end_by_a_clock_that_jumps_three_days_forward_and_is_set_right_again(
    desk: SmallDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_SWEEP_EVERY_S", 0.05)
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, "cell_leaves_pack", 3)
    now = datetime.now(UTC)
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=now)
        journey.offer(desk.work, request_id=1, now=now)
    clock, stopping = WrongClock(), threading.Event()
    sweep = threading.Thread(
        target=work._sweep_until, args=(Settings(database_url=desk.dsn), stopping, WorkMeasures(), clock)
    )
    sweep.start()
    wait_until(lambda: clock.looks > 10)
    clock.off = timedelta(days=3)
    seen = clock.looks
    wait_until(lambda: clock.looks > seen + 10)
    clock.off = timedelta()
    seen = clock.looks
    wait_until(lambda: clock.looks > seen + 10)
    stopping.set()
    sweep.join()
    assert desk.rows("SELECT closed_at FROM offer") == [(None,)]
    assert desk.value("SELECT state FROM service_request") == "offered"


@pytest.mark.parametrize("hours", [-1, 24])
def test_a_living_process_is_not_missed_and_a_dead_one_is_when_the_databases_clock_jumps(
    desk: SmallDesk, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard()
    steady_s = [1000.0]
    monkeypatch.setattr("gateway.health.watches.time.monotonic", lambda: steady_s[0])
    say_alive(desk.admin, "ingest", datetime.now(UTC))
    say_alive(desk.admin, "work", datetime.now(UTC))
    first = heard.silences(desk.admin, datetime.now(UTC))
    assert all(value is not None and value < 10 for value in first.values())
    # The clock jumps: to the database the last beats are as far away from now as it jumped.
    desk.admin.execute("UPDATE desk_process SET heard_at = heard_at - %s", [timedelta(hours=hours)])
    steady_s[0] += 2
    assert heard.silences(desk.admin, datetime.now(UTC))[Kind.INGEST_SILENT] == 0.0
    steady_s[0] += 40
    desk.admin.execute("UPDATE desk_process SET heard_at = now() WHERE process = 'work'")
    assert heard.silences(desk.admin, datetime.now(UTC)) == {Kind.INGEST_SILENT: 40.0, Kind.WORK_SILENT: 0.0}


def test_what_a_clock_that_was_set_back_refused_as_future_is_stored_by_a_replay_once_it_is_right(
    desk: SmallDesk,
) -> None:
    desk.vehicle("ev-1")
    now = datetime.now(UTC)
    body = telemetry(1, sample(now, soc_pct=50.0))
    worker = Worker(ListSource([]), lambda: connect(desk.dsn, Role.INGEST), range(64))
    worker.take([Message(topic("ev-1"), body, now - timedelta(hours=1), (0, 1))])
    assert desk.rows("SELECT reason FROM rejection") == [("future",)]
    began_at = now - timedelta(hours=1) + timedelta(seconds=2)
    keep_alarms(desk.admin, [Alarm(Kind.CLOCK_JUMPED, True, began_at, began_at, 3600.0)])
    with tenant_transaction(desk.admin, desk.tenant_id):
        ask_replay(desk.admin, datetime.now(UTC), reason="future")
    until_s = time.monotonic() + 60
    while desk.value("SELECT count(*) FROM electric_vehicle_reading") == 0 and time.monotonic() < until_s:
        worker._replays.look()
    assert desk.value("SELECT count(*) FROM electric_vehicle_reading") == 1
    worker.close()
