"""Old readings go, and nothing that a request, a symptom or a detector still needs goes with them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg.errors import InsufficientPrivilege

from devices.products import product_type, product_types
from gateway.forgetting import Forgetting
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage import retention
from gateway.storage.connection import Role, connect
from gateway.storage.hours import roll_up
from gateway.storage.retention import held
from gateway.sweep import sweep
from tests.fakes.source import ListSource
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

EV = product_type("electric_vehicle")
NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)
KEEP = 100
# In the middle of a month, so that months and days are told apart whatever day it is today.
OLD = (NOW - 160 * DAY).replace(day=10, hour=2)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    opened.vehicle("ev-2")
    yield opened
    opened.close()


@pytest.fixture
def worker(desk: SmallDesk) -> Iterator[Worker]:
    made = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    yield made
    made.close()


def live(worker: Worker, device: str, times: Sequence[datetime]) -> None:
    """Readings that came when they were taken, one a message."""
    for at in times:
        seq = int(at.timestamp())
        worker.take(
            [Message(topic(device), telemetry(seq, sample(at, soc_pct=50.0, cell_voltages_v=[3.7] * 20)), at, (1, seq))]
        )


def a_life(worker: Worker, device: str) -> None:
    """Four readings on each of three old days, and the last day's: detectors need none of the old ones."""
    live(worker, device, [OLD + day * DAY + hour * timedelta(hours=5) for day in range(3) for hour in range(4)])
    live(worker, device, [NOW - hour * timedelta(hours=5) for hour in range(4, -1, -1)])


def settle(desk: SmallDesk) -> None:
    """As after the next checkpoint and the next sweep: detectors have seen all, and hours are rolled up."""
    desk.admin.execute("UPDATE ingest_partition SET settled_ingest_no = last_ingest_no")
    desk.admin.execute(
        """INSERT INTO detector_checkpoint (partition, product, last_ingest_no, state, saved_at)
        SELECT partition, 'electric_vehicle', last_ingest_no, '', now() FROM ingest_partition
        ON CONFLICT (partition, product) DO UPDATE SET last_ingest_no = EXCLUDED.last_ingest_no"""
    )
    with desk.work.transaction():
        while roll_up(desk.work, EV):
            pass


def forget(desk: SmallDesk, now: datetime = NOW, keep_days: int = KEEP) -> int:
    """Go on until there is nothing to be done within the hour."""
    forgetting = Forgetting(keep_days)
    return sum(forgetting.go_on(desk.work, now) for _ in range(10))


def old_days(desk: SmallDesk) -> list[int]:
    """How many readings are left of each old day."""
    return [
        desk.value(
            "SELECT count(*) FROM electric_vehicle_reading WHERE claimed_at::date = %s", (OLD + day * DAY).date()
        )
        for day in range(3)
    ]


def pieces(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM reading_pieces('electric_vehicle_reading') WHERE ends_at < %s", NOW - DAY)


def open_request(desk: SmallDesk, device_id: int, since_at: datetime, closed_at: datetime | None = None) -> int:
    return desk.value(
        """WITH found AS (
            INSERT INTO diagnosis (tenant_id, device_id, component, verdict, hypotheses, symptom_ids, since_at,
                decided_received_at)
            VALUES (%(tenant)s, %(device)s, 'traction_battery', 'sure', %(none)s, '{}', %(since)s, %(since)s)
            RETURNING diagnosis_id)
        INSERT INTO service_request (tenant_id, device_id, owner_id, component, diagnosis_id, state, is_safety, severity,
            decided_received_at, opened_at, closed_at)
        SELECT %(tenant)s, %(device)s, owner_id, 'traction_battery', diagnosis_id, 'open', false, 'major', %(since)s,
            %(since)s, %(closed)s
        FROM found, device WHERE device_id = %(device)s RETURNING request_id""".replace(
            "%(tenant)s", str(desk.tenant_id)
        )
        .replace("%(device)s", str(device_id))
        .replace("%(none)s", "'[]'")
        .replace("%(since)s", f"'{since_at.isoformat()}'::timestamptz")
        .replace("%(closed)s", f"'{closed_at.isoformat()}'::timestamptz" if closed_at else "NULL")
    )


def test_old_readings_go_and_their_hours_and_the_newer_ones_stay(desk: SmallDesk, worker: Worker) -> None:
    a_life(worker, "ev-1")
    settle(desk)
    assert old_days(desk) == [4, 4, 4]
    assert forget(desk) == 12
    assert old_days(desk) == [0, 0, 0]
    assert desk.value("SELECT count(*) FROM electric_vehicle_reading") == 5
    assert desk.value("SELECT sum(samples) FROM electric_vehicle_hour") == 17
    assert pieces(desk) == 0


def test_for_ever_is_for_ever(desk: SmallDesk, worker: Worker) -> None:
    a_life(worker, "ev-1")
    settle(desk)
    assert forget(desk, keep_days=0) == 0
    assert old_days(desk) == [4, 4, 4]


def test_what_an_open_request_s_evidence_shows_stays_where_it_was(desk: SmallDesk, worker: Worker) -> None:
    for device in ("ev-1", "ev-2"):
        a_life(worker, device)
    settle(desk)
    device_id = desk.value("SELECT device_id FROM device WHERE name = 'ev-1'")
    # Its figures begin 35 % of its length before it: an open one of 500 days needs all that is there.
    since_at = OLD + 2 * DAY
    open_request(desk, device_id, since_at, closed_at=since_at + timedelta(hours=7))
    desk.admin.execute("UPDATE service_request SET closed_at = NULL")
    before = desk.rows(
        "SELECT * FROM electric_vehicle_reading WHERE device_id = %s AND claimed_at < %s ORDER BY 2",
        device_id,
        NOW - DAY,
    )
    assert forget(desk) == 12, "those of the other vehicle"
    after = desk.rows(
        "SELECT * FROM electric_vehicle_reading WHERE device_id = %s AND claimed_at < %s ORDER BY 2",
        device_id,
        NOW - DAY,
    )
    assert after == before
    assert pieces(desk) == 1, "what is left of a month lies in one piece"
    # Long after it was closed it goes too.
    desk.admin.execute("UPDATE service_request SET closed_at = now() - interval '91 days'")
    assert forget(desk, NOW + 2 * DAY) == 12
    assert old_days(desk) == [0, 0, 0]


def test_a_request_closed_lately_keeps_its_own_time_and_no_more(desk: SmallDesk, worker: Worker) -> None:
    a_life(worker, "ev-1")
    settle(desk)
    device_id = desk.value("SELECT device_id FROM device WHERE name = 'ev-1'")
    open_request(desk, device_id, NOW - 20 * DAY, closed_at=NOW - 10 * DAY)
    assert forget(desk) == 12


@pytest.mark.parametrize("state", ["pending", "confirmed", "healed"])
def test_a_symptom_that_is_not_healed_keeps_its_readings(desk: SmallDesk, worker: Worker, state: str) -> None:
    a_life(worker, "ev-1")
    settle(desk)
    symptom_id = desk.symptom(
        desk.value("SELECT device_id FROM device WHERE name = 'ev-1'"), "cell_leaves_pack", else_well=False
    )
    desk.admin.execute(
        "UPDATE symptom SET state = %s, since_at = %s WHERE symptom_id = %s", [state, OLD + 2 * DAY, symptom_id]
    )
    forget(desk)
    assert old_days(desk) == ([0, 0, 0] if state == "healed" else [4, 4, 4])


def test_a_quiet_device_keeps_what_its_detectors_would_take_in_again(desk: SmallDesk, worker: Worker) -> None:
    live(worker, "ev-1", [OLD + day * DAY + hour * timedelta(hours=5) for day in range(3) for hour in range(4)])
    live(worker, "ev-2", [NOW])
    settle(desk)
    anchor_at = desk.value("SELECT min(anchor_at) FROM detector_anchor")
    needed = desk.value(
        "SELECT count(*) FROM electric_vehicle_reading WHERE claimed_at BETWEEN %s AND %s", anchor_at, OLD + 3 * DAY
    )
    assert 0 < needed < 12
    assert forget(desk) == 12 - needed
    assert sum(old_days(desk)) == needed


def test_no_product_s_readings_may_be_later_than_what_is_kept_for_detectors() -> None:
    assert max(product.lateness_s for product in product_types().values()) <= 7 * 86_400


def test_a_recording_of_old_days_is_kept_as_long_as_what_is_received_today(desk: SmallDesk, worker: Worker) -> None:
    recorded = [sample(OLD + hour * timedelta(hours=5), soc_pct=50.0) for hour in range(4)]
    worker.take([Message(topic("ev-1"), telemetry(1, *recorded, backfill=True), NOW, (1, 1))])
    settle(desk)
    assert forget(desk) == 0
    assert old_days(desk)[0] == 4
    assert [(each.product, each.outcome) for each in held(desk.admin)] == [("electric_vehicle", "received_lately")]


def test_what_the_detectors_have_not_seen_stays_and_says_so(desk: SmallDesk, worker: Worker) -> None:
    a_life(worker, "ev-1")
    settle(desk)
    desk.admin.execute("UPDATE detector_checkpoint SET last_ingest_no = 0")
    assert forget(desk) == 0
    assert [(each.outcome, each.stretches) for each in held(desk.admin)] == [("not_seen", 3)]
    settle(desk)
    assert forget(desk, NOW + DAY) == 12
    assert not held(desk.admin)


def test_hours_that_are_not_rolled_up_yet_are_waited_for(desk: SmallDesk, worker: Worker) -> None:
    a_life(worker, "ev-1")
    settle(desk)
    desk.admin.execute("INSERT INTO rollup_due VALUES ('electric_vehicle', 1, %s)", [OLD])
    assert forget(desk) == 8
    assert [(each.outcome, each.stretches) for each in held(desk.admin)] == [("not_rolled_up", 1)]


def test_a_reading_that_comes_late_for_a_forgotten_hour_does_not_spoil_it(desk: SmallDesk, worker: Worker) -> None:
    live(worker, "ev-1", [OLD, OLD + timedelta(minutes=5)])
    live(worker, "ev-1", [NOW - DAY, NOW])
    settle(desk)
    assert forget(desk) == 2
    late = sample(OLD + timedelta(minutes=9), soc_pct=9.0)
    worker.take([Message(topic("ev-1"), telemetry(7, late, backfill=True), NOW, (1, 1))])
    settle(desk)
    assert desk.rows("SELECT samples, soc_pct_min FROM electric_vehicle_hour ORDER BY hour_at LIMIT 1") == [(2, 50.0)]
    assert old_days(desk)[0] == 1


def test_a_table_that_somebody_holds_is_left_for_the_next_sweep(desk: SmallDesk, worker: Worker) -> None:
    a_life(worker, "ev-1")
    settle(desk)
    with connect(desk.dsn, Role.ADMIN) as other, other.transaction():
        other.execute("SELECT count(*) FROM electric_vehicle_reading")
        assert Forgetting(KEEP).go_on(desk.work, NOW) == 0
    assert old_days(desk) == [4, 4, 4]
    assert forget(desk) == 12


def test_a_kept_reading_that_is_sent_again_is_absorbed(desk: SmallDesk, worker: Worker) -> None:
    a_life(worker, "ev-1")
    settle(desk)
    open_request(desk, desk.value("SELECT device_id FROM device WHERE name = 'ev-1'"), OLD + DAY)
    forget(desk)
    assert old_days(desk) == [4, 4, 4]
    live(worker, "ev-1", [OLD, OLD + DAY])
    assert old_days(desk) == [4, 4, 4]


def test_the_sweep_rolls_hours_up_and_then_forgets(desk: SmallDesk, worker: Worker) -> None:
    a_life(worker, "ev-1")
    desk.admin.execute("UPDATE ingest_partition SET settled_ingest_no = last_ingest_no")
    desk.admin.execute(
        """INSERT INTO detector_checkpoint (partition, product, last_ingest_no, state, saved_at)
        SELECT partition, 'electric_vehicle', last_ingest_no, '', now() FROM ingest_partition
        ON CONFLICT (partition, product) DO UPDATE SET last_ingest_no = EXCLUDED.last_ingest_no"""
    )
    sweep(desk.work, NOW, Forgetting(KEEP))
    assert old_days(desk) == [0, 0, 0]
    assert desk.value("SELECT sum(samples) FROM electric_vehicle_hour") == 17


# ------------------------------------------------------------------ hours


def forget_hours(desk: SmallDesk, now: datetime = NOW, keep_days: int = KEEP, keep_hours_days: int = KEEP) -> int:
    """One whole round over all devices."""
    forgetting = Forgetting(keep_days, keep_hours_days)
    return sum(forgetting.hours_go_on(desk.work, now) for _ in range(10))


def hours_left(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT device_id, count(*) FROM electric_vehicle_hour WHERE hour_at < %s GROUP BY 1 ORDER BY 1",
        NOW - KEEP * DAY,
    )


def test_old_hours_go_and_those_of_readings_that_are_kept_stay(desk: SmallDesk, worker: Worker) -> None:
    a_life(worker, "ev-1")
    settle(desk)
    ((device_id, count),) = hours_left(desk)
    assert count == 12
    assert forget_hours(desk, keep_hours_days=1000) == 0
    assert forget_hours(desk, keep_days=1000) == 0, "hours are never kept for a shorter time than readings"
    assert forget_hours(desk, keep_hours_days=0) == 0
    assert forget_hours(desk, keep_days=0) == 0, "readings for ever are hours for ever"
    assert forget_hours(desk) == 12
    assert hours_left(desk) == []
    assert desk.value("SELECT count(*) FROM electric_vehicle_hour WHERE device_id = %s", device_id) == 5
    # A round later there is nothing to do, and before a day is over nobody looks.
    assert forget_hours(desk) == 0


def test_hours_that_an_open_request_stands_on_stay_until_it_is_over(desk: SmallDesk, worker: Worker) -> None:
    a_life(worker, "ev-1")
    a_life(worker, "ev-2")
    settle(desk)
    (first, _), _ = hours_left(desk)
    request_id = open_request(desk, int(str(first)), OLD + DAY)
    assert forget_hours(desk) > 0
    ((kept_of, kept),) = hours_left(desk)
    assert kept_of == first
    needed = desk.value(
        "SELECT count(*) FROM electric_vehicle_hour WHERE device_id = %s AND hour_at >= %s AND hour_at < %s",
        first,
        OLD + DAY - timedelta(hours=6),
        NOW - KEEP * DAY,
    )
    assert kept >= needed >= 8
    desk.admin.execute(
        "UPDATE service_request SET state = 'cancelled', closed_at = %s WHERE request_id = %s",
        [NOW - 95 * DAY, request_id],
    )
    forget_hours(desk)
    assert hours_left(desk) == []


def test_hours_go_in_bounded_pieces_and_every_device_is_come_to(
    desk: SmallDesk, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_life(worker, "ev-1")
    a_life(worker, "ev-2")
    settle(desk)
    monkeypatch.setattr(retention, "_HOURS_AT_A_TIME", 5)
    monkeypatch.setattr(retention, "_DEVICES_AT_A_TIME", 1)
    forgetting = Forgetting(KEEP, KEEP)
    assert [forgetting.hours_go_on(desk.work, NOW) for _ in range(8)] == [5, 5, 2, 5, 5, 2, 0, 0]
    assert hours_left(desk) == []
    live(worker, "ev-1", [OLD + timedelta(hours=1)])
    settle(desk)
    assert forgetting.hours_go_on(desk.work, NOW + timedelta(hours=23)) == 0
    assert forgetting.hours_go_on(desk.work, NOW + DAY) == 1


def test_the_sweep_forgets_hours_and_nobody_deletes_one_in_another_way(desk: SmallDesk, worker: Worker) -> None:
    a_life(worker, "ev-1")
    settle(desk)
    sweep(desk.work, NOW, Forgetting(KEEP, KEEP))
    assert hours_left(desk) == []
    with pytest.raises(InsufficientPrivilege):
        desk.work.execute("DELETE FROM electric_vehicle_hour")
