"""The command about dead letters, in a real database with an ingest worker beside it."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.app import app
from gateway.errors import SettingsError
from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect
from tests.fakes.source import ListSource, message
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

START = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    yield opened
    opened.close()


@pytest.fixture
def worker(desk: SmallDesk) -> Worker:
    made = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    made.take([message(topic("late"), telemetry(seq, sample(START))) for seq in range(3)])
    made.take([message(topic("ev-1"), b"\x1b[31m not JSON \xff")])
    return made


@pytest.fixture
def callout(desk: SmallDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    monkeypatch.setenv("CALLOUT_DATABASE_URL", desk.dsn)
    monkeypatch.setenv("CALLOUT_DATA_DIR", str(tmp_path / "none"))

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["rejections", *words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_reasons_are_counted_and_listed(worker: Worker, callout: Callable[..., str]) -> None:
    worker.close()
    lines = callout("acme").splitlines()
    assert lines[1].split()[:3] == ["unknown_device", "3", "3"]
    assert lines[2].split()[:3] == ["not_json", "1", "1"]
    assert callout("acme", "--reason", "unknown_device").count(topic("late")) == 3


def test_one_is_shown_with_its_bytes_and_cannot_paint_the_terminal(
    desk: SmallDesk, worker: Worker, callout: Callable[..., str]
) -> None:
    worker.close()
    number = desk.value("SELECT rejection_id FROM rejection WHERE reason = 'not_json'")
    shown = callout("acme", "--show", str(number))
    assert "reason    not_json" in shown
    assert r"\x1b[31m not JSON \xff" in shown
    assert "\x1b" not in shown


def test_a_replay_says_what_became_of_it(desk: SmallDesk, worker: Worker, callout: Callable[..., str]) -> None:
    desk.vehicle("late")
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        said = callout("acme", "--all", "--replay")
    finally:
        worker.stop()
        running.join()
    assert "asked for the replay of 4" in said
    assert "3  stored" in said
    assert "1  refused again" in said
    assert callout("acme").splitlines()[1].split()[:3] == ["unknown_device", "3", "0"]
    assert "nothing to replay" in callout("acme", "--reason", "unknown_device", "--replay")


def test_without_ingest_a_replay_waits_and_says_so(worker: Worker, callout: Callable[..., str]) -> None:
    worker.close()
    assert "still waiting: is ingest running?" in callout("acme", "--all", "--replay", "--wait-s", "0")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nobody"], "no tenant 'nobody'"),
        (["acme", "--replay"], "what is to be replayed"),
        (["acme", "--show", "999"], "no rejection 999"),
        (["acme", "--show", "999", "--replay"], "no rejection 999"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    worker: Worker, callout: Callable[..., str], words: list[str], message: str
) -> None:
    worker.close()
    with pytest.raises(SettingsError, match=message):
        callout(*words)


def test_a_desk_where_nothing_was_refused_says_so(desk: SmallDesk, callout: Callable[..., str]) -> None:
    assert "nothing of acme was refused" in callout("acme")
