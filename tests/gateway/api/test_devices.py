"""The HTTP API of enrolment: who may call it, what it answers, and how it refuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from dashboards.app import create
from gateway.settings import Settings
from tests.gateway.desk import SmallDesk, open_desk

TOKEN = "a token of thirty-two characters!"
BODY = {
    "tenant": "acme",
    "product": "electric_vehicle",
    "serial": "WVW-1",
    "device": "ev-1",
    "owner": {"name": "Ada", "email": "ada@owners.example", "language": "ja", "timeZone": "Asia/Tokyo"},
}
ALLOWED = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def client(desk: SmallDesk) -> Iterator[TestClient]:
    settings = Settings(
        database_url=desk.dsn,
        broker_url="mqtt://desk:secret@broker.example:1884",
        secret=SecretStr("s" * 32),
        api_token=SecretStr(TOKEN),
    )
    # An account that is kept at once, as by a running household.
    desk.admin.execute("ALTER TABLE device_credential ALTER in_broker_at SET DEFAULT now()")
    with TestClient(create(settings), raise_server_exceptions=False) as opened:
        yield opened


def test_an_enrolled_device_is_told_its_credentials_topics_and_broker_once(client: TestClient) -> None:
    answer = client.post("/api/v1/devices", json=BODY, headers=ALLOWED)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["credentials"]["username"] == f"{told['partition']}/acme/ev-1"
    assert told["topics"]["telemetry"] == f"callout/v1/{told['partition']}/acme/ev-1/telemetry"
    assert told["broker"] == {"host": "broker.example", "port": 1884, "tls": False}
    assert told["isInBroker"] is True
    assert "secret" not in answer.text


def test_a_second_enrolment_is_a_conflict_that_says_the_next_move(client: TestClient) -> None:
    client.post("/api/v1/devices", json=BODY, headers=ALLOWED)
    answer = client.post("/api/v1/devices", json=BODY, headers=ALLOWED)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Re-issue" in answer.json()["detail"]


def test_credentials_are_reissued_and_revoked(client: TestClient, desk: SmallDesk) -> None:
    first = client.post("/api/v1/devices", json=BODY, headers=ALLOWED).json()
    second = client.post("/api/v1/devices/acme/ev-1/credentials", headers=ALLOWED)
    assert second.status_code == 201
    assert second.json()["credentials"]["password"] != first["credentials"]["password"]
    assert second.json()["partition"] == first["partition"]
    assert client.delete("/api/v1/devices/acme/ev-1/credentials", headers=ALLOWED).status_code == 204
    assert desk.value("SELECT count(*) FROM device_credential WHERE revoked_at IS NULL") == 0
    assert client.post("/api/v1/devices/acme/nobody/credentials", headers=ALLOWED).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
def test_without_the_token_nobody_gets_in(client: TestClient, desk: SmallDesk, headers: dict[str, str]) -> None:
    for method, path in (
        ("POST", "/api/v1/devices"),
        ("POST", "/api/v1/devices/acme/ev-1/credentials"),
        ("DELETE", "/api/v1/devices/acme/ev-1/credentials"),
    ):
        answer = client.request(method, path, json=BODY, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert desk.value("SELECT count(*) FROM device") == 0


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"device": "a/b"}, "device"),
        ({"device": "+"}, "device"),
        ({"owner": {"name": "A"}}, "email"),
        ({"warrantyUntil": "soon"}, "warrantyUntil"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_body_that_cannot_be_is_refused_with_its_place(
    client: TestClient, change: dict[str, object], place: str
) -> None:
    answer = client.post("/api/v1/devices", json=BODY | change, headers=ALLOWED)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert place in answer.text


def test_an_unknown_tenant_is_not_found(client: TestClient) -> None:
    answer = client.post("/api/v1/devices", json=BODY | {"tenant": "nobody"}, headers=ALLOWED)
    assert (answer.status_code, "callout configure" in answer.json()["detail"]) == (404, True)
