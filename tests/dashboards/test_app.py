"""What holds for every answer: headers, no secrets in logs, a plain page when the database is away."""

import logging

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards.app import create
from gateway.errors import SettingsError
from tests.conftest import free_port
from tests.dashboards.conftest import Links
from tests.dashboards.scene import settings


def test_every_answer_carries_the_security_headers(client: TestClient, links: Links, ids: dict[str, int]) -> None:
    for path in ("/", "/nothing", "/o/x", links.owner(ids["offered"]), "/planner", "/static/callout.css", "/api/v1/x"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(("public_url", "binds"), [("https://desk.example", True), ("http://desk.example", False)])
def test_browsers_are_bound_to_tls_when_people_reach_the_pages_by_it(public_url: str, binds: bool) -> None:
    chosen = settings("postgresql://nobody@127.0.0.1:9/none").model_copy(update={"public_url": public_url})
    answer = TestClient(create(chosen)).get("/static/callout.css")
    assert ("strict-transport-security" in answer.headers) is binds


def test_personal_pages_are_kept_by_nobody_and_the_stylesheet_is(
    client: TestClient, links: Links, ids: dict[str, int]
) -> None:
    page = client.get(links.owner(ids["offered"]))
    assert page.headers["cache-control"] == "no-store"
    assert "immutable" in client.get("/static/callout.css").headers["cache-control"]
    assert "style=" not in page.text, "the policy would ignore it"


def test_an_unknown_address_says_the_next_move(client: TestClient) -> None:
    page = client.get("/nothing", headers={"accept-language": "ko-KR"})
    assert page.status_code == 404
    assert "여기에는 아무것도 없습니다" in page.text


@pytest.mark.parametrize(
    ("path", "back"),
    [
        ("/planner/requests/99999", "/planner"),
        ("/planner/nowhere", "/planner"),
        ("/planner/schedule/99999", "/planner"),
        ("/planner/incidents/99999", "/planner/incidents"),
        ("/planner/parts/NOTHING", "/planner/parts"),
        ("/planner/outbox/99999", "/planner/outbox"),
        ("/planner/devices/nobody", "/planner/devices"),
        ("/planner/devices/ev-0003/signals/nothing", "/planner/devices/ev-0003"),
    ],
)
def test_what_is_not_there_leads_a_planner_one_step_up(
    planner: TestClient, ids: dict[str, int], path: str, back: str
) -> None:
    page = planner.get(path)
    assert page.status_code == 404
    assert f'href="{back}">← Back' in page.text
    assert planner.get(back).status_code == 200


def test_who_is_not_signed_in_is_told_what_to_type_and_led_nowhere(client: TestClient) -> None:
    page = client.get("/planner/requests/1")
    assert page.status_code == 401
    assert "<code>callout login</code>" in page.text
    assert "← Back" not in page.text


def test_the_api_answers_with_problems(client: TestClient) -> None:
    answer = client.get("/api/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.post("/api/v1/devices", json={}).status_code == 401


def test_a_form_of_absurd_size_is_refused(client: TestClient) -> None:
    assert client.post("/o/x/date", content=b"a" * 100_000).status_code == 413


def test_while_the_database_is_away_pages_say_so_and_when_to_come_back(
    database: str, links: Links, ids: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    path = links.owner(ids["offered"])
    dead = settings(f"postgresql://callout:x@127.0.0.1:{free_port()}/callout")
    with caplog.at_level(logging.CRITICAL), TestClient(create(dead)) as client:
        page = client.get(path)
    assert page.status_code == 503
    assert page.headers["retry-after"] == "10"
    assert "Nothing is lost" in page.text


def test_it_does_not_start_without_a_secret(database: str) -> None:
    with pytest.raises(SettingsError, match="CALLOUT_SECRET"):
        create(settings(database, secret=""))


def test_the_web_servers_log_keeps_no_token(
    app: FastAPI, links: Links, ids: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    path = links.owner(ids["offered"])
    with caplog.at_level(logging.INFO, "uvicorn.access"):
        logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', "127.0.0.1", "GET", path, "1.1", 200)
    assert path not in caplog.text
    assert "/o/..." in caplog.text
