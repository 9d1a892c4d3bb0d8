"""An owner changes his dates on his page, and a planner enters who is away: without script, tapped twice, in three languages."""

import re
from datetime import timedelta

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from dashboards import desk
from gateway.dates.refitting import refit
from tests.dashboards.conftest import Links
from tests.dashboards.meters import hire, offered
from tests.dashboards.scene import NOW, Scene

BOOKING = re.compile(r'name="booking" value="(\d+)"')
KEY = re.compile(r'name="key" value="([0-9a-f]+)"')


@pytest.fixture
def leak(scene: Scene) -> int:
    """A leak whose owner has three windows to choose from."""
    hire(scene)
    return offered(scene)


@pytest.fixture
def booked(client: TestClient, links: Links, leak: int) -> str:
    """The path of the page of an owner who has a date."""
    path = links.owner(leak)
    taps = BOOKING.findall(client.get(path).text)
    assert "Your date is booked" in client.post(f"{path}/date?lang=en", data={"booking": taps[0]}).text
    return path


def test_other_dates_as_they_were_wished_for(client: TestClient, links: Links, leak: int) -> None:
    path = links.owner(leak)
    before = BOOKING.findall(client.get(path).text)
    answer = client.post(f"{path}/dates?lang=en", data={"half": "afternoon", "weekday": "", "not_before": ""})
    assert "Here are other dates." in answer.text
    after = BOOKING.findall(answer.text)
    assert len(after) == 3
    assert not set(before) & set(after)
    hours = [int(found) for found in re.findall(r"Arrival (\d\d):", answer.text)]
    assert hours
    assert all(hour >= 12 for hour in hours)


def test_a_booked_date_stands_beside_others_and_moves_when_one_is_tapped(client: TestClient, booked: str) -> None:
    answer = client.post(f"{booked}/dates?lang=en", data={"half": "any"})
    assert "Your date is booked" in answer.text
    assert "The one that you have stands until you choose." in answer.text
    taps = BOOKING.findall(answer.text)
    assert len(taps) == 3
    for _ in range(2):
        moved = client.post(f"{booked}/date?lang=en", data={"booking": taps[1]})
        assert "Your date is booked" in moved.text
        assert not BOOKING.findall(moved.text)
    calendar = client.get(f"{booked}/appointment.ics").text
    assert "SEQUENCE:1" in calendar


def test_a_booked_date_is_kept_and_the_others_go(client: TestClient, booked: str) -> None:
    client.post(f"{booked}/dates?lang=en", data={"half": "any"})
    assert not BOOKING.findall(client.post(f"{booked}/keep?lang=en").text)


def test_a_confirmed_page_has_one_way_out_which_ends_it_in_the_calendar_too(client: TestClient, booked: str) -> None:
    assert client.get(f"{booked}?lang=en").text.count("Stop all of this…") == 1
    assert "You have stopped this service" in client.post(f"{booked}/stop?lang=en").text
    assert "METHOD:CANCEL" in client.get(f"{booked}/appointment.ics").text


def test_an_earlier_date_is_asked_for_once(client: TestClient, scene: Scene, booked: str) -> None:
    for _ in range(2):
        assert "You are on the list for an earlier date." in client.post(f"{booked}/earlier?lang=en").text
    assert scene.one("SELECT count(*) FROM earlier_wish") == 1


def test_nobody_came_is_taken_after_the_window_and_not_before(client: TestClient, app: FastAPI, booked: str) -> None:
    assert "is not over yet" in client.post(f"{booked}/nobody-came?lang=en").text
    app.dependency_overrides[desk.now] = lambda: NOW + timedelta(days=4)
    assert "Nobody came" in client.get(f"{booked}?lang=en").text
    assert "We are sorry." in client.post(f"{booked}/nobody-came?lang=en").text


@pytest.mark.parametrize("act", ["dates", "keep", "stop", "earlier", "nobody-came"])
def test_an_expired_link_a_foreign_form_and_a_forged_link_change_nothing(
    client: TestClient, scene: Scene, links: Links, leak: int, act: str
) -> None:
    expired = links.owner(leak, now=NOW - timedelta(days=40))
    assert client.post(f"{expired}/{act}", data={"sure": "yes"}).status_code == 410
    good = links.owner(leak)
    assert client.post(f"{good}/{act}", headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert client.post(f"{good[:-3]}AAA/{act}").status_code == 404
    assert client.get(f"{good}/{act}").status_code == 405
    assert scene.one("SELECT count(*) FROM request_event WHERE event LIKE 'other%%' OR event = 'cancelled'") == 0


def test_a_planner_sees_the_day_and_enters_an_absence(planner: TestClient, scene: Scene, leak: int) -> None:
    html = planner.get("/planner/schedule?lang=en").text
    assert "Oh Jae-hyun" in html
    key = KEY.findall(html)[0]
    who = re.findall(r'<option value="(technician-\d+)"', html)[0]
    words = {"key": key, "who": who, "kind": "sick", "begins": "2026-11-23T08:00", "ends": "2026-11-24T18:00"}
    path = f"/planner/schedule/{scene.centre_id}/absence"
    assert "It is entered." in planner.post(path, data=words).text
    assert "already" in planner.post(path, data=words).text
    assert scene.one("SELECT count(*) FROM absence WHERE kind = 'sick' AND staff_id IS NOT NULL") == 1
    assert "cannot be" in planner.post(path, data=words | {"ends": "2026-11-22T08:00"}).text
    assert "nobody of that name" in planner.post(path, data=words | {"who": "bay-999"}).text
    number = scene.one("SELECT absence_id FROM absence")
    assert "It is ended." in planner.post(f"{path}/{number}/end", data={"key": key}).text
    assert planner.post(path, data=words | {"key": "0" * 32}).status_code == 403


def test_somebody_is_not_free_on_a_day_on_which_he_does_not_work(planner: TestClient, scene: Scene, leak: int) -> None:
    path = f"/planner/schedule/{scene.centre_id}"
    assert "Does not work on this day" not in planner.get(f"{path}?day=2026-11-30").text
    scene.conn.execute("UPDATE technician SET hours = hours - 'mon'")
    assert "Does not work on this day" in planner.get(f"{path}?day=2026-11-30").text


def test_a_bay_is_not_sick_and_nobody_is_out_of_order(planner: TestClient, scene: Scene, leak: int) -> None:
    html = planner.get("/planner/schedule?lang=en").text
    (bay, *_), (person, *_) = (re.findall(rf'<option value="({who}-\d+)"', html) for who in ("bay", "technician"))
    words = {"key": KEY.findall(html)[0], "begins": "2026-11-23T08:00", "ends": "2026-11-24T18:00"}
    path = f"/planner/schedule/{scene.centre_id}/absence"
    for who, kind in ((bay, "sick"), (person, "broken")):
        assert "Nothing was entered" in planner.post(path, data=words | {"who": who, "kind": kind}).text
    assert scene.one("SELECT count(*) FROM absence") == 0
    assert "It is entered." in planner.post(path, data=words | {"who": bay, "kind": "broken"}).text


@pytest.mark.parametrize(("language", "closed", "date"), [("ko", "휴무", "날짜"), ("ja", "休業", "日付")])
def test_a_day_without_hours_is_closed_as_a_shop_is_and_not_as_a_case(
    planner: TestClient, scene: Scene, leak: int, language: str, closed: str, date: str
) -> None:
    path = f"/planner/schedule/{scene.centre_id}"
    key = KEY.findall(planner.get(path).text)[0]
    planner.post(f"{path}/day", data={"key": key, "day": "2026-11-25", "reason": "Stock-taking"})
    html = planner.get(f"{path}?day=2026-11-25&lang={language}").text
    assert html.count(closed) >= 4, "each bay, each technician, and the list of days"
    assert f'<label for="day-day">{date}<' in html


def test_a_field_that_cannot_be_read_is_named_as_on_the_page(client: TestClient, links: Links, leak: int) -> None:
    answer = client.post(f"{links.owner(leak)}/dates?lang=ko", data={"not_before": "soon"})
    assert answer.status_code == 400
    assert "not_before" not in answer.text


def test_a_form_without_its_reason_says_so_and_leads_back(planner: TestClient, scene: Scene, leak: int) -> None:
    page = f"/planner/requests/{leak}"
    key = KEY.findall(planner.get(page).text)[0]
    answer = planner.post(f"{page}/hold?lang=en", data={"key": key, "reason": " "})
    assert answer.status_code == 400
    assert "Missing or not readable: Why." in answer.text
    assert f'href="{page}"' in answer.text


def test_a_planner_closes_a_day_and_takes_it_back(planner: TestClient, scene: Scene, leak: int) -> None:
    html = planner.get(f"/planner/schedule/{scene.centre_id}").text
    key = KEY.findall(html)[0]
    path = f"/planner/schedule/{scene.centre_id}/day"
    answer = planner.post(path, data={"key": key, "day": "2026-11-25", "reason": "Stock-taking"})
    assert "Stock-taking" in answer.text
    assert scene.one("SELECT opens IS NULL FROM centre_day WHERE day = '2026-11-25'")
    assert "cannot be" in planner.post(path, data={"key": key, "day": "2026-11-25", "opens": "10:00"}).text
    planner.post(f"{path}/2026-11-25/usual", data={"key": key})
    assert scene.one("SELECT count(*) FROM centre_day") == 0


def test_a_centre_of_nobody_is_not_found(planner: TestClient, leak: int) -> None:
    assert planner.get("/planner/schedule/9999").status_code == 404


def test_an_owner_whose_date_is_too_short_by_now_is_asked_for_another_and_then_called(
    client: TestClient, scene: Scene, leak: int, booked: str
) -> None:
    scene.conn.execute("UPDATE fault SET code = 'pipe_burst' WHERE code = 'water_leak'")
    # It takes half an hour more, and the technician is away right afterwards.
    scene.conn.execute(
        """INSERT INTO absence (tenant_id, technician_id, during, kind)
        SELECT t.tenant_id, t.technician_id, tstzrange(upper(k.during), upper(k.during) + interval '3 hours'), 'other'
        FROM booking k JOIN technician t USING (technician_id) WHERE k.kind = 'booked'"""
    )
    with scene.in_tenant():
        refit(scene.conn, request_id=leak, now=NOW)
    page = client.get(f"{booked}?lang=en").text
    assert "Please take another date" in page
    assert "It does not fit into your date any more." in page
    assert len(BOOKING.findall(page)) == 3
    assert "작업이 바뀌었습니다" in client.get(f"{booked}?lang=ko").text
    client.post(f"{booked}/keep?lang=en")
    with scene.in_tenant():
        refit(scene.conn, request_id=leak, now=NOW)
    assert "A member of our staff finds another date with you." in client.get(f"{booked}?lang=en").text
    assert scene.one("SELECT count(*) FROM human_case WHERE closed_at IS NULL AND request_id = %s", leak) == 1


def test_without_a_date_nothing_is_said_of_until_the_date(
    client: TestClient, scene: Scene, leak: int, links: Links
) -> None:
    assert "until the date" in client.get(f"{links.owner(leak)}?lang=en").text
    scene.conn.execute("UPDATE service_request SET state = 'held' WHERE request_id = %s", [leak])
    scene.conn.execute("UPDATE offer SET closed_at = now(), outcome = 'withdrawn'")
    scene.conn.execute("UPDATE booking SET released_at = now()")
    page = client.get(f"{links.owner(leak)}?lang=en").text
    assert "until the date" not in page
    assert "You can go on using it." in page
