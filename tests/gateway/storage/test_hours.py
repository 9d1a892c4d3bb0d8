"""Hourly roll-ups: the same as computed by hand, also for readings that come late."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.products import product_type
from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect
from gateway.storage.door import mark_hours_due
from gateway.storage.hours import hour_columns, roll_up
from tests.fakes.source import ListSource, message
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

EV = product_type("electric_vehicle")
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    yield opened
    opened.close()


@pytest.fixture
def worker(desk: SmallDesk) -> Iterator[Worker]:
    made = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    yield made
    made.close()


def send(worker: Worker, seq: int, minute: int, **values: object) -> None:
    worker.take([message(topic("ev-1"), telemetry(seq, sample(HOUR + timedelta(minutes=minute), **values)))])


def roll(desk: SmallDesk) -> int:
    with desk.work.transaction():
        return len(roll_up(desk.work, EV))


def test_an_hour_is_rolled_up_and_a_late_reading_makes_it_anew(desk: SmallDesk, worker: Worker) -> None:
    send(worker, 1, 5, soc_pct=40.0, cell_voltages_v=[3.5, 3.6, None], odometer_m=1000)
    send(worker, 2, 15, soc_pct=60.0, cell_voltages_v=[3.7, 3.8, 3.0], odometer_m=3000)
    send(worker, 3, 65, soc_pct=10.0)
    assert roll(desk) == 2
    assert roll(desk) == 0
    select = """SELECT samples, soc_pct_min, soc_pct_avg, soc_pct_max, cell_voltages_v_avg, odometer_m_max
        FROM electric_vehicle_hour ORDER BY hour_at"""
    (first, second) = desk.rows(select)
    assert first[:4] == (2, 40.0, 50.0, 60.0)
    assert first[4] == pytest.approx([3.6, 3.7, 3.0])
    assert first[5] == 3000
    assert second[:4] == (1, 10.0, 10.0, 10.0)
    send(worker, 4, 30, soc_pct=20.0)
    assert roll(desk) == 1
    assert desk.rows(select)[0][:4] == (3, 20.0, 40.0, 60.0)


def test_an_hour_that_is_being_written_waits_for_its_readings(desk: SmallDesk, worker: Worker) -> None:
    send(worker, 1, 5, soc_pct=40.0)
    with connect(desk.dsn, Role.INGEST) as other, other.transaction():
        other.execute("UPDATE rollup_due SET hour_at = hour_at")
        assert roll(desk) == 0
    assert roll(desk) == 1


def test_an_hour_that_is_due_already_waits_for_more_readings_and_is_not_written_again(
    desk: SmallDesk, worker: Worker
) -> None:
    send(worker, 1, 5, soc_pct=40.0)
    row = "SELECT ctid::text, product, device_id, hour_at FROM rollup_due"
    ((place, product, device_id, hour_at),) = desk.rows(row)
    with connect(desk.dsn, Role.INGEST) as ingest, ingest.transaction():
        mark_hours_due(ingest, [(product, device_id, int(hour_at.timestamp()) // 3600)])
        assert roll(desk) == 0
    assert desk.rows(row)[0][0] == place
    assert roll(desk) == 1


def test_every_signal_has_the_columns_of_its_kind(desk: SmallDesk) -> None:
    columns = {
        row[0]
        for row in desk.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'electric_vehicle_hour'"
        )
    }
    declared = {column for signal in EV.signals.values() for column in hour_columns(signal)}
    assert columns - declared == {"device_id", "hour_at", "samples"}
    assert declared <= columns
