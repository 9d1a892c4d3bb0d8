"""Modes of devices through the real worker: told in event time, the same in any order, and never a request."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import journey
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.fakes.source import ListSource, message
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=12)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    opened.meter("m-1")
    yield opened
    opened.close()


def event(device: str, seq: int, at: datetime, *codes: str) -> Message:
    body = {"schema": "callout.event/1", "boot": 1, "seq": seq, "at": at.isoformat(), "codes": codes}
    return message(topic(device, "event"), json.dumps(body).encode())


def story() -> list[Message]:
    """A vehicle that is updated in its third hour, 12 V and a cell away from then on; a meter in an outage of five hours."""
    told: list[Message] = []
    for step in range(66):
        at = START + 10 * MINUTE * step
        is_updating = 18 <= step < 30
        cells: list[float | None] = [3.7] * 8
        if 19 <= step < 60:
            cells[2] = None
        values = {"is_updating": is_updating, "low_voltage_v": 11.0 if 19 <= step < 29 else 13.4}
        told.append(message(topic("ev-1"), telemetry(step, sample(at, cell_voltages_v=cells, **values))))
        low = 190.0 if 13 <= step < 40 else 230.0
        told.append(message(topic("m-1"), telemetry(2 * step, sample(at, voltages_v=[low, low, low]))))
        if step in {12, 42}:
            told.append(event("m-1", 2 * step + 1, at, "POWER_FAILURE" if step == 12 else "POWER_RETURNED"))
    return told


def run(desk: SmallDesk, messages: list[Message]) -> list[tuple[object, ...]]:
    desk.admin.execute(
        """TRUNCATE symptom, electric_vehicle_reading, smart_meter_reading, detector_checkpoint, detector_anchor,
        rollup_due, attention, jobs.procrastinate_jobs CASCADE"""
    )
    desk.admin.execute("UPDATE ingest_partition SET last_ingest_no = 0, settled_ingest_no = 0")
    worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    for start in range(0, len(messages), 9):
        worker.take(messages[start : start + 9])
    worker.close()
    return desk.rows(
        """SELECT device_id, monitor, element, state, since_at, confirmed_at, healed_at, value, text_value
        FROM symptom WHERE state <> 'withdrawn' ORDER BY device_id, monitor, element, since_at"""
    )


def diagnosed(desk: SmallDesk) -> list[tuple[object, ...]]:
    """Do the diagnoses that ingest has handed on, and return what opened and what is quiet."""
    wanted = desk.rows("SELECT DISTINCT args ->> 'device_id', args ->> 'component' FROM jobs.procrastinate_jobs")
    for device_id, component in wanted:
        with tenant_transaction(desk.work, desk.tenant_id):
            journey.diagnose(desk.work, device_id=int(device_id), component=component, now=datetime.now(UTC))
    assert desk.rows("SELECT component FROM service_request") == []
    return desk.rows("SELECT monitor, element, state, mode FROM attention ORDER BY 1, 2")


def test_modes_are_told_beside_the_symptoms_that_they_explain(desk: SmallDesk) -> None:
    found = {(row[1], row[3]) for row in run(desk, story())}
    assert {("updating", "healed"), ("mains_outage", "healed"), ("voltage_low", "confirmed")} <= found
    assert {("cells_missing", "confirmed"), ("low_voltage_low", "healed")} <= found


def test_what_came_in_a_mode_opens_no_request_and_is_kept_as_such(desk: SmallDesk) -> None:
    run(desk, story())
    assert {("cells_missing", 0, "suppressed", "updating"), ("voltage_low", 1, "suppressed", "mains_outage")} <= set(
        diagnosed(desk)
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_in_any_order_symptoms_modes_and_what_is_quiet_are_the_same(desk: SmallDesk, seed: int) -> None:
    ordered = run(desk, story()), diagnosed(desk)
    chance = random.Random(seed)
    # Thirteen messages an hour, and six hours are the vehicle's horizon: nothing is later than five.
    places = [(index + chance.uniform(0, 60), each) for index, each in enumerate(story()) for _ in range(1 + index % 2)]
    mixed = [each for _, each in sorted(places, key=lambda pair: pair[0])]
    assert (run(desk, mixed), diagnosed(desk)) == ordered
