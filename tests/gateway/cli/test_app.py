"""The command line as a person meets it: help that says enough, and errors in a paragraph without a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from gateway.cli.app import app
from gateway.settings import CHECKOUT, Settings

COMMANDS = (
    *(
        "demo",
        "up",
        "migrate",
        "ingest",
        "work",
        "serve",
        "accounts",
        "authority",
        "enrol",
        "move",
        "reissue",
        "revoke",
        "configure",
        "login",
        "settings",
        "rejections",
        "doctor",
    ),
    *("simulate", "replay", "test", "check"),
)


def callout(*words: str, data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "COLUMNS": "200",
        "NO_COLOR": "1",
        "CALLOUT_DATA_DIR": str(data_dir),
        **{f"CALLOUT_{name.upper()}": value for name, value in settings.items()},
    }
    return subprocess.run(
        [sys.executable, "-m", "gateway", *words],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )


def help_of(*words: str) -> str:
    """What a command says of itself; in this process, for there are many."""
    outcome = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, [*words, "--help"], prog_name="callout")
    assert outcome.exit_code == 0
    return outcome.stdout


def test_help_names_every_command() -> None:
    shown = help_of()
    for command in COMMANDS:
        assert f" {command} " in shown, command


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in {"simulate", "replay"}])
def test_every_command_says_what_it_is_for(command: str) -> None:
    assert f"callout {command}" in help_of(command)


def test_asking_for_help_touches_nothing(tmp_path: Path) -> None:
    assert callout("up", "--help", data_dir=tmp_path / "data").returncode == 0
    assert not (tmp_path / "data").exists()


def test_settings_lists_every_setting_and_shows_no_secret(tmp_path: Path) -> None:
    outcome = callout(
        "settings", data_dir=tmp_path, secret="very-secret-key-of-thirty-two-signs", broker_url="mqtt://u:hidden@b"
    )
    for name in Settings.model_fields:
        assert f"CALLOUT_{name.upper()} = " in outcome.stdout
    assert "very-secret-key-of-thirty-two-signs" not in outcome.stdout
    assert "hidden" not in outcome.stdout


def test_a_settings_file_can_be_named_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "callout.toml"
    file.write_text("http_port = 8099\n")
    assert "CALLOUT_HTTP_PORT = 8099" in callout("--settings-file", str(file), "settings", data_dir=tmp_path).stdout


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        (("migrate",), {}, "CALLOUT_DATABASE_URL"),
        (("migrate",), {"databse_url": "postgresql://"}, "did you mean CALLOUT_DATABASE_URL?"),
        (("migrate",), {"http_port": "0"}, "CALLOUT_HTTP_PORT: Input should be greater than"),
        (("migrate",), {"broker_url": "http://b"}, "CALLOUT_BROKER_URL: Value error, expected scheme://user"),
        (("migrate",), {"database_url": "postgresql://callout:pw@127.0.0.1:9/callout"}, "127.0.0.1:9/callout does not"),
        (("ingest",), {}, "start `callout up` in another terminal"),
        (("configure", "absent.toml"), {}, "absent.toml cannot be read"),
        (("accounts",), {}, "CALLOUT_BROKER_ACCOUNTS_FILE"),
        (("check",), {}, "./callout check"),
    ],
)
def test_what_is_wrong_is_told_in_a_paragraph_with_the_next_move(
    words: tuple[str, ...], settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    outcome = callout(*words, data_dir=tmp_path, **settings)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("error: ")
    assert said in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "pw@" not in outcome.stderr


def test_migrate_says_what_it_has_applied_and_then_that_there_is_nothing_to_do(
    empty_database: str, tmp_path: Path
) -> None:
    first = callout("migrate", data_dir=tmp_path, database_url=empty_database)
    assert "applied 0001_desk" in first.stdout
    second = callout("migrate", data_dir=tmp_path, database_url=empty_database)
    assert second.stdout == "the schema is up to date\n"
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT count(*) FROM callout.device").fetchone() == (0,)


def test_a_second_up_on_the_same_folder_is_told_who_is_there(data_folder_path: Path) -> None:
    from gateway.embedded.folder import open_folder

    with open_folder(data_folder_path).locked("callout up"):
        outcome = callout("up", data_dir=data_folder_path)
    assert outcome.returncode == 1
    assert "callout up (process" in outcome.stderr
    assert "is already running" in outcome.stderr


@pytest.fixture
def data_folder_path(tmp_path: Path) -> Path:
    return tmp_path / "data"
