"""Every decision is made again from what is stored, bit for bit; and whatever was changed since is noticed."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from devices.monitors import Limit
from devices.product import ProductType
from devices.products import product_type
from gateway.decisions import shelving
from gateway.decisions.gathering import SETTLING, gather
from gateway.decisions.replaying import Replayed, replay
from gateway.forgetting import Forgetting
from gateway.ingest.source import Message
from gateway.planner import Done
from gateway.storage import receipts
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic
from tests.gateway.metering import new_worker, reading
from tests.gateway.week import Street, live, messages, work

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
BEGINS_AT = TODAY - timedelta(days=9)
WEEK = timedelta(days=7)
VEHICLES = Street(
    "electric_vehicle",
    6,
    begins_before=timedelta(),
    cadence=timedelta(minutes=4),
    samples_per_message=15,
    latest=timedelta(hours=4),
    faults={
        0: ("internal_short", 4.5),
        1: ("insulation_breakdown", 24.0),
        2: ("tyre_leak", 80.0),
        3: ("thermal_event", 105.0),
        4: ("dcdc_failure", 1.5),
        5: ("coolant_pump", 75.0),
    },
)
METERS = Street(
    "smart_meter",
    12,
    begins_before=timedelta(days=28),
    cadence=timedelta(hours=1),
    samples_per_message=12,
    latest=timedelta(days=2),
    faults={
        0: ("water_leak", 6.0),
        1: ("water_rollback", 5000.0),
        2: ("water_burst", 500.0),
        3: ("contact_heating", 110.0),
        4: ("lost_neutral", 0.4),
        5: ("tamper", 1.0),
        6: ("gas_valve_leak", 40.0),
        7: ("electricity_jump", 2e6),
        8: ("bus_dead", 1.0),
        9: ("backflow", 6.0),
    },
)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def again(desk: SmallDesk) -> list[Replayed]:
    with tenant_transaction(desk.work, desk.tenant_id):
        return replay(desk.work, receipts.decisions_after(desk.work, 0, 100_000))


def outcomes(desk: SmallDesk) -> Counter[str]:
    return Counter(row[0] for row in desk.rows("SELECT outcome FROM decision_receipt"))


def paths(found: Sequence[Replayed]) -> list[str]:
    return [each.path for replayed in found for each in replayed.differences]


# ------------------------------------------------------------------ a week


@pytest.mark.slow
def test_every_decision_of_a_week_of_vehicles_is_made_again(desk: SmallDesk) -> None:
    for name in VEHICLES.names:
        desk.vehicle(name)
    live(desk, messages(VEHICLES, BEGINS_AT, BEGINS_AT + WEEK, 5), timedelta(minutes=30))
    found = again(desk)
    assert {"request", "safety_case", "amended"} <= outcomes(desk).keys()
    assert len(found) == outcomes(desk).total() > 5
    assert [each.differences for each in found] == [[]] * len(found)


@pytest.mark.slow
def test_every_decision_of_a_week_of_meters_is_made_again(desk: SmallDesk) -> None:
    for name in METERS.names:
        desk.meter(name)
    live(desk, messages(METERS, BEGINS_AT, BEGINS_AT + WEEK, 6), timedelta(hours=2))
    found = again(desk)
    assert {"request", "safety_case", "case", "amended", "nothing"} <= outcomes(desk).keys()
    assert [each.differences for each in found] == [[]] * len(found)


def test_a_silence_is_found_again_by_the_ticks_that_were_kept(desk: SmallDesk) -> None:
    device_id = desk.meter("m-1")
    worker = new_worker(desk)
    worker.take([reading("m-1", BEGINS_AT)])
    for minute in range(0, 25 * 60, 2):
        worker.tick(BEGINS_AT + timedelta(minutes=minute))
    worker.close()
    now = BEGINS_AT + timedelta(hours=25)
    with tenant_transaction(desk.work, desk.tenant_id):
        gather(desk.work, now + SETTLING)
    work(desk, now + SETTLING)
    # The ticks go in time; the receipt has its own.
    desk.admin.execute("DELETE FROM server_tick")
    (found,) = again(desk)
    assert found.differences == []
    told = json.loads(desk.value("SELECT convert_from(receipt, 'UTF8') FROM decision_receipt"))
    assert told["device"]["device_id"] == device_id
    assert [(each["monitor"], each["since_at"][:13]) for each in told["symptoms"]] == [
        ("silent", f"{BEGINS_AT:%Y-%m-%dT%H}")
    ]
    assert told["ticks_sha256"] is not None


def test_a_code_that_comes_before_the_telemetry_of_the_span_before_loses_none_of_it(desk: SmallDesk) -> None:
    """An anchor is left when the code enters a span; a tyre that was soft before must still be known there."""
    desk.vehicle("ev-1")
    heard: list[Message] = []
    for first in range(0, 390, 30):
        minutes = range(first, first + 30)
        samples = [
            sample(
                BEGINS_AT + timedelta(minutes=minute), tyre_pressures_kpa=[250, 250, 250, 150 if minute > 349 else 250]
            )
            for minute in minutes
        ]
        comes_at = BEGINS_AT + timedelta(minutes=362 if first == 330 else first + 30)
        heard.append(Message(topic("ev-1"), telemetry(first, *samples), comes_at, (1, first)))
    at = BEGINS_AT + timedelta(minutes=361)
    event = {"schema": "callout.event/1", "boot": 1, "seq": 9001, "at": at.isoformat(), "codes": ["P0AA6"]}
    heard.append(Message(topic("ev-1", "event"), json.dumps(event).encode(), at, (1, 9001)))
    live(desk, heard, timedelta(minutes=1))
    assert outcomes(desk) == {"safety_case": 1, "request": 1}
    assert [each.differences for each in again(desk)] == [[], []]


def test_what_was_put_aside_is_an_input_of_a_decision(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    rear_left, front_left = 390, 630
    heard = [
        Message(topic("ev-1"), telemetry(minute, sample(at, tyre_pressures_kpa=soft)), at, (1, minute))
        for minute in range(0, 900, 5)
        for at in [BEGINS_AT + timedelta(minutes=minute)]
        for soft in [[150 if minute > front_left else 250, 250, 150 if minute > rear_left else 250, 250]]
    ]
    live(desk, [each for each in heard if each.receipt[1] < front_left - 60], timedelta(minutes=30))
    ((monitor, element),) = desk.rows("SELECT monitor, element FROM symptom WHERE state = 'confirmed'")
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        done = shelving.shelve(
            connection,
            product_type("electric_vehicle"),
            device_id,
            (monitor, element),
            lasts=timedelta(days=1),
            staff_id=desk.value("SELECT staff_id FROM staff WHERE tenant_id = %s", desk.tenant_id),
            reason="The tyre is changed on Friday",
            now=BEGINS_AT + timedelta(minutes=front_left - 60),
        )
    assert isinstance(done, Done)
    live(desk, [each for each in heard if each.receipt[1] >= front_left - 60], timedelta(minutes=30))
    last = json.loads(
        desk.rows("SELECT convert_from(receipt, 'UTF8') FROM decision_receipt ORDER BY decision_id")[-1][0]
    )
    assert [(each["monitor"], each["element"]) for each in last["quiet"]] == [(monitor, element)]
    assert element not in [each["element"] for each in last["symptoms"]]
    found = again(desk)
    assert len(found) > 1
    assert [each.differences for each in found] == [[]] * len(found)


def test_a_monitor_that_was_put_aside_while_it_was_quiet_speaks_for_nothing_and_that_is_an_input_too(
    desk: SmallDesk,
) -> None:
    device_id = desk.vehicle("ev-1")
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        done = shelving.shelve(
            connection,
            product_type("electric_vehicle"),
            device_id,
            ("cell_leaves_pack", 3),
            lasts=None,
            staff_id=desk.value("SELECT staff_id FROM staff WHERE tenant_id = %s", desk.tenant_id),
            reason="Its line is known to be broken",
            now=BEGINS_AT - timedelta(days=1),
        )
    assert isinstance(done, Done)
    overheat(desk, device_id=device_id, cell_voltages_v=[3.7] * 8)
    told = [json.loads(row[0]) for row in desk.rows("SELECT convert_from(receipt, 'UTF8') FROM decision_receipt")]
    about = [each for each in told if each["component"] == "traction_battery"]
    assert about
    assert {tuple(each["unheard"]) for each in about} == {("cell_leaves_pack",)}
    assert not any("cell_leaves_pack" in each["well"] for each in about)
    assert any(each["well"] for each in about)
    assert [each.differences for each in again(desk)] == [[]] * len(told)


# ------------------------------------------------------------------ what was changed is noticed


def overheat(
    desk: SmallDesk, begins_at: datetime = BEGINS_AT, device_id: int | None = None, **more: list[float]
) -> int:
    """A probe that is too hot for five minutes: a safety case, decided once."""
    device_id = device_id or desk.vehicle("ev-1")
    degrees = [25.0] * 10 + [95.0] * 10
    heard = [
        Message(
            topic("ev-1"),
            telemetry(minute, sample(at, probe_temps_degc=[degree, 25.0], soc_pct=50.0, **more)),
            at,
            (1, minute),
        )
        for minute, degree in enumerate(degrees)
        for at in [begins_at + timedelta(minutes=minute)]
    ]
    live(desk, heard, timedelta(minutes=30))
    assert [each.differences for each in again(desk)] == [[]]
    assert outcomes(desk) == {"safety_case": 1}
    return device_id


def test_a_reading_that_was_changed_is_noticed_even_where_it_decides_nothing(desk: SmallDesk) -> None:
    overheat(desk)
    desk.admin.execute("UPDATE electric_vehicle_reading SET soc_pct = 51 WHERE claimed_at = %s", [BEGINS_AT])
    assert paths(again(desk)) == ["readings[0].rows_sha256"]


def test_a_reading_that_was_changed_shows_in_what_it_decides(desk: SmallDesk) -> None:
    overheat(desk)
    desk.admin.execute(
        "UPDATE electric_vehicle_reading SET probe_temps_degc = '{25,25}' WHERE probe_temps_degc[1] > 90"
    )
    assert {"readings[0].rows_sha256", "verdict", "outcome.kind", "confidence"} <= set(paths(again(desk)))


def test_readings_that_are_missing_are_counted(desk: SmallDesk) -> None:
    overheat(desk)
    desk.admin.execute("DELETE FROM electric_vehicle_reading WHERE claimed_at < %s", [BEGINS_AT + timedelta(minutes=3)])
    (found,) = again(desk)
    missing = next(each for each in found.differences if each.path == "readings[0].rows")
    assert (missing.recorded, missing.recomputed) == (20, 17)


def test_other_rules_are_named_with_the_value_that_was_changed(desk: SmallDesk) -> None:
    overheat(desk)
    real = product_type("electric_vehicle")

    def changed(name: str) -> ProductType:
        assert name == real.name
        monitors = [
            replace(each, limit=each.limit + 1) if isinstance(each, Limit) and each.name == "battery_hot" else each
            for each in real.monitors
        ]
        return replace(real, monitors=monitors)

    with tenant_transaction(desk.work, desk.tenant_id):
        (found,) = replay(desk.work, receipts.decisions_after(desk.work, 0, 10), changed)
    first = found.differences[0]
    assert first.path == "rules.monitors.battery_hot.limit"
    assert first.recomputed == first.recorded + 1  # type: ignore[operator]
    assert "rules_sha256" in paths([found])


def test_another_wording_is_no_other_rule(desk: SmallDesk) -> None:
    overheat(desk)
    real = product_type("electric_vehicle")
    reworded = replace(real, monitors=[replace(each, title="In other words") for each in real.monitors])
    with tenant_transaction(desk.work, desk.tenant_id):
        (found,) = replay(desk.work, receipts.decisions_after(desk.work, 0, 10), lambda _: reworded)
    assert found.differences == []


def test_a_receipt_cannot_be_changed_and_one_that_was_is_noticed(desk: SmallDesk) -> None:
    overheat(desk)
    forged = "convert_to(replace(convert_from(receipt, 'UTF8'), '\"safety\"', '\"sure\"'), 'UTF8')"
    with pytest.raises(psycopg.errors.CheckViolation, match="receipt_is_what_its_hash_says"):
        desk.admin.execute(f"UPDATE decision_receipt SET receipt = {forged}")  # type: ignore[arg-type]
    desk.admin.execute(f"UPDATE decision_receipt SET receipt = {forged}, sha256 = sha256({forged})")  # type: ignore[arg-type]
    assert {"verdict", "outcome.case.queue"} <= set(paths(again(desk)))
    desk.admin.execute("ALTER TABLE decision_receipt DROP CONSTRAINT receipt_is_what_its_hash_says")
    desk.admin.execute("UPDATE decision_receipt SET receipt = 'no JSON'")
    assert paths(again(desk)) == ["receipt"]


@pytest.mark.parametrize("role", [Role.INGEST, Role.WORK, Role.SERVE])
@pytest.mark.parametrize("table", ["decision_receipt", "receipt_stretch", "kept_content"])
def test_no_process_may_change_or_delete_what_a_receipt_is_made_of(desk: SmallDesk, role: Role, table: str) -> None:
    with connect(desk.dsn, role) as connection:
        for statement in (
            f"DELETE FROM {table}",
            f"UPDATE {table} SET kept_at = now()" if table == "kept_content" else f"UPDATE {table} SET device_id = 1",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[arg-type]


def test_a_symptom_of_before_receipts_is_told_and_not_invented(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, "cell_leaves_pack", 81)
    with tenant_transaction(desk.work, desk.tenant_id):
        from gateway import journey

        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=BEGINS_AT)
    assert "symptoms[0]" in paths(again(desk))


# ------------------------------------------------------------------ retention


def test_what_a_receipt_stands_on_is_never_forgotten(desk: SmallDesk) -> None:
    old_at = (TODAY - timedelta(days=500)).replace(day=10)
    device_id = overheat(desk, old_at)
    # All is over for long: no open symptom, fault, case or request, and the detectors have gone on.
    desk.admin.execute("UPDATE symptom SET state = 'healed'")
    desk.admin.execute("UPDATE fault SET closed_at = %s", [old_at])
    desk.admin.execute("UPDATE human_case SET closed_at = %s", [old_at])
    desk.admin.execute("UPDATE service_request SET state = 'cancelled', closed_at = %s", [old_at])
    desk.admin.execute(
        "INSERT INTO detector_anchor VALUES (%s, 'electric_vehicle', %s, '')", [device_id, TODAY - timedelta(days=1)]
    )
    desk.admin.execute("TRUNCATE rollup_due")
    desk.admin.execute("UPDATE ingest_partition SET settled_ingest_no = last_ingest_no")
    desk.admin.execute(
        """INSERT INTO detector_checkpoint SELECT partition, 'electric_vehicle', last_ingest_no, '', now() FROM ingest_partition
        ON CONFLICT (partition, product) DO UPDATE SET last_ingest_no = EXCLUDED.last_ingest_no"""
    )
    assert {
        row[0]
        for row in desk.rows("SELECT DISTINCT need FROM reading_need WHERE begins_at < %s", TODAY - timedelta(days=9))
    } == {"receipt"}
    for _ in range(5):
        Forgetting(100).go_on(desk.work, TODAY)
    assert [each.differences for each in again(desk)] == [[]]
    desk.admin.execute("TRUNCATE receipt_stretch")
    desk.admin.execute("TRUNCATE reading_retention")
    for _ in range(5):
        Forgetting(100).go_on(desk.work, TODAY)
    assert "readings[0].rows" in paths(again(desk)), "without the pin they would have gone"
