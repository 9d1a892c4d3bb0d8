"""The page of incidents: open ones by their clock, closed ones paged, and the form that closes one with a word."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, Scene
from tests.dashboards.test_planner import key_on

REFERENCE = re.compile(r">(I-\d{6})</span>")


def closed(scene: Scene, incident_id: int) -> tuple[bool, int | None, str]:
    row = scene.conn.execute(
        "SELECT closed_at IS NOT NULL, closed_by, word FROM incident WHERE incident_id = %s", [incident_id]
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def test_open_incidents_say_where_since_when_how_many_and_whose_by_when(planner: TestClient, scene: Scene) -> None:
    late = scene.incident(place="Busan", due_at=NOW - timedelta(hours=2), heard_again=12)
    other = scene.incident(place="", latitude=37.55, longitude=127.05)
    html = planner.get("/planner/incidents").text
    assert REFERENCE.findall(html) == [f"I-{late:06d}", f"I-{other:06d}"]
    for said in ("Busan", "500 devices", "12 heard again", "Kim Ji-woo", "due 2 hours ago", "25 hours ago"):
        assert said in html, said
    assert "Around latitude 37.55, longitude 127.05" in html


def test_it_is_closed_with_a_word_once(planner: TestClient, scene: Scene) -> None:
    incident_id = scene.incident()
    key = key_on(planner.get("/planner/incidents").text)
    for word in ("Works of the grid's operator", "Another word"):
        planner.post(f"/planner/incidents/{incident_id}/close", data={"key": key, "word": word})
    assert closed(scene, incident_id) == (True, scene.planner_id, "Works of the grid's operator")
    html = planner.get("/planner/incidents").text
    assert "Works of the grid&#39;s operator" in html
    assert "No region is silent." in html


@pytest.mark.parametrize("form", [{}, {"word": ""}, {"word": "   "}, {"word": "x" * 501}])
def test_without_a_word_it_stays_open(planner: TestClient, scene: Scene, form: dict[str, str]) -> None:
    incident_id = scene.incident()
    key = key_on(planner.get("/planner/incidents").text)
    answer = planner.post(f"/planner/incidents/{incident_id}/close", data={"key": key, **form})
    assert answer.status_code in {400, 422}
    assert not closed(scene, incident_id)[0]


@pytest.mark.parametrize("one_by_one", [True, False])
def test_those_that_are_still_silent_get_a_request_each_only_when_that_is_wanted(
    planner: TestClient, scene: Scene, one_by_one: bool
) -> None:
    incident_id = scene.incident()
    for number in range(3):
        device_id = scene.device(name=f"m-{number}")
        scene.insert(
            "incident_device", "device_id", incident_id=incident_id, device_id=device_id, since_at=NOW, joined_at=NOW
        )
        scene.conn.execute(
            "INSERT INTO device_presence (device_id, heard_at, silent_since_at, returned_at) VALUES (%s, %s, %s, %s)",
            [device_id, NOW, NOW, NOW if number == 0 else None],
        )
    key = key_on(planner.get("/planner/incidents").text)
    form = {"key": key, "word": "It was us"} | ({"one_by_one": "true"} if one_by_one else {})
    planner.post(f"/planner/incidents/{incident_id}/close", data=form)
    found = scene.one("SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'diagnose'")
    assert found == (2 if one_by_one else 0)


def test_a_form_without_the_session_s_key_closes_nothing(planner: TestClient, scene: Scene) -> None:
    incident_id = scene.incident()
    planner.post(f"/planner/incidents/{incident_id}/close", data={"key": "x", "word": "Mine"})
    assert not closed(scene, incident_id)[0]


def test_closed_ones_are_paged(planner: TestClient, scene: Scene) -> None:
    made = [scene.incident(closed=True) for _ in range(70)]
    first = planner.get("/planner/incidents").text
    following = re.search(r'href="(/planner/incidents\?before=\d+)"', first)
    assert following is not None
    second = planner.get(following[1]).text
    assert REFERENCE.findall(first) + REFERENCE.findall(second) == [f"I-{number:06d}" for number in reversed(made)]
    assert len(first.encode()) < 60_000


@pytest.mark.parametrize(("language", "word"), [("ko", "장애"), ("ja", "障害")])
def test_it_speaks_the_planner_s_language(planner: TestClient, scene: Scene, language: str, word: str) -> None:
    scene.conn.execute("UPDATE staff SET language = %s", [language])
    scene.incident()
    assert f"<h1>{word}</h1>" in planner.get("/planner/incidents").text


def test_no_tenant_sees_another_s_incidents(
    planner: TestClient, scene: Scene, database: str, client: TestClient, links: Links
) -> None:
    other = Scene.open(database, "other", "Other")
    incident_id = other.incident(place="Elsewhere")
    assert "Elsewhere" not in planner.get("/planner/incidents").text
    key = key_on(planner.get("/planner").text)
    planner.post(f"/planner/incidents/{incident_id}/close", data={"key": key, "word": "Not mine"})
    assert not closed(other, incident_id)[0]
    other.close()


def test_the_outbox_leads_to_the_incidents(planner: TestClient, scene: Scene) -> None:
    incident_id = scene.incident()
    scene.conn.execute(
        """INSERT INTO notice (tenant_id, incident_id, kind, recipient, language, cause, detail, written_at)
        VALUES (%s, %s, 'incident_opened', 'planner@hanbit.example', 'en', 'opened', '{}', %s)""",
        [scene.tenant_id, incident_id, NOW],
    )
    html = planner.get("/planner/outbox").text
    assert '<a class="open" href="/planner/incidents">Incident for a member of staff</a>' in html
    assert f"I-{incident_id:06d}" in html
