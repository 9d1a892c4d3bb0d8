"""What is left to be written while messages wait is written in the end, also by a worker that has to begin anew."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.ingest.worker import Worker
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.ingest.numbers import START, message, new_worker

DEVICES = ("ev-1", "ev-2", "ev-3")


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    for device in DEVICES:
        opened.vehicle(device)
    yield opened
    opened.close()


def beside(desk: SmallDesk) -> dict[str, list[Any]]:
    """All that readings say beside their values, but for what depends on when they were written."""
    return {
        "numbers": desk.rows(
            """SELECT d.name, s.boot, s.epoch, s.is_current, s.begins, s.received::text, s.newest_claimed_at, s.heard_at,
                (SELECT array_agg(part ORDER BY place) FROM unnest(s.recent) WITH ORDINALITY AS r (part, place)
                WHERE mod(place, 4) <> 0) AS recent
            FROM device_sequence s JOIN device d USING (device_id) ORDER BY 1, 2, 3"""
        ),
        "presence": desk.rows(
            """SELECT d.name, p.heard_at, p.newest_claimed_at FROM device_heard p JOIN device d USING (device_id)
            ORDER BY 1"""
        ),
        "hours": desk.rows("SELECT d.name, r.hour_at FROM rollup_due r JOIN device d USING (device_id) ORDER BY 1, 2"),
        "clocks": desk.rows("SELECT d.name, c.is_off FROM device_clock c JOIN device d USING (device_id) ORDER BY 1"),
    }


def clean(desk: SmallDesk) -> None:
    desk.admin.execute(
        """TRUNCATE electric_vehicle_reading, device_sequence, device_presence, rollup_due, device_clock,
        detector_checkpoint, detector_anchor, door_trouble"""
    )
    desk.admin.execute("UPDATE ingest_partition SET last_ingest_no = 0, settled_ingest_no = 0")


def batches() -> Iterator[list[Any]]:
    """Messages of three devices: one goes on and on, one loses and doubles some, one begins new boots."""
    chance = random.Random(5)
    seqs = dict.fromkeys(DEVICES, 0)
    boot = 1
    for minute in range(30):
        batch: list[Any] = []
        for device in DEVICES:
            for _ in range(chance.randint(1, 4)):
                seqs[device] += 1 if device != "ev-2" or chance.random() > 0.1 else 2
                at = START + timedelta(seconds=minute * 60 + seqs[device])
                batch.append(message(seqs[device], boot if device == "ev-3" else 1, device, at=at))
        if minute % 7 == 6:
            boot, seqs["ev-3"] = boot + 1, 0
            batch.append(batch[2])
        yield batch


@pytest.mark.parametrize("ends", ["settled", "cut off", "cut off twice"])
def test_what_waits_ends_as_if_it_had_been_written_at_once(desk: SmallDesk, ends: str) -> None:
    told = list(batches())
    worker = new_worker(desk)
    for batch in told:
        worker.take(batch)
    worker.close()
    at_once = beside(desk)
    assert len(at_once["numbers"]) > 6
    clean(desk)
    worker = new_worker(desk)
    for place, batch in enumerate(told):
        worker.take(batch, is_pressed=True)
        if ends == "cut off twice" and place == 11:
            worker.close()
            worker = new_worker(desk)
    assert beside(desk) != at_once
    if ends == "settled":
        worker.settle()
    worker.close()
    new_worker(desk).close()
    assert beside(desk) == at_once


def test_a_cut_off_worker_finds_nothing_twice(desk: SmallDesk) -> None:
    worker = new_worker(desk)
    for batch in batches():
        worker.take(batch, is_pressed=True)
    worker.close()
    new_worker(desk).close()
    before = beside(desk)
    worker: Worker = new_worker(desk)
    for batch in batches():
        worker.take(batch)
    worker.close()
    assert [row[5] for row in beside(desk)["numbers"]] == [row[5] for row in before["numbers"]]
    assert desk.rows("SELECT kind FROM door_trouble") == []


def test_settled_numbers_follow_the_oldest_that_is_left(desk: SmallDesk) -> None:
    worker = new_worker(desk)
    worker.take([message(1, 1, "ev-1")])
    partition, settled = desk.rows(
        "SELECT partition, settled_ingest_no FROM ingest_partition WHERE last_ingest_no > 0"
    )[0]
    worker.take([message(2, 1, "ev-1")], is_pressed=True)
    left = desk.rows(f"SELECT last_ingest_no, settled_ingest_no FROM ingest_partition WHERE partition = {partition}")[0]
    assert left == (settled + 1, settled)
    worker.settle()
    done = desk.rows(f"SELECT last_ingest_no, settled_ingest_no FROM ingest_partition WHERE partition = {partition}")[0]
    assert done == (settled + 1, settled + 1)
    worker.close()
