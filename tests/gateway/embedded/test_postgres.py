"""The real PostgreSQL of the wheel under our launcher: first start, restart, kills, and what is said when it cannot."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.embedded.folder import DataFolder, open_folder
from gateway.embedded.orphans import processes_in
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.errors import EmbeddedError
from tests.conftest import free_port

IS_ROOT = os.geteuid() == 0


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own of 30 MB; left out where we may not mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        not IS_ROOT
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", place], check=False).returncode
    ):
        pytest.skip("mounting a disk needs root")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def pid_of(server: EmbeddedPostgres) -> int:
    assert server._program is not None
    return server._program.process.pid


def test_a_new_cluster_is_utf8_in_utc_with_a_password_and_keeps_its_promises_to_the_disk(
    data_folder: DataFolder,
) -> None:
    with EmbeddedPostgres(data_folder, free_port()) as server, psycopg.connect(server.dsn) as connection:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()  # type: ignore[arg-type]
            for name in ("server_encoding", "timezone", "fsync", "listen_addresses", "password_encryption")
        }
        assert shown == {
            "server_encoding": ("UTF8",),
            "timezone": ("UTC",),
            "fsync": ("on",),
            "listen_addresses": ("127.0.0.1",),
            "password_encryption": ("scram-sha-256",),
        }
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://callout:wrong@127.0.0.1:{server.port}/callout")
    assert (data_folder.path / "secrets" / "postgres").stat().st_mode & 0o777 == 0o600


def test_data_is_there_after_a_stop_and_after_a_kill(data_folder: DataFolder) -> None:
    server = EmbeddedPostgres(data_folder, free_port())
    with server, psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
    server.start()
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
    os.kill(pid_of(server), signal.SIGKILL)
    assert server._program is not None
    server._program.process.wait(5)
    with server, psycopg.connect(server.dsn) as connection:
        assert connection.execute("SELECT number FROM kept ORDER BY 1").fetchall() == [(1,), (2,)]


def test_a_stale_lock_file_with_the_number_of_another_program_does_not_keep_it_from_starting(
    data_folder: DataFolder,
) -> None:
    server = EmbeddedPostgres(data_folder, free_port())
    server.start()
    lock = data_folder.path / "postgres" / "data" / "postmaster.pid"
    left_behind = lock.read_text()
    server.stop()
    with subprocess.Popen(["sleep", "60"]) as somebody:
        lock.write_text(left_behind.replace(left_behind.partition("\n")[0], str(somebody.pid), 1))
        with server:
            assert server.is_running
        somebody.kill()


def test_a_second_server_on_the_same_data_is_refused_and_the_first_goes_on(data_folder: DataFolder) -> None:
    with EmbeddedPostgres(data_folder, free_port()) as first:
        with pytest.raises(EmbeddedError, match=rf"process {pid_of(first)}\) already runs on"):
            EmbeddedPostgres(data_folder, free_port()).start()
        psycopg.connect(first.dsn).close()


def test_a_server_left_behind_by_a_killed_household_is_ended_by_the_next_one(data_folder: DataFolder) -> None:
    port = free_port()
    left_behind = EmbeddedPostgres(data_folder, port)
    left_behind.start()
    with EmbeddedPostgres(data_folder, port, ends_orphans=True) as server:
        assert not left_behind.is_running
        psycopg.connect(server.dsn).close()
    assert processes_in(data_folder.path / "postgres" / "data", "postgres") == []


def test_a_port_in_use_is_named_with_the_next_move(data_folder: DataFolder, postgres_dsn: str) -> None:
    taken = int(psycopg.conninfo.conninfo_to_dict(postgres_dsn)["port"])
    with pytest.raises(EmbeddedError, match=rf"port {taken} is in use.*CALLOUT_DATABASE_URL"):
        EmbeddedPostgres(data_folder, taken).start()


def test_an_interrupted_first_start_is_begun_again(data_folder: DataFolder) -> None:
    unfinished = data_folder.part("postgres") / "data.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(data_folder, free_port()) as server:
        assert server.is_running
    assert not unfinished.exists()


def test_data_of_another_major_version_is_refused_with_the_next_move(data_folder: DataFolder) -> None:
    server = EmbeddedPostgres(data_folder, free_port())
    server.start()
    server.stop()
    (data_folder.path / "postgres" / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(
        EmbeddedError, match=r"written by PostgreSQL 15, and this Callout brings PostgreSQL 18.*pg_dump"
    ):
        server.start()


def test_a_password_file_that_does_not_fit_is_told(data_folder: DataFolder) -> None:
    server = EmbeddedPostgres(data_folder, free_port())
    server.start()
    server.stop()
    (data_folder.path / "secrets" / "postgres").write_text("another")
    with pytest.raises(EmbeddedError, match="refuses the password in .*secrets/postgres"):
        server.start()
    assert not server.is_running


def test_a_bad_line_in_its_own_configuration_is_told_in_the_servers_words(data_folder: DataFolder) -> None:
    server = EmbeddedPostgres(data_folder, free_port(), {"shared_buffers": "nonsense"})
    with pytest.raises(EmbeddedError, match="ended at its start: .*shared_buffers"):
        server.start()


def test_a_full_disk_is_told_before_anything_is_begun(tiny_disk: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"has \d+ MB left on its disk"):
        open_folder(tiny_disk)


def test_a_disk_that_fills_up_half_way_is_told_and_leaves_nothing_behind(tiny_disk: Path) -> None:
    tiny_disk.chmod(0o755)
    (tiny_disk / "data").mkdir()
    with pytest.raises(EmbeddedError, match="the disk is full. Free some space"):
        EmbeddedPostgres(DataFolder(tiny_disk / "data"), free_port()).start()
    assert sorted(path.name for path in (tiny_disk / "data" / "postgres").iterdir()) == []


def test_a_read_only_disk_is_told_with_the_next_move(tiny_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    with pytest.raises(EmbeddedError, match="is on a read-only disk.*CALLOUT_DATA_DIR"):
        open_folder(tiny_disk / "data")


@pytest.mark.skipif(
    not IS_ROOT, reason="only root has folders that others may not enter, yet servers that are not root"
)
def test_as_root_it_runs_in_a_folder_that_nobody_else_may_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder = open_folder(closed / "data")
    for _ in range(2):
        with EmbeddedPostgres(folder, free_port()) as server:
            psycopg.connect(server.dsn).close()
            status = Path(f"/proc/{pid_of(server)}/status").read_text()
            assert "NoNewPrivs" in status


def test_it_stops_within_seconds_while_a_session_is_busy(data_folder: DataFolder) -> None:
    with EmbeddedPostgres(data_folder, free_port()) as server:
        connection = psycopg.connect(server.dsn)
        connection.execute("CREATE TABLE busy (number int)")
        began_s = time.monotonic()
        server.stop()
        assert time.monotonic() - began_s < 5
        connection.close()
