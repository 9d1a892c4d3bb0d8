"""The account of a replay: rows against what was stored, absorbed and refused, with nothing left over."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.accounting import Line, Sent, account, read_sent
from gateway.cli.app import app
from gateway.errors import SettingsError
from gateway.ingest.worker import Worker
from gateway.storage.accounting import Counted, Kept, RefusedPiece
from gateway.storage.connection import Role, connect
from tests.fakes.source import ListSource, message
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


def piece(reason: str, place: str = "", detail: str = "", payload: bytes = b"{") -> RefusedPiece:
    return RefusedPiece("m", reason, detail, place, payload)


def drawn(sent: Sent, kept: Kept, *pieces: RefusedPiece) -> Line:
    (line,) = account(["m", "other"], {"m": sent}, {"m": kept}, pieces, [Counted("m", "leak", 2)], [])
    return line


def test_what_was_sent_and_is_neither_stored_nor_refused_is_a_duplicate() -> None:
    line = drawn(Sent(rows=12, sent=10, messages=5, not_sent={"no time": 2}), Kept(8, 5))
    assert (line.stored, line.duplicate, line.not_there) == (8, 2, 0)
    assert line.symptoms == {"leak": 2}
    assert line.is_balanced


def test_what_is_still_on_its_way_is_no_duplicate_and_the_account_is_open() -> None:
    line = drawn(Sent(rows=10, sent=10, messages=5), Kept(8, 4))
    assert (line.duplicate, line.not_there) == (None, 1)
    assert not line.is_balanced


def test_a_row_that_nobody_speaks_of_is_not_accounted_for() -> None:
    assert not drawn(Sent(rows=11, sent=10, messages=5), Kept(10, 5)).is_balanced
    assert not drawn(Sent(rows=10, sent=10, messages=5), Kept(12, 5)).is_balanced


def test_refused_samples_are_told_from_refused_values() -> None:
    whole = telemetry(3, {"at": "x"}, {"at": "y"})
    line = drawn(
        Sent(rows=20, sent=20, messages=3),
        Kept(13, 2),
        piece("unknown_schema", "schema", payload=whole),
        piece("bad_time", "samples[3].at"),
        piece("wrong_type", "samples[4]"),
        piece("and_more", "", "3 more pieces of this message were refused"),
        piece("wrong_type", "samples[5].water_l"),
    )
    assert line.refused == {"unknown_schema": 2, "bad_time": 1, "wrong_type": 1, "and_more": 3}
    assert line.values_refused == {"wrong_type": 1}
    assert line.duplicate == 0


@pytest.mark.parametrize("text", ["", "{}", '{"schema": "other/1", "devices": {}}'])
def test_a_file_that_is_no_account_is_refused_with_the_next_move(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sent.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match="callout replay --account"):
        read_sent(path)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    opened.vehicle("ev-2")
    yield opened
    opened.close()


@pytest.fixture
def told(desk: SmallDesk, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("CALLOUT_DATABASE_URL", desk.dsn)

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["account", "acme", *words])
        return result.exit_code, result.stdout

    return run


def test_the_command_accounts_for_what_the_worker_did_with_every_row(
    desk: SmallDesk, told: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    good = [sample(START + timedelta(minutes=minute), soc_pct=50.0) for minute in range(3)]
    future = sample(START + timedelta(days=9), soc_pct=50.0)
    first = message(topic("ev-1"), telemetry(1, *good, future))
    worker.take([first, message(topic("ev-1"), telemetry(2, good[0])), first])
    worker.close()
    sent = tmp_path / "sent.json"
    devices = {"ev-1": {"rows": 10, "sent": 9, "messages": 2, "not_sent": {"the time cannot be read": 1}}}
    sent.write_text(json.dumps({"schema": "callout.account/1", "devices": devices}))
    code, printed = told("--sent", str(sent), "--as", "json")
    (line,) = json.loads(printed)
    assert code == 0
    assert (line["stored"], line["refused"], line["duplicate"]) == (4, {"future": 2}, 3)
    code, printed = told("--as", "csv")
    assert [row.split(",")[0] for row in printed.splitlines()] == ["device", "ev-1", "ev-2"]
    devices["ev-1"]["rows"] = 11
    sent.write_text(json.dumps({"schema": "callout.account/1", "devices": devices}))
    assert told("--sent", str(sent))[0] == 1
