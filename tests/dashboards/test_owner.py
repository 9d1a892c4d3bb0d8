"""The owner's page: one tap on a phone, without a script, and nothing that a second tap or a scanner could spoil."""

import re
import threading
from datetime import timedelta

import pytest
from icalendar import Calendar
from starlette.testclient import TestClient

from gateway.access import OWNER_LINK_LIFETIME
from tests.dashboards.conftest import Links
from tests.dashboards.scene import NOW, WEAK_CELL, Scene

BOOKING = re.compile(r'name="booking" value="(\d+)"')


def state_of(scene: Scene, request_id: int) -> str:
    return scene.one("SELECT state FROM service_request WHERE request_id = %s", request_id)


def bookings_on(html: str) -> list[int]:
    return [int(number) for number in BOOKING.findall(html)]


def fingerprint(scene: Scene) -> object:
    """Every row that a page could change."""
    return [
        scene.conn.execute(query).fetchall()
        for query in (
            "SELECT * FROM service_request ORDER BY 1",
            "SELECT * FROM offer ORDER BY 1",
            "SELECT * FROM booking ORDER BY 1",
            "SELECT * FROM appointment ORDER BY 1",
            "SELECT * FROM human_case ORDER BY 1",
            "SELECT * FROM notice ORDER BY 1",
            "SELECT * FROM access_token ORDER BY 1",
        )
    ]


def test_the_page_shows_fault_evidence_cost_place_and_three_dates(
    client: TestClient, links: Links, ids: dict[str, int]
) -> None:
    html = client.get(links.owner(ids["offered"])).text
    assert "One or more cells of your battery hold less charge than the others." in html
    assert "Cell 81: up to" in html
    assert "It costs you nothing: your warranty runs until 1 January 2028." in html
    assert "You can go on using it until the date." in html
    assert "Seongsu Service Centre" in html
    assert "+82 2 5550 0142" in html
    assert len(bookings_on(html)) == 3
    assert "Korean Standard Time, UTC+9" in html
    assert html.index("Best") < html.index("Another time of the day")
    assert '<svg viewBox="0 0 360 176" role="img"' in html
    assert "<script" not in html
    assert len(html.encode()) < 50_000


@pytest.mark.parametrize(
    ("language", "heading", "cell"),
    [
        ("ko", "점검이 필요합니다. 어느 날이 좋으세요?", "셀 81"),
        ("ja", "点検が必要です。ご都合のよい日はいつですか？", "セル 81"),
        ("en", "It needs service. Which day suits you?", "Cell 81"),
    ],
)
def test_the_page_speaks_three_languages(
    client: TestClient, links: Links, ids: dict[str, int], language: str, heading: str, cell: str
) -> None:
    html = client.get(links.owner(ids["offered"]) + f"?lang={language}").text
    assert f'<html lang="{language}">' in html
    assert heading in html
    assert cell in html
    assert f"/date?lang={language}" in html, "the choice stays in the owner's language"


@pytest.mark.parametrize(
    ("language", "sentence", "until"),
    [
        ("ko", "62 mV 낮습니다.</p>", "2026년 11월 23일 (월) 23:30 UTC+9"),
        ("ja", "62 mV低くなっています。</p>", "2026年11月23日(月) 23:30 UTC+9"),
        ("en", "since 21 November 2026.</p>", "Mon, 23 Nov 2026, 23:30 UTC+9"),
    ],
)
def test_a_sentence_ends_as_its_language_ends_sentences_and_a_hold_on_a_weekday(
    client: TestClient, links: Links, ids: dict[str, int], language: str, sentence: str, until: str
) -> None:
    html = client.get(links.owner(ids["offered"]) + f"?lang={language}").text
    assert sentence in html
    assert until in html


def test_where_to_bring_it_stands_beside_the_booked_date(client: TestClient, links: Links, ids: dict[str, int]) -> None:
    card = client.get(links.owner(ids["confirmed"])).text.split('aria-labelledby="booked"')[1].split("</section>")[0]
    assert "Seongsu Service Centre, 12 Seongsui-ro" in card


def test_the_owners_own_language_comes_first(client: TestClient, links: Links, ids: dict[str, int]) -> None:
    page = client.get(links.owner(ids["confirmed"]), headers={"accept-language": "ko"})
    assert '<html lang="ja">' in page.text


def test_looking_changes_nothing(client: TestClient, scene: Scene, links: Links, ids: dict[str, int]) -> None:
    paths = [links.owner(request_id) for request_id in ids.values()]
    before = fingerprint(scene)
    for path in paths:
        for suffix in ("", "?lang=ko", "?note=fresh", "/appointment.ics"):
            client.get(path + suffix)
            client.head(path + suffix)
    for path in ("/date", "/other", "/link"):
        assert client.get(paths[0] + path).status_code == 405
    assert fingerprint(scene) == before


def test_one_tap_books_the_date_and_a_second_one_changes_nothing(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    path = links.owner(ids["offered"])
    booking = bookings_on(client.get(path).text)[1]
    first = client.post(f"{path}/date", data={"booking": booking})
    assert first.url.path == path, "a reload does not post again"
    assert "Your date is booked" in first.text
    assert "14:00–17:00" in first.text
    assert "C-0000" in first.text
    second = client.post(f"{path}/date", data={"booking": booking})
    assert "Your date is booked" in second.text
    assert scene.one("SELECT count(*) FROM appointment WHERE request_id = %s", ids["offered"]) == 1
    assert scene.one("SELECT count(*) FROM notice WHERE kind = 'confirmed' AND request_id = %s", ids["offered"]) == 1
    assert state_of(scene, ids["offered"]) == "confirmed"


def test_another_date_after_the_first_one_is_not_booked(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    path = links.owner(ids["offered"])
    first, second, _ = bookings_on(client.get(path).text)
    client.post(f"{path}/date", data={"booking": first})
    answer = client.post(f"{path}/date", data={"booking": second})
    assert "A date is booked already" in answer.text
    assert scene.one("SELECT array_agg(booking_id) FROM appointment WHERE request_id = %s", ids["offered"]) == [first]


def test_two_taps_at_once_book_once(client: TestClient, scene: Scene, links: Links, ids: dict[str, int]) -> None:
    path = links.owner(ids["offered"])
    booking = bookings_on(client.get(path).text)[0]
    answers: list[str] = []
    taps = [
        threading.Thread(target=lambda: answers.append(client.post(f"{path}/date", data={"booking": booking}).text))
        for _ in range(6)
    ]
    for tap in taps:
        tap.start()
    for tap in taps:
        tap.join()
    assert all("Your date is booked" in answer for answer in answers)
    assert len(answers) == 6
    assert scene.one("SELECT count(*) FROM appointment WHERE request_id = %s", ids["offered"]) == 1


def test_a_lost_race_shows_fresh_dates_and_no_error(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    path = links.owner(ids["offered"])
    lost = bookings_on(client.get(path).text)[0]
    # The hold ends, and another vehicle takes the bay at that time.
    scene.conn.execute("UPDATE booking SET released_at = %s WHERE booking_id = %s", [NOW, lost])
    rival = scene.request(scene.device(), WEAK_CELL)
    rival_offer = scene.insert("offer", "offer_id", request_id=rival, made_at=NOW, expires_at=NOW + timedelta(days=1))
    scene.conn.execute(
        """INSERT INTO booking (tenant_id, bay_id, request_id, offer_id, during, rank, kind)
           SELECT tenant_id, bay_id, %s, %s, during, 1, 'booked' FROM booking WHERE booking_id = %s""",
        [rival, rival_offer, lost],
    )
    answer = client.post(f"{path}/date", data={"booking": lost})
    assert answer.status_code == 200
    assert "Somebody was a moment faster" in answer.text
    fresh = bookings_on(answer.text)
    assert fresh
    assert lost not in fresh


def test_none_of_these_suits_opens_a_case_for_a_person_once(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    path = links.owner(ids["offered"])
    for _ in range(2):
        answer = client.post(f"{path}/other")
        assert "A member of our staff will find another date with you" in answer.text
    assert scene.one("SELECT count(*) FROM human_case WHERE request_id = %s", ids["offered"]) == 1


def test_the_calendar_file_is_there_once_a_date_is_booked(
    client: TestClient, links: Links, ids: dict[str, int]
) -> None:
    assert client.get(links.owner(ids["offered"]) + "/appointment.ics").status_code == 404
    answer = client.get(links.owner(ids["confirmed"]) + "/appointment.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    calendar = Calendar.from_ical(answer.content)
    assert isinstance(calendar, Calendar)
    assert calendar["METHOD"] == "PUBLISH"
    # RFC 5546, 3.2.1: one organizer, and no attendee.
    assert calendar.walk("VEVENT")[0]["ORGANIZER"].startswith("mailto:")
    assert "ATTENDEE" not in calendar.walk("VEVENT")[0]
    assert calendar.walk("VEVENT")[0]["DTSTART"].dt.isoformat() == "2026-11-23T14:00:00+09:00"


def test_an_expired_link_offers_a_new_one_to_the_known_address_only(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    path = links.owner(ids["offered"], now=NOW - OWNER_LINK_LIFETIME)
    page = client.get(path)
    assert page.status_code == 410
    assert "This link has run out" in page.text
    assert "owner1@example.org" not in page.text
    assert client.post(f"{path}/date", data={"booking": 1}).status_code == 410
    for _ in range(3):
        answer = client.post(f"{path}/link", data={"email": "thief@example.org"})
        assert "A new link is on its way" in answer.text
    rows = scene.conn.execute("SELECT recipient FROM notice WHERE kind = 'link'").fetchall()
    assert rows == [("owner1@example.org",)]
    assert state_of(scene, ids["offered"]) == "offered"


@pytest.mark.parametrize("token", ["x", "A" * 72, "..%2f..", "%00", "가" * 24, "A" * 5000])
def test_a_link_that_is_not_ours_is_told_so(client: TestClient, token: str) -> None:
    page = client.get(f"/o/{token}")
    assert page.status_code == 404
    assert "This link does not work" in page.text or "There is nothing here" in page.text


def test_a_form_of_another_site_changes_nothing(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    path = links.owner(ids["offered"])
    booking = bookings_on(client.get(path).text)[0]
    before = fingerprint(scene)
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = client.post(f"{path}/date", data={"booking": booking}, headers=headers)
        assert answer.status_code == 403
        assert "Nothing was changed" in answer.text
    assert fingerprint(scene) == before
    own = {"origin": "null", "sec-fetch-site": "same-origin"}
    assert client.post(f"{path}/date", data={"booking": booking}, headers=own).status_code == 200


@pytest.mark.parametrize("booking", ["", "x", "-1", "0", "1e3", "9" * 30, "NaN"])
def test_an_impossible_booking_is_answered_with_a_page(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int], booking: str
) -> None:
    answer = client.post(links.owner(ids["offered"]) + "/date", data={"booking": booking})
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    assert state_of(scene, ids["offered"]) == "offered"


def test_the_booking_of_another_request_is_not_to_be_had(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    foreign = scene.one("SELECT min(booking_id) FROM booking WHERE request_id = %s", ids["confirmed"])
    answer = client.post(links.owner(ids["offered"]) + "/date", data={"booking": foreign})
    assert "That date can no longer be chosen" in answer.text
    assert state_of(scene, ids["offered"]) == "offered"


def test_a_safety_matter_says_to_stop_before_anything_else(
    client: TestClient, links: Links, ids: dict[str, int]
) -> None:
    html = client.get(links.owner(ids["safety"]) + "?lang=en").text
    assert html.index("Please stop using it now") < html.index("<h1>")
    assert 'href="tel:+82255500142"' in html


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        ("waiting", "We are preparing your service"),
        ("cancelled", "This service is cancelled"),
        ("unsure", "We are preparing your service"),
    ],
)
def test_every_state_has_its_page(
    client: TestClient, links: Links, ids: dict[str, int], kind: str, heading: str
) -> None:
    page = client.get(links.owner(ids[kind]) + "?lang=en")
    assert page.status_code == 200
    assert heading in page.text
    assert not bookings_on(page.text)


def run_out(scene: Scene, request_id: int) -> None:
    """Let the open offer end unanswered, as the sweep does."""
    scene.conn.execute(
        "UPDATE offer SET expires_at = %s, closed_at = %s, outcome = 'expired' WHERE request_id = %s",
        [NOW, NOW, request_id],
    )
    scene.conn.execute("UPDATE booking SET released_at = %s WHERE request_id = %s", [NOW, request_id])
    scene.conn.execute("UPDATE service_request SET state = 'open' WHERE request_id = %s", [request_id])


def test_a_late_yes_is_booked_when_its_date_is_still_free(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    run_out(scene, ids["offered"])
    path = links.owner(ids["offered"])
    page = client.get(path)
    assert "These dates have run out, but may still be free" in page.text
    answer = client.post(f"{path}/date", data={"booking": bookings_on(page.text)[2]})
    assert "Your date is booked" in answer.text
    assert "Wednesday, 25 November 2026" in answer.text


def test_dates_that_a_planner_withdrew_are_not_shown(
    client: TestClient, scene: Scene, links: Links, ids: dict[str, int]
) -> None:
    run_out(scene, ids["offered"])
    scene.conn.execute("UPDATE offer SET outcome = 'withdrawn' WHERE request_id = %s", [ids["offered"]])
    page = client.get(links.owner(ids["offered"]))
    assert not bookings_on(page.text)
    assert "We are preparing your service" in page.text


def test_names_are_shown_as_text(client: TestClient, scene: Scene, links: Links, ids: dict[str, int]) -> None:
    scene.conn.execute("UPDATE device SET model = %s, place_name = %s", ["<script>alert(1)</script>", '"><img src=x>'])
    html = client.get(links.owner(ids["offered"])).text
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
