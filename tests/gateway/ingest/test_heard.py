"""When a device was heard is written once, in its lane or in its presence; whoever asks is told the newest of both."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from psycopg.errors import InsufficientPrivilege

from devices.instants import to_us
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.storage.presence import remembered
from tests.gateway.desk import SmallDesk, sample, telemetry, topic
from tests.gateway.ingest.numbers import START, message, new_worker, two_vehicles
from tests.gateway.metering import enrol_meters, state

MINUTE = timedelta(minutes=1)
HEARD = "SELECT d.name, h.heard_at, h.newest_claimed_at FROM device_heard h JOIN device d USING (device_id) ORDER BY 1"
PRESENT = HEARD.replace("device_heard", "device_presence")


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    yield from two_vehicles(database, tmp_path)


@pytest.fixture
def worker(desk: SmallDesk) -> Iterator[Worker]:
    made = new_worker(desk)
    yield made
    made.close()


def said(seq: int, at: datetime, *, received_at: datetime | None = None, **more: Any) -> Message:
    """A message of ev-1 whose number goes on."""
    return replace(message(seq, at=at, **more), received_at=received_at or at)


def test_a_device_that_goes_on_is_heard_by_its_lane_alone(desk: SmallDesk, worker: Worker) -> None:
    worker.take([said(1, START)])
    first = desk.rows(PRESENT)
    worker.take([said(2, START + MINUTE)])
    worker.take([said(3, START + 2 * MINUTE), said(4, START + 3 * MINUTE)])
    assert desk.rows(PRESENT) == first
    assert desk.rows(HEARD) == [("ev-1", START + 3 * MINUTE, START + 3 * MINUTE)]


def test_what_no_lane_says_is_written_in_its_presence(desk: SmallDesk, worker: Worker) -> None:
    worker.take([said(1, START)])
    worker.take([said(2, START + MINUTE)])
    worker.take([Message(topic("ev-1"), b"not json", START + 2 * MINUTE, (1, 0))])
    assert desk.rows(HEARD) == [("ev-1", START + 2 * MINUTE, START + MINUTE)]
    # One batch holds both: what goes on, and a later sign that has no number.
    worker.take([said(3, START + 3 * MINUTE), Message(topic("ev-1"), b"not json", START + 4 * MINUTE, (1, 0))])
    assert desk.rows(HEARD) == [("ev-1", START + 4 * MINUTE, START + 3 * MINUTE)]
    worker.take([state("ev-1", START + 5 * MINUTE, online=True)])
    assert desk.rows(HEARD) == [("ev-1", START + 5 * MINUTE, START + 3 * MINUTE)]
    worker.take([said(4, START + 6 * MINUTE)])
    assert desk.rows(HEARD) == [("ev-1", START + 6 * MINUTE, START + 6 * MINUTE)]


def test_late_numbers_and_late_receipts_make_nobody_older(desk: SmallDesk, worker: Worker) -> None:
    worker.take([said(1, START), said(2, START + 5 * MINUTE)])
    worker.take([said(3, START + MINUTE, received_at=START + 2 * MINUTE)])
    assert desk.rows(HEARD) == [("ev-1", START + 5 * MINUTE, START + 5 * MINUTE)]


def test_what_the_broker_repeats_is_no_sign_of_life(desk: SmallDesk, worker: Worker) -> None:
    live, first = said(1, START), said(1, START, device="ev-2")
    worker.take([live])
    worker.take([replace(each, received_at=START + 9 * MINUTE, is_retained=True) for each in (live, first)])
    worker.take([replace(said(2, START + MINUTE), received_at=START + 9 * MINUTE, is_retained=True)])
    assert desk.rows(HEARD) == [("ev-1", START, START + MINUTE), ("ev-2", None, START)]
    with connect(desk.dsn, Role.INGEST) as ingest:
        assert [each.heard_us for each in remembered(ingest, range(64))] == [to_us(START)]
    worker.take([said(2, START + 10 * MINUTE, device="ev-2")])
    assert desk.rows(HEARD)[1] == ("ev-2", START + 10 * MINUTE, START + 10 * MINUTE)


def test_a_lane_that_is_left_or_forgotten_does_not_take_the_newest_sign_with_it(
    desk: SmallDesk, worker: Worker
) -> None:
    # Its first boot's clock was four minutes ahead, which is believed.
    worker.take([said(1, START)])
    worker.take([said(2, START + 4 * MINUTE, received_at=START + MINUTE)])
    for boot in range(2, 80):
        worker.take([said(1, START + MINUTE + boot * timedelta(seconds=1), boot=boot)])
        assert desk.rows(HEARD)[0][1:] == (START + MINUTE + boot * timedelta(seconds=1), START + 4 * MINUTE)
    assert desk.value("SELECT count(*) FROM device_sequence") == 64
    assert desk.value("SELECT min(boot) FROM device_sequence") > 1


@pytest.mark.parametrize("is_settled", [True, False])
def test_whoever_has_a_lane_is_present_however_the_worker_ends(desk: SmallDesk, is_settled: bool) -> None:
    worker = new_worker(desk)
    for seq in range(1, 6):
        worker.take([said(seq, START + seq * MINUTE)], is_pressed=True)
    assert desk.value("SELECT count(*) FROM device_presence") == 1
    if is_settled:
        worker.settle()
    worker.close()
    new_worker(desk).close()
    assert desk.rows(HEARD) == [("ev-1", START + 5 * MINUTE, START + 5 * MINUTE)]


def test_a_meter_that_goes_on_and_falls_silent_is_found_by_whoever_takes_over(desk: SmallDesk) -> None:
    enrol_meters(desk, ["m-1"])
    begins_at = START - timedelta(hours=40)
    worker = new_worker(desk)
    worker.tick(begins_at)
    for minute in range(3):
        at = begins_at + minute * MINUTE
        worker.take([Message(topic("m-1"), telemetry(minute + 1, sample(at, import_wh=minute)), at, (1, 0))])
    worker.close()
    assert desk.rows(PRESENT)[0][1] == begins_at
    for day in range(2):
        worker = new_worker(desk)
        for turn in range(12 * 30):
            worker.tick(begins_at + (12 * day) * timedelta(hours=1) + (turn + 1) * 2 * MINUTE)
        worker.close()
    assert desk.value("SELECT count(*) FROM symptom") == 0
    worker = new_worker(desk)
    worker.tick(begins_at + timedelta(hours=24, minutes=2))
    worker.tick(begins_at + timedelta(hours=24, minutes=4))
    worker.close()
    silence = "SELECT since_at FROM symptom WHERE monitor = 'silent'"
    assert desk.rows(silence) == [(begins_at + 2 * MINUTE,)]
    assert desk.rows("SELECT silent_since_at FROM device_heard") == desk.rows(silence)


def test_what_is_remembered_of_all_is_what_is_told_of_each(desk: SmallDesk, worker: Worker) -> None:
    enrol_meters(desk, ["m-1", "m-2"])
    worker.take([said(1, START), said(1, START, device="ev-2")])
    worker.take([said(2, START + MINUTE), Message(topic("m-1"), b"not json", START, (1, 0))])
    worker.take([state("m-2", START, online=True, is_retained=True)])
    worker.take([said(3, START + MINUTE), said(1, START + 2 * MINUTE, boot=2, device="ev-2")])
    told = desk.rows("SELECT device_id, heard_at FROM device_heard WHERE heard_at IS NOT NULL")
    assert len(told) == 3
    with connect(desk.dsn, Role.INGEST) as ingest:
        all_of_them = [
            each for first in (0, 20) for each in remembered(ingest, range(first, first + 20 + 24 * (first // 20)))
        ]
    assert sorted((each.device_id, each.heard_us) for each in all_of_them) == sorted(
        (device_id, to_us(heard_at)) for device_id, heard_at in told
    )


def test_pages_see_their_own_tenant_s_devices_and_of_lanes_when_they_were_heard(
    desk: SmallDesk, worker: Worker
) -> None:
    worker.take([said(1, START)])
    worker.take([said(2, START + MINUTE)])
    other = desk.admin.execute(
        "INSERT INTO tenant (name, title) VALUES ('other', 'Other') RETURNING tenant_id"
    ).fetchone()
    assert other is not None
    for role in (Role.WORK, Role.SERVE):
        with connect(desk.dsn, role) as connection:
            with tenant_transaction(connection, desk.tenant_id):
                assert connection.execute("SELECT heard_at FROM device_heard").fetchall() == [(START + MINUTE,)]
            with tenant_transaction(connection, other[0]):
                assert connection.execute("SELECT heard_at FROM device_heard").fetchall() == []
                assert connection.execute("SELECT device_id FROM device_sequence").fetchall() == []
            with pytest.raises(InsufficientPrivilege), tenant_transaction(connection, desk.tenant_id):
                connection.execute("SELECT recent FROM device_sequence")
