"""The outbox: what leaves, what stays, and that nothing leaves twice or with a dead link."""

import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest
from icalendar import Calendar

from gateway import access
from gateway.access import Purpose
from gateway.notices.run import send_due
from gateway.settings import Settings
from gateway.storage.connection import Connection, Role, connect
from tests.conftest import free_port
from tests.dashboards.scene import INSULATION, NOW, WEAK_CELL, Scene, settings
from tests.gateway.notices.conftest import Mailbox

LINK = re.compile(r"http://testserver/o/([A-Za-z0-9_-]{72})")


@pytest.fixture
def work(database: str) -> Iterator[Connection]:
    """A connection of the work process, with its rights and no more."""
    with connect(database, Role.WORK) as connection:
        yield connection


@pytest.fixture
def chosen(database: str, mailbox: Mailbox) -> Settings:
    return settings(database, smtp_url=mailbox.url, mail_from="Hanbit Service <service@hanbit.example>")


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return part.get_content()


def offered(scene: Scene, language: str = "en") -> tuple[int, int, list[int]]:
    request_id = scene.request(scene.device(language=language), WEAK_CELL)
    scene.reserve(request_id)
    offer_id, bookings = scene.offer(request_id)
    return request_id, offer_id, bookings


def state_of(scene: Scene, notice_id: int) -> tuple[bool, int, str | None]:
    row = scene.conn.execute(
        "SELECT sent_at IS NOT NULL, attempts, last_error FROM notice WHERE notice_id = %s", [notice_id]
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


@pytest.mark.parametrize(
    ("language", "subject", "button", "day"),
    [
        ("en", "Hanbit Aurora 77 needs service", "Choose a date", "Monday, 23 November 2026"),
        ("ko", "Hanbit Aurora 77 점검이 필요합니다. 어느 날이 좋으세요?", "날짜 고르기", "2026년 11월 23일 월요일"),
        ("ja", "Hanbit Aurora 77の点検が必要です", "日程を選ぶ", "2026年11月23日月曜日"),
    ],
)
def test_an_offer_names_three_dates_and_leads_to_the_page(
    scene: Scene,
    work: Connection,
    mailbox: Mailbox,
    chosen: Settings,
    language: str,
    subject: str,
    button: str,
    day: str,
) -> None:
    request_id, offer_id, _ = offered(scene, language)
    notice_id = scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    assert send_due(work, chosen, NOW) == 1
    (message,) = mailbox.messages
    text, html = text_of(message), text_of(message, "html")
    assert button in text
    assert text.count(":00–") == 3
    for body in (text, html):
        assert day in body
        assert "UTC+9" in body
        found = LINK.search(body)
        assert found is not None
        claim = access.read(chosen, found[1], Purpose.OWNER_REQUEST)
        assert claim is not None
        with scene.in_tenant():
            opened = access.find(scene.conn, claim)
        assert opened is not None
        assert opened.request_id == request_id
    assert message["Content-Language"] == language
    assert message["Subject"].startswith(subject)
    assert message["From"].addresses[0].addr_spec == "service@hanbit.example"
    assert state_of(scene, notice_id) == (True, 1, None)
    assert send_due(work, chosen, NOW) == 0


def test_messages_about_one_request_are_one_thread(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings
) -> None:
    request_id, offer_id, bookings = offered(scene)
    scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    assert send_due(work, chosen, NOW) == 1
    appointment_id = scene.book(request_id, bookings[0])
    scene.notice(request_id, "confirmed", detail={"appointment_id": appointment_id})
    assert send_due(work, chosen, NOW) == 1
    first, second = mailbox.messages
    assert first["References"] == second["References"] == second["In-Reply-To"]
    assert first["Message-ID"] != second["Message-ID"]


def calendar_of(message: EmailMessage) -> Calendar:
    attachment = next(part for part in message.iter_attachments() if part.get_filename() == "appointment.ics")
    content = attachment.get_payload(decode=True)
    assert isinstance(content, bytes)
    calendar = Calendar.from_ical(content)
    assert isinstance(calendar, Calendar)
    return calendar


def test_a_confirmation_invites_and_a_cancellation_withdraws_the_same_entry(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings
) -> None:
    request_id, _, bookings = offered(scene, "ja")
    appointment_id = scene.book(request_id, bookings[1])
    scene.notice(request_id, "confirmed", detail={"appointment_id": appointment_id})
    assert send_due(work, chosen, NOW) == 1
    scene.conn.execute("UPDATE appointment SET state = 'cancelled', cancelled_at = %s, revision = revision + 1", [NOW])
    scene.conn.execute("UPDATE service_request SET state = 'cancelled', closed_at = %s", [NOW])
    scene.notice(request_id, "cancelled", detail={"reason": "part broken"})
    assert send_due(work, chosen, NOW) == 1
    invited, withdrawn = (calendar_of(message) for message in mailbox.messages)
    assert (invited["METHOD"], withdrawn["METHOD"]) == ("REQUEST", "CANCEL")
    first, second = invited.walk("VEVENT")[0], withdrawn.walk("VEVENT")[0]
    assert first["UID"] == second["UID"]
    assert (first["SEQUENCE"], second["SEQUENCE"]) == (0, 1)
    assert second["STATUS"] == "CANCELLED"
    assert [zone["TZID"] for zone in invited.walk("VTIMEZONE")] == ["Asia/Seoul"]
    assert first["DTSTART"].dt.isoformat() == "2026-11-23T14:00:00+09:00"
    assert first["ATTENDEE"] == "mailto:owner1@example.org"
    alternative = next(part for part in mailbox.messages[0].walk() if part.get_content_type() == "text/calendar")
    assert alternative.get_param("method") == "REQUEST"


def test_safety_goes_first_and_says_to_stop(scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings) -> None:
    request_id, offer_id, _ = offered(scene)
    scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    dangerous = scene.request(scene.device(language="en"), INSULATION, verdict="safety", severity="critical")
    scene.case(
        dangerous, "safety", "Safety: a person decides before anything else happens.", NOW + timedelta(minutes=30)
    )
    scene.notice(dangerous, "safety", detail={"fault": "insulation_breakdown"})
    scene.notice(dangerous, "case_opened", recipient="planner@hanbit.example", detail={"case_id": 1})
    assert send_due(work, chosen, NOW) == 3
    assert mailbox.messages[0]["Subject"] == "Please stop using Hanbit Aurora 77 now"
    assert mailbox.messages[0]["Importance"] == "high"
    assert "orange cables" in text_of(mailbox.messages[0])
    assert "+82 2 5550 0142" in text_of(mailbox.messages[0])
    case = next(message for message in mailbox.messages if message["To"].addresses[0].username == "planner")
    assert "Hello Kim Ji-woo" in text_of(case)
    assert f"http://testserver/planner/requests/{dangerous}" in text_of(case)
    assert not LINK.search(text_of(case)), "staff get no owner's link"


def test_one_refused_recipient_does_not_stop_the_others(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings
) -> None:
    first, first_offer, _ = offered(scene)
    refused = scene.notice(first, "offer", detail={"offer_id": first_offer})
    mailbox.refused.add("owner1@example.org")
    second = scene.request(scene.device(), INSULATION, verdict="safety")
    sent = scene.notice(second, "link")
    assert send_due(work, chosen, NOW) == 1
    was_sent, attempts, error = state_of(scene, refused)
    assert (was_sent, attempts) == (False, 1)
    assert error is not None
    assert "no such mailbox" in error
    assert state_of(scene, sent)[0]
    assert send_due(work, chosen, NOW + timedelta(seconds=4)) == 0, "it is not tried again at once"
    mailbox.refused.clear()
    assert send_due(work, chosen, NOW + timedelta(seconds=6)) == 1


@pytest.mark.parametrize(
    ("kind", "detail", "recipient", "said"),
    [
        ("offer", {}, None, "no number 'offer_id'"),
        ("song", {}, None, "no letter"),
        ("link", {}, "not an address", "is not an e-mail address"),
    ],
)
def test_a_notice_that_cannot_be_written_says_why_and_stays(
    scene: Scene,
    work: Connection,
    mailbox: Mailbox,
    chosen: Settings,
    kind: str,
    detail: dict[str, int],
    recipient: str | None,
    said: str,
) -> None:
    request_id, _, _ = offered(scene)
    notice_id = scene.notice(request_id, kind, detail=detail, **({"recipient": recipient} if recipient else {}))
    assert send_due(work, chosen, NOW) == 0
    was_sent, attempts, error = state_of(scene, notice_id)
    assert (was_sent, attempts) == (False, 1)
    assert error is not None
    assert said in error
    assert not mailbox.messages


def test_a_mail_server_that_is_away_keeps_everything_in_the_outbox(
    scene: Scene, work: Connection, database: str
) -> None:
    request_id, offer_id, _ = offered(scene)
    notice_id = scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    away = settings(database, smtp_url=f"smtp://127.0.0.1:{free_port()}")
    assert send_due(work, away, NOW) == 0
    was_sent, attempts, error = state_of(scene, notice_id)
    assert (was_sent, attempts) == (False, 1)
    assert error is not None
    assert "does not answer" in error


def test_without_a_mail_server_nothing_is_tried(scene: Scene, work: Connection, database: str) -> None:
    request_id, offer_id, _ = offered(scene)
    notice_id = scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    assert send_due(work, settings(database), NOW) == 0
    assert state_of(scene, notice_id) == (False, 0, None)


def test_a_notice_that_another_process_is_sending_is_left_to_it(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings
) -> None:
    request_id, offer_id, _ = offered(scene)
    notice_id = scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    with scene.conn.transaction():
        scene.conn.execute("SELECT FROM notice WHERE notice_id = %s FOR UPDATE", [notice_id])
        assert send_due(work, chosen, NOW) == 0
    assert not mailbox.messages
    assert send_due(work, chosen, NOW) == 1


def test_names_cannot_smuggle_headers_or_markup(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings
) -> None:
    request_id, offer_id, _ = offered(scene)
    scene.conn.execute("UPDATE owner SET name = %s", ["<b>Eve</b>\r\nBcc: all@example.org"])
    scene.conn.execute("UPDATE device SET model = %s", ["X\r\nBcc: all@example.org <script>"])
    scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    assert send_due(work, chosen, NOW) == 1
    (message,) = mailbox.messages
    assert message["Bcc"] is None
    assert "<b>Eve" not in text_of(message, "html")
    assert "<script>" not in text_of(message, "html")


def test_a_late_offer_letter_does_not_promise_dates_that_are_gone(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings
) -> None:
    request_id, offer_id, bookings = offered(scene)
    scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    scene.book(request_id, bookings[0])
    assert send_due(work, chosen, NOW) == 1
    assert "no longer free" in text_of(mailbox.messages[0])


def test_tenants_are_served_apart(
    scene: Scene, database: str, work: Connection, mailbox: Mailbox, chosen: Settings
) -> None:
    other = Scene.open(database, "sakura", "Sakura Motors")
    for desk in (scene, other):
        request_id, offer_id, _ = offered(desk)
        desk.notice(request_id, "offer", detail={"offer_id": offer_id})
    assert send_due(work, chosen, NOW) == 2
    assert {
        line
        for message in mailbox.messages
        for line in text_of(message).splitlines()
        if line in ("Hanbit Mobility", "Sakura Motors")
    } == {"Hanbit Mobility", "Sakura Motors"}
    other.close()


@pytest.mark.parametrize(
    ("language", "subject", "number"),
    [
        ("en", "a region is silent: 서울 성동구", "Silent devices\n  500"),
        ("ko", "한 지역이 응답하지 않습니다: 서울 성동구", "응답 없는 기기\n  500"),
        ("ja", "地域全体が応答していません：서울 성동구", "応答のない機器\n  500"),
    ],
)
def test_an_incident_tells_its_human_where_how_many_and_by_when(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings, language: str, subject: str, number: str
) -> None:
    incident_id = scene.incident()
    scene.conn.execute(
        """INSERT INTO notice (tenant_id, incident_id, kind, recipient, language, cause, detail, written_at)
        VALUES (%s, %s, 'incident_opened', 'planner@hanbit.example', %s, 'opened', '{}', %s)""",
        [scene.tenant_id, incident_id, language, NOW],
    )
    assert send_due(work, chosen, NOW) == 1
    (message,) = mailbox.messages
    text = text_of(message).replace("\r\n", "\n")
    assert subject in message["Subject"]
    assert number in text
    assert "http://testserver/planner/incidents" in text
    assert message["In-Reply-To"] == f"<incident-{incident_id}.{scene.tenant_id}@hanbit.example>"
