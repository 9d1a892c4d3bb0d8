"""How a request was decided, on its page: from the receipt, in three languages, with the receipt to take away."""

import hashlib
import json
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from devices.products import product_type
from diagnostics.receipt import canonical
from gateway import journey
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.dashboards.scene import NOW, Scene


@pytest.fixture
def decided(scene: Scene, database: str) -> int:
    """A request that was opened by a leaning cell, and amended when codes joined it; its number."""
    device_id = scene.device(name="ev-decided")
    scene.conn.execute("UPDATE device SET latitude = 37.5, longitude = 127.0 WHERE device_id = %s", [device_id])
    scene.readings(device_id, hours=20)
    scene.conn.execute("UPDATE ingest_partition SET last_ingest_no = 10000000")
    with connect(database, Role.WORK) as work:
        for monitor, element, value, limit in (
            ("cell_leaves_pack", 81, -0.058, 0.02),
            ("insulation_low", 0, 310.0, 500.0),
        ):
            scene.insert(
                "symptom",
                "symptom_id",
                device_id=device_id,
                component="traction_battery",
                monitor=monitor,
                element=element,
                state="confirmed",
                since_at=NOW - timedelta(hours=14),
                noticed_at=NOW - timedelta(hours=13),
                confirmed_at=NOW - timedelta(hours=12),
                value=value,
                threshold=limit,
                decided_by_ingest_no=1,
                decided_received_at=NOW - timedelta(hours=12),
            )
            with tenant_transaction(work, scene.tenant_id):
                journey.diagnose(work, device_id=device_id, component="traction_battery", now=NOW - timedelta(hours=1))
    return int(scene.one("SELECT request_id FROM service_request WHERE device_id = %s", device_id))


def receipt_of(planner: TestClient, request_id: int, decision_id: int) -> dict[str, Any]:
    answer = planner.get(f"/planner/requests/{request_id}/decisions/{decision_id}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == f'attachment; filename="callout-decision-{decision_id}.json"'
    return json.loads(answer.content)


def numbers(scene: Scene, request_id: int) -> list[int]:
    rows = scene.conn.execute("SELECT decision_id FROM decision_receipt WHERE request_id = %s ORDER BY 1", [request_id])
    return [row[0] for row in rows]


def test_the_page_tells_the_newest_decision_and_leads_to_all(planner: TestClient, scene: Scene, decided: int) -> None:
    first, second = numbers(scene, decided)
    html = planner.get(f"/planner/requests/{decided}").text
    card = html.split('id="decision"')[1].split("</section>")[0]
    assert f"callout replay-decision {second}" in card
    assert "A cell leaves its pack: Cell 81" in card
    assert "limit 0.02" in card
    assert "What was rejected (7)" in card
    assert "Earlier decisions (1)" in card
    assert f'href="/planner/requests/{decided}/decisions/{first}"' in card
    assert len(html.encode()) < 50_000


def test_the_page_says_what_would_tell_the_causes_apart_and_what_each_answer_makes_likely(
    planner: TestClient, scene: Scene, decided: int
) -> None:
    html = planner.get(f"/planner/requests/{decided}").text
    card = html.split('id="apart"')[1].split("</section>")[0]
    told = receipt_of(planner, decided, numbers(scene, decided)[1])["next_check"]
    check = next(each for each in product_type("electric_vehicle").checks if each.name == told["check"])
    assert check.question in unescape(card)
    assert f"{check.minutes:g} min" in card
    assert "If yes:" in card
    assert "If no:" in card


def test_a_decision_that_cycles_confirmed_names_them_on_its_page(
    planner: TestClient, scene: Scene, decided: int
) -> None:
    told = receipt_of(planner, decided, numbers(scene, decided)[1])
    cycle = {
        "p_value": 0.000056,
        "threshold": {"p_value": 0.0001, "score": 9.5},
        "ends_at": "2026-10-31T00:00:00.000000Z",
    }
    told["calibration"] = [{"symptom_id": 1, "monitor": "cell_leaves_pack", "element": 81, "cycles": [cycle, cycle]}]
    scene.conn.execute(
        """INSERT INTO decision_receipt (tenant_id, device_id, component, diagnosis_id, request_id, decided_at, outcome, rules_sha256,
            receipt, sha256)
        SELECT tenant_id, device_id, component, NULL, request_id, decided_at, 'nothing', rules_sha256, %(receipt)s, sha256(%(receipt)s)
        FROM decision_receipt WHERE request_id = %(request)s ORDER BY decision_id DESC LIMIT 1""",
        {"receipt": canonical(told), "request": decided},
    )
    html = planner.get(f"/planner/requests/{decided}").text
    card = html.split('id="decision"')[1].split("</section>")[0]
    assert card.count("0.0056 % of well devices are as far off; at most 0.01 % was asked") == 2
    assert 'href="/planner/cycles"' in card


@pytest.mark.parametrize(("language", "heading"), [("ko", "원인을 가려낼 방법"), ("ja", "原因を見分ける方法")])
def test_what_would_tell_them_apart_is_said_in_the_planner_s_language(
    planner: TestClient, decided: int, language: str, heading: str
) -> None:
    assert heading in planner.get(f"/planner/requests/{decided}?lang={language}").text


@pytest.mark.parametrize(("language", "heading"), [("ko", "결정의 근거"), ("ja", "決定の根拠")])
def test_it_is_told_in_the_planner_s_language(planner: TestClient, decided: int, language: str, heading: str) -> None:
    assert heading in planner.get(f"/planner/requests/{decided}?lang={language}").text


def test_a_receipt_is_taken_away_with_a_hash_that_anybody_can_check(
    planner: TestClient, scene: Scene, decided: int
) -> None:
    for decision_id in numbers(scene, decided):
        told = receipt_of(planner, decided, decision_id)
        assert told.pop("decision") == decision_id
        sha256 = told.pop("sha256")
        assert hashlib.sha256(canonical(told)).hexdigest() == sha256
        assert told["calibration"] == []


def test_a_decision_of_another_request_or_tenant_is_not_there(
    planner: TestClient, scene: Scene, decided: int, ids: dict[str, int], database: str
) -> None:
    number = numbers(scene, decided)[0]
    assert planner.get(f"/planner/requests/{ids['safety']}/decisions/{number}").status_code == 404
    assert planner.get(f"/planner/requests/{decided}/decisions/{number + 100}").status_code == 404
    rival = Scene.open(database, name="rival", title="Rival")
    with connect(database, Role.SERVE) as serve, tenant_transaction(serve, rival.tenant_id):
        assert serve.execute("SELECT 1 FROM decision_receipt").fetchall() == []
    rival.close()
