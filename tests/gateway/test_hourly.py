"""The hours that are due, on a real database: some with each sweep, and each once in a round."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.products import product_type
from gateway.hourly import Hourly
from gateway.storage.connection import Role, connect
from gateway.sweep import sweep
from tests.gateway.desk import SmallDesk, open_desk

EV = product_type("electric_vehicle")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def mark(desk: SmallDesk, devices: range, hour_at: datetime = NOON) -> None:
    desk.admin.execute(
        """INSERT INTO rollup_due (product, device_id, hour_at)
        SELECT 'electric_vehicle', device_id, %s FROM unnest(%s::int[]) AS device_id""",
        [hour_at, list(devices)],
    )


def due(desk: SmallDesk) -> list[tuple[int, datetime]]:
    return [(row[0], row[1]) for row in desk.rows("SELECT device_id, hour_at FROM rollup_due ORDER BY 1, 2")]


def test_so_many_hours_are_made_at_once_and_the_next_time_goes_on_there(desk: SmallDesk) -> None:
    mark(desk, range(1, 451))
    hourly = Hourly()
    assert hourly.go_on(desk.work, EV, 200) == 200
    assert [device for device, _ in due(desk)] == list(range(201, 451))
    mark(desk, range(1, 3))
    assert hourly.go_on(desk.work, EV, 200) == 200
    assert [device for device, _ in due(desk)] == [1, 2, *range(401, 451)]


def test_what_is_marked_again_within_a_round_waits_for_the_next_one(desk: SmallDesk) -> None:
    mark(desk, range(1, 151))
    hourly = Hourly()
    assert hourly.go_on(desk.work, EV, 100) == 100
    mark(desk, range(1, 11))
    mark(desk, range(150, 151), NOON + timedelta(hours=1))
    # The round ends before what lies behind it.
    assert hourly.go_on(desk.work, EV, 1_000) == 51
    assert due(desk) == [(device, NOON) for device in range(1, 11)]
    assert hourly.go_on(desk.work, EV, 1_000) == 10
    assert due(desk) == []


def test_a_readings_writer_holds_up_its_own_hours_only(desk: SmallDesk) -> None:
    mark(desk, range(1, 301))
    hourly = Hourly()
    with connect(desk.dsn, Role.INGEST) as ingest, ingest.transaction():
        ingest.execute("UPDATE rollup_due SET hour_at = hour_at WHERE device_id IN (1, 150, 300)")
        assert hourly.go_on(desk.work, EV, 1_000) == 297
    assert hourly.go_on(desk.work, EV, 1_000) == 3


def test_a_sweep_of_a_large_fleet_comes_to_its_end_and_the_next_one_goes_on(desk: SmallDesk) -> None:
    mark(desk, range(1, 2_202))
    hourly = Hourly()
    sweep(desk.work, NOON, hourly=hourly)
    assert len(due(desk)) == 201
    mark(desk, range(1, 101))
    sweep(desk.work, NOON, hourly=hourly)
    assert [device for device, _ in due(desk)] == list(range(1, 101))
