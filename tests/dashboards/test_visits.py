"""A visit on the pages and in the letters: somebody comes, within two hours, and the owner brings nothing anywhere."""

import re
from collections.abc import Iterator

import pytest
from icalendar import Calendar
from starlette.testclient import TestClient

from gateway.notices.run import send_due
from gateway.settings import Settings
from gateway.storage.connection import Connection, Role, connect
from simulators.owners.forms import Page
from tests.dashboards.conftest import Links
from tests.dashboards.meters import GAS, confirmed, hire, ill, meter, offered
from tests.dashboards.scene import NOW, Scene, settings
from tests.gateway.notices.conftest import Mailbox, mailbox  # noqa: F401  # the fixture is found by its name

BOOKING = re.compile(r'name="booking" value="(\d+)"')
DRIVEN = re.compile(r"bring it|drive it|\bBay\b|\bbay\b|have to come", re.IGNORECASE)


@pytest.fixture
def leak(scene: Scene) -> int:
    """A leak whose owner has three windows to choose from."""
    hire(scene)
    return offered(scene)


@pytest.fixture
def work(database: str) -> Iterator[Connection]:
    with connect(database, Role.WORK) as connection:
        yield connection


def test_the_owner_chooses_the_two_hours_in_which_somebody_comes(client: TestClient, links: Links, leak: int) -> None:
    path = links.owner(leak)
    html = client.get(f"{path}?lang=en").text
    assert "A technician comes to 서울 마포구 and arrives within the two hours that you choose." in html
    assert html.count("Arrival ") == 3
    assert "About 60 minutes" in html
    assert "We hold these dates for you until" in html
    assert not DRIVEN.search(html)
    booking = BOOKING.findall(html)[1]
    answer = client.post(f"{path}/date?lang=en", data={"booking": booking})
    assert "Your date is booked" in answer.text
    assert "Oh Jae-hyun comes to 서울 마포구 and arrives between 12:00 and 14:00." in answer.text
    assert "somebody opens the door" in answer.text
    assert not DRIVEN.search(answer.text)


def test_a_simulated_owner_finds_the_windows_on_the_page(client: TestClient, links: Links, leak: int) -> None:
    path = links.owner(leak)
    taps = Page(client.get(f"{path}?lang=en").text, f"http://testserver{path}").dates()
    assert [tap.fields.keys() for tap in taps] == [{"booking"}] * 3
    assert taps[0].label.startswith("Monday, 23 November 2026 Best Arrival 08:00")
    answer = client.post(taps[0].url, data=taps[0].fields)
    assert Page(answer.text, path).dates() == []


@pytest.mark.parametrize(
    ("language", "offer", "booked"),
    [
        (
            "ko",
            "기사가 방문합니다(장소: 서울 마포구)",
            "Oh Jae-hyun 기사가 08:00에서 10:00 사이에 서울 마포구에 도착합니다.",
        ),
        ("ja", "技術者が서울 마포구へ伺います", "Oh Jae-hyunが8:00から10:00の間に서울 마포구へ伺います。"),
    ],
)
def test_it_is_said_in_the_owners_language(
    client: TestClient, scene: Scene, links: Links, leak: int, language: str, offer: str, booked: str
) -> None:
    assert offer in client.get(f"{links.owner(leak)}?lang={language}").text
    confirmed(scene, leak)
    assert booked in client.get(f"{links.owner(leak)}?lang={language}").text


def test_a_planner_sees_who_is_planned_to_arrive_when(planner: TestClient, scene: Scene, leak: int) -> None:
    html = planner.get(f"/planner/requests/{leak}").text
    assert html.count("Oh Jae-hyun, planned to arrive at ") == 3
    confirmed(scene, leak)
    html = planner.get(f"/planner/requests/{leak}").text
    assert html.count("Oh Jae-hyun, planned to arrive at 08:50") == 1
    assert "08:00–10:00" in html
    assert f"/planner/requests/{leak}" in planner.get("/planner?state=confirmed").text


def event_of(calendar: bytes) -> dict[str, str]:
    (event,) = Calendar.from_ical(calendar).walk("VEVENT")
    return {name: str(event[name]) for name in ("SUMMARY", "LOCATION", "DESCRIPTION")} | {
        "GEO": event["GEO"].to_ical(),
        "begins": event["DTSTART"].dt.isoformat(),
        "ends": event["DTEND"].dt.isoformat(),
    }


def test_the_calendar_entry_is_at_the_owners_place(client: TestClient, scene: Scene, links: Links, leak: int) -> None:
    confirmed(scene, leak)
    entry = event_of(client.get(f"{links.owner(leak)}/appointment.ics?lang=en").content)
    assert entry["SUMMARY"] == "A technician comes: Hanbit Home Meter"
    assert entry["LOCATION"] == "서울 마포구"
    assert entry["GEO"] == "37.556;126.909"
    assert entry["DESCRIPTION"].startswith("Oh Jae-hyun comes to 서울 마포구 and arrives between 08:00 and 10:00.")
    assert entry["begins"] == "2026-11-23T08:00:00+09:00"
    assert entry["ends"] == "2026-11-23T10:00:00+09:00"


def text_of(mailbox: Mailbox, number: int) -> str:  # noqa: F811
    part = mailbox.messages[number].get_body(("plain",))
    assert part is not None
    return part.get_content()


def test_the_letters_say_who_comes_and_that_nobody_comes(
    scene: Scene,
    work: Connection,
    mailbox: Mailbox,  # noqa: F811
    database: str,
    leak: int,
) -> None:
    scene.conn.execute("UPDATE notice SET language = 'en'")
    chosen: Settings = settings(database, smtp_url=mailbox.url)
    assert send_due(work, chosen, NOW) == 1
    confirmed(scene, leak)
    scene.conn.execute("UPDATE notice SET language = 'en'")
    assert send_due(work, chosen, NOW) == 1
    scene.conn.execute("UPDATE appointment SET state = 'cancelled', cancelled_at = %s, revision = 1", [NOW])
    scene.notice(leak, "cancelled", language="en", detail={"reason": "sold"})
    assert send_due(work, chosen, NOW) == 1
    offer, booked, cancelled = (text_of(mailbox, number) for number in range(3))
    assert "A technician comes to 서울 마포구." in offer
    assert "1. Monday, 23 November 2026, Arrival 08:00–10:00" in offer
    assert "About 60 minutes" in offer
    assert "Oh Jae-hyun comes to 서울 마포구 and arrives between 08:00 and 10:00." in booked
    assert "Nobody comes." in cancelled
    for text in (offer, booked, cancelled):
        assert not DRIVEN.search(text)


def test_a_danger_at_a_home_says_what_to_do_there_and_nothing_of_driving(
    client: TestClient, scene: Scene, links: Links
) -> None:
    request_id = ill(scene, meter(scene), GAS)
    html = client.get(links.owner(request_id) + "?lang=en").text
    assert html.index("Danger: please act now") < html.index("open the windows, light no fire") < html.index("<h1>")
    assert not DRIVEN.search(html)
    assert "a safe place" not in html
