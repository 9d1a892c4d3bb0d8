"""A product folder without its migration: it alone waits, everybody says the same of it, and one command makes its tables."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.products import product_type
from gateway.admission.enrolment import EnrolmentError, enrol
from gateway.doctor.database import products
from gateway.doctor.point import Level, Setup
from gateway.forgetting import Forgetting
from gateway.ingest.replay import Replays
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.settings import Settings
from gateway.storage import rejections
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.storage.draft import draft, write_draft
from gateway.storage.hours import roll_up
from gateway.storage.lacking import lacking
from gateway.storage.migrate import Migration, migrate, migrations
from gateway.storage.migrations import __file__ as migrations_file
from gateway.storage.timescale import make_empty_ones_hypertables
from tests.fakes.product_folder import product_folder
from tests.fakes.source import ListSource, message
from tests.gateway.admission.test_enrolment import asked
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    """A desk with a vehicle, and a pump whose product has a folder and no tables."""
    (tmp_path / "newcomer").mkdir()
    with product_folder(tmp_path / "newcomer"):
        opened = open_desk(database, tmp_path)
        opened.vehicle("ev-1")
        opened.other("pump-1", "newcomer_pump")
        yield opened
        opened.close()


def run(desk: SmallDesk, messages: list[Message]) -> None:
    """A worker begins, takes a batch in, and ends."""
    worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    try:
        worker.take(messages)
    finally:
        worker.close()


def from_pump(seq: int, motor_degc: float = 95.0) -> Message:
    at = START + timedelta(minutes=seq)
    return message(topic("pump-1"), telemetry(seq, sample(at, motor_degc=motor_degc, is_running=True)))


def lay_out(desk: SmallDesk, folder: Path) -> Path:
    """Apply what the one command writes, among the migrations that there are."""
    for file in Path(migrations_file).parent.glob("*.sql"):
        (folder / file.name).write_bytes(file.read_bytes())
    path = write_draft(product_type("newcomer_pump"), folder)
    assert path is not None
    drafted = Migration(path.stem, path.read_text("utf-8"), "drafted")
    migrate(desk.dsn, wanted=[*migrations(), drafted])
    # As migrating does by itself with the migrations of the package.
    make_empty_ones_hypertables(desk.admin)
    return path


def test_the_others_are_served_and_its_messages_are_kept_with_a_reason_and_the_next_move(desk: SmallDesk) -> None:
    state = message(topic("pump-1", "state"), json.dumps({"online": True}).encode())
    vehicle = message(topic("ev-1"), telemetry(1, sample(START, soc_pct=50.0)))
    run(desk, [from_pump(1), vehicle, state])
    assert desk.value("SELECT count(*) FROM electric_vehicle_reading") == 1
    ((reason, detail, payload, has_device),) = desk.rows(
        "SELECT reason, detail, payload, device_id IS NOT NULL FROM rejection"
    )
    assert (reason, bytes(payload), has_device) == ("no_table", from_pump(1).payload, True)
    assert "the database has no table newcomer_pump_reading" in detail
    assert "'callout draft-migration newcomer_pump --write'" in detail
    # It was heard: what the desk lacks must not look like a device that fell silent.
    assert (
        desk.value("SELECT count(*) FROM device_presence p JOIN device d USING (device_id) WHERE d.name = 'pump-1'")
        == 1
    )


def test_what_waits_for_its_tables_is_not_missing_and_comes_in_by_its_replay(desk: SmallDesk, tmp_path: Path) -> None:
    run(desk, [from_pump(seq) for seq in (1, 2, 3)])
    run(desk, [from_pump(seq) for seq in (4, 6)])
    folder = tmp_path / "migrations"
    folder.mkdir()
    lay_out(desk, folder)
    with tenant_transaction(desk.work, desk.tenant_id):
        assert len(rejections.ask_replay(desk.work, START, reason="no_table")) == 5
    worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    assert Replays(worker).look() == 5
    worker.take([from_pump(7)])
    worker.close()
    assert desk.rows("SELECT seq FROM newcomer_pump_reading ORDER BY seq") == [(seq,) for seq in (1, 2, 3, 4, 6, 7)]
    assert desk.rows("SELECT received::text, suspected::text FROM device_sequence") == [("{[1,5),[6,8)}", "{[5,6)}")]
    assert desk.rows("SELECT kind FROM door_trouble WHERE kind <> 'clock_off'") == []


def test_enrolment_and_the_doctor_say_the_same_words(desk: SmallDesk) -> None:
    told = lacking(desk.admin)["newcomer_pump"]
    with connect(desk.dsn, Role.SERVE) as serve, pytest.raises(EnrolmentError) as refused:
        enrol(serve, asked(product="newcomer_pump"), wait_s=0)
    assert (str(refused.value), refused.value.kind) == (told, "invalid")
    (point,) = products(Setup(Settings(), Settings(), is_home=False, database=desk.admin))
    assert (point.level, f"{point.found}. {point.next_move}") == (Level.WRONG, told)


def test_forgetting_goes_on_for_the_others(desk: SmallDesk) -> None:
    with connect(desk.dsn, Role.WORK) as work:
        assert Forgetting(30).go_on(work, datetime.now(UTC)) == 0


def test_one_command_and_a_start_bring_readings_symptoms_and_what_was_kept(desk: SmallDesk, tmp_path: Path) -> None:
    run(desk, [from_pump(1)])
    folder = tmp_path / "migrations"
    folder.mkdir()
    path = lay_out(desk, folder)
    assert path.stem == f"{int(migrations()[-1].name[:4]) + 1:04}_newcomer_pump"
    assert lacking(desk.admin) == {}
    with tenant_transaction(desk.work, desk.tenant_id):
        assert rejections.ask_replay(desk.work, START, reason="no_table")
    worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    worker.take([from_pump(seq) for seq in (2, 3, 4)])
    assert Replays(worker).look() == 1
    worker.close()
    assert desk.value("SELECT outcome FROM rejection") == "stored"
    seen = desk.rows("SELECT seq, motor_degc, is_running FROM newcomer_pump_reading ORDER BY seq")
    assert seen == [(seq, 95.0, True) for seq in (1, 2, 3, 4)]
    assert desk.rows("SELECT monitor, component FROM symptom WHERE state = 'confirmed'") == [("motor_hot", "pump")]
    with connect(desk.dsn, Role.WORK) as work, work.transaction():
        assert roll_up(work, product_type("newcomer_pump"))
    assert desk.value("SELECT max(motor_degc_max) FROM newcomer_pump_hour") == 95.0


def test_the_drafted_tables_have_the_same_rights_and_shape_as_those_of_the_others(
    desk: SmallDesk, tmp_path: Path
) -> None:
    (tmp_path / "migrations").mkdir()
    lay_out(desk, tmp_path / "migrations")
    rights = """SELECT replace(relname, %(product)s, ''), relkind::text, relpersistence::text, reloptions,
            (SELECT array_agg(grantee::regrole::text || ' ' || privilege_type ORDER BY 1)
            FROM aclexplode(relacl) WHERE grantee <> relowner)
        FROM pg_class WHERE relnamespace = 'callout'::regnamespace AND relname IN (%(product)s || '_reading',
            %(product)s || '_hour', %(product)s || '_reading_seen', %(product)s || '_hour_seen',
            %(product)s || '_reading_by_ingest_no', %(product)s || '_reading_pkey', %(product)s || '_hour_pkey')
        ORDER BY 1"""
    of_pump, of_meter = (
        desk.admin.execute(rights, {"product": name}).fetchall() for name in ("newcomer_pump", "smart_meter")
    )
    assert len(of_pump) == 7
    assert of_pump == of_meter
    assert "motor_degc_min real, motor_degc_avg real, motor_degc_max real" in draft(product_type("newcomer_pump"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE electric_vehicle_reading DROP COLUMN coolant_temp_degc CASCADE", "has no view electric_vehicle"),
        ("ALTER TABLE electric_vehicle_hour DROP COLUMN odometer_m_max CASCADE", "has no view electric_vehicle_hour"),
        (
            "ALTER TABLE electric_vehicle_reading RENAME COLUMN speed_kmh TO speed",
            "electric_vehicle_reading has no column speed_kmh",
        ),
    ],
)
def test_a_column_that_is_missing_is_told_as_plainly_and_only_its_product_waits(
    desk: SmallDesk, change: str, told: str
) -> None:
    desk.meter("meter-1")
    desk.admin.execute(change.encode())
    run(
        desk,
        [
            message(topic("ev-1"), telemetry(1, sample(START, soc_pct=50.0))),
            message(topic("meter-1"), telemetry(1, sample(START, power_w=500.0))),
        ],
    )
    ((reason, detail),) = desk.rows("SELECT reason, detail FROM rejection")
    assert reason == "no_table"
    assert told in detail
    assert desk.value("SELECT count(*) FROM smart_meter_reading") == 1
