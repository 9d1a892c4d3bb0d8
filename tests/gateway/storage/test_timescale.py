"""TimescaleDB: an old one is refused, a good one carries the same tables, and moving readings into it loses none."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest
from psycopg import sql

from gateway.embedded.folder import DataFolder
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage.connection import Connection, Role, connect
from gateway.storage.migrate import migrate
from gateway.storage.timescale import TimescaleError, check_version, has_timescale, make_hypertables, plain_tables
from tests.conftest import free_port
from tests.fakes.source import ListSource
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

NOW = datetime.now(UTC).replace(microsecond=0)
READINGS = "SELECT * FROM electric_vehicle_reading ORDER BY device_id, claimed_at, seq"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    yield opened
    opened.close()


@pytest.fixture
def timescale(desk: SmallDesk) -> SmallDesk:
    """A desk on TimescaleDB; skips where the server has none."""
    if not has_timescale(desk.admin):
        pytest.skip("this server has no TimescaleDB; CALLOUT_TEST_DSN names one that has")
    # Its own job would pack chunks at the same moment as the test does.
    desk.admin.execute("SELECT _timescaledb_functions.stop_background_workers()")
    return desk


def new_worker(desk: SmallDesk) -> Worker:
    return Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))


@pytest.fixture
def worker(desk: SmallDesk) -> Iterator[Worker]:
    made = new_worker(desk)
    yield made
    made.close()


def drifting(seq: int, at: datetime) -> Message:
    cells = [3.7] * 20
    cells[4] -= 0.06
    values = {"cell_voltages_v": cells, "pack_voltage_v": 350.0, "dtcs": ["P0AA6"], "wiper": {"front": 3}}
    return Message(topic("ev-1"), telemetry(seq, sample(at, **values)), at, (1, seq))


def some_days(worker: Worker, days: int = 20) -> None:
    """A reading an hour, which came when it was taken, until now."""
    hours = days * 24
    worker.take([drifting(seq, NOW - timedelta(hours=hours - seq)) for seq in range(hours)])


def pack(desk: SmallDesk) -> int:
    """Turn all but the last day into the columnstore, as the policy does after a week, if it has not done so; return how many chunks."""
    return desk.value(
        """SELECT count(public.compress_chunk(format('%%I.%%I', chunk_schema, chunk_name)::regclass, if_not_compressed => true))
        FROM timescaledb_information.chunks
        WHERE hypertable_name = 'electric_vehicle_reading' AND range_end < %s""",
        NOW - timedelta(days=1),
    )


# What later migrations have added to the table.
CHANGES_OF_READINGS = re.compile(
    r"^(?:ALTER TABLE|CREATE OR REPLACE VIEW) electric_vehicle_reading\b.*?;$|^CREATE OR REPLACE VIEW electric_vehicle_reading_seen\b.*?;$",
    re.MULTILINE | re.DOTALL,
)


def make_plain(connection: Connection) -> None:
    """As in a database from before TimescaleDB: the migration's own tables, which PostgreSQL partitions."""
    connection.execute("DROP TABLE electric_vehicle_reading, electric_vehicle_hour CASCADE")
    files = sorted(resources.files("gateway.storage.migrations").iterdir(), key=lambda file: file.name)
    first = next(file for file in files if file.name == "0002_electric_vehicle.sql")
    connection.execute(sql.SQL(first.read_text("utf-8")))  # type: ignore[arg-type]
    for file in files[files.index(first) + 1 :]:
        for statement in CHANGES_OF_READINGS.findall(file.read_text("utf-8")) if file.name.endswith(".sql") else ():
            connection.execute(sql.SQL(statement))


# ------------------------------------------------------------------ which will do


@pytest.mark.parametrize("found", ["2.29.0", "2.29.2", "2.30.0-dev", "3.0"])
def test_a_version_that_is_supported_is_taken(found: str) -> None:
    check_version(found, is_installed=True)


@pytest.mark.parametrize(
    ("found", "is_installed", "move"), [("2.28.3", True, "ALTER EXTENSION"), ("1.7", False, "plain")]
)
def test_an_older_one_is_refused_with_what_was_found_and_wanted(found: str, is_installed: bool, move: str) -> None:
    with pytest.raises(TimescaleError, match=rf"TimescaleDB {found}, and Callout wants 2\.29 or newer.*{move}"):
        check_version(found, is_installed=is_installed)


def test_a_server_with_an_old_timescaledb_is_refused_before_anything_is_changed(
    data_folder: DataFolder, tmp_path: Path
) -> None:
    # What is read of an extension that can be had is its control file.
    folder = tmp_path / "offered" / "extension"
    folder.mkdir(parents=True)
    (folder / "timescaledb.control").write_text("default_version = '2.11.2'\n", encoding="utf-8")
    settings = {"extension_control_path": f"$system:{folder.parent}"}
    with EmbeddedPostgres(data_folder, free_port(), settings) as server:
        with pytest.raises(TimescaleError, match=r"TimescaleDB 2\.11\.2.*Nothing was changed"):
            migrate(server.dsn)
        with connect(server.dsn, Role.ADMIN) as connection:
            assert connection.execute("SELECT count(*) FROM callout.schema_migration").fetchone() == (0,)


def test_files_of_it_that_the_server_does_not_load_do_no_harm(data_folder: DataFolder, tmp_path: Path) -> None:
    folder = tmp_path / "offered" / "extension"
    folder.mkdir(parents=True)
    (folder / "timescaledb.control").write_text("default_version = '2.29.2'\n", encoding="utf-8")
    settings = {"extension_control_path": f"$system:{folder.parent}"}
    with EmbeddedPostgres(data_folder, free_port(), settings) as server:
        migrate(server.dsn)
        with connect(server.dsn, Role.ADMIN) as connection:
            assert not has_timescale(connection)
            with pytest.raises(TimescaleError, match="shared_preload_libraries"):
                make_hypertables(connection)


# ------------------------------------------------------------------ what it carries


def test_a_fresh_database_has_hypertables_where_it_can(timescale: SmallDesk) -> None:
    assert plain_tables(timescale.admin) == []
    found = timescale.rows(
        "SELECT hypertable_name, compression_enabled FROM timescaledb_information.hypertables ORDER BY 1"
    )
    assert found == [("electric_vehicle_reading", True), ("smart_meter_reading", True)]


def test_readings_are_moved_with_all_their_values_and_rights(timescale: SmallDesk) -> None:
    make_plain(timescale.admin)
    assert plain_tables(timescale.admin) == ["electric_vehicle_reading"]
    first = new_worker(timescale)
    some_days(first, days=3)
    first.close()
    before = timescale.rows(READINGS)
    assert len(before) == 72
    assert make_hypertables(timescale.admin) == [("electric_vehicle_reading", 72)]
    assert make_hypertables(timescale.admin) == []
    assert timescale.rows(READINGS) == before
    second = new_worker(timescale)
    second.take([drifting(100, NOW), drifting(3, NOW - timedelta(hours=69))])
    second.close()
    assert timescale.value("SELECT count(*) FROM electric_vehicle_reading") == 73, "the second one was there already"
    with connect(timescale.dsn, Role.SERVE) as connection:
        connection.execute("SELECT set_config('callout.tenant', %s, false)", [str(timescale.tenant_id)])
        assert connection.execute("SELECT count(*) FROM electric_vehicle_reading_seen").fetchone() == (73,)


def test_a_table_with_readings_is_not_moved_unasked(timescale: SmallDesk) -> None:
    make_plain(timescale.admin)
    worker = new_worker(timescale)
    some_days(worker, days=1)
    worker.close()
    migrate(timescale.dsn)
    assert plain_tables(timescale.admin) == ["electric_vehicle_reading"]


def test_the_columnstore_gives_back_what_was_put_in(timescale: SmallDesk, worker: Worker) -> None:
    some_days(worker)
    before = timescale.rows(READINGS)
    assert pack(timescale) >= 18
    assert timescale.rows(READINGS) == before


def test_what_comes_late_goes_into_the_columnstore_once(timescale: SmallDesk, worker: Worker) -> None:
    some_days(worker)
    pack(timescale)
    old_at = NOW - timedelta(days=10, minutes=30)
    late = [
        drifting(5000, old_at),
        drifting(240, NOW - timedelta(hours=240)),
        drifting(241, NOW - timedelta(hours=239)),
    ]
    worker.take(late)
    worker.take(late)
    assert timescale.value("SELECT count(*) FROM electric_vehicle_reading") == 481
    assert timescale.value("SELECT count(*) FROM electric_vehicle_reading WHERE claimed_at = %s", old_at) == 1


def test_detectors_are_rebuilt_from_the_columnstore(timescale: SmallDesk, worker: Worker) -> None:
    some_days(worker)
    symptoms = "SELECT monitor, element, state, since_at, confirmed_at, value FROM symptom ORDER BY symptom_id"
    before = timescale.rows(symptoms)
    assert before
    pack(timescale)
    timescale.admin.execute("TRUNCATE detector_checkpoint, detector_anchor")
    successor = new_worker(timescale)
    successor.take([drifting(9000, NOW)])
    successor.close()
    assert timescale.rows(symptoms) == before


def test_a_column_can_be_added_above_the_columnstore(timescale: SmallDesk, worker: Worker) -> None:
    some_days(worker)
    pack(timescale)
    timescale.admin.execute("ALTER TABLE electric_vehicle_reading ADD COLUMN lid_degc real")
    assert timescale.value("SELECT count(*) FROM electric_vehicle_reading WHERE lid_degc IS NULL") == 480


def test_what_is_kept_of_packed_days_is_forgotten_like_any_other(timescale: SmallDesk, worker: Worker) -> None:
    some_days(worker)
    pack(timescale)
    timescale.admin.execute("UPDATE ingest_partition SET settled_ingest_no = last_ingest_no")
    timescale.admin.execute(
        """INSERT INTO detector_checkpoint SELECT partition, 'electric_vehicle', last_ingest_no, '', now()
        FROM ingest_partition ON CONFLICT (partition, product) DO UPDATE SET last_ingest_no = EXCLUDED.last_ingest_no"""
    )
    timescale.admin.execute("TRUNCATE symptom, rollup_due CASCADE")
    day = (NOW - timedelta(days=18)).replace(hour=0, minute=0, second=0)
    found = timescale.work.execute(
        "SELECT * FROM forget_readings('electric_vehicle_reading', %s, %s, %s)",
        [day, day + timedelta(days=1), NOW - timedelta(days=14)],
    ).fetchone()
    assert found == ("forgotten", 24, 0)
