"""The pages of parts: levels that are searched and paged, one part's ledger, deliveries, and counts with a name."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from dashboards import parts as pages
from tests.dashboards.scene import NOW, Scene
from tests.dashboards.test_planner import key_on

CELL = "EV-CELL-MODULE"


def transfer(scene: Scene, quantity: int = 1) -> int:
    other = scene.insert(
        "service_centre",
        "centre_id",
        name="far",
        title="Far Centre",
        address="Far",
        time_zone="Asia/Seoul",
        latitude=35.0,
        longitude=129.0,
        hours="{}",
    )
    scene.insert(
        "stock_movement", "movement_id", centre_id=other, part_no=CELL, kind="receipt", on_hand=quantity, moved_at=NOW
    )
    return scene.insert(
        "inbound",
        "inbound_id",
        kind="transfer",
        centre_id=scene.centre_id,
        from_centre_id=other,
        part_no=CELL,
        quantity=quantity,
        state="shipped",
        expected_at=NOW + timedelta(days=1),
        placed_at=NOW,
        asked_at=NOW,
    )


def on_hand(scene: Scene) -> int:
    return scene.one("SELECT on_hand FROM stock_level WHERE part_no = %s AND centre_id = %s", CELL, scene.centre_id)


def test_levels_are_shown_searched_and_paged(
    planner: TestClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    html = planner.get("/planner/parts").text
    assert html.count("<tr>") - 1 == scene.one("SELECT count(*) FROM stock_level")
    found = planner.get("/planner/parts?q=tyre").text
    assert "EV-TYRE-REPAIR" in found
    assert CELL not in found
    assert "No part fits" in planner.get("/planner/parts?q=%25").text
    monkeypatch.setattr(pages, "ROWS", 2)
    first = planner.get("/planner/parts").text
    following = first.split('href="/planner/parts?q=&amp;after=')[1].split('"')[0]
    second = planner.get(f"/planner/parts?after={following}").text
    assert CELL not in first or CELL not in second


@pytest.mark.parametrize(
    "path", ["/planner/parts?after=x.y", "/planner/parts?after=99999999999.z", "/planner/parts?q=%00"]
)
def test_an_address_that_means_nothing_shows_the_list(planner: TestClient, path: str) -> None:
    assert planner.get(path).status_code == 200


def test_a_count_is_written_with_a_name_and_a_reason(planner: TestClient, scene: Scene) -> None:
    path = f"/planner/parts/{CELL}"
    form = {"key": key_on(planner.get(path).text), "centre_id": scene.centre_id, "counted": 5, "reason": "two <b>fell"}
    assert planner.post(f"{path}/count", data=form).status_code == 200
    assert on_hand(scene) == 5
    html = planner.get(path).text
    assert "two &lt;b&gt;fell" in html
    assert "Kim Ji-woo" in html
    assert planner.post(f"{path}/count", data=form | {"reason": " "}).status_code != 200
    assert planner.post(f"{path}/count", data=form | {"key": "forged", "counted": 1}).status_code == 403
    assert on_hand(scene) == 5


@pytest.mark.parametrize(
    ("language", "taken_in", "put_aside"), [("ko", "입고", "요청용으로 확보"), ("ja", "入庫", "依頼のために確保")]
)
def test_the_ledger_speaks_of_stock_and_not_of_messages_or_symptoms(
    planner: TestClient, ids: dict[str, int], language: str, taken_in: str, put_aside: str
) -> None:
    html = planner.get(f"/planner/parts/{CELL}?lang={language}").text
    assert f'class="what">{taken_in}<' in html
    assert f'class="what">{put_aside}<' in html


def test_a_part_that_nobody_knows_is_told_so(planner: TestClient) -> None:
    assert planner.get("/planner/parts/NOTHING").status_code == 404


def test_a_delivery_is_shown_and_taken_in_once(planner: TestClient, scene: Scene) -> None:
    inbound_id = transfer(scene)
    html = planner.get("/planner/deliveries").text
    assert "Far Centre" in html
    before = on_hand(scene)
    for _ in range(2):
        answer = planner.post(f"/planner/deliveries/{inbound_id}/arrived", data={"key": key_on(html)})
        assert answer.status_code == 200
    assert on_hand(scene) == before + 1
    assert planner.post(f"/planner/deliveries/{inbound_id}/lost", data={"key": key_on(html)}).status_code == 409
    assert "Far Centre" not in planner.get("/planner/deliveries").text
    assert "Far Centre" in planner.get("/planner/deliveries?ended=true").text


def test_the_requests_page_says_where_its_part_comes_from_and_what_to_take_along(
    planner: TestClient, scene: Scene, ids: dict[str, int]
) -> None:
    scene.insert(
        "parts_tariff",
        "tenant_id",
        currency="KRW",
        transfer_minor=8000,
        second_visit_minor=90000,
        carrying_per_mille=20,
    )
    inbound_id = transfer(scene)
    scene.conn.execute("UPDATE reservation SET released_at = now() WHERE request_id = %s", [ids["offered"]])
    scene.insert(
        "reservation",
        "reservation_id",
        request_id=ids["offered"],
        centre_id=scene.centre_id,
        part_no=CELL,
        quantity=1,
        inbound_id=inbound_id,
        expected_at=NOW + timedelta(days=1),
    )
    html = planner.get(f"/planner/requests/{ids['offered']}").text
    assert "from Far Centre, expected" in html
    assert "What to take along" in html
    assert f"<strong>Battery cell module</strong> <code>{CELL}</code>" in html
    # What has no price costs not nothing: nobody knows what.
    assert "price not known" in html
    assert "carrying it" not in html
    assert "take it" not in html
    scene.conn.execute("UPDATE part SET price_minor = 400000, price_currency = 'KRW'")
    html = planner.get(f"/planner/requests/{ids['offered']}").text
    assert "carrying it" in html
