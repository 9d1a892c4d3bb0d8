"""Work and serve watch themselves and each other, on a real database."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from gateway import jobs
from gateway.health.alarms import Alarm, Kind
from gateway.health.measures import WorkMeasures
from gateway.health.watches import WorkHealth, watch_serve
from gateway.settings import Settings
from gateway.storage.alarms import keep_alarms, letters_leave, oldest_job_s, open_alarms
from gateway.storage.connection import Role, connect
from tests.conftest import free_port


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    until_s = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until_s, "it did not come about in time"
        time.sleep(0.05)


def test_work_shows_that_it_is_ready_and_raises_an_alarm_about_jobs_that_grow_old(database: str) -> None:
    port = free_port()
    with connect(database, Role.ADMIN) as connection:
        jobs.defer(connection, jobs.OFFER, lock="request-{request_id}", calls=[{"tenant_id": 1, "request_id": 2}])
        connection.execute("UPDATE jobs.procrastinate_events SET at = now() - interval '10 minutes'")
        health = WorkHealth(Settings(database_url=database, work_metrics_port=port), WorkMeasures())
        assert httpx2.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        wait_until(lambda: [each.kind for each in open_alarms(connection)] == [Kind.JOBS_OLD])
        connection.execute("DELETE FROM jobs.procrastinate_jobs")
        wait_until(lambda: not open_alarms(connection))
    health.stop()


def test_a_job_that_goes_on_failing_is_an_alarm_while_it_waits_for_its_next_try(database: str) -> None:
    with connect(database, Role.ADMIN) as connection:
        jobs.defer(connection, jobs.OFFER, lock="request-{request_id}", calls=[{"tenant_id": 1, "request_id": 2}])
        connection.execute("UPDATE jobs.procrastinate_events SET at = now() - interval '10 minutes'")
        connection.execute("UPDATE jobs.procrastinate_jobs SET scheduled_at = now() + interval '2 minutes'")
        assert oldest_job_s(connection) == 0.0, "it was wanted later"
        connection.execute("UPDATE jobs.procrastinate_jobs SET attempts = 7")
        assert 590.0 < oldest_job_s(connection) < 900.0


def test_work_says_whether_letters_leave_to_pages_that_are_told_of_no_mail_server(database: str) -> None:
    with connect(database, Role.ADMIN) as admin, connect(database, Role.SERVE) as pages:
        assert not letters_leave(pages)
        for smtp_url in ("smtp://127.0.0.1:25", ""):
            health = WorkHealth(Settings(database_url=database, smtp_url=smtp_url), WorkMeasures())
            wait_until(lambda said=bool(smtp_url): letters_leave(pages) is said)
            health.stop()
        assert admin.execute("SELECT sends_letters FROM desk_process").fetchall() == [(False,)]


def test_serve_notices_that_ingest_fell_silent_and_that_it_is_back(database: str) -> None:
    with connect(database, Role.ADMIN) as connection:
        connection.execute("INSERT INTO desk_process VALUES ('ingest', now(), now() - interval '2 minutes')")
        connection.execute("INSERT INTO desk_process VALUES ('work', now(), now() + interval '2 minutes')")
        pulse = watch_serve(Settings(database_url=database))
        wait_until(lambda: [each.kind for each in open_alarms(connection)] == [Kind.INGEST_SILENT])
        connection.execute("UPDATE desk_process SET heard_at = now() + interval '2 minutes'")
        wait_until(lambda: not open_alarms(connection))
    pulse.stop()


def test_a_process_that_never_ran_is_not_missed(database: str) -> None:
    pulse = watch_serve(Settings(database_url=database))
    with connect(database, Role.ADMIN) as connection:
        wait_until(lambda: connection.execute("SELECT count(*) FROM desk_process").fetchone() == (1,))
        time.sleep(3)
        assert open_alarms(connection) == []
    pulse.stop()


def test_serve_notices_that_nobody_signs_the_list_of_revoked_certificates(database: str, tmp_path: Path) -> None:
    settings = Settings(database_url=database, certificate_broker_url="mqtts://broker.example", authority_dir=tmp_path)
    revocation_list = tmp_path / "crl.pem"
    revocation_list.write_text("")
    os.utime(revocation_list, (time.time() - 4 * 86_400,) * 2)
    pulse = watch_serve(settings)
    with connect(database, Role.ADMIN) as connection:
        wait_until(lambda: [each.kind for each in open_alarms(connection)] == [Kind.LIST_OLD])
        revocation_list.touch()
        wait_until(lambda: not open_alarms(connection))
    pulse.stop()


def test_an_alarm_of_every_kind_can_be_kept(database: str) -> None:
    now = datetime.now(UTC)
    with connect(database, Role.ADMIN) as connection:
        keep_alarms(connection, [Alarm(kind, False, now, now, 1.0) for kind in Kind])
        assert {each.kind for each in open_alarms(connection)} == set(Kind)
