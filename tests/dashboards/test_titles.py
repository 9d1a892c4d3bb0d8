"""A part is called in its reader's language: on the owner's and the planner's pages, and in letters."""

import pytest
from psycopg.types.json import Jsonb
from starlette.testclient import TestClient

from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, WEAK_CELL, Scene
from tests.dashboards.test_parts import CELL, transfer
from tests.dashboards.test_prices import priced

SAID = {"en": "Battery cell module", "ko": "배터리 셀 모듈", "ja": "Battery cell module"}


@pytest.fixture(autouse=True)
def in_korean(scene: Scene) -> None:
    """The cell module has a Korean title; in Japanese the tenant has none for it."""
    scene.conn.execute("UPDATE part SET titles = %s WHERE part_no = %s", [Jsonb({"ko": SAID["ko"]}), CELL])


@pytest.mark.parametrize("language", SAID)
def test_the_price_on_an_owners_page_calls_the_part_in_his_language(
    client: TestClient, links: Links, scene: Scene, ids: dict[str, int], language: str
) -> None:
    priced(scene, ids["offered"])
    html = client.get(f"{links.owner(ids['offered'])}?lang={language}").text
    assert f'<th scope="row">{SAID[language]}</th>' in html
    assert [each for each in set(SAID.values()) if each in html] == [SAID[language]]


@pytest.mark.parametrize("language", SAID)
def test_a_letter_calls_the_part_in_its_readers_language(planner: TestClient, scene: Scene, language: str) -> None:
    request_id = scene.request(scene.device(language=language), WEAK_CELL)
    scene.reserve(request_id)
    offer_id, _ = scene.offer(request_id)
    priced(scene, request_id)
    notice_id = scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    letter = planner.get(f"/planner/outbox/{notice_id}/letter?lang=ko").text
    assert [each for each in set(SAID.values()) if each in letter] == [SAID[language]]


@pytest.mark.parametrize("language", SAID)
def test_every_page_of_a_planner_calls_the_part_in_his_language(
    planner: TestClient, scene: Scene, ids: dict[str, int], language: str
) -> None:
    scene.insert(
        "parts_tariff",
        "tenant_id",
        currency="KRW",
        transfer_minor=9000,
        second_visit_minor=95000,
        carrying_per_mille=20,
    )
    transfer(scene)
    for path in ("/parts", f"/parts/{CELL}", "/deliveries", f"/requests/{ids['offered']}"):
        html = planner.get(f"/planner{path}?lang={language}").text
        assert [each for each in set(SAID.values()) if each in html] == [SAID[language]], path
    assert html.count(SAID[language]) >= 2, "put aside, and to take along"


def test_what_was_found_names_the_part_that_was_taken_along(
    planner: TestClient, scene: Scene, ids: dict[str, int]
) -> None:
    scene.conn.execute(
        "UPDATE appointment SET during = tstzrange(%s - interval '2 hours', %s - interval '1 hour')", [NOW, NOW]
    )
    scene.conn.execute("UPDATE part SET titles = %s", [Jsonb({"ko": "부품 이름"})])
    html = planner.get(f"/planner/requests/{ids['confirmed']}?lang=ko").text
    assert "<span>부품 이름 · " in html


@pytest.mark.parametrize("words", ["셀 모듈", "cell module", "EV-CELL"])
def test_a_part_is_found_by_any_of_its_titles_whatever_the_reader_speaks(planner: TestClient, words: str) -> None:
    html = planner.get(f"/planner/parts?lang=ja&q={words}").text
    assert CELL in html
    assert "EV-TYRE-REPAIR" not in html
