"""A letter can be read by staff as its reader gets it, save for the link that opens the reader's page."""

import pytest
from starlette.testclient import TestClient

from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, WEAK_CELL, Scene


@pytest.fixture
def notice_id(scene: Scene) -> int:
    """A letter of offered dates that has not left."""
    request_id = scene.request(scene.device(language="ko"), WEAK_CELL)
    scene.reserve(request_id)
    offer_id, _ = scene.offer(request_id)
    return scene.notice(request_id, "offer", detail={"offer_id": offer_id})


def test_the_outbox_leads_to_the_letter(planner: TestClient, notice_id: int) -> None:
    assert f'href="/planner/outbox/{notice_id}"' in planner.get("/planner/outbox").text
    assert "UTC+9" in planner.get("/planner/outbox").text, "in the desk's own zone"


def test_the_letter_is_shown_in_its_readers_language_without_his_link(
    planner: TestClient, scene: Scene, notice_id: int
) -> None:
    page = planner.get(f"/planner/outbox/{notice_id}")
    assert page.status_code == 200
    assert "이서연" in page.text
    assert "/o/•••" in page.text
    assert '<iframe class="letter" sandbox' in page.text
    assert scene.one("SELECT count(*) FROM access_token WHERE purpose = 'owner_request'") == 0, "no link was made"


def test_the_frame_of_the_letter_runs_and_loads_nothing(planner: TestClient, notice_id: int) -> None:
    page = planner.get(f"/planner/outbox/{notice_id}")
    frame = planner.get(f"/planner/outbox/{notice_id}/letter")
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    assert frame.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
    )
    assert frame.headers["cache-control"] == "no-store"
    assert "/o/•••" in frame.text or "/o/%E2%80%A2" in frame.text
    assert "<script" not in frame.text


def test_a_name_in_a_letter_is_text(planner: TestClient, scene: Scene, notice_id: int) -> None:
    scene.conn.execute("UPDATE owner SET name = '<script>alert(1)</script>'")
    for path in ("", "/letter"):
        assert "<script>" not in planner.get(f"/planner/outbox/{notice_id}{path}").text


@pytest.mark.parametrize("number", ["0", "-1", "x", "999999", str(2**63)])
def test_a_letter_that_is_not_there_is_told_so(planner: TestClient, number: str) -> None:
    for path in ("", "/letter"):
        assert planner.get(f"/planner/outbox/{number}{path}").status_code in {400, 404}


def test_another_tenants_letter_is_not_there(
    client: TestClient, scene: Scene, database: str, links: Links, notice_id: int
) -> None:
    other = Scene.open(database, "sakura", "Sakura Motors")
    other.close()
    client.post(links.login("sakura"))
    for path in ("", "/letter"):
        assert client.get(f"/planner/outbox/{notice_id}{path}").status_code == 404


def test_a_letter_of_an_unknown_kind_is_no_failure(planner: TestClient, scene: Scene) -> None:
    request_id = scene.request(scene.device(), WEAK_CELL)
    notice_id = scene.notice(request_id, "something_newer", written_at=NOW)
    assert planner.get(f"/planner/outbox/{notice_id}").status_code == 404
