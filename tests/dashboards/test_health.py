"""Addresses for those who watch the desk, and the desk's own alarms above a planner's pages."""

import html
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.app import create
from gateway import jobs
from gateway.health.alarms import Alarm, Kind
from gateway.settings import Settings
from gateway.storage.alarms import keep_alarms, say_alive
from tests.conftest import free_port
from tests.dashboards.scene import NOW, Scene, settings

TOKEN = {"authorization": "Bearer token"}


@pytest.fixture
def neighbour(database: str) -> Iterator[TestClient]:
    """Somebody on the machine of a desk that nobody outside can reach."""
    app = create(settings(database, public_url=""))
    with TestClient(app, client=("127.0.0.1", 50000)) as client:
        yield client


def test_it_is_up_and_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"process": "serve", "up": True}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"process": "serve", "ready": True})


def test_without_the_database_it_is_up_but_not_ready_and_strangers_are_not_told_why(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    dead = settings(f"postgresql://callout:x@127.0.0.1:{free_port()}/callout")
    with caplog.at_level(logging.CRITICAL), TestClient(create(dead)) as client:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
        told = client.get("/readyz", headers=TOKEN)
        figures = client.get("/metrics", headers=TOKEN)
    assert (answer.status_code, answer.json()) == (503, {"process": "serve", "ready": False})
    assert told.json()["reasons"] == ["the database does not answer"]
    assert "callout_database_up 0" in figures.text


def test_a_database_of_another_schema_is_a_reason(scene: Scene, client: TestClient) -> None:
    scene.conn.execute("INSERT INTO schema_migration (name, checksum) VALUES ('9999_later', 'x')")
    answer = client.get("/readyz", headers=TOKEN)
    assert answer.status_code == 503
    assert "migrated by a newer version" in answer.json()["reasons"][0]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic token"}])
def test_figures_are_not_for_strangers(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 401
    assert "callout_" not in answer.text


def test_neighbours_need_no_token_and_whoever_comes_through_a_public_address_does(
    neighbour: TestClient, app: FastAPI
) -> None:
    assert "callout_jobs_open" in neighbour.get("/metrics").text
    # A reverse proxy on the machine comes from the loopback address, whoever stands before it.
    with TestClient(app, client=("127.0.0.1", 50000)) as through_proxy:
        assert through_proxy.get("/metrics").status_code == 401


def test_without_an_api_token_no_token_opens(database: str) -> None:
    with TestClient(create(settings(database, api_token=""))) as client:
        assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 401


def test_figures_say_what_waits_at_the_desk(scene: Scene, ids: dict[str, int], client: TestClient) -> None:
    jobs.defer(scene.conn, jobs.OFFER, lock="request-{request_id}", calls=[{"tenant_id": 1, "request_id": 2}])
    scene.conn.execute("UPDATE jobs.procrastinate_events SET at = now() - interval '90 s'")
    say_alive(scene.conn, "ingest", NOW)
    keep_alarms(scene.conn, [Alarm(Kind.QUEUE_FILLS, True, NOW, NOW, 0.95)])
    # What was taken back waits for nobody.
    scene.conn.execute(
        """UPDATE notice SET withdrawn_at = now() WHERE notice_id = (
            SELECT notice_id FROM notice WHERE sent_at IS NULL AND withdrawn_at IS NULL ORDER BY written_at LIMIT 1)"""
    )
    lines = dict(
        line.rsplit(" ", 1)
        for line in client.get("/metrics", headers=TOKEN).text.splitlines()
        if not line.startswith("#")
    )
    assert float(lines['callout_jobs_open{state="todo",task="offer"}']) == 1
    assert 90 <= float(lines["callout_oldest_job_seconds"]) < 600
    unsent = scene.one("SELECT count(*) FROM notice WHERE sent_at IS NULL AND withdrawn_at IS NULL")
    assert unsent > 0
    assert float(lines["callout_notices_unsent"]) == unsent
    assert float(lines["callout_cases_open"]) == scene.one("SELECT count(*) FROM human_case WHERE closed_at IS NULL")
    assert float(lines['callout_process_heard_seconds{process="ingest"}']) < 600
    assert float(lines['callout_alarm{kind="queue_fills"}']) == 2
    assert float(lines['callout_alarm{kind="disk_full"}']) == 0
    assert "hanbit" not in "".join(lines)
    assert float(lines["callout_database_up"]) == 1


def test_a_job_that_waits_for_another_of_its_lock_is_not_late(scene: Scene, client: TestClient) -> None:
    calls: list[dict[str, int | str]] = [{"tenant_id": 1, "request_id": 2}, {"tenant_id": 1, "request_id": 2}]
    jobs.defer(scene.conn, jobs.OFFER, lock="request-{request_id}", calls=calls)
    scene.conn.execute("UPDATE jobs.procrastinate_events SET at = now() - interval '90 s'")
    scene.conn.execute(
        "UPDATE jobs.procrastinate_jobs SET status = 'doing' WHERE id = (SELECT min(id) FROM jobs.procrastinate_jobs)"
    )
    figures = client.get("/metrics", headers=TOKEN).text
    assert "callout_oldest_job_seconds 0.0" in figures


def test_alarms_of_the_desk_stand_above_every_page_of_a_planner(
    scene: Scene, ids: dict[str, int], planner: TestClient
) -> None:
    since = NOW - timedelta(minutes=20)
    alarms = [Alarm(Kind.QUEUE_FILLS, False, since, NOW, 0.62), Alarm(Kind.QUEUE_DROPS, True, since, NOW, 1500)]
    keep_alarms(scene.conn, alarms)
    for path in ("/planner", "/planner/outbox", "/planner/rejections", f"/planner/requests/{ids['offered']}"):
        page = planner.get(path).text
        assert "queue is 62% full" in page, path
        assert "It began 20 minutes ago." in page
        assert page.index("1,500 messages were lost") < page.index("62% full"), "what is critical comes first"
    assert "62% 찼습니다" in planner.get("/planner?lang=ko").text
    assert "1,500件" in planner.get("/planner?lang=ja").text
    keep_alarms(scene.conn, [Alarm(each.kind, True, since, NOW, 0, closed_at=NOW) for each in alarms])
    assert "desk-alarms" not in planner.get("/planner").text


def test_why_an_alarm_ended_without_being_well_is_told_for_a_day(scene: Scene, planner: TestClient) -> None:
    since = NOW - timedelta(minutes=20)
    why = "messages come from Kafka, and no broker's queue is read"
    fills = Alarm(Kind.QUEUE_FILLS, False, since, NOW, 0.62)
    keep_alarms(scene.conn, [replace(fills, closed_at=NOW - timedelta(minutes=5), reason=why)])
    page = html.unescape(planner.get("/planner").text)
    assert (
        f"An alarm ended 5 minutes ago, but not because it is well: {why}. It had said: “Messages from devices" in page
    )
    assert "Kafka" in planner.get("/planner?lang=ko").text
    scene.conn.execute("UPDATE desk_alarm SET closed_at = closed_at - interval '1 day'")
    assert "desk-alarms" not in planner.get("/planner").text
    scene.conn.execute("UPDATE desk_alarm SET closed_at = closed_at + interval '1 day'")
    keep_alarms(scene.conn, [fills])
    assert "An alarm ended" not in planner.get("/planner").text


def test_every_kind_of_alarm_has_words(chosen: Settings) -> None:
    from gateway.notices.desk_words import ALARMS

    assert set(ALARMS) == {kind.value for kind in Kind}
