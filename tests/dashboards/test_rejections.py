"""The page of dead letters: counted by reason, filtered, paged, and replayed by a button that belongs to the session."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from dashboards import rejections as page_of_rejections
from gateway.storage import rejections as kept
from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, WEAK_CELL, Scene
from tests.dashboards.test_planner import key_on

REPLAY = re.compile(r'action="/planner/rejections/(\d+)/replay"')


def refuse(scene: Scene, reason: str, number: int = 0, **more: object) -> int:
    return scene.insert(
        "rejection",
        "rejection_id",
        received_at=NOW - timedelta(minutes=number),
        topic="callout/v1/3/hanbit/ev-0003/telemetry",
        reason=reason,
        detail="what is wrong",
        payload=b"<b>\xff",
        **more,
    )


def asked(scene: Scene, rejection_id: int) -> bool:
    return scene.one("SELECT replay_asked_at IS NOT NULL FROM rejection WHERE rejection_id = %s", rejection_id)


def test_reasons_are_counted_and_are_the_filters(planner: TestClient, scene: Scene) -> None:
    for number in range(3):
        refuse(scene, "not_json", number)
    refuse(scene, "bad_checksum")
    html = planner.get("/planner/rejections").text
    assert re.findall(r'<span class="count">(\d+)</span>', html) == ["4", "3", "1"]
    filtered = planner.get("/planner/rejections?reason=bad_checksum").text
    assert len(REPLAY.findall(filtered)) == 1
    assert 'reason=bad_checksum" aria-current="page"' in filtered
    assert len(REPLAY.findall(planner.get("/planner/rejections?reason=unheard_of").text)) == 4


def test_counting_stops_where_more_would_tell_nobody_more(
    planner: TestClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_of_rejections, "_COUNTED_AT_MOST", 2)
    for number in range(4):
        refuse(scene, "not_json", number)
    refuse(scene, "bad_checksum")
    html = planner.get("/planner/rejections").text
    assert re.findall(r'<span class="count">([\d+]+)</span>', html) == ["2+", "2+", "1"]
    with scene.in_tenant():
        assert [(each.reason, each.count) for each in kept.counts(scene.conn)] == [("not_json", 4), ("bad_checksum", 1)]
        assert [each.open for each in kept.counts(scene.conn, at_most=3)] == [3, 1]


def test_pages_keep_the_filter(planner: TestClient, scene: Scene) -> None:
    numbers = {refuse(scene, "not_json", number) for number in range(70)}
    refuse(scene, "other_form", 80)
    html = planner.get("/planner/rejections?reason=not_json").text
    following = re.search(r'href="(/planner/rejections\?reason=not_json&amp;before=[\d.]+)"', html)
    assert following is not None
    more = planner.get(following[1].replace("&amp;", "&")).text
    assert {int(number) for number in REPLAY.findall(html) + REPLAY.findall(more)} == numbers
    assert len(html.encode()) < 80_000


def test_the_button_asks_for_a_replay_once_and_comes_back_to_the_filter(planner: TestClient, scene: Scene) -> None:
    number = refuse(scene, "not_json")
    key = key_on(planner.get("/planner/rejections").text)
    for _ in range(2):
        answer = planner.post(f"/planner/rejections/{number}/replay", data={"key": key, "reason": "not_json"})
    assert answer.url.query == b"reason=not_json"
    assert asked(scene, number)
    assert "Replay is asked for" in answer.text
    assert REPLAY.findall(answer.text) == []


@pytest.mark.parametrize(
    ("outcome", "words", "again"),
    [("stored", "Stored by a replay", 0), ("absorbed", "Was there already", 0), ("refused", "Refused again", 1)],
)
def test_the_outcome_is_shown_and_what_was_refused_again_may_be_replayed_again(
    planner: TestClient, scene: Scene, outcome: str, words: str, again: int
) -> None:
    refuse(scene, "not_json", replayed_at=NOW, outcome=outcome, outcome_detail="not_json: <still>")
    html = planner.get("/planner/rejections").text
    assert words in html
    assert ("&lt;still&gt;" in html) is (outcome == "refused")
    assert len(REPLAY.findall(html)) == again


def test_a_replay_without_the_sessions_key_is_not_asked_for(planner: TestClient, scene: Scene) -> None:
    number = refuse(scene, "not_json")
    for key in ("", "0" * 32):
        assert planner.post(f"/planner/rejections/{number}/replay", data={"key": key}).status_code == 403
    assert not asked(scene, number)


def test_a_planner_of_another_tenant_can_neither_see_nor_replay(
    client: TestClient, scene: Scene, database: str, links: Links
) -> None:
    number = refuse(scene, "not_json")
    other = Scene.open(database, "sakura", "Sakura Motors")
    other.request(other.device(), WEAK_CELL)
    client.post(links.login("sakura"))
    html = client.get("/planner/rejections").text
    assert "not_json" not in html
    client.post(f"/planner/rejections/{number}/replay", data={"key": key_on(html)})
    assert not asked(scene, number)
    other.close()


@pytest.mark.parametrize("language", ["ko", "ja"])
def test_the_page_speaks_the_planners_language(planner: TestClient, scene: Scene, language: str) -> None:
    refuse(scene, "not_json")
    scene.conn.execute("UPDATE staff SET language = %s", [language])
    html = planner.get("/planner/rejections").text
    assert {"ko": "다시 처리", "ja": "再処理"}[language] in html


def test_the_reason_is_told_in_words_with_the_next_move_and_the_code_beside(planner: TestClient, scene: Scene) -> None:
    refuse(scene, "unknown_device")
    refuse(scene, "reason_of_a_newer_desk")
    html = planner.get("/planner/rejections").text
    assert "The device is not enrolled <code>unknown_device</code>" in html
    assert "Enrol the device, then replay: nothing of it is lost." in html
    assert "<code>reason_of_a_newer_desk</code>" in html
    assert "등록되지 않은 기기" in planner.get("/planner/rejections?lang=ko").text
