"""The command about troubles of the door, in a real database that an ingest worker wrote into."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.app import app
from gateway.errors import SettingsError
from gateway.ingest.resend import notice
from gateway.ingest.worker import Worker
from tests.gateway.desk import SmallDesk
from tests.gateway.ingest.numbers import START, message, new_worker, two_vehicles


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    yield from two_vehicles(database, tmp_path)


@pytest.fixture
def worker(desk: SmallDesk) -> Iterator[Worker]:
    with closing(new_worker(desk)) as made:
        yield made


@pytest.fixture
def callout(desk: SmallDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    monkeypatch.setenv("CALLOUT_DATABASE_URL", desk.dsn)
    monkeypatch.setenv("CALLOUT_DATA_DIR", str(tmp_path / "none"))

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["troubles", *words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_each_kind_is_told_with_what_was_seen_and_the_next_move(worker: Worker, callout: Callable[..., str]) -> None:
    worker.take([message(seq, delay_s=-100.0) for seq in range(1, 31)])
    worker.take([message(seq, delay_s=-100.0, at=START + timedelta(seconds=100 + seq)) for seq in range(1, 11)])
    worker.take([message(1, device="ev-2"), message(2_000_000, device="ev-2")])
    notice(worker.connected(), START + timedelta(days=1), timedelta(seconds=20))
    for seq in range(1, 8):
        worker.take(
            [message(seq, 2, "ev-2", at=START + timedelta(seconds=4000 + 10 * seq + apart)) for apart in (0, 3)]
        )
    told = callout("acme")
    for expected in (
        "ev-1: Its message numbers fell back without a restart (seq_restarted)",
        "in boot 1 from seq 30 back to 1",
        "ev-1: Its clock is wrong (clock_off)",
        "100 s ahead",
        "ev-2: Two devices report under this name (two_devices)",
        "ev-2: Messages are lost (gap_lost)",
        "1999998 messages, the last of boot 1",
        "next: Set the device's clock",
    ):
        assert expected in told, told


def test_a_device_is_shown_with_its_gaps_and_with_what_is_over(worker: Worker, callout: Callable[..., str]) -> None:
    worker.take([message(seq, delay_s=-100.0) for seq in range(1, 11)])
    worker.take([message(seq, delay_s=1.0) for seq in (*range(11, 31), 35, 37)])
    notice(worker.connected(), START + timedelta(days=1), timedelta(seconds=20))
    told = callout("acme", "--device", "ev-1")
    assert "clock_off, over since" in told
    lines = [line.split() for line in told.splitlines()[-2:]]
    assert sorted((line[0], line[1:-4], line[-1]) for line in lines) == [
        ("1", ["31", "to", "34"], "noticed"),
        ("1", ["36"], "noticed"),
    ]
    assert callout("acme") == "no device of acme has a trouble at the door\n"
    assert callout("acme", "--device", "ev-2") == "ev-2 has never had a trouble at the door\n"


def test_a_name_that_is_not_there_is_said_with_the_next_move(desk: SmallDesk, callout: Callable[..., str]) -> None:
    with pytest.raises(SettingsError, match="no tenant 'acne'"):
        callout("acne")
    with pytest.raises(SettingsError, match="no device 'ev-9'"):
        callout("acme", "--device", "ev-9")
