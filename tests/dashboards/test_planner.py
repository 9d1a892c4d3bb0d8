"""The planner's pages: what needs a person comes first, one page at a time, and each act does what it says."""

import re
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from gateway.storage.alarms import say_alive
from gateway.storage.pages import queue
from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, WEAK_CELL, Scene, evidence

KEY = re.compile(r'name="key" value="([0-9a-f]{32})"')
OPENED = re.compile(r'href="/planner/requests/(\d+)"')


def key_on(html: str) -> str:
    found = KEY.search(html)
    assert found is not None
    return found[1]


def act(planner: TestClient, request_id: int, action: str, **form: str) -> str:
    """Press a button on the request's page as a browser would."""
    path = f"/planner/requests/{request_id}"
    return planner.post(f"{path}/{action}", data={"key": key_on(planner.get(path).text)} | form).text


def state_of(scene: Scene, request_id: int) -> str:
    return scene.one("SELECT state FROM service_request WHERE request_id = %s", request_id)


def test_safety_comes_first_then_cases_by_their_clock_then_the_rest(planner: TestClient, ids: dict[str, int]) -> None:
    shown = [int(number) for number in OPENED.findall(planner.get("/planner").text)]
    assert shown == [ids["safety"], ids["unsure"], ids["waiting"], ids["offered"]]


@pytest.mark.parametrize("state", ["waiting", "offered", "confirmed", "cancelled"])
def test_a_filter_shows_its_state_only(planner: TestClient, ids: dict[str, int], state: str) -> None:
    html = planner.get(f"/planner?state={state}").text
    assert [int(number) for number in OPENED.findall(html)] == [ids[state]]


def test_the_counts_are_the_filters(planner: TestClient, ids: dict[str, int]) -> None:
    html = planner.get("/planner?state=nonsense").text
    counts = [int(count) for count in re.findall(r'<span class="count">(\d+)</span>', html)]
    assert counts == [4, 2, 1, 1, 1, 0, 1]


def test_the_queue_is_paged_and_no_row_is_lost_or_doubled(planner: TestClient, scene: Scene) -> None:
    device = [scene.device() for _ in range(120)]
    expected = [
        scene.request(one, WEAK_CELL, opened_at=NOW - timedelta(minutes=number // 3))
        for number, one in enumerate(device)
    ]
    shown: list[int] = []
    path = "/planner"
    for _ in range(5):
        html = planner.get(path).text
        assert len(html.encode()) < 50_000
        shown += [int(number) for number in OPENED.findall(html)]
        following = re.search(r'href="(/planner\?state=all&amp;after=[^"]+)"', html)
        if following is None:
            break
        path = following[1].replace("&amp;", "&")
    assert sorted(shown) == sorted(expected)
    assert len(shown) == 120


@pytest.mark.parametrize("after", ["x", "1.2", "9.9.9.9", "0.99999999999999999.1", "-1.0.0", "1.1.1", "..", "%00"])
def test_a_mistyped_place_in_the_queue_does_no_harm(planner: TestClient, ids: dict[str, int], after: str) -> None:
    assert planner.get(f"/planner?after={after}").status_code == 200
    assert planner.get(f"/planner/rejections?before={after}").status_code == 200


def test_the_queue_renews_itself_until_paused(planner: TestClient, ids: dict[str, int]) -> None:
    assert '<meta http-equiv="refresh" content="15">' in planner.get("/planner").text
    paused = planner.get("/planner?pause=1").text
    assert "http-equiv" not in paused
    assert ">Renew</a>" in paused


def test_a_request_shows_evidence_causes_holds_history_and_messages(planner: TestClient, ids: dict[str, int]) -> None:
    html = planner.get(f"/planner/requests/{ids['offered']}").text
    assert "Cell 81: up to 62" in html
    assert html.count('class="bar-front"') == 3
    assert "91%" in html
    assert "limit 4" in html
    assert "1 × Battery cell module" in html
    assert html.count("Bay 1") == 3
    assert "Part put aside" in html
    assert "owner1@example.org" in html
    assert "sent 21 Nov 2026" in html
    assert len(html.encode()) < 50_000


def test_even_the_richest_evidence_stays_within_a_pages_size(planner: TestClient, scene: Scene) -> None:
    pieces = [
        evidence(
            "cell_leaves_pack", "A cell leaves its pack", element=cell, element_name="Cell", value=-0.021, unit="V"
        )
        for cell in range(78, 90)
    ]
    pieces.append(evidence("insulation_lost", "Insulation is below its safe limit", value=89.8, unit="Ω/V"))
    pieces.append(evidence("tyre_soft", "A tyre loses air", element=2, element_name="Tyre", value=81.0, unit="%"))
    against = [{"title": "The battery is dangerously hot", "why": "missing"}] * 12
    causes = [
        {**cause, "probability": share, "evidence_for": pieces, "evidence_against": against}
        for cause, share in zip(WEAK_CELL * 2, (0.5, 0.3, 0.1, 0.005, 0.001, 0.0), strict=True)
    ]
    device_id = scene.device()
    scene.readings(device_id, hours=20)
    page = planner.get(f"/planner/requests/{scene.request(device_id, causes)}")
    assert page.text.count('class="plot"') == 3
    assert "Unlikely causes" in page.text
    assert len(page.content) < 50_000


def test_an_approved_request_goes_on_and_its_case_is_closed(
    planner: TestClient, scene: Scene, ids: dict[str, int]
) -> None:
    scene.conn.execute("UPDATE service_request SET state = 'held' WHERE request_id = %s", [ids["unsure"]])
    html = act(planner, ids["unsure"], "approve")
    assert state_of(scene, ids["unsure"]) == "open"
    assert scene.one("SELECT count(*) FROM human_case WHERE request_id = %s AND closed_at IS NULL", ids["unsure"]) == 0
    assert "Approved" in html
    assert "Kim Ji-woo" in html


@pytest.mark.parametrize("state", ["confirmed", "cancelled"])
def test_a_case_is_in_the_queue_whatever_became_of_its_request_until_a_person_has_seen_to_it(
    planner: TestClient, scene: Scene, ids: dict[str, int], state: str
) -> None:
    scene.case(ids[state], "judgement", "A deposit does not go back.", NOW + timedelta(hours=3))
    html = planner.get("/planner").text
    assert str(ids[state]) in OPENED.findall(html)
    assert '<span class="count">5</span>' in html
    act(planner, ids[state], "approve")
    assert scene.one("SELECT count(*) FROM human_case WHERE request_id = %s AND closed_at IS NULL", ids[state]) == 0
    assert state_of(scene, ids[state]) == state
    assert str(ids[state]) not in OPENED.findall(planner.get("/planner").text)


def test_a_settled_request_with_a_case_says_who_has_seen_to_it(
    planner: TestClient, scene: Scene, ids: dict[str, int]
) -> None:
    scene.case(ids["cancelled"], "judgement", "A deposit does not go back.", NOW + timedelta(hours=3))
    assert "I have seen to it" in planner.get(f"/planner/requests/{ids['cancelled']}").text
    html = act(planner, ids["cancelled"], "approve")
    assert "A person has seen to it" in html
    assert "there is nothing to decide" in html


def test_hold_withdraws_the_dates_and_keeps_the_reason(planner: TestClient, scene: Scene, ids: dict[str, int]) -> None:
    html = act(planner, ids["offered"], "hold", reason="The part looks wrong <b>to me</b>")
    assert state_of(scene, ids["offered"]) == "held"
    assert scene.one("SELECT outcome FROM offer WHERE request_id = %s", ids["offered"]) == "withdrawn"
    assert "The part looks wrong &lt;b&gt;to me&lt;/b&gt;" in html


def test_cancel_gives_everything_back_and_tells_the_owner(
    planner: TestClient, scene: Scene, ids: dict[str, int]
) -> None:
    act(planner, ids["confirmed"], "cancel", reason="Sold")
    assert state_of(scene, ids["confirmed"]) == "cancelled"
    assert scene.one("SELECT state FROM appointment WHERE request_id = %s", ids["confirmed"]) == "cancelled"
    assert (
        scene.one("SELECT count(*) FROM reservation WHERE request_id = %s AND released_at IS NULL", ids["confirmed"])
        == 0
    )
    assert scene.one("SELECT count(*) FROM notice WHERE request_id = %s AND kind = 'cancelled'", ids["confirmed"]) == 1


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_hold_without_a_usable_reason_changes_nothing(
    planner: TestClient, scene: Scene, ids: dict[str, int], reason: str
) -> None:
    html = act(planner, ids["offered"], "hold", reason=reason)
    assert "Nothing was changed" in html
    assert state_of(scene, ids["offered"]) == "offered"


def test_an_act_that_cannot_be_done_says_why(planner: TestClient, scene: Scene, ids: dict[str, int]) -> None:
    path = f"/planner/requests/{ids['cancelled']}"
    key = key_on(planner.get("/planner").text)
    answer = planner.post(f"{path}/hold", data={"key": key, "reason": "too late"})
    assert "The request is cancelled" in answer.text


def test_an_act_without_the_sessions_key_changes_nothing(
    planner: TestClient, scene: Scene, ids: dict[str, int]
) -> None:
    for key in ("", "0" * 32):
        answer = planner.post(f"/planner/requests/{ids['offered']}/cancel", data={"key": key, "reason": "evil"})
        assert answer.status_code == 403
    assert state_of(scene, ids["offered"]) == "offered"


def test_what_the_door_refused_is_shown_with_its_bytes(planner: TestClient, ids: dict[str, int]) -> None:
    html = planner.get("/planner/rejections").text
    assert html.count(">wrong_type<") == 3
    assert "boot is &#39;three&#39;, expected a whole number" in html
    assert "\\xff" in html


def test_the_outbox_shows_what_has_not_left_and_why(planner: TestClient, ids: dict[str, int]) -> None:
    html = planner.get("/planner/outbox").text
    assert "3 attempts: the mail server does not answer" in html
    assert "not sent yet" in html


def test_without_a_mail_server_the_pages_say_so_unless_work_has_one(
    planner: TestClient, scene: Scene, ids: dict[str, int]
) -> None:
    assert "No mail server is set" not in planner.get("/planner").text
    planner.app.state.desk.settings.__dict__["smtp_url"] = ""  # pyright: ignore[reportAttributeAccessIssue]
    paths = ("/planner", "/planner/outbox", f"/planner/requests/{ids['offered']}")
    for path in paths:
        assert "No mail server is set" in planner.get(path).text
    say_alive(scene.conn, "work", NOW, sends_letters=True)
    for path in paths:
        assert "No mail server is set" not in planner.get(path).text


@pytest.mark.parametrize("path", ["/planner", "/planner/outbox", "/planner/rejections", "/planner/requests/1"])
def test_without_a_session_there_is_only_the_way_in(client: TestClient, ids: dict[str, int], path: str) -> None:
    page = client.get(path)
    assert page.status_code == 401
    assert "Please sign in" in page.text
    assert "owner1" not in page.text


def test_tenants_are_apart(client: TestClient, scene: Scene, database: str, links: Links, ids: dict[str, int]) -> None:
    other = Scene.open(database, "sakura", "Sakura Motors")
    own = other.request(other.device(), WEAK_CELL)
    assert client.post(links.login("sakura")).status_code == 200
    html = client.get("/planner").text
    assert [int(number) for number in OPENED.findall(html)] == [own]
    assert "Sakura Motors" in html
    for request_id in ids.values():
        assert client.get(f"/planner/requests/{request_id}").status_code == 404
        key = key_on(html)
        client.post(f"/planner/requests/{request_id}/cancel", data={"key": key, "reason": "x"})
    assert state_of(scene, ids["offered"]) == "offered"
    assert "wrong_type" not in client.get("/planner/rejections").text
    assert "owner1@example.org" not in client.get("/planner/outbox").text.replace(
        other.one("SELECT email FROM owner WHERE tenant_id = %s", other.tenant_id), ""
    )
    other.close()


@pytest.mark.parametrize("request_id", ["0", "-1", "x", str(2**63), "99999"])
def test_a_request_that_is_not_there_is_told_so(planner: TestClient, request_id: str) -> None:
    assert planner.get(f"/planner/requests/{request_id}").status_code in {400, 404}


def test_settled_requests_are_counted_no_further_than_needed(scene: Scene) -> None:
    device = scene.device()
    first = scene.request(device, WEAK_CELL, state="cancelled")
    scene.conn.execute(
        """INSERT INTO service_request (tenant_id, device_id, owner_id, component, diagnosis_id, state, is_safety,
                                        severity, decided_received_at, closed_at)
           SELECT tenant_id, device_id, owner_id, component, diagnosis_id, state, is_safety, severity,
                  decided_received_at, closed_at FROM service_request, generate_series(1, 1500) WHERE request_id = %s""",
        [first],
    )
    with scene.in_tenant():
        assert queue.counts(scene.conn)["cancelled"] == queue.COUNTED_AT_MOST + 1


def test_after_a_date_has_begun_its_finding_ends_it(planner: TestClient, scene: Scene, ids: dict[str, int]) -> None:
    request_id = ids["confirmed"]
    assert "What was found?" not in planner.get(f"/planner/requests/{request_id}").text
    assert "The promised time has not begun" in act(planner, request_id, "complete", finding="repaired")
    scene.conn.execute(
        "UPDATE appointment SET during = tstzrange(%s, %s) WHERE request_id = %s",
        [NOW - timedelta(hours=2), NOW - timedelta(hours=1), request_id],
    )
    page = planner.get(f"/planner/requests/{request_id}").text
    assert "What was found?" in page
    part = scene.one("SELECT reservation_id FROM reservation WHERE request_id = %s AND released_at IS NULL", request_id)
    assert f'name="part" value="{part}" checked' in page
    html = act(planner, request_id, "complete", finding="repaired", part=str(part), note="The cell was swapped.")
    assert state_of(scene, request_id) == "solved"
    assert scene.one("SELECT issued_at FROM reservation WHERE reservation_id = %s", part) == NOW
    for text in ("The date took place: Repaired", "The cell was swapped.", "took place", "Said what was found"):
        assert text in html


def test_what_could_not_be_done_is_led_on(planner: TestClient, scene: Scene, ids: dict[str, int]) -> None:
    request_id = ids["confirmed"]
    scene.conn.execute(
        "UPDATE appointment SET during = tstzrange(%s, %s) WHERE request_id = %s",
        [NOW - timedelta(hours=2), NOW - timedelta(hours=1), request_id],
    )
    html = act(planner, request_id, "complete", finding="not_done", note="The hoist is broken.", next="person")
    assert state_of(scene, request_id) == "held"
    assert "The hoist is broken." in html
    assert planner.post(f"/planner/requests/{request_id}/complete", data={"finding": "x"}).status_code in {403, 422}
