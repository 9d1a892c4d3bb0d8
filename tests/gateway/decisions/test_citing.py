"""A decision that rests on reporting cycles is made again from the device's own readings and what was published."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.decisions.calibrating import SETTLING
from gateway.decisions.replaying import Replayed, replay
from gateway.ingest.source import Message
from gateway.storage import receipts
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.storage.scores import ScoreRows, keep_scores
from gateway.sweep import sweep
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic
from tests.gateway.metering import enrol_meters, new_worker
from tests.gateway.week import work

MONITOR = "battery_shifted"
DAY = timedelta(days=1)
START = datetime(2026, 9, 1, tzinfo=UTC)
NEIGHBOURS, FLAT, DAYS = 1_600, 33, 48
# The first day with a score is that on which a meter has been learned.
LEARNED = 22


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def battery(name: str, seed: int) -> list[Message]:
    """What a meter says whose battery is flat for a month and then a little lower: some of it late, some twice."""
    chance = random.Random(seed)
    heard: list[Message] = []
    for quarter in range(4 * DAYS):
        at = START + quarter * timedelta(hours=6)
        volts = round(3.6 - 0.05 * (quarter >= 4 * FLAT) + 0.005 * chance.gauss(0, 1), 4)
        message = Message(topic(name), telemetry(quarter, sample(at, battery_v=volts)), at, (1, 0))
        # Also later than the cycle that it belongs to was decided.
        late = at + timedelta(hours=chance.choice([0] * 12 + [5, 30, 60]))
        heard.append(Message(message.topic, message.payload, late, message.receipt))
        if chance.random() < 0.1:
            heard.append(Message(message.topic, message.payload, late + timedelta(hours=7), message.receipt))
    return sorted(heard, key=lambda each: each.received_at)


def live(desk: SmallDesk, names: list[str]) -> None:
    """Let some meters speak for weeks while all others are well, with a sweep and the diagnoses that it asks for each day."""
    enrol_meters(desk, [f"n-{number}" for number in range(NEIGHBOURS)])
    neighbours = [row[0] for row in desk.rows("SELECT device_id FROM device WHERE name LIKE 'n-%%' ORDER BY device_id")]
    heard = sorted((each for row, name in enumerate(names) for each in battery(name, row)), key=lambda m: m.received_at)
    worker = new_worker(desk)
    for day in range(1, DAYS + 1):
        now = START + day * DAY
        while heard and heard[0].received_at < now + SETTLING:
            batch = [each for each in heard[:7] if each.received_at < now + SETTLING]
            worker.take(batch)
            heard = heard[len(batch) :]
        if day >= LEARNED:
            put(desk, neighbours, now)
        if day % 9 == 0:
            worker.close()
            worker = new_worker(desk)
        sweep(desk.work, now + SETTLING)
        work(desk, now + SETTLING)
    worker.close()


def put(desk: SmallDesk, ids: list[int], ends_at: datetime) -> None:
    """Let those who are well have the scores of chance."""
    scores = np.random.default_rng(ends_at.day).exponential(1.2, len(ids)).tolist()
    ends, count = [ends_at] * len(ids), len(ids)
    with connect(desk.dsn, Role.INGEST) as connection:
        rows = ScoreRows([MONITOR] * count, ends, ids, [0] * count, scores, ends, ends, [False] * count)
        keep_scores(connection, "smart_meter", rows)


def again(desk: SmallDesk) -> list[Replayed]:
    with tenant_transaction(desk.work, desk.tenant_id):
        return replay(desk.work, receipts.decisions_after(desk.work, 0, 1000))


def cited(desk: SmallDesk) -> list[dict[str, Any]]:
    found = desk.rows("SELECT convert_from(receipt, 'UTF8') FROM decision_receipt ORDER BY decision_id")
    return [each for (written,) in found for each in json.loads(written)["calibration"]]


def differing(desk: SmallDesk) -> set[str]:
    return {each.path for found in again(desk) for each in found.differences}


def test_a_decision_by_reporting_cycles_is_made_again_from_the_device_alone_and_what_was_changed_is_noticed(
    desk: SmallDesk,
) -> None:
    names = ["low-1", "low-2", "low-3"]
    enrol_meters(desk, names)
    live(desk, names)
    # What the others said is gone: nothing of it is needed.
    desk.admin.execute("DELETE FROM device_score")
    found = again(desk)
    assert [each.differences for each in found] == [[]] * len(found)
    citations = cited(desk)
    assert len(citations) >= len(names)
    for each in citations:
        before, this = each["cycles"]
        assert datetime.fromisoformat(this["ends_at"]) - datetime.fromisoformat(before["ends_at"]) == DAY
        assert before["is_passed"]
        assert this["is_passed"]
        assert this["p_value"] <= this["threshold"]["p_value"] < 0.01
        assert this["score"] >= this["threshold"]["score"]
        assert this["family"] > NEIGHBOURS
    stretches = [json.loads(row[0]) for row in desk.rows("SELECT convert_from(receipt, 'UTF8') FROM decision_receipt")]
    assert all(each["state_before_sha256"] for told in stretches for each in told["readings"]), "kept states, no life"

    first = citations[0]["cycles"][1]["ends_at"]
    desk.admin.execute("UPDATE reporting_cycle SET p_value = p_value * 1.5 WHERE ends_at = %s", [first])
    assert "calibration[0].cycles[1].threshold.p_value" in differing(desk)
    desk.admin.execute("UPDATE reporting_cycle SET p_value = p_value / 1.5 * 1e-9 WHERE ends_at = %s", [first])
    assert {"calibration[0].cycles[1].is_passed", "verdict", "outcome.kind"} <= differing(desk)
    desk.admin.execute("UPDATE reporting_cycle SET p_value = p_value * 1e9 WHERE ends_at = %s", [first])

    version = citations[0]["cycles"][1]["calibration"]["version"]
    desk.admin.execute("UPDATE calibration SET tail_scale = tail_scale * 1.01 WHERE version = %s", [version])
    paths = differing(desk)
    assert f"published.{MONITOR}.{version}.tail.scale" in paths
    assert {"calibration[0].cycles[1].calibration.sha256", "calibration[0].cycles[1].p_value"} <= paths
