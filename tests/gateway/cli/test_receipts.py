"""`callout replay-decision` as a person or a script calls it: what it prints, and with what it exits."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway import journey
from gateway.cli.app import app
from gateway.errors import SettingsError
from gateway.storage.connection import tenant_transaction
from tests.gateway.decisions.test_replaying import overheat
from tests.gateway.desk import SmallDesk, open_desk

runner = CliRunner()


@pytest.fixture
def desk(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDesk]:
    monkeypatch.setenv("CALLOUT_DATABASE_URL", database)
    monkeypatch.setenv("CALLOUT_DATA_DIR", str(tmp_path / "data"))
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def test_a_decision_that_is_identical_says_so_with_its_hash(desk: SmallDesk) -> None:
    overheat(desk)
    number, sha256 = desk.rows("SELECT decision_id, encode(sha256, 'hex') FROM decision_receipt")[0]
    result = runner.invoke(app, ["replay-decision", str(number)])
    assert (result.exit_code, result.output) == (0, f"decision {number}: identical, sha256 {sha256}\n")


def test_what_differs_is_shown_member_by_member_with_a_code_that_a_script_sees(desk: SmallDesk) -> None:
    overheat(desk)
    desk.admin.execute("UPDATE electric_vehicle_reading SET probe_temps_degc = '{25,25}'")
    result = runner.invoke(app, ["replay-decision", str(desk.value("SELECT decision_id FROM decision_receipt"))])
    assert result.exit_code == 1
    assert 'verdict: recorded "safety", now null' in result.output
    assert "a reading that it stands on was changed, is missing, or was added" in result.output


def test_all_ends_with_one_line_of_json(desk: SmallDesk) -> None:
    overheat(desk)
    healthy = runner.invoke(app, ["replay-decision", "--all"])
    assert healthy.exit_code == 0
    assert json.loads(healthy.output.splitlines()[-1]) == {"decisions": 1, "identical": 1, "different": 0}
    # One from before receipts had anything to stand on.
    device_id = desk.vehicle("ev-old")
    desk.symptom(device_id, "cell_leaves_pack", 81)
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=datetime.now(UTC))
    result = runner.invoke(app, ["replay-decision", "--all"])
    assert result.exit_code == 1
    assert "2 of 2 decisions: 1 identical, 1 different" in result.output
    assert json.loads(result.output.splitlines()[-1]) == {"decisions": 2, "identical": 1, "different": 1}


def test_an_unknown_number_and_no_number_say_what_to_do(desk: SmallDesk) -> None:
    unknown = runner.invoke(app, ["replay-decision", "4711"])
    assert isinstance(unknown.exception, SettingsError)
    assert "there is no decision 4711" in str(unknown.exception)
    for words in (["replay-decision"], ["replay-decision", "3", "--all"]):
        assert "which decision?" in str(runner.invoke(app, words).exception)
