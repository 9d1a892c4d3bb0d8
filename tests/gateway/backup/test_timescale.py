"""A desk on TimescaleDB is set aside with its columnstore and brought back as one that goes on; skips where there is none."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.backup.make import make_backup
from gateway.backup.manifest import BackupError, Manifest
from gateway.backup.programs import find_program, run
from gateway.backup.restore import restore
from gateway.embedded.folder import DataFolder
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.settings import Settings
from gateway.storage import backups
from gateway.storage.connection import Role, connect
from gateway.storage.migrate import RESTORING, check_schema, migrate
from gateway.storage.timescale import has_timescale
from tests.fakes.source import ListSource
from tests.gateway.backup.test_backup import settings, value
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

NOW = datetime.now(UTC).replace(microsecond=0)
DAYS = 12
SUMS = """SELECT count(*) || '/' || sum(seq) || '/' || md5(string_agg(r::text, ',' ORDER BY device_id, claimed_at, seq))
    FROM electric_vehicle_reading r"""
HYPERTABLES = (
    "SELECT string_agg(hypertable_name, ',' ORDER BY hypertable_name) FROM timescaledb_information.hypertables"
)
PACKED = """SELECT count(*) FROM timescaledb_information.chunks
    WHERE hypertable_name = 'electric_vehicle_reading' AND is_compressed"""
POLICIES = "SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_schema = 'callout'"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    if not has_timescale(opened.admin):
        opened.close()
        pytest.skip("this server has no TimescaleDB; CALLOUT_TEST_DSN names one that has")
    # Its own job would pack chunks at the same moment as the test does.
    opened.admin.execute("SELECT _timescaledb_functions.stop_background_workers()")
    yield opened
    opened.close()


def take(dsn: str, seqs: range) -> None:
    """A reading an hour, the last one now."""
    worker = Worker(ListSource(), lambda: connect(dsn, Role.INGEST), range(64))
    at = {seq: NOW - timedelta(hours=DAYS * 24 - seq) for seq in seqs}
    worker.take([Message(topic("ev-1"), telemetry(seq, sample(at[seq])), at[seq], (1, seq)) for seq in seqs])
    worker.close()


@pytest.fixture
def made(desk: SmallDesk, tmp_path: Path) -> Path:
    """A backup of a desk whose older days are in the columnstore."""
    take(desk.dsn, range(DAYS * 24))
    packed = desk.value(
        """SELECT count(public.compress_chunk(format('%%I.%%I', chunk_schema, chunk_name)::regclass))
        FROM timescaledb_information.chunks WHERE hypertable_name = 'electric_vehicle_reading' AND range_end < %s""",
        NOW - timedelta(days=7),
    )
    assert packed >= 4
    return make_backup(settings(desk.dsn, tmp_path), tmp_path / "kept", print)


def check_whole(desk: SmallDesk, dsn: str) -> None:
    """The same readings in the same shape, and the extension at work again."""
    for query in (SUMS, HYPERTABLES, PACKED, POLICIES):
        assert value(dsn, query) == value(desk.dsn, query), query
    assert value(dsn, "SELECT current_setting('timescaledb.restoring')") == "off"
    assert value(dsn, f"SELECT to_regnamespace('{RESTORING}') IS NULL") is True
    for role in Role:
        with connect(dsn, role) as connection:
            check_schema(connection)


def test_readings_come_back_packed_as_they_were_and_the_desk_goes_on(
    desk: SmallDesk, made: Path, empty_database: str, tmp_path: Path
) -> None:
    assert Manifest.read(made).timescaledb is not None
    restore(made, settings(empty_database, tmp_path / "new"), print)
    check_whole(desk, empty_database)
    # What comes again is absorbed in the columnstore, what is new is stored beside it, and a packed day can be forgotten.
    take(empty_database, range(10, 12))
    take(empty_database, range(DAYS * 24, DAYS * 24 + 5))
    assert value(empty_database, "SELECT count(*) FROM electric_vehicle_reading") == DAYS * 24 + 5
    with connect(empty_database, Role.ADMIN) as connection:
        connection.execute("SELECT ensure_day('electric_vehicle_reading', '2019-05-04')")
        jobs = connection.execute("SELECT job_id FROM timescaledb_information.jobs WHERE hypertable_schema = 'callout'")
        for (job_id,) in jobs.fetchall():
            connection.execute("CALL public.run_job(%s)", [job_id])
        day = (NOW - timedelta(days=10)).replace(hour=0, minute=0, second=0)
        connection.execute(
            "SELECT public.drop_chunks('electric_vehicle_reading', older_than => %s::timestamptz)", [day]
        )
    assert value(empty_database, f"SELECT count(*) FROM electric_vehicle_reading WHERE claimed_at < '{day}'") == 0
    assert migrate(empty_database) == []


def test_a_restore_that_was_killed_in_the_middle_is_begun_again(
    desk: SmallDesk, made: Path, empty_database: str, tmp_path: Path
) -> None:
    version = Manifest.read(made).timescaledb
    assert version is not None
    with connect(empty_database, Role.ADMIN) as connection:
        backups.begin_restore(connection, Manifest.read(made).roles)
        backups.before_timescaledb(connection, version)
        tool = find_program("pg_restore", backups.server_major(connection))
    # All but the last steps of the first try: tables, their rows and the extension's own catalogue are there.
    run(tool, empty_database, ["--section=pre-data", "--section=data", "--no-owner", str(made / "database")], [].append)
    assert value(empty_database, f"SELECT to_regnamespace('{RESTORING}') IS NOT NULL") is True
    restore(made, settings(empty_database, tmp_path / "new"), print)
    check_whole(desk, empty_database)


def test_a_server_with_another_version_is_refused_and_nothing_is_begun(
    made: Path, empty_database: str, tmp_path: Path
) -> None:
    manifest = Manifest.read(made)
    manifest.model_copy(update={"timescaledb": "2.30.7"}).write(made)
    with pytest.raises(BackupError, match=r"with TimescaleDB 2\.30\.7, and this one can have 2\.29\.\d.*template0"):
        restore(made, settings(empty_database, tmp_path / "new"), print)
    assert value(empty_database, "SELECT to_regnamespace('callout') IS NULL") is True


def test_it_is_not_for_a_data_folder_whose_postgresql_has_none(made: Path, data_folder: DataFolder) -> None:
    with pytest.raises(BackupError, match="which the embedded PostgreSQL has not.*CALLOUT_DATABASE_URL"):
        restore(made, Settings(data_dir=data_folder.path), print)
    assert not (data_folder.path / "postgres" / "data").exists()
