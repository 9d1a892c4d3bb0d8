"""What owners' calendars are mailed (iTIP, RFC 5546): one entry from its invitation to its end, and the hour on the wall."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar, Event, Timezone

from gateway import journey
from gateway.dates import displacing, rescheduling
from gateway.notices.run import send_due
from gateway.owners import stopping
from gateway.settings import Settings
from gateway.storage.connection import Connection, Role, connect
from tests.dashboards.meters import confirmed, hire, offered
from tests.dashboards.scene import NOW, WEAK_CELL, Scene, settings
from tests.gateway.notices.conftest import Mailbox
from tests.gateway.notices.test_run import text_of
from workflows.dates import Wish


@pytest.fixture
def work(database: str) -> Iterator[Connection]:
    """A connection of the work process, with its rights and no more."""
    with connect(database, Role.WORK) as connection:
        yield connection


@pytest.fixture
def send(database: str, mailbox: Mailbox, work: Connection) -> Callable[..., list[EmailMessage]]:
    """Mail what is due and return what arrived by it."""
    chosen: Settings = settings(database, smtp_url=mailbox.url, mail_from="Hanbit <service@hanbit.example>")

    def sent(now: datetime = NOW) -> list[EmailMessage]:
        before = len(mailbox.messages)
        send_due(work, chosen, now)
        return mailbox.messages[before:]

    return sent


@pytest.fixture
def leak(scene: Scene, send: Callable[..., list[EmailMessage]]) -> int:
    """A home's leak with a confirmed visit whose letters have not left, save that of the offer."""
    hire(scene)
    request_id = offered(scene, language="en")
    send()
    confirmed(scene, request_id)
    return request_id


def calendar_of(message: EmailMessage) -> Calendar:
    """The calendar that a mail carries; the part that mail programs show and the file that people keep are the same."""
    parts = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    shown, kept = (part.get_payload(decode=True) for part in parts)
    assert isinstance(shown, bytes)
    assert isinstance(kept, bytes)
    assert shown.replace(b"\r\n", b"\n").strip() == kept.replace(b"\r\n", b"\n").strip()
    calendar = Calendar.from_ical(kept)
    assert isinstance(calendar, Calendar)
    assert {part.get_param("method") for part in parts} == {str(calendar["METHOD"])}
    return calendar


def entry(message: EmailMessage) -> tuple[str, str, int, datetime]:
    """What a mail tells a calendar: the method, which entry, its number, and when it begins."""
    calendar = calendar_of(message)
    (event,) = calendar.walk("VEVENT")
    assert isinstance(event, Event)
    return str(calendar["METHOD"]), str(event["UID"]), int(event["SEQUENCE"]), event["DTSTART"].dt


def move(scene: Scene, request_id: int) -> datetime:
    """The owner looks at other dates and takes the second of them; returns when it begins."""
    with scene.in_tenant():
        shown = rescheduling.ask_other_dates(scene.conn, request_id=request_id, wish=Wish(), now=NOW)
        assert isinstance(shown, rescheduling.Shown)
        booking_id = scene.one(
            "SELECT booking_id FROM booking WHERE request_id = %s AND kind = 'held' AND rank = 2 AND released_at IS NULL",
            request_id,
        )
        assert isinstance(
            journey.confirm(scene.conn, request_id=request_id, booking_id=booking_id, now=NOW), journey.Confirmed
        )
    return scene.one("SELECT lower(during) FROM appointment WHERE request_id = %s", request_id)


def test_a_date_is_invited_moved_and_taken_back_as_one_entry_whose_number_grows(
    scene: Scene, leak: int, send: Callable[..., list[EmailMessage]]
) -> None:
    (invited,) = send()
    begins_at = move(scene, leak)
    (moved,) = send()
    with scene.in_tenant():
        stopping.stop(scene.conn, request_id=leak, now=NOW)
    (given_up,) = send()
    first, second, last = entry(invited), entry(moved), entry(given_up)
    assert [first[0], second[0], last[0]] == ["REQUEST", "REQUEST", "CANCEL"]
    assert first[1] == second[1] == last[1]
    assert first[2] < second[2] < last[2]
    assert first[3] != second[3] == begins_at == last[3]


def fall_ill(scene: Scene, days: int = 7) -> None:
    """Every technician is absent for days from now on."""
    scene.conn.execute(
        """INSERT INTO absence (tenant_id, technician_id, during, kind)
        SELECT tenant_id, technician_id, tstzrange(%(now)s, %(now)s + make_interval(days => %(days)s)), 'sick'
        FROM technician""",
        {"now": NOW, "days": days},
    )


@pytest.mark.parametrize("days", [7, 90])
def test_a_date_that_is_called_off_leaves_the_calendar_with_or_without_others_instead(
    scene: Scene, leak: int, work: Connection, send: Callable[..., list[EmailMessage]], days: int
) -> None:
    (invited,) = send()
    fall_ill(scene, days)
    displacing.replace_displaced(work, scene.tenant_id, NOW)
    (off,) = [message for message in send() if message["To"] == invited["To"]]
    method, uid, sequence, _ = entry(off)
    assert (method, uid) == ("CANCEL", entry(invited)[1])
    assert sequence > entry(invited)[2]
    is_offered = scene.one("SELECT state FROM service_request WHERE request_id = %s", leak) == "offered"
    assert is_offered == (days == 7)
    text = text_of(off)
    assert ("These dates are put aside for you instead:" in text) == is_offered
    assert ("We are looking for another date" in text) == (not is_offered)


def test_a_date_that_was_called_off_leaves_the_calendar_even_when_another_was_chosen_before_the_letter_left(
    scene: Scene, leak: int, work: Connection, send: Callable[..., list[EmailMessage]]
) -> None:
    (invited,) = send()
    fall_ill(scene)
    displacing.replace_displaced(work, scene.tenant_id, NOW)
    booking_id = scene.one(
        "SELECT booking_id FROM booking WHERE request_id = %s AND kind = 'held' AND rank = 1 AND released_at IS NULL",
        leak,
    )
    with scene.in_tenant():
        chosen = journey.confirm(scene.conn, request_id=leak, booking_id=booking_id, now=NOW)
        assert isinstance(chosen, journey.Confirmed)
    told = [entry(message) for message in send() if message["To"] == invited["To"]]
    assert [each[0] for each in told] == ["CANCEL", "REQUEST"]
    assert told[0][1] == entry(invited)[1] != told[1][1]


@pytest.mark.parametrize(
    ("language", "subject", "button"),
    [
        ("en", "We cannot keep your date", "Choose a date"),
        ("ko", "날짜", "날짜 고르기"),
        ("ja", "日", "日程を選ぶ"),
    ],
)
def test_the_letter_that_calls_a_date_off_is_written_in_the_owners_language(
    scene: Scene,
    work: Connection,
    send: Callable[..., list[EmailMessage]],
    language: str,
    subject: str,
    button: str,
) -> None:
    hire(scene)
    request_id = offered(scene, language=language)
    confirmed(scene, request_id)
    send()
    fall_ill(scene)
    displacing.replace_displaced(work, scene.tenant_id, NOW)
    (off,) = [message for message in send() if message["To"].addresses[0].addr_spec.startswith("owner")]
    assert subject in str(off["Subject"])
    assert off["Content-Language"] == language
    for kind in ("plain", "html"):
        assert button in text_of(off, kind)
        assert "UTC+9" in text_of(off, kind)
    assert ("sorry" in text_of(off)) == (language == "en")


@pytest.mark.parametrize(("language", "button"), [("en", "Choose a date"), ("ko", "날짜 고르기"), ("ja", "日程を選ぶ")])
def test_the_letter_of_an_earlier_date_names_it_and_touches_no_calendar(
    scene: Scene, work: Connection, send: Callable[..., list[EmailMessage]], language: str, button: str
) -> None:
    hire(scene)
    other_id, request_id = (
        offered(scene, language="en" if language == "ko" else "ko"),
        offered(scene, language=language),
    )
    confirmed(scene, other_id)
    confirmed(scene, request_id, rank=3)
    send()
    with scene.in_tenant():
        assert rescheduling.wish_earlier(scene.conn, request_id=request_id, now=NOW) == rescheduling.Kept()
        # What somebody else had becomes free after the wish; what was held for the request itself would be no news.
        stopping.stop(scene.conn, request_id=other_id, now=NOW + timedelta(minutes=1))
    displacing.offer_freed(work, scene.tenant_id, NOW + timedelta(minutes=2))
    (earlier,) = [each for each in send(NOW + timedelta(minutes=2)) if each["Content-Language"] == language]
    assert button in text_of(earlier)
    assert earlier["Content-Language"] == language
    assert not [part for part in earlier.walk() if part.get_content_type() == "text/calendar"]
    held = scene.one(
        "SELECT min(lower(during)) FROM booking WHERE request_id = %s AND kind = 'held' AND released_at IS NULL",
        request_id,
    )
    assert held < scene.one("SELECT lower(during) FROM appointment WHERE request_id = %s", request_id)


# The days on which the clocks go forward and back; Lord Howe's go by half an hour, and Seoul's never.
CHANGES = [
    ("Europe/Berlin", (2026, 3, 29)),
    ("Europe/Berlin", (2026, 10, 25)),
    ("America/New_York", (2026, 3, 8)),
    ("America/New_York", (2026, 11, 1)),
    ("Australia/Lord_Howe", (2026, 4, 5)),
    ("Australia/Lord_Howe", (2026, 10, 4)),
    ("Africa/Casablanca", (2026, 3, 22)),
    ("Asia/Seoul", (2026, 3, 29)),
]


@pytest.mark.parametrize(("zone_name", "day"), CHANGES)
def test_the_hour_in_the_calendar_is_that_on_the_wall_before_on_and_after_the_day_on_which_clocks_change(
    scene: Scene, send: Callable[..., list[EmailMessage]], zone_name: str, day: tuple[int, int, int]
) -> None:
    scene.conn.execute("UPDATE service_centre SET time_zone = %s", [zone_name])
    request_id = scene.request(scene.device(language="en"), WEAK_CELL)
    _, bookings = scene.offer(request_id)
    appointment_id = scene.book(request_id, bookings[0])
    where = ZoneInfo(zone_name)
    for ahead in (-1, 0, 1):
        begins_at = datetime(*day, 9, tzinfo=where) + timedelta(days=ahead)
        moved_to(scene, appointment_id, begins_at)
        scene.notice(request_id, "confirmed", detail={"appointment_id": appointment_id}, cause=f"moved-{ahead}")
        (message,) = send()
        calendar = calendar_of(message)
        (zone,), (event,) = calendar.walk("VTIMEZONE"), calendar.walk("VEVENT")
        assert isinstance(zone, Timezone)
        assert event["DTSTART"].params["TZID"] == zone["TZID"] == zone_name
        for name, expected in (("DTSTART", begins_at), ("DTEND", begins_at + timedelta(hours=2))):
            on_the_wall = event[name].dt.replace(tzinfo=None)
            assert on_the_wall == expected.replace(tzinfo=None)
            # By the mail's own table of the zone, not by the one of this machine.
            assert on_the_wall.replace(tzinfo=zone.to_tz(lookup_tzid=False)) == expected.astimezone(UTC)


def moved_to(scene: Scene, appointment_id: int, begins_at: datetime) -> None:
    """Put an appointment to another instant, for two hours."""
    values: dict[str, Any] = {"id": appointment_id, "begins": begins_at, "ends": begins_at + timedelta(hours=2)}
    scene.conn.execute(
        """UPDATE booking SET during = tstzrange(%(begins)s, %(ends)s)
        WHERE booking_id = (SELECT booking_id FROM appointment WHERE appointment_id = %(id)s)""",
        values,
    )
    scene.conn.execute(
        "UPDATE appointment SET during = tstzrange(%(begins)s, %(ends)s) WHERE appointment_id = %(id)s", values
    )
