"""A desk under load is set aside and brought back: what was committed is there, and what goes on, goes on."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from dashboards.app import create
from gateway import access
from gateway.backup.make import drop_oldest, make_backup
from gateway.backup.manifest import BackupError, Manifest
from gateway.backup.restore import open_backup, restore
from gateway.embedded.folder import DataFolder
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.settings import Settings
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.storage.migrate import RESTORING, SchemaError, check_schema, migrate, migrations
from gateway.storage.timescale import has_timescale
from tests.conftest import BrokerForTests, free_port
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry
from tests.gateway.ingest.test_mqtt import PASSWORD, Device, IngestProcess, identity, wait_until
from tests.gateway.test_work import Work

SECRET = "a secret that signs links, of more than 32 characters"
FIRST_AT = datetime.now(UTC) - timedelta(days=2)


@pytest.fixture
def desk(database: str, tmp_path: Path, broker: BrokerForTests) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    broker.add_account(identity().username, PASSWORD)
    yield opened
    opened.close()


@pytest.fixture
def small_backup(desk: SmallDesk, tmp_path: Path) -> Path:
    return make_backup(settings(desk.dsn, tmp_path), tmp_path / "kept", print)


def settings(dsn: str, folder: Path) -> Settings:
    """Settings of a desk with secrets of its own."""
    home = folder / "home"
    (home / "secrets").mkdir(parents=True, exist_ok=True)
    (home / "secrets" / "callout-ingest").write_text("the broker's password of ingest")
    return Settings(database_url=dsn, data_dir=home, secret=SecretStr(SECRET), api_token=SecretStr("token"))


class Load:
    """A vehicle with a cell that leaves its pack, which goes on publishing until it is stopped."""

    def __init__(self, device: Device) -> None:
        self.sent: list[bytes] = []
        self._device = device
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        cells = [3.7] * 12
        cells[2] -= 0.05
        while not self._is_over.wait(0.01):
            seq = len(self.sent)
            body = telemetry(seq, sample(FIRST_AT + timedelta(seconds=10 * seq), cell_voltages_v=cells))
            self.sent.append(body)
            self._device.publish(body)

    def stop(self) -> int:
        self._is_over.set()
        self._thread.join()
        return len(self.sent)


def seqs(dsn: str) -> set[int]:
    with connect(dsn, Role.ADMIN) as connection:
        return {seq for (seq,) in connection.execute("SELECT seq FROM electric_vehicle_reading")}


def value(dsn: str, query: str) -> object:
    with connect(dsn, Role.ADMIN) as connection:
        ((found,),) = connection.execute(query).fetchall()  # type: ignore[arg-type]
    return found


@pytest.mark.slow
def test_a_desk_under_load_is_set_aside_and_goes_on_from_there_without_losing_or_doubling_a_reading(
    desk: SmallDesk, broker: BrokerForTests, empty_database: str, tmp_path: Path
) -> None:
    ingest = IngestProcess(desk, broker, tmp_path / "ingest.log")
    work = Work(desk.dsn, tmp_path / "work.log")
    work.start()
    device = Device(broker)
    load = Load(device)
    try:
        wait_until(lambda: desk.value("SELECT count(*) FROM offer") == 1)
        given = settings(desk.dsn, tmp_path)
        with tenant_transaction(desk.work, desk.tenant_id):
            link = access.issue_owner_link(
                desk.work, given, tenant_id=desk.tenant_id, request_id=1, now=datetime.now(UTC)
            )
        before = seqs(desk.dsn)
        told: list[str] = []
        made = make_backup(given, tmp_path / "kept", told.append)
        after = seqs(desk.dsn)
        wait_until(lambda: seqs(desk.dsn) > after)
        # The machine is lost: nobody ever sees what came after the snapshot, but for the device and the broker.
        ingest.end(9)
        work.end(9)
        restore(made, settings(empty_database, tmp_path / "new"), told.append)
        restored = seqs(empty_database)
        assert before <= restored <= after
        restored_desk = SmallDesk(empty_database, desk.tenant_id, desk.admin, desk.work)
        ingest = IngestProcess(restored_desk, broker, tmp_path / "ingest.log")
        work = Work(empty_database, tmp_path / "work.log")
        work.start()
        wait_until(lambda: seqs(empty_database) > restored)
        count = load.stop()
        for body in load.sent:
            device.publish(body)
        device.wait_for(2 * count)
        wait_until(lambda: seqs(empty_database) == set(range(count)))
        assert value(empty_database, "SELECT count(*) FROM electric_vehicle_reading") == count
        assert value(empty_database, "SELECT count(DISTINCT ingest_no) FROM electric_vehicle_reading") == count
        assert value(empty_database, "SELECT count(*) FROM rejection") == 0
        assert value(empty_database, "SELECT count(*) FROM symptom WHERE state = 'confirmed'") == 1
        assert value(empty_database, "SELECT count(*) FROM service_request") == 1
        assert value(empty_database, "SELECT count(*) FROM offer") == 1
        new_secret = (tmp_path / "new" / "home" / "secrets" / "signing").read_text()
        pages = create(Settings(database_url=empty_database, secret=SecretStr(new_secret)))
        with TestClient(pages) as client:
            page = client.get(link[link.index("/o/") :])
        assert page.status_code == 200
        assert page.text.count('name="booking"') == 3
    finally:
        load.stop()
        device.close()
        ingest.end(15)
        work.end(15)


def test_a_new_data_folder_gets_a_database_with_the_password_the_secrets_and_the_ports_of_the_old_one(
    small_backup: Path, desk: SmallDesk, data_folder: DataFolder
) -> None:
    if has_timescale(desk.admin):
        pytest.skip("the backup of a server with TimescaleDB is for another one, never for a data folder")
    (small_backup.parent.parent / "home" / "ports.json").write_text(json.dumps({"broker": 21999}))
    authority = small_backup.parent.parent / "home" / "authority"
    authority.mkdir()
    (authority / "ca.key").write_text("the key of the authority")
    made = make_backup(settings(desk.dsn, small_backup.parent.parent), small_backup.parent, print)
    restore(made, Settings(data_dir=data_folder.path), print)
    assert data_folder.secret("signing") == SECRET
    assert data_folder.secret("callout-ingest") == "the broker's password of ingest"
    assert data_folder.remembered_ports() == {"broker": 21999}
    assert (data_folder.path / "authority" / "ca.key").read_text() == "the key of the authority"
    assert not (data_folder.path / "restoring").exists()
    with EmbeddedPostgres(data_folder, free_port()) as server:
        assert value(server.dsn, "SELECT name FROM device") == "ev-1"
        for role in Role:
            with connect(server.dsn, role) as connection:
                check_schema(connection)
        with pytest.raises(BackupError, match="has a database already, and nothing is written over it"):
            restore(made, Settings(data_dir=data_folder.path), print)


def test_a_desk_that_lives_is_never_written_over(small_backup: Path, desk: SmallDesk, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="a desk lives in the database.*CREATE DATABASE"):
        restore(small_backup, settings(desk.dsn, tmp_path), print)
    assert desk.value("SELECT count(*) FROM device") == 1


def test_what_is_damaged_missing_or_strange_in_a_backup_is_named(small_backup: Path) -> None:
    open_backup(small_backup)
    (small_backup / "strange").write_text("x")
    with pytest.raises(BackupError, match="holds strange, which was not there"):
        open_backup(small_backup)
    (small_backup / "strange").unlink()
    dumped = max((small_backup / "database").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(dumped.read_bytes())
    content[len(content) // 2] ^= 1
    dumped.write_bytes(content)
    with pytest.raises(BackupError, match=rf"is damaged: database/{dumped.name} has {len(content)} bytes"):
        open_backup(small_backup)
    dumped.unlink()
    with pytest.raises(BackupError, match=rf"database/{dumped.name} is missing"):
        open_backup(small_backup)


def test_a_backup_that_was_interrupted_is_no_backup_and_the_next_one_clears_it_away(
    small_backup: Path, desk: SmallDesk, tmp_path: Path
) -> None:
    kept = small_backup.parent
    interrupted = kept / ".callout-20260101T000000Z.unfinished"
    (interrupted / "database").mkdir(parents=True)
    with pytest.raises(BackupError, match=r"is no whole backup: it has no manifest\.json"):
        open_backup(interrupted)
    make_backup(settings(desk.dsn, tmp_path), kept, print)
    assert not interrupted.exists()
    assert len(list(kept.glob("callout-*"))) == 2


def test_only_its_owner_can_read_a_backup(small_backup: Path) -> None:
    assert small_backup.stat().st_mode & 0o777 == 0o700
    for path in small_backup.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_backup_of_a_newer_schema_is_refused_before_anything_is_done(
    small_backup: Path, empty_database: str, tmp_path: Path
) -> None:
    manifest = Manifest.read(small_backup)
    newer = {**manifest.migrations, "9999_future": "0" * 64}
    manifest.model_copy(update={"migrations": newer}).write(small_backup)
    with pytest.raises(SchemaError, match=r"the backup .* has 9999_future, which this program does not know"):
        restore(small_backup, settings(empty_database, tmp_path), print)
    assert value(empty_database, "SELECT to_regnamespace('callout') IS NULL") is True


def test_a_backup_of_an_older_schema_is_brought_to_the_present_one(
    postgres_dsn: str, empty_database: str, tmp_path: Path
) -> None:
    migrate(empty_database, wanted=[each for each in migrations() if each.name <= "0013"])
    made = make_backup(settings(empty_database, tmp_path), tmp_path / "kept", print)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA callout CASCADE")
        connection.execute("DROP SCHEMA jobs CASCADE")
    told: list[str] = []
    restore(made, settings(empty_database, tmp_path), told.append)
    assert [line for line in told if "of an older schema: applied" in line] != []
    with connect(empty_database, Role.INGEST) as connection:
        check_schema(connection)


def test_a_database_whose_restore_was_interrupted_starts_no_process_and_is_restored_anew(
    small_backup: Path, empty_database: str, tmp_path: Path
) -> None:
    migrate(empty_database)
    with connect(empty_database, Role.ADMIN) as connection:
        connection.execute(f"CREATE SCHEMA {RESTORING}")  # type: ignore[arg-type]
        with pytest.raises(SchemaError, match="a restore into the database has not ended"):
            check_schema(connection)
    with pytest.raises(SchemaError, match="begin it again with 'callout restore'"):
        migrate(empty_database)
    restore(small_backup, settings(empty_database, tmp_path), print)
    assert value(empty_database, "SELECT name FROM device") == "ev-1"


def test_two_backups_at_a_time_into_one_folder_are_one_too_many(
    small_backup: Path, desk: SmallDesk, tmp_path: Path
) -> None:
    import fcntl

    with (small_backup.parent / ".callout-backup.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BackupError, match="another backup is being made"):
            make_backup(settings(desk.dsn, tmp_path), small_backup.parent, print)


def test_the_oldest_whole_backups_are_dropped_and_nothing_else(tmp_path: Path) -> None:
    for day in ("01", "02", "03"):
        folder = tmp_path / f"callout-202611{day}T000000Z"
        folder.mkdir()
        (folder / "manifest.json").touch()
    (tmp_path / "callout-20261000T000000Z").mkdir()
    (tmp_path / "mine").mkdir()
    assert [path.name for path in drop_oldest(tmp_path, 2)] == ["callout-20261101T000000Z"]
    assert len(list(tmp_path.iterdir())) == 4


def test_a_day_begins_although_somebody_reads_all_readings_for_an_hour(desk: SmallDesk) -> None:
    if has_timescale(desk.admin):
        pytest.skip("a hypertable makes its pieces by itself; this is about PostgreSQL's own partitions")
    with connect(desk.dsn, Role.ADMIN) as reader, reader.transaction():
        reader.execute("LOCK TABLE electric_vehicle_reading IN ACCESS SHARE MODE")
        with connect(desk.dsn, Role.INGEST) as connection:
            connection.execute("SET lock_timeout = '2s'")
            connection.execute("SELECT ensure_day('electric_vehicle_reading', '2031-05-04')")
            connection.execute("SELECT ensure_day('electric_vehicle_reading', '2021-05-04')")
    found = desk.rows(
        """SELECT c.relname, (SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid), c.relispartition FROM pg_class c
        WHERE c.relname IN ('electric_vehicle_reading_20310504', 'electric_vehicle_reading_202105') ORDER BY 1"""
    )
    indexes = desk.value("SELECT count(*) FROM pg_index WHERE indrelid = 'electric_vehicle_reading'::regclass")
    assert found == [
        ("electric_vehicle_reading_202105", indexes, True),
        ("electric_vehicle_reading_20310504", indexes, True),
    ]
