"""Migrations: applied once, in order, and never over a schema that this program does not know."""

import itertools
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.storage.connection import DatabaseUnreachableError, Role, connect
from gateway.storage.migrate import Migration, SchemaError, check_schema, migrate, migrations
from tests.conftest import BrokerForTests
from tests.gateway.desk import open_desk, sample, telemetry
from tests.gateway.ingest.test_mqtt import PASSWORD, Device, IngestProcess, count, identity, wait_until

NEXT = Migration(
    "9998_next",
    """ALTER TABLE electric_vehicle_reading ADD COLUMN next_pct real;
    ALTER TABLE device ADD COLUMN next text NOT NULL DEFAULT '';
    CREATE TABLE next_table AS SELECT count(*) AS readings FROM electric_vehicle_reading;
    SELECT pg_sleep(1);""",
    "0" * 64,
)


def test_an_empty_database_gets_every_migration_once(empty_database: str) -> None:
    assert migrate(empty_database) == [migration.name for migration in migrations()]
    assert migrate(empty_database) == []


def test_several_processes_may_migrate_at_once(empty_database: str) -> None:
    applied: list[str] = []
    threads = [threading.Thread(target=lambda: applied.extend(migrate(empty_database))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [migration.name for migration in migrations()]


def test_a_newer_schema_is_left_alone_with_a_message_that_says_the_next_move(database: str) -> None:
    with connect(database, Role.ADMIN) as connection:
        connection.execute("INSERT INTO schema_migration (name, checksum) VALUES ('9999_future', 'x')")
        for attempt in (lambda: migrate(database), lambda: check_schema(connection)):
            with pytest.raises(SchemaError, match="9999_future.*newer.*restore a backup"):
                attempt()


def test_an_edited_migration_is_noticed(database: str) -> None:
    with connect(database, Role.ADMIN) as connection:
        connection.execute("UPDATE schema_migration SET checksum = 'other' WHERE name = '0001_desk'")
    with pytest.raises(SchemaError, match="0001_desk was applied from another text"):
        migrate(database)


def test_a_process_on_an_empty_database_says_to_migrate_first(empty_database: str) -> None:
    with connect(empty_database, Role.ADMIN) as connection, pytest.raises(SchemaError, match="callout migrate"):
        check_schema(connection)


def test_every_role_can_check_the_schema(database: str) -> None:
    for role in Role:
        with connect(database, role) as connection:
            check_schema(connection)


def test_a_database_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(DatabaseUnreachableError, match=r"127\.0\.0\.1:1/callout does not answer") as refused:
        connect("postgresql://callout:s3cret@127.0.0.1:1/callout", Role.ADMIN)
    assert "s3cret" not in str(refused.value)


def test_a_migration_waits_for_seconds_lets_others_pass_and_says_who_holds_the_table(database: str) -> None:
    pauses: list[float] = []
    passed: list[int] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        # Whoever wants to read while the migration pauses does not wait behind it.
        with connect(database, Role.ADMIN) as other:
            other.execute("SET lock_timeout = '1s'")
            passed.extend(n for (n,) in other.execute("SELECT count(*) FROM device").fetchall())

    with connect(database, Role.ADMIN) as holder, holder.transaction():
        holder.execute("SELECT count(*) FROM device")
        with pytest.raises(
            SchemaError, match=r"9998_next could not get its locks in 3 tries.*process \d+ .*FROM device"
        ):
            migrate(database, wanted=[*migrations(), NEXT], pause=pause, tries=3)
    assert len(pauses) == 2
    assert passed == [0, 0]
    assert migrate(database, wanted=[*migrations(), NEXT]) == ["9998_next"]


# A desk as it was before there were mandates, prices, a ledger and calendars: with a date that its owner has confirmed.
BEFORE = """
    INSERT INTO tenant (name, title) VALUES ('acme', 'Acme');
    INSERT INTO owner (tenant_id, name, email) VALUES (1, 'Kim Min-jun', 'kim@example.org');
    INSERT INTO staff (tenant_id, name, email, role) VALUES (1, 'Park', 'park@example.org', 'planner');
    INSERT INTO service_centre (tenant_id, name, title, address, time_zone, latitude, longitude, hours)
        VALUES (1, 'seoul', 'Seoul', 'Seoul', 'Asia/Seoul', 37.5, 127.0, '{"mon": ["09:00", "18:00"]}');
    INSERT INTO bay (tenant_id, centre_id, name, skills) VALUES (1, 1, 'A', '{hoist}');
    INSERT INTO part (tenant_id, part_no, title) VALUES (1, 'EV-CELL-MODULE', 'Battery module');
    INSERT INTO stock_level (tenant_id, centre_id, part_no, on_hand) VALUES (1, 1, 'EV-CELL-MODULE', 3);
    INSERT INTO device (tenant_id, name, partition, product, serial, owner_id, warranty_until)
        VALUES (1, 'ev-1', 7, 'electric_vehicle', 'S-1', 1, '2030-01-01');
    INSERT INTO fault (tenant_id, device_id, component, code, since_at)
        VALUES (1, 1, 'battery', 'weak_cell', '2026-11-01T00:00Z');
    INSERT INTO diagnosis (tenant_id, device_id, component, verdict, hypotheses, symptom_ids, since_at, decided_received_at)
        VALUES (1, 1, 'battery', 'sure', '[]', '{}', '2026-11-01T00:00Z', '2026-11-01T00:00Z');
    INSERT INTO service_request (tenant_id, device_id, owner_id, component, fault_id, diagnosis_id, state, is_safety,
        severity, decided_received_at) VALUES (1, 1, 1, 'battery', 1, 1, 'confirmed', false, 'major', '2026-11-01T00:00Z');
    INSERT INTO reservation (tenant_id, request_id, centre_id, part_no, quantity) VALUES (1, 1, 1, 'EV-CELL-MODULE', 1);
    INSERT INTO offer (tenant_id, request_id, expires_at, closed_at, outcome)
        VALUES (1, 1, '2026-11-03T00:00Z', '2026-11-02T00:00Z', 'accepted');
    INSERT INTO booking (tenant_id, bay_id, request_id, offer_id, during, rank, kind)
        VALUES (1, 1, 1, 1, '[2027-01-04T01:00Z, 2027-01-04T04:00Z)', 1, 'booked');
    INSERT INTO appointment (tenant_id, request_id, booking_id, state, during)
        VALUES (1, 1, 1, 'confirmed', '[2027-01-04T01:00Z, 2027-01-04T04:00Z)');
    SELECT ensure_day('electric_vehicle_reading', '2026-11-01');
    INSERT INTO electric_vehicle_reading (device_id, claimed_at, boot, seq, sample, partition, ingest_no, received_at,
            is_backfill, soc_pct)
        SELECT 1, '2026-11-01T00:00:00Z'::timestamptz + n * interval '1 second', 1, n, 0, 7, n, now(), false, 50
        FROM generate_series(1, 500) n;
"""


@pytest.mark.parametrize("former", ["0013_reports", "0023_cycle_basis"])
def test_a_former_schema_with_a_desk_in_it_is_brought_to_the_present_one(empty_database: str, former: str) -> None:
    migrate(empty_database, wanted=[each for each in migrations() if each.name <= former])
    with connect(empty_database, Role.ADMIN) as connection:
        connection.execute(BEFORE)
    migrate(empty_database)
    with connect(empty_database, Role.ADMIN) as connection:
        assert connection.execute("SELECT count(*) FROM electric_vehicle_reading").fetchone() == (500,)
        stock = connection.execute("SELECT on_hand, allocated FROM stock_level").fetchall()
        assert stock == [(3, 1)], "what was there, and what was promised of it, is in the ledger"
        booked = connection.execute("SELECT state, lower(during) FROM appointment").fetchall()
        assert booked == [("confirmed", datetime(2027, 1, 4, 1, tzinfo=UTC))]
        clauses = connection.execute("SELECT clause FROM mandate_clause ORDER BY clause").fetchall()
        assert clauses == [("offer_dates",), ("report",), ("reserve_part",)], "no more than what was done already"
    with connect(empty_database, Role.INGEST) as connection:
        check_schema(connection)
        # A day of before and a day of after: both are written to.
        for day in ("2026-11-01", "2026-11-02"):
            connection.execute("SELECT ensure_day('electric_vehicle_reading', %s)", [day])


@pytest.mark.slow
def test_the_schema_changes_below_a_living_ingest_that_neither_loses_nor_doubles_a_reading(
    database: str, tmp_path: Path, broker: BrokerForTests
) -> None:
    desk = open_desk(database, tmp_path)
    desk.vehicle("ev-1")
    broker.add_account(identity().username, PASSWORD)
    ingest = IngestProcess(desk, broker, tmp_path / "ingest.log")
    device = Device(broker)
    is_over, numbers = threading.Event(), itertools.count()
    begins_at = datetime.now(UTC) - timedelta(days=1)

    def publish() -> None:
        while not is_over.wait(0.005):
            seq = next(numbers)
            device.publish(telemetry(seq, sample(begins_at + timedelta(seconds=seq), soc_pct=50.0)))

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        wait_until(lambda: count(desk) > 100)
        began_s = time.monotonic()
        assert migrate(database, wanted=[*migrations(), NEXT]) == ["9998_next"]
        took_s = time.monotonic() - began_s
        before = count(desk)
        wait_until(lambda: count(desk) > before + 100)
    finally:
        is_over.set()
        publisher.join()
        ingest_lived = ingest.process.poll() is None
    sent = next(numbers)
    wait_until(lambda: count(desk) >= sent)
    device.close()
    ingest.end(15)
    assert ingest_lived
    assert took_s < 60
    assert count(desk) == sent
    assert desk.value("SELECT count(DISTINCT ingest_no) FROM electric_vehicle_reading") == sent
    desk.close()
