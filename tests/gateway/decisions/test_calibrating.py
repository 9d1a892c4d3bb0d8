"""Reporting cycles in the database: decided once, published, followed by tenants, and recomputed from one device alone."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from devices.products import product_type
from diagnostics.calibration.null import Null
from diagnostics.calibration.tail import Tail
from gateway.decisions.calibrating import SETTLING, decide_cycles
from gateway.ingest.source import Message
from gateway.storage.connection import Role, connect
from gateway.storage.door import SymptomRow, keep_symptoms
from gateway.storage.scores import ScoreRows, keep_scores
from gateway.sweep import sweep
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic
from tests.gateway.metering import enrol_meters, new_worker

MONITOR = "battery_shifted"
METER = product_type("smart_meter")
DAY = timedelta(days=1)
START = datetime(2026, 10, 1, tzinfo=UTC)
METERS, CYCLES = 2_000, 9


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def ids(desk: SmallDesk) -> list[int]:
    enrol_meters(desk, [f"m-{number}" for number in range(METERS)])
    return [device_id for (device_id,) in desk.rows("SELECT device_id FROM device ORDER BY device_id")]


def end_of(cycle: int) -> datetime:
    return START + cycle * DAY


def put(desk: SmallDesk, ids: list[int], cycle: int, high: dict[int, float] | None = None) -> None:
    """Let each device have a score in a cycle: chance, or as given by place."""
    scores = np.random.default_rng(cycle + 100).exponential(1.2, len(ids))
    for place, score in (high or {}).items():
        scores[place] = score
    count = len(ids)
    with connect(desk.dsn, Role.INGEST) as connection:
        ends = [end_of(cycle)] * count
        rows = ScoreRows([MONITOR] * count, ends, ids, [0] * count, scores.tolist(), ends, ends, [False] * count)
        keep_scores(connection, "smart_meter", rows)


def notice(desk: SmallDesk, device_id: int, state: str = "pending") -> None:
    """Let the detectors tell a symptom, as they do: it is pending for as long as they see something."""
    since_us = int((end_of(CYCLES - 3)).timestamp() * 1e6)
    row = SymptomRow(
        desk.tenant_id, device_id, MONITOR, "meter_battery", 0, state, since_us, since_us, -0.03, 0.0, "", 1, START
    )
    with connect(desk.dsn, Role.INGEST) as connection:
        keep_symptoms(connection, [row])


def symptoms(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT device_id, state, cycle_id IS NOT NULL FROM symptom ORDER BY device_id")


def jobs(desk: SmallDesk) -> list[tuple[int]]:
    return desk.rows(
        """SELECT (args ->> 'device_id')::int FROM jobs.procrastinate_jobs
        WHERE task_name = 'diagnose' AND args ->> 'component' = 'meter_battery' ORDER BY 1"""
    )


def cycles(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT ends_at, passed, confirmed FROM reporting_cycle ORDER BY ends_at")


NOW = end_of(CYCLES) + SETTLING


def test_a_device_that_passes_two_cycles_is_confirmed_and_diagnosed_and_others_are_not(
    desk: SmallDesk, ids: list[int]
) -> None:
    for cycle in range(1, CYCLES - 1):
        put(desk, ids, cycle)
    put(desk, ids, CYCLES - 1, {0: 35.0, 1: 35.0})
    put(desk, ids, CYCLES, {0: 36.0, 2: 36.0})
    for place in range(4):
        notice(desk, ids[place])
    sweep(desk.work, NOW)
    assert symptoms(desk) == [
        (ids[0], "confirmed", True),
        (ids[1], "pending", False),
        (ids[2], "pending", False),
        (ids[3], "pending", False),
    ]
    assert jobs(desk) == [(ids[0],)]
    ends_at, passed, confirmed = cycles(desk)[-1]
    assert (ends_at, confirmed) == (end_of(CYCLES), 1)
    assert passed in range(2, 8), "two that were put in, and some by chance"
    assert len(cycles(desk)) == CYCLES


def test_a_second_sweep_and_a_second_process_change_nothing(desk: SmallDesk, ids: list[int]) -> None:
    for cycle in range(1, CYCLES + 1):
        put(desk, ids, cycle, {0: 35.0} if cycle >= CYCLES - 1 else None)
    notice(desk, ids[0])
    sweep(desk.work, NOW)
    before = cycles(desk), symptoms(desk), jobs(desk), desk.rows("SELECT * FROM cycle_finding ORDER BY 1, 2")
    with connect(desk.dsn, Role.WORK) as other:
        sweep(other, NOW + timedelta(minutes=1))
    sweep(desk.work, NOW + timedelta(minutes=2))
    assert before == (cycles(desk), symptoms(desk), jobs(desk), desk.rows("SELECT * FROM cycle_finding ORDER BY 1, 2"))


def test_a_process_that_is_killed_between_deciding_and_following_leaves_nothing_undone(
    desk: SmallDesk, ids: list[int]
) -> None:
    for cycle in range(1, CYCLES + 1):
        put(desk, ids, cycle, {0: 35.0} if cycle >= CYCLES - 1 else None)
    notice(desk, ids[0])
    with connect(desk.dsn, Role.WORK) as killed, killed.transaction(force_rollback=True):
        assert decide_cycles(killed, METER, NOW) == CYCLES
    assert cycles(desk) == []
    with connect(desk.dsn, Role.WORK) as killed:
        assert decide_cycles(killed, METER, NOW) == CYCLES
    assert jobs(desk) == []
    sweep(desk.work, NOW)
    assert symptoms(desk) == [(ids[0], "confirmed", True)]
    assert jobs(desk) == [(ids[0],)]


def test_too_few_scores_are_no_calibration_and_confirm_nothing(desk: SmallDesk, ids: list[int]) -> None:
    for cycle in range(1, CYCLES + 1):
        put(desk, ids[:20], cycle, {0: 39.0})
    notice(desk, ids[0])
    sweep(desk.work, NOW)
    assert desk.value("SELECT count(*) FROM calibration") == 0
    assert desk.value("SELECT count(*) FROM reporting_cycle WHERE calibration_id IS NULL") == CYCLES
    assert symptoms(desk) == [(ids[0], "pending", False)]


def test_a_decision_is_recomputed_from_what_is_published_and_the_device_s_own_scores(
    desk: SmallDesk, ids: list[int]
) -> None:
    for cycle in range(1, CYCLES + 1):
        put(desk, ids, cycle, {0: 35.0, 5: 20.0} if cycle >= CYCLES - 1 else None)
    sweep(desk.work, NOW)
    rows = desk.rows(
        """SELECT f.score, f.p_value, c.p_value, c.score, n.body, n.tail_start, n.tail_share, n.tail_shape, n.tail_scale,
            n.scores
        FROM cycle_finding f JOIN reporting_cycle c USING (cycle_id) JOIN calibration n USING (calibration_id)"""
    )
    assert len(rows) >= 4
    for score, p_value, asked, score_asked, body, *tail, count in rows:
        null = Null(body, Tail(*tail), count)
        assert null.p_values(np.array([score]))[0] == p_value
        assert p_value <= asked
        assert score >= score_asked or p_value == pytest.approx(asked)


def test_a_device_is_well_again_when_its_score_is_and_may_be_confirmed_once_more(
    desk: SmallDesk, ids: list[int]
) -> None:
    for cycle in range(1, CYCLES + 1):
        put(desk, ids, cycle, {0: 35.0} if cycle in (CYCLES - 4, CYCLES - 3, CYCLES - 1, CYCLES) else {0: 0.0})
    with connect(desk.dsn, Role.WORK) as connection:
        decide_cycles(connection, METER, NOW)
    ended = desk.rows("SELECT ended_at FROM cycle_finding WHERE cycle_before_id IS NOT NULL AND device_id = %s", ids[0])
    assert set(ended) == {(end_of(CYCLES - 2),), (None,)}
    assert len(ended) == 2


def test_a_finding_without_a_symptom_ends_so_that_its_device_is_asked_again(desk: SmallDesk, ids: list[int]) -> None:
    for cycle in range(1, CYCLES + 1):
        put(desk, ids, cycle, {0: 35.0} if cycle >= CYCLES - 1 else None)
    sweep(desk.work, NOW)
    assert desk.value("SELECT count(*) FROM cycle_finding WHERE cycle_before_id IS NOT NULL AND ended_at IS NULL") == 0


def test_what_a_cycle_has_confirmed_stays_so_when_its_readings_are_taken_in_again(
    desk: SmallDesk, ids: list[int]
) -> None:
    for cycle in range(1, CYCLES + 1):
        put(desk, ids, cycle, {0: 35.0} if cycle >= CYCLES - 1 else None)
    notice(desk, ids[0])
    sweep(desk.work, NOW)
    notice(desk, ids[0])
    assert symptoms(desk) == [(ids[0], "confirmed", True)]
    notice(desk, ids[0], "healed")
    assert symptoms(desk) == [(ids[0], "healed", True)]


def test_a_score_that_comes_for_a_decided_cycle_changes_nothing(desk: SmallDesk, ids: list[int]) -> None:
    for cycle in range(1, CYCLES + 1):
        put(desk, ids, cycle)
    sweep(desk.work, NOW)
    before = desk.rows("SELECT * FROM device_score ORDER BY 3, 4")
    put(desk, ids, CYCLES, {0: 39.0})
    put(desk, ids, CYCLES - 20)
    assert desk.rows("SELECT * FROM device_score ORDER BY 3, 4") == before


def test_scores_are_dropped_when_no_null_needs_them(desk: SmallDesk, ids: list[int]) -> None:
    for cycle in range(1, 13):
        put(desk, ids[:50], cycle)
    sweep(desk.work, end_of(12) + SETTLING)
    assert desk.value("SELECT min(ends_at) FROM device_score") == end_of(12 - 7)


def test_a_cycle_waits_until_it_has_settled(desk: SmallDesk, ids: list[int]) -> None:
    put(desk, ids, 1)
    sweep(desk.work, end_of(1) + SETTLING - timedelta(seconds=1))
    assert cycles(desk) == []
    sweep(desk.work, end_of(1) + SETTLING)
    assert cycles(desk) == [(end_of(1), 0, 0)]


def battery(name: str, days: int) -> list[Message]:
    """Readings of a battery that is flat for a month and then a little lower."""
    chance = random.Random(name)
    messages = []
    for quarter in range(4 * days):
        at = START + quarter * timedelta(hours=6)
        volts = round(3.6 - 0.06 * (quarter >= 4 * 32) + 0.005 * chance.gauss(0, 1), 4)
        messages.append(Message(topic(name), telemetry(quarter, sample(at, battery_v=volts)), at, (1, 0)))
    return messages


def test_scores_come_from_readings_and_their_order_does_not_matter(desk: SmallDesk) -> None:
    enrol_meters(desk, ["in-order", "mixed-up"])
    desk.admin.execute("UPDATE device SET serial = 'x' WHERE name = 'mixed-up'")
    messages = battery("in-order", 44)
    mixed = [Message(topic("mixed-up"), each.payload, each.received_at, each.receipt) for each in messages]
    # Within the horizon of three days: blocks of two days come turned round, and some come twice.
    for begin in range(0, len(mixed), 8):
        mixed[begin : begin + 8] = [*reversed(mixed[begin : begin + 8])]
    worker = new_worker(desk)
    for begin in range(0, len(messages), 5):
        worker.take([*messages[begin : begin + 5], *mixed[begin : begin + 5], *mixed[begin : begin + 2]])
    worker.close()
    said = {
        name: desk.rows(
            "SELECT s.ends_at, s.score FROM device_score s JOIN device d USING (device_id) WHERE d.name = %s ORDER BY 1",
            name,
        )
        for name in ("in-order", "mixed-up")
    }
    assert said["in-order"] == said["mixed-up"]
    ends, scores = zip(*said["in-order"], strict=True)
    assert list(ends) == [START + (22 + day) * DAY for day in range(len(ends))]
    assert scores[9] < 4
    assert scores[-1] > 8
    pending = desk.rows(
        "SELECT d.name, s.state FROM symptom s JOIN device d USING (device_id) WHERE monitor = %s", MONITOR
    )
    assert sorted(pending) == [("in-order", "pending"), ("mixed-up", "pending")]


def test_other_tenants_scores_and_findings_are_not_seen_by_pages(desk: SmallDesk, ids: list[int]) -> None:
    put(desk, ids[:10], 1)
    with connect(desk.dsn, Role.SERVE) as connection, connection.transaction():
        connection.execute("SELECT set_config('callout.tenant', '0', true)")
        assert connection.execute("SELECT count(*) FROM device_score").fetchone() == (0,)
