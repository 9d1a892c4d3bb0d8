"""A technician's pages: his day behind a link of his own, what he found, that he cannot come, and his calendar."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI
from icalendar import Calendar
from starlette.testclient import TestClient

from dashboards import desk
from gateway import access, journey
from tests.dashboards.conftest import Links
from tests.dashboards.meters import confirmed, hire, offered
from tests.dashboards.scene import NOW, Scene
from tests.dashboards.test_planner import key_on

DAY = "2026-11-23"


@pytest.fixture
def technician(scene: Scene) -> int:
    return hire(scene)


@pytest.fixture
def visit(scene: Scene, technician: int) -> int:
    """The request of a leak whose first window is booked: Monday from 8 to 10."""
    assert technician
    request_id = offered(scene)
    confirmed(scene, request_id)
    return request_id


@pytest.fixture
def mine(links: Links, technician: int) -> str:
    return links.technician(technician)


@pytest.fixture
def at(app: FastAPI) -> Callable[[datetime], None]:
    """Set the clock of the pages."""

    def to(moment: datetime) -> None:
        app.dependency_overrides[desk.now] = lambda: moment

    return to


def appointment(scene: Scene) -> int:
    return scene.one("SELECT appointment_id FROM appointment WHERE state = 'confirmed'")


def begins_at(scene: Scene) -> datetime:
    return scene.one("SELECT lower(during) FROM appointment ORDER BY appointment_id DESC LIMIT 1")


def test_his_day_says_when_where_what_and_leads_to_the_visit(
    client: TestClient, scene: Scene, mine: str, visit: int
) -> None:
    html = client.get(f"{mine}?day={DAY}").text
    for text in ("Monday, 23 November 2026", "Oh Jae-hyun", "Planned arrival 08:50", "08:00–10:00", "서울 마포구"):
        assert text in html, text
    page = client.get(f"{mine}/visits/{appointment(scene)}").text
    assert f"C-{visit:06d}" in page
    assert "<svg" in page
    assert "You can say here what you found once the promised time has begun." in page
    empty = client.get(f"{mine}?day=2026-11-24").text
    assert "Nothing is planned for you on this day." in empty
    before = client.get(f"{mine}?day=2026-11-22").text
    assert "Your next visits: Monday, 23 November 2026" in before
    for language, said in (("ko", "방문"), ("ja", "訪問")):
        assert said in client.get(f"{mine}?day={DAY}&lang={language}").text


def test_he_sees_nobody_elses_visits_and_his_link_opens_nothing_else(
    client: TestClient, scene: Scene, links: Links, mine: str, visit: int
) -> None:
    other = links.technician(hire(scene, "Kim Ji-woo"))
    assert "서울 마포구" not in client.get(f"{other}?day={DAY}").text
    number = appointment(scene)
    assert client.get(f"{other}/visits/{number}").status_code == 404
    assert client.post(f"{other}/visits/{number}/complete", data={"finding": "no_fault"}).status_code == 404
    assert scene.one("SELECT state FROM service_request WHERE request_id = %s", visit) == "confirmed"
    token = mine.rpartition("/")[2]
    for path in (f"/o/{token}", f"/d/{token}", f"/r/{token}", f"/login/{token}", f"/t/{token}/visits.ics"):
        assert client.get(path).status_code in {404, 410}, path
    assert access.hide_tokens(f"GET {mine}/visits/3") == "GET /t/.../visits/3"


def test_what_he_found_ends_the_visit_in_his_name(
    client: TestClient, scene: Scene, mine: str, visit: int, at: Callable[[datetime], None], technician: int
) -> None:
    number = appointment(scene)
    path = f"{mine}/visits/{number}"
    early = client.post(f"{path}/complete", data={"finding": "repaired"})
    assert "The promised time has not begun" in early.text
    at(begins_at(scene) + timedelta(minutes=70))
    assert "What was found?" in client.get(path).text
    assert 'role="alert"' in client.post(f"{path}/complete", data={"finding": "not_done", "note": " "}).text
    said = client.post(f"{path}/complete?lang=en", data={"finding": "repaired", "note": "a new washer"})
    assert "Thank you. It is written down, and the owner hears of it." in said.text
    assert "Done" in said.text
    assert client.post(f"{path}/complete", data={"finding": "repaired"}).status_code == 200
    by = f"technician-{technician}"
    assert scene.one("SELECT actor FROM audit_record WHERE act = 'completed'") == by
    assert scene.one("SELECT state FROM service_request WHERE request_id = %s", visit) == "solved"
    assert scene.one("SELECT count(*) FROM notice WHERE request_id = %s AND kind = 'completed'", visit) == 1
    otherwise = client.post(f"{path}/complete?lang=en", data={"finding": "no_fault"}).text
    assert "Something else was said about this visit already." in otherwise
    assert "The result has been reported." in client.get(path).text


def test_what_could_not_be_done_goes_to_a_person_at_his_word(
    client: TestClient, scene: Scene, mine: str, visit: int, at: Callable[[datetime], None], technician: int
) -> None:
    at(begins_at(scene) + timedelta(minutes=70))
    form = {"finding": "not_done", "note": "the cellar is locked", "next": "person"}
    number = appointment(scene)
    client.post(f"{mine}/visits/{number}/complete", data=form)
    assert scene.one("SELECT state FROM service_request WHERE request_id = %s", visit) == "held"
    assert scene.one("SELECT reason FROM human_case WHERE closed_at IS NULL") == "the cellar is locked"
    assert scene.one("SELECT actor FROM request_event WHERE event = 'held'") == f"technician-{technician}"
    again = client.post(f"{mine}/visits/{number}/complete?lang=en", data=form)
    assert "Thank you." in again.text, "tapped twice it was said once"
    assert scene.one("SELECT count(*) FROM request_event WHERE event = 'held'") == 1


def test_an_old_visits_number_does_not_end_the_next_one(
    client: TestClient, scene: Scene, mine: str, visit: int, at: Callable[[datetime], None]
) -> None:
    first = appointment(scene)
    at(begins_at(scene) + timedelta(minutes=70))
    client.post(f"{mine}/visits/{first}/complete", data={"finding": "not_done", "note": "nobody opened"})
    with scene.in_tenant():
        assert journey.offer(scene.conn, request_id=visit, now=begins_at(scene) + timedelta(hours=3)) is not None
    booking = scene.one("SELECT max(booking_id) FROM booking WHERE request_id = %s AND released_at IS NULL", visit)
    with scene.in_tenant():
        journey.confirm(scene.conn, request_id=visit, booking_id=booking, now=begins_at(scene) + timedelta(hours=4))
    at(begins_at(scene) + timedelta(minutes=70))
    assert appointment(scene) != first
    stale = client.post(f"{mine}/visits/{first}/complete", data={"finding": "repaired"})
    assert stale.status_code in {200, 404}
    assert scene.one("SELECT state FROM service_request WHERE request_id = %s", visit) == "confirmed"


def test_a_planner_reads_who_said_it(
    planner: TestClient, scene: Scene, mine: str, visit: int, at: Callable[[datetime], None]
) -> None:
    at(begins_at(scene) + timedelta(minutes=70))
    planner.post(f"{mine}/visits/{appointment(scene)}/complete", data={"finding": "no_fault"})
    at(NOW)
    html = planner.get(f"/planner/requests/{visit}").text
    assert re.search(r"No fault found.*?Oh Jae-hyun", html, re.DOTALL)


def test_who_cannot_come_is_absent_until_the_end_of_a_day(
    client: TestClient, scene: Scene, mine: str, technician: int
) -> None:
    said = client.post(f"{mine}/away", data={"kind": "sick", "until": DAY}).text
    assert "It is entered." in said
    assert scene.one("SELECT technician_id FROM absence WHERE kind = 'sick' AND lower(during) = %s", NOW) == technician
    assert scene.one("SELECT (upper(during) AT TIME ZONE 'Asia/Seoul')::text FROM absence") == "2026-11-24 00:00:00"
    assert "already" in client.post(f"{mine}/away", data={"kind": "other", "until": DAY}).text
    for wrong in ("2026-11-01", "2028-01-01"):
        assert "no day to come" in client.post(f"{mine}/away", data={"kind": "sick", "until": wrong}).text
    assert client.post(f"{mine}/away", data={"kind": "sick", "until": "soon"}).status_code == 400
    assert scene.one("SELECT count(*) FROM absence") == 1


def test_his_calendar_is_read_by_an_address_of_its_own(client: TestClient, scene: Scene, mine: str, visit: int) -> None:
    assert visit
    scene.conn.execute("UPDATE technician SET name = 'Oh, Jae-hyun'")
    address = re.findall(r'value="http://testserver([^"]+)"', client.post(f"{mine}/calendar?lang=en").text)[0]
    answer = client.get(address)
    assert answer.headers["content-type"].startswith("text/calendar")
    calendar = Calendar.from_ical(answer.content)
    assert rb"X-WR-CALNAME:Visits of Oh\, Jae-hyun" in answer.content
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT30M" in answer.content
    assert calendar.walk("VTIMEZONE")
    (event,) = calendar.walk("VEVENT")
    assert str(event["UID"]).startswith(f"visit-{scene.tenant_id}-{appointment(scene)}@")
    assert event["DTSTART"].dt.isoformat() == "2026-11-23T08:50:00+09:00"
    assert "between 08:00 and 10:00" in str(event["DESCRIPTION"])
    # It is read, and nothing else; another one ends it.
    token = address.split("/")[2]
    assert client.get(f"/t/{token}").status_code == 404
    assert client.post(f"/t/{token}/away", data={"kind": "sick", "until": DAY}).status_code == 404
    client.post(f"{mine}/calendar")
    assert client.get(address).status_code == 410


def test_a_planner_hands_out_a_link_that_takes_the_place_of_the_one_before(
    planner: TestClient, scene: Scene, mine: str, technician: int
) -> None:
    board = f"/planner/schedule/{scene.centre_id}"
    key = key_on(planner.get(board).text)
    calendar = re.findall(r'value="http://testserver([^"]+)"', planner.post(f"{mine}/calendar").text)[0]
    assert planner.get(mine).status_code == planner.get(calendar).status_code == 200
    made = planner.post(f"{board}/link", data={"who": f"technician-{technician}", "key": key}).text
    address = re.findall(r'value="http://testserver(/t/[^"]+)"', made)[0]
    assert planner.get(address).status_code == 200
    assert planner.get(mine).status_code == 410
    assert planner.get(calendar).status_code == 410, "whoever has the lost telephone reads nothing more"
    assert (
        "This centre has nobody of that name." in planner.post(f"{board}/link", data={"who": "bay-1", "key": key}).text
    )
    scene.conn.execute("UPDATE technician SET retired_at = %s", [NOW])
    over = planner.get(address)
    assert over.status_code == 410
    assert "Ask your planner for a new one." in over.text
    assert planner.post(f"{address}/away", data={"kind": "sick", "until": DAY}).status_code == 410
    assert scene.one("SELECT count(*) FROM absence") == 0


def test_without_a_planners_form_key_no_link_is_made(planner: TestClient, scene: Scene, technician: int) -> None:
    board = f"/planner/schedule/{scene.centre_id}"
    assert planner.post(f"{board}/link", data={"who": f"technician-{technician}", "key": "x"}).status_code == 403
    assert scene.one("SELECT count(*) FROM access_token WHERE technician_id IS NOT NULL") == 0


def test_the_evidence_names_its_element(client: TestClient, scene: Scene, mine: str, visit: int) -> None:
    assert visit
    scene.conn.execute(
        """UPDATE diagnosis SET hypotheses = jsonb_set(hypotheses, '{0,evidence_for,0,element}', '2')
        WHERE hypotheses #> '{0,evidence_for,0}' IS NOT NULL"""
    )
    page = client.get(f"{mine}/visits/{appointment(scene)}")
    assert page.status_code == 200
    assert re.search(r"Water flows without a break: \S*\s?2", page.text)
