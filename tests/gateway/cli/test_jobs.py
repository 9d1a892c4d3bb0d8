"""The command about jobs that fail, on a real database: listed with what they are about, tried at once, taken out by name."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway import journey
from gateway.audit.verifying import verify
from gateway.cli.app import app
from gateway.dropping import DROPPED
from gateway.errors import SettingsError
from gateway.storage.connection import tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk

PAT = "pat@acme.example"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def callout(desk: SmallDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    monkeypatch.setenv("CALLOUT_DATABASE_URL", desk.dsn)
    monkeypatch.setenv("CALLOUT_DATA_DIR", str(tmp_path / "none"))

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["jobs", *words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


@pytest.fixture
def failing(desk: SmallDesk) -> int:
    """The job that looks for dates of a request, which has failed seven times and is to be tried again in a while."""
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, "cell_leaves_pack", 81)
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=datetime.now(UTC))
    desk.admin.execute(
        """UPDATE procrastinate_jobs SET attempts = 7, scheduled_at = now() + interval '2 minutes'
        WHERE task_name = 'offer'"""
    )
    return desk.value("SELECT id FROM procrastinate_jobs WHERE task_name = 'offer'")


def test_without_a_failure_there_is_nothing_to_list(callout: Callable[..., str]) -> None:
    assert callout() == "no job fails\n"


def test_a_job_that_fails_is_listed_with_what_it_is_about_and_what_would_be_lost(
    callout: Callable[..., str], failing: int
) -> None:
    told = callout()
    assert f"{failing}: offer of acme ev-1 traction_battery, request C-000001" in told
    assert "failed 7 times since" in told
    assert "dropped, this is lost: the next step towards dates; its request becomes a person's case" in told


def test_a_job_is_tried_at_once_where_somebody_has_mended_its_cause(
    desk: SmallDesk, callout: Callable[..., str], failing: int
) -> None:
    assert "is tried now" in callout("--retry", str(failing))
    assert desk.value("SELECT scheduled_at <= now() FROM procrastinate_jobs WHERE id = %s", failing) is True


def test_a_job_that_is_dropped_leaves_its_request_with_a_person_and_stands_in_the_audit(
    desk: SmallDesk, callout: Callable[..., str], failing: int
) -> None:
    assert "request C-000001 is a person's case now" in callout(
        "--drop", str(failing), "--by", PAT, "--because", "The centre is gone."
    )
    assert desk.value("SELECT status::text FROM procrastinate_jobs WHERE id = %s", failing) == "cancelled"
    assert desk.rows("SELECT reason FROM human_case WHERE closed_at IS NULL") == [(DROPPED,)]
    assert desk.value("SELECT state FROM service_request") == "held"
    assert desk.rows(
        """SELECT actor, inputs ->> 'task', inputs ->> 'reason', (inputs ->> 'attempts')::int FROM audit_record
        WHERE act = 'job_dropped'"""
    ) == [("staff-1", "offer", "The centre is gone.", 7)]
    with tenant_transaction(desk.work, desk.tenant_id):
        assert verify(desk.work).misfit is None
    assert callout() == "no job fails\n"


def test_a_diagnosis_that_is_dropped_stands_in_the_audit_without_a_request(
    desk: SmallDesk, callout: Callable[..., str]
) -> None:
    device_id = desk.vehicle("ev-1")
    desk.admin.execute(
        """INSERT INTO procrastinate_jobs (queue_name, task_name, attempts, args)
        VALUES ('journey', 'diagnose', 3, jsonb_build_object('tenant_id', %s::int, 'device_id', %s::int,
            'component', 'tyres'))""",
        [desk.tenant_id, device_id],
    )
    job_id = desk.value("SELECT max(id) FROM procrastinate_jobs")
    assert f"{job_id}: diagnose of acme ev-1 tyres\n" in callout()
    told = callout("--drop", str(job_id), "--by", PAT, "--because", "No.")
    assert "lost is a diagnosis" in told
    assert desk.rows("SELECT device_id, request_id FROM audit_record WHERE act = 'job_dropped'") == [(device_id, None)]


def test_a_letters_job_is_dropped_and_the_outbox_keeps_what_it_has(
    desk: SmallDesk, callout: Callable[..., str], failing: int
) -> None:
    desk.admin.execute(
        """INSERT INTO procrastinate_jobs (queue_name, task_name, attempts, args)
        VALUES ('errands', 'send_notices', 3, jsonb_build_object('tenant_id', %s::int, 'request_id', 0))""",
        [desk.tenant_id],
    )
    job_id = desk.value("SELECT max(id) FROM procrastinate_jobs")
    assert "lost is nothing" in callout("--drop", str(job_id), "--by", PAT, "--because", "No.")
    assert desk.rows("SELECT FROM human_case") == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("doing", ["--drop", "JOB", "--by", PAT, "--because", "No."]),
        ("succeeded", ["--drop", "JOB", "--by", PAT, "--because", "No."]),
        ("doing", ["--retry", "JOB"]),
    ],
)
def test_what_is_running_or_has_ended_is_left_alone(
    desk: SmallDesk, callout: Callable[..., str], failing: int, status: str, words: list[str]
) -> None:
    desk.admin.execute("UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status", [status])
    with pytest.raises(SettingsError, match="does not wait"):
        callout(*(str(failing) if word == "JOB" else word for word in words))
    assert desk.rows("SELECT FROM human_case") == []
    assert desk.value("SELECT state FROM service_request") == "open"


@pytest.mark.parametrize("words", [["--by", PAT], ["--because", "No."], ["--by", "no@one.example", "--because", "No."]])
def test_who_drops_a_job_is_named_with_his_reason(
    desk: SmallDesk, callout: Callable[..., str], failing: int, words: list[str]
) -> None:
    with pytest.raises(SettingsError):
        callout("--drop", str(failing), *words)
    assert desk.value("SELECT status::text FROM procrastinate_jobs WHERE id = %s", failing) == "todo"
