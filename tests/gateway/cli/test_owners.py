"""The commands about owners: one joins, a device is given away, and each gets the link to its page."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.app import app
from gateway.errors import SettingsError
from tests.gateway.desk import SmallDesk, open_desk

BY = ("--by", "pat@acme.example")
MINA = ("--name", "Mina", "--email", "mina@owners.example", "--language", "ko", "--time-zone", "Asia/Seoul")
OWNERS = (
    """SELECT o.email FROM device_owner d JOIN owner o USING (owner_id) WHERE d.until_at IS NULL ORDER BY o.email"""
)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    yield opened
    opened.close()


@pytest.fixture
def callout(desk: SmallDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    monkeypatch.setenv("CALLOUT_DATABASE_URL", desk.dsn)
    monkeypatch.setenv("CALLOUT_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("CALLOUT_SECRET", "s" * 32)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_who_joins_owns_it_beside_the_others_and_gets_a_link(desk: SmallDesk, callout: Callable[..., str]) -> None:
    assert "/d/" in callout("join-owner", "acme", "ev-1", *MINA, *BY)
    assert desk.rows(OWNERS) == [("ev-1@owners.example",), ("mina@owners.example",)]
    assert "/d/" in callout("owner-link", "acme", "ev-1", "--email", "mina@owners.example")


def test_who_is_given_it_owns_it_alone(desk: SmallDesk, callout: Callable[..., str]) -> None:
    assert "/d/" in callout("transfer", "acme", "ev-1", *MINA, *BY)
    assert desk.rows(OWNERS) == [("mina@owners.example",)]


@pytest.mark.parametrize("command", ["join-owner", "transfer"])
def test_what_is_wrong_is_named_and_nothing_changes(desk: SmallDesk, callout: Callable[..., str], command: str) -> None:
    with pytest.raises(SettingsError, match="nobody with the e-mail"):
        callout(command, "acme", "ev-1", *MINA, "--by", "eve@acme.example")
    with pytest.raises(SettingsError, match="Correct it and try again"):
        callout(command, "acme", "ev-1", "--name", "Mina", "--email", "mina", *BY)
    assert desk.rows(OWNERS) == [("ev-1@owners.example",)]
