"""The household with its real database and broker: started, killed piece by piece, stopped, started again."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.doctor.examine import examine
from gateway.embedded.folder import DataFolder, open_folder
from gateway.embedded.household import Household, StopWantedError
from gateway.embedded.neighbour import fill_in
from gateway.embedded.orphans import processes_in
from gateway.errors import EmbeddedError
from gateway.settings import CHECKOUT, Settings, load_settings
from tests.conftest import free_port

HOUSEHOLD_ALONE = """
import sys
from pathlib import Path
from gateway.embedded.folder import open_folder
from gateway.embedded.household import Household, stopped_by_signals
from gateway.settings import load_settings
folder = open_folder(Path(sys.argv[1]))
with folder.locked("callout up"), stopped_by_signals(print) as stopping:
    with Household(folder, load_settings(), lambda line: print(line, flush=True), stopping, int(sys.argv[2])) as household:
        household.add(household.service("web", "http.server", "--bind", "127.0.0.1", sys.argv[3], port=int(sys.argv[3])))
        print("all up", flush=True)
        household.watch()
print("all down", flush=True)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own of 300 MB; left out where we may not mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting a disk needs root")
    place.chmod(0o755)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def household(folder: DataFolder, told: list[str]) -> Household:
    return Household(folder, load_settings(), told.append, threading.Event(), free_port())


def watch_until(home: Household, holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline_s = time.monotonic() + seconds
    home.watch(lambda: not holds() and time.monotonic() < deadline_s)
    return holds()


def answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def start_alone(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOUSEHOLD_ALONE, str(folder), str(free_port()), str(free_port())]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert any(line == "all up\n" for line in process.stdout)
    return process


def living_in(folder: Path) -> list[int]:
    return processes_in(folder / "postgres" / "data", "postgres") + processes_in(folder / "broker", "mosquitto")


def test_database_and_broker_that_are_killed_run_again_within_seconds(data_folder: DataFolder) -> None:
    told: list[str] = []
    with household(data_folder, told) as home:
        dsn = home.settings.database_url
        broker = home.settings.broker
        for program, folder in (
            ("postgres", data_folder.path / "postgres" / "data"),
            ("mosquitto", data_folder.path / "broker"),
        ):
            before = processes_in(folder, program)[0]
            os.kill(before, signal.SIGKILL)
            assert watch_until(
                home, lambda b=before, f=folder, p=program: bool(now := processes_in(f, p)) and b not in now
            )
        assert watch_until(home, lambda: sum("runs again" in line for line in told) == 2)
        assert answers(dsn)
        socket.create_connection((broker.host, broker.port), timeout=2).close()
    assert [line for line in told if "runs again" in line] == ["PostgreSQL runs again", "broker runs again"]


@pytest.mark.slow
def test_a_disk_that_fills_up_costs_nothing_that_was_committed_and_all_goes_on_once_it_is_free(
    small_disk: Path,
) -> None:
    told: list[str] = []
    with household(open_folder(small_disk / "data"), told) as home:
        with psycopg.connect(home.settings.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (number int)")
            connection.execute("INSERT INTO kept VALUES (1)")
        filler = small_disk / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(400_000_000))
        with pytest.raises(psycopg.OperationalError):
            write_until_it_fails(home.settings.database_url)
        watch_until(home, lambda: False, 3.0)
        filler.unlink()
        assert watch_until(home, lambda: answers(home.settings.database_url), 60.0), told
        with psycopg.connect(home.settings.database_url, autocommit=True) as connection:
            assert connection.execute("SELECT number FROM kept WHERE number = 1").fetchall() == [(1,)]
            connection.execute("INSERT INTO kept VALUES (2)")


def write_until_it_fails(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _ in range(100):
            connection.execute("INSERT INTO kept SELECT 7 FROM generate_series(1, 1000000)")


def test_nothing_is_left_running_after_a_stop_and_ports_and_secrets_are_the_same_the_next_time(
    data_folder: DataFolder,
) -> None:
    told: list[str] = []
    with household(data_folder, told) as home:
        first = home.settings
    assert living_in(data_folder.path) == []
    assert not answers(first.database_url)
    with household(data_folder, told) as home:
        assert home.settings == first
        neighbour = fill_in(load_settings().model_copy(update={"data_dir": data_folder.path}))
        assert neighbour.database_url == first.database_url
        assert neighbour.broker_url == first.broker_url
        assert neighbour.secret == first.secret


def test_a_remembered_port_that_somebody_else_has_taken_is_named(data_folder: DataFolder) -> None:
    told: list[str] = []
    with household(data_folder, told) as home:
        port = home.settings.http_port
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(EmbeddedError, match=rf"port {port} is in use, and the pages want it.*CALLOUT_HTTP_PORT"):
            household(data_folder, told)
    broker_port = data_folder.remembered_ports()["broker"]
    with socket.create_server(("127.0.0.1", broker_port)):
        with pytest.raises(EmbeddedError, match=rf"port {broker_port} is in use, and the embedded broker wants it"):
            household(data_folder, told).__enter__()
    # What had been started before the trouble is stopped again.
    assert living_in(data_folder.path) == []


def test_a_port_set_by_hand_is_not_replaced_by_another(
    data_folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("CALLOUT_HTTP_PORT", str(port))
        with pytest.raises(EmbeddedError, match=rf"port {port} is in use"):
            household(data_folder, [])


def test_an_outside_database_and_broker_are_used_as_they_are(
    data_folder: DataFolder, empty_database: str, tmp_path: Path
) -> None:
    given = load_settings().model_copy(
        update={
            "database_url": empty_database,
            "broker_url": "mqtt://callout-desk:secret@broker.example",
            "broker_accounts_file": tmp_path / "accounts",
        }
    )
    with Household(data_folder, given, lambda _: None, threading.Event(), free_port()) as home:
        assert home.settings.database_url == empty_database
        assert living_in(data_folder.path) == []
        assert watch_until(home, (tmp_path / "accounts").exists, 5.0)
    assert (tmp_path / "accounts").read_text().startswith("callout-desk:$7$")


def test_a_wish_to_stop_while_it_starts_ends_the_start(data_folder: DataFolder) -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(StopWantedError):
        Household(data_folder, load_settings(), lambda _: None, stopping, free_port()).__enter__()
    assert living_in(data_folder.path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_within_seconds(data_folder: DataFolder, number: signal.Signals) -> None:
    with start_alone(data_folder.path) as process:
        began_s = time.monotonic()
        process.send_signal(number)
        assert process.wait(15) == 0
        assert time.monotonic() - began_s < 10
    assert living_in(data_folder.path) == []


def test_a_killed_household_takes_its_processes_with_it_and_the_next_one_ends_its_servers(
    data_folder: DataFolder,
) -> None:
    with start_alone(data_folder.path) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
    servers = living_in(data_folder.path)
    assert servers
    ours = [int(child) for child in children if int(child) not in servers]
    deadline_s = time.monotonic() + 5
    while any(Path(f"/proc/{child}").exists() for child in ours) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{child}").exists() for child in ours)
    with start_alone(data_folder.path) as process:
        assert not set(servers) & set(living_in(data_folder.path))
        process.send_signal(signal.SIGTERM)
    assert living_in(data_folder.path) == []


def test_settings_reach_a_child_as_they_are() -> None:
    from gateway.settings import as_environment

    given = Settings(secret="s" * 40, http_port=8081, mail_from="A <a@example.com>", public_url="https://x.example")
    for name, value in as_environment(given).items():
        os.environ[name] = value
    try:
        assert load_settings() == given
    finally:
        for name in as_environment(given):
            del os.environ[name]


def test_a_household_with_two_ingest_processes_shares_the_partitions_and_shows_who_holds_what(
    data_folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLOUT_INGEST_WORKERS", "2")
    monkeypatch.setenv("CALLOUT_HTTP_PORT", str(free_port()))
    told: list[str] = []
    with household(data_folder, told) as home:
        home.start_desk()

        def holders() -> list[int]:
            with psycopg.connect(home.settings.database_url) as connection:
                rows = connection.execute(
                    """SELECT p.pid FROM callout.ingest_lease JOIN callout.ingest_process p ON process_no = owner
                    ORDER BY first_partition"""
                ).fetchall()
            return [pid for (pid,) in rows]

        assert watch_until(home, lambda: len(set(holders())) == 2), told
        ports = data_folder.remembered_ports()
        answers_of = {name: ports[name] for name in ("ingest metrics", "ingest-2 metrics", "work metrics")}
        assert len(set(answers_of.values())) == 3
        for port in answers_of.values():
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        setup = load_settings().model_copy(update={"data_dir": data_folder.path})
        points = {point.name: point for room in examine(setup) for point in room.points}
        for pid, part in zip(holders(), ("partitions 0 to 31", "partitions 32 to 63"), strict=True):
            (name,) = [name for name in points if name.startswith(f"ingest {pid}@")]
            assert part in points[name].found
        first, second = holders()
        os.kill(second, signal.SIGKILL)
        # How soon the one that is started again has its share is the machine's matter.
        assert watch_until(home, lambda: second not in holders() and first in holders()), told
        assert watch_until(home, lambda: len(set(holders())) == 2 and "ingest-2 runs again" in told, 40.0), told
