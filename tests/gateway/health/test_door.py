"""The small door: who may see what, and a port that is taken."""

import socket

import httpx2
import pytest
from prometheus_client import CollectorRegistry, Counter

from gateway.errors import SettingsError
from gateway.health.door import HealthDoor, _Answers


def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Counter("callout_of_a_test", "A figure.", registry=made).inc(3)
    return made


def test_it_answers_over_http_until_it_is_closed() -> None:
    troubles = ["the broker does not answer"]
    door = HealthDoor("work", "127.0.0.1", 0, registry(), lambda: troubles, "")
    url = f"http://127.0.0.1:{door.port}"
    assert httpx2.get(f"{url}/healthz").json() == {"process": "work", "up": True}
    answer = httpx2.get(f"{url}/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, troubles)
    troubles.clear()
    assert httpx2.get(f"{url}/readyz?from=somewhere").status_code == 200
    assert "callout_of_a_test_total 3.0" in httpx2.get(f"{url}/metrics").text
    assert httpx2.get(f"{url}/").status_code == 404
    assert httpx2.post(f"{url}/metrics").status_code == 501
    door.close()
    with pytest.raises(httpx2.HTTPError):
        httpx2.get(f"{url}/healthz")


def test_from_outside_figures_need_the_token_and_reasons_are_kept_back() -> None:
    answers = _Answers("ingest", registry(), lambda: ["secret.host does not answer"], "token")
    assert answers.to("/metrics", "10.0.0.9", "")[0] == 401
    assert answers.to("/metrics", "10.0.0.9", "Bearer wrong")[0] == 401
    assert answers.to("/metrics", "10.0.0.9", "Bearer token")[0] == 200
    assert answers.to("/metrics", "::1", "")[0] == 200
    status, _, content = answers.to("/readyz", "10.0.0.9", "")
    assert (status, b"secret.host" in content) == (503, False)
    assert b"secret.host" in answers.to("/readyz", "127.0.0.1", "")[2]


def test_without_a_token_nobody_outside_sees_figures() -> None:
    answers = _Answers("ingest", registry(), list, "")
    assert answers.to("/metrics", "10.0.0.9", "Bearer ")[0] == 401


def test_a_port_that_is_taken_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"127\.0\.0\.1:{port}.*CALLOUT_WORK_METRICS_PORT"):
            HealthDoor("work", "127.0.0.1", port, registry(), list, "")
