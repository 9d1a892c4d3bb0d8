"""The outbox: what leaves, what stays, and that nothing leaves twice or with a dead link."""

import re
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest
from icalendar import Calendar

from gateway import access
from gateway.access import Purpose
from gateway.notices import run
from gateway.notices.run import send_due
from gateway.owners import mandates, owning, sharing
from gateway.settings import Settings
from gateway.storage import owners
from gateway.storage.connection import Connection, Role, connect
from tests.conftest import free_port
from tests.dashboards.scene import INSULATION, NOW, WEAK_CELL, Scene, settings
from tests.gateway.notices.conftest import Mailbox
from workflows.mandate import Clause

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


@pytest.mark.parametrize("kind", ["offer", "earlier", "date_misfit", "called_off"])
def test_every_letter_with_dates_says_where_they_are_whom_to_call_and_until_when_they_are_held(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings, kind: str
) -> None:
    request_id, offer_id, _ = offered(scene)
    scene.notice(request_id, kind, detail={"offer_id": offer_id, "appointment_id": None})
    assert send_due(work, chosen, NOW) == 1
    text = text_of(mailbox.messages[0])
    assert text.count(":00–") == 3
    assert "Seongsu Service Centre, 12 Seongsui-ro" in text
    assert "+82 2 5550 0142" in text
    assert "We hold these dates for you until" in text


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


def test_another_owner_of_a_dangerous_device_is_called_by_his_name_and_led_to_its_page(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings
) -> None:
    device_id = scene.device(language="en")
    dangerous = scene.request(device_id, INSULATION, verdict="safety", severity="critical")
    with scene.in_tenant():
        wife = owners.known_owner(scene.conn, name="Eva", email="eva@owners.example", language="en", time_zone="UTC")
        scene.conn.execute(
            "INSERT INTO device_owner (device_id, owner_id, since_at) VALUES (%s, %s, %s)", [device_id, wife, NOW]
        )
    detail = {"fault": "insulation_breakdown", "owner_id": wife}
    scene.notice(dangerous, "safety", recipient="eva@owners.example", detail=detail)
    assert send_due(work, chosen, NOW) == 1
    (letter,) = mailbox.messages
    assert letter["To"].addresses[0].addr_spec == "eva@owners.example"
    assert letter["Subject"] == "Please stop using Hanbit Aurora 77 now"
    assert "Hello Eva," in text_of(letter)
    assert "http://testserver/d/" in text_of(letter)
    assert "http://testserver/o/" not in text_of(letter)


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
        ("shared", {}, None, "no number 'share_id'"),
        ("shared", {"share_id": True}, None, "operator does not exist"),
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


def test_a_notice_that_another_process_has_at_the_first_look_is_never_sent_without_a_link(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, offer_id, _ = offered(scene)
    notice_id = scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    look = run._take
    looks: list[int] = []

    def look_while_another_writes_its_link(conn: Connection, notice_id: int) -> object:
        looks.append(notice_id)
        if len(looks) > 1:
            return look(conn, notice_id)
        with scene.conn.transaction():
            scene.conn.execute("SELECT FROM notice WHERE notice_id = %s FOR UPDATE", [notice_id])
            return look(conn, notice_id)

    monkeypatch.setattr(run, "_take", look_while_another_writes_its_link)
    assert send_due(work, chosen, NOW) == 0
    assert not mailbox.messages
    assert send_due(work, chosen, NOW) == 1
    assert LINK.search(text_of(mailbox.messages[0]))
    assert state_of(scene, notice_id) == (True, 1, None)


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
    request_id, offer_id, _ = offered(scene)
    scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    scene.conn.execute("UPDATE service_request SET state = 'waiting'")
    assert send_due(work, chosen, NOW) == 1
    assert "no longer free" in text_of(mailbox.messages[0])
    assert "until the date" not in text_of(mailbox.messages[0])


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


def test_a_cure_from_afar_is_told_in_plain_words_with_its_proof_and_a_way_to_say_that_it_is_not_so(
    scene: Scene, work: Connection, chosen: Settings, mailbox: Mailbox
) -> None:
    request_id = scene.request(scene.device(language="en"), WEAK_CELL, state="solved")
    scene.conn.execute("UPDATE fault SET code = 'cell_measuring_line'")
    scene.conn.execute("UPDATE service_request SET closed_at = %s", [NOW])
    scene.notice(request_id, "healed", cause="healed", detail={"rung": "restart_battery_controller"})
    assert send_due(work, chosen, NOW) == 1
    (message,) = mailbox.messages
    assert message["Subject"] == "Hanbit Aurora 77 is well again"
    text = text_of(message)
    assert "no longer gets sound values from some of its battery cells" in text
    assert "Restart the battery's control unit" in text
    assert "Cells give no value" in text
    assert "There is nothing that you have to do." in text
    assert re.search(r"Tell us if it is not so:\s+http://testserver/o/[\w-]{72}/begin\?device=\d+\s", text)


def test_a_new_owner_is_welcomed_with_the_link_to_his_devices_page(
    scene: Scene, work: Connection, chosen: Settings, mailbox: Mailbox
) -> None:
    device_id = scene.device(language="en")
    former = scene.one("SELECT name FROM owner")
    with scene.in_tenant():
        buyer = owners.known_owner(
            scene.conn, name="베아", email="bea@x.example", language="ko", time_zone="Asia/Seoul"
        )
        owning.transfer(scene.conn, device_id=device_id, owner_id=buyer, actor="staff-1", now=NOW)
    assert send_due(work, chosen, NOW) == 1
    (message,) = mailbox.messages
    assert message["To"] == "베아 <bea@x.example>"
    assert "이제 고객님의 제품입니다" in message["Subject"]
    assert former not in text_of(message)
    found = re.search(r"http://testserver/d/([\w-]{72})", text_of(message))
    assert found is not None
    assert access.read(chosen, found[1], Purpose.OWNER_DEVICE) is not None


def test_a_repairer_gets_his_link_and_learns_neither_owner_nor_place(
    scene: Scene, work: Connection, chosen: Settings, mailbox: Mailbox
) -> None:
    request_id, *_ = offered(scene)
    device_id, owner_id = scene.conn.execute("SELECT device_id, owner_id FROM service_request").fetchone() or (0, 0)
    with scene.in_tenant():
        mandates.sign(
            scene.conn,
            device_id=device_id,
            owner_id=owner_id,
            clauses={Clause.SHARE_DATA: None},
            signed_by="page",
            now=NOW,
        )
        sharing.share(scene.conn, request_id=request_id, name="Rita", email="r@x.example", by="staff-1", now=NOW)
    assert send_due(work, chosen, NOW) == 1
    (message,) = mailbox.messages
    assert message["To"] == "Rita <r@x.example>"
    text = text_of(message)
    assert re.search(r"http://testserver/r/[\w-]{72}", text)
    for secret in ("Anna Weber", "example.org", "Kreuzberg"):
        assert secret not in text


@pytest.mark.parametrize("state", ["cancelled", "held", "confirmed"])
def test_a_letter_with_dates_that_are_gone_does_not_leave(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings, state: str
) -> None:
    request_id, offer_id, _ = offered(scene)
    notice_id = scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    scene.conn.execute(
        "UPDATE service_request SET state = %(state)s, closed_at = CASE WHEN %(state)s = 'cancelled' THEN %(now)s END",
        {"state": state, "now": NOW},
    )
    assert send_due(work, chosen, NOW) == 0
    assert state_of(scene, notice_id) == (False, 0, None)
    assert scene.one("SELECT withdrawn_at FROM notice WHERE notice_id = %s", notice_id) == NOW
    assert mailbox.messages == []


def test_of_two_offers_that_wait_the_later_one_leaves(
    scene: Scene, work: Connection, mailbox: Mailbox, chosen: Settings
) -> None:
    request_id, offer_id, _ = offered(scene)
    scene.notice(request_id, "offer", detail={"offer_id": offer_id}, cause="first")
    later = scene.notice(request_id, "offer", detail={"offer_id": offer_id}, cause="second")
    assert send_due(work, chosen, NOW) == 1
    assert state_of(scene, later)[0]
    assert len(mailbox.messages) == 1


def test_what_is_obsolete_is_taken_back_without_a_mail_server_too(
    scene: Scene, work: Connection, chosen: Settings
) -> None:
    request_id, offer_id, _ = offered(scene)
    notice_id = scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    scene.conn.execute("UPDATE service_request SET state = 'cancelled', closed_at = %s", [NOW])
    assert send_due(work, chosen.model_copy(update={"smtp_url": ""}), NOW) == 0
    assert scene.one("SELECT withdrawn_at FROM notice WHERE notice_id = %s", notice_id) == NOW
