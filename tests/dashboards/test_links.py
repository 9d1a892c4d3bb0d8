"""Links that are not good: whatever an owner's form is sent to, a forged, foreign or expired link changes nothing and says so."""

from datetime import timedelta

from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, Scene
from tests.dashboards.test_owner import fingerprint
from tests.test_documents import routes

# What an expired link is still good for: a new one, to the address that is known.
ASKS_FOR_A_NEW_LINK = "/o/{token}/link"
FORM = {"sure": "yes", "booking": "1", "agreed": "yes", "answer": "yes", "clause": "report"}


def forms(app: FastAPI, under: str) -> list[str]:
    """The paths of all forms below a link, with something in each of their other places."""
    found = [
        route.path for route in routes(app) if "POST" in route.methods and route.path.startswith(f"{under}/{{token}}")
    ]
    return [path for path in found if path != ASKS_FOR_A_NEW_LINK]


def answers(client: TestClient, paths: list[str], token: str) -> dict[str, int]:
    """What each form answers to a token, beside what is said."""
    told: dict[str, int] = {}
    for path in paths:
        answer = client.post(path.replace("{token}", token), data=FORM)
        assert "<h1" in answer.text, f"{path} answers without a word: {answer.text[:200]}"
        told[path] = answer.status_code
    return told


def forged(token: str) -> str:
    """One character in the middle is another one."""
    at = len(token) // 2
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


def test_no_form_of_a_request_takes_a_forged_foreign_or_expired_link(
    app: FastAPI, client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    paths = forms(app, "/o")
    assert len(paths) >= 10, paths
    expired = links.owner(ids["offered"], now=NOW - timedelta(days=40)).removeprefix("/o/")
    good = links.owner(ids["offered"]).removeprefix("/o/")
    assert good != expired
    login = links.login().rpartition("/")[2]
    before = fingerprint(scene)
    assert set(answers(client, paths, forged(good)).values()) == {404}
    assert set(answers(client, paths, login).values()) == {404}, "a planner's login is no link of an owner"
    # The link is looked at before the form is, of which each lacks something here.
    assert set(answers(client, paths, expired).values()) == {410}
    assert fingerprint(scene) == before


def test_no_form_of_a_device_takes_a_forged_or_foreign_link(
    app: FastAPI, client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    paths = forms(app, "/d")
    assert paths
    good = links.owner(ids["offered"]).removeprefix("/o/")
    before = fingerprint(scene), scene.conn.execute("SELECT * FROM mandate ORDER BY 1").fetchall()
    assert set(answers(client, paths, good).values()) == {404}, "a request's link is none of the whole device"
    assert set(answers(client, paths, forged(good)).values()) == {404}
    assert (fingerprint(scene), scene.conn.execute("SELECT * FROM mandate ORDER BY 1").fetchall()) == before
