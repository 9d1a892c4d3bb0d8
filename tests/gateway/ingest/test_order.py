"""Order does not matter: any permutation and repetition of the same messages ends in the same symptoms, bit for bit."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect
from tests.fakes.source import ListSource, message
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
HOURS = 30


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    for name in ("ev-1", "ev-2", "ev-3"):
        opened.vehicle(name)
    yield opened
    opened.close()


def story() -> list[Message]:
    """Thirty hours of three vehicles, in order: a cell that sinks for a while, a warning that flickers, a trouble code."""
    chance = random.Random(3)
    told: list[tuple[datetime, Message]] = []
    for number, name in enumerate(("ev-1", "ev-2", "ev-3")):
        for step in range(HOURS * 2):
            begins = START + timedelta(minutes=30 * step)
            samples = []
            for minute in range(0, 30, 5):
                cells = [round(3.7 + chance.gauss(0, 0.002), 3) for _ in range(8)]
                if number == 0 and 10 < step < 30:
                    cells[3] -= 0.05
                level = 3 if number == 1 and step % 7 == 5 else 0
                samples.append(sample(begins + timedelta(minutes=minute), cell_voltages_v=cells, bms_level=level))
            told.append((begins, message(topic(name), telemetry(2 * step, *samples))))
            if number == 2 and step in {20, 40}:
                codes = ["P0AA6"] if step == 20 else []
                at = begins + timedelta(minutes=12)
                event = {
                    "schema": "callout.event/1",
                    "boot": 1,
                    "seq": 2 * step + 1,
                    "at": at.isoformat(),
                    "codes": codes,
                }
                told.append((at, message(topic(name, "event"), json.dumps(event).encode())))
    return [each for _, each in sorted(told, key=lambda pair: pair[0])]


def disordered(messages: list[Message], chance: random.Random) -> list[Message]:
    """Every fifth message comes up to five hours late, every tenth comes twice."""
    per_hour = len(messages) / HOURS
    places = []
    for index, each in enumerate(messages):
        late = chance.uniform(0, 5 * per_hour) if chance.random() < 0.2 else 0.0
        places.append((index + late, each))
        if chance.random() < 0.1:
            places.append((index + chance.uniform(0, 5 * per_hour), each))
    return [each for _, each in sorted(places, key=lambda pair: pair[0])]


def run(desk: SmallDesk, messages: list[Message], size: int, *, crash_every: int = 0) -> list[tuple[object, ...]]:
    desk.admin.execute(
        """TRUNCATE symptom, electric_vehicle_reading, detector_checkpoint, detector_anchor, rollup_due,
        jobs.procrastinate_jobs CASCADE"""
    )
    desk.admin.execute("UPDATE ingest_partition SET last_ingest_no = 0, settled_ingest_no = 0")
    worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    for number, start in enumerate(range(0, len(messages), size)):
        if crash_every and number % crash_every == crash_every - 1:
            worker.close()
            worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
        worker.take(messages[start : start + size])
    worker.close()
    return desk.rows(
        """SELECT device_id, monitor, element, state, since_at, noticed_at, confirmed_at, healed_at, value, text_value
        FROM symptom WHERE state <> 'withdrawn' ORDER BY device_id, monitor, element, since_at"""
    )


def test_the_story_has_symptoms_of_numbers_and_of_codes(desk: SmallDesk) -> None:
    found = {(row[1], row[3]) for row in run(desk, story(), 9)}
    assert {("cell_leaves_pack", "confirmed"), ("isolation_code", "healed"), ("warning_level_3", "confirmed")} <= found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_disordered_and_doubled_messages_end_in_the_same_symptoms(desk: SmallDesk, seed: int) -> None:
    ordered = run(desk, story(), 9)
    mixed = disordered(story(), random.Random(seed))
    assert run(desk, mixed, 7) == ordered


def test_so_they_do_when_the_worker_is_lost_again_and_again(desk: SmallDesk) -> None:
    ordered = run(desk, story(), 9)
    assert run(desk, disordered(story(), random.Random(4)), 7, crash_every=3) == ordered


def test_a_symptom_that_a_late_reading_undoes_is_withdrawn_and_the_diagnosis_is_made_again(desk: SmallDesk) -> None:
    worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    low = {"low_voltage_v": 11.0}
    minutes = [0, 5, 10, 15, 20, 25, 30]
    sent = [
        message(topic("ev-1"), telemetry(seq, sample(START + timedelta(minutes=minute), **low)))
        for seq, minute in enumerate(minutes)
    ]
    for each in sent:
        worker.take([each])
    rows = "SELECT state FROM symptom WHERE monitor = 'low_voltage_low'"
    confirmed_before = desk.rows(rows)
    between = [
        message(
            topic("ev-1"), telemetry(50 + minute, sample(START + timedelta(minutes=minute + 1), low_voltage_v=13.5))
        )
        for minute in minutes
    ]
    worker.take(between)
    worker.close()
    assert confirmed_before in ([("pending",)], [("confirmed",)])
    assert ("confirmed",) not in desk.rows(rows)


def test_a_reading_later_than_the_horizon_is_stored_and_moves_nothing(desk: SmallDesk) -> None:
    worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    worker.take([message(topic("ev-1"), telemetry(1, sample(START + timedelta(hours=10), bms_level=0)))])
    worker.take([message(topic("ev-1"), telemetry(2, sample(START, probe_temps_degc=[120.0], bms_level=3)))])
    worker.close()
    assert desk.value("SELECT count(*) FROM electric_vehicle_reading") == 2
    assert desk.rows("SELECT 1 FROM symptom") == []


def test_few_anchors_are_kept_for_each_device(desk: SmallDesk) -> None:
    run(desk, story(), 9)
    assert desk.value("SELECT max(count) FROM (SELECT count(*) FROM detector_anchor GROUP BY device_id) AS each") <= 3
