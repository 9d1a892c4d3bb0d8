"""Letters about an end: of which date they are, and that nobody is told of the end of what he never heard of."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from gateway import journey, planner
from gateway.dates import displacing, no_show, rescheduling
from gateway.notices.run import send_due
from gateway.settings import Settings
from gateway.storage.connection import Connection, Role, connect
from tests.dashboards.meters import confirmed, hire, offered
from tests.dashboards.scene import HOURS, INSULATION, NOW, WEAK_CELL, Scene, settings
from tests.gateway.notices.conftest import Mailbox
from tests.gateway.notices.test_invitations import calendar_of, entry, fall_ill, move
from tests.gateway.notices.test_run import text_of
from workflows.dates import Wish

WITHDRAWN = "The dates that we offered you are withdrawn."


@pytest.fixture
def work(database: str) -> Iterator[Connection]:
    """A connection of the work process, with its rights and no more."""
    with connect(database, Role.WORK) as connection:
        yield connection


@pytest.fixture
def chosen(database: str, mailbox: Mailbox) -> Settings:
    return settings(database, smtp_url=mailbox.url, mail_from="Hanbit <service@hanbit.example>")


@pytest.fixture
def send(mailbox: Mailbox, work: Connection, chosen: Settings) -> Callable[..., list[EmailMessage]]:
    """Mail what is due and return what arrived by it."""

    def sent(now: Any = NOW) -> list[EmailMessage]:
        before = len(mailbox.messages)
        send_due(work, chosen, now)
        return mailbox.messages[before:]

    return sent


@pytest.fixture
def leak(scene: Scene) -> int:
    """A home's leak with three windows on offer, of which no letter has left."""
    hire(scene)
    return offered(scene, language="en")


def cancel(scene: Scene, request_id: int, now: Any = NOW) -> None:
    with scene.in_tenant():
        done = planner.cancel(
            scene.conn, request_id=request_id, staff_id=scene.planner_id, reason="not needed any more", now=now
        )
    assert isinstance(done, planner.Done)


def waiting(scene: Scene) -> int:
    """How many letters are still in the outbox."""
    return scene.one("SELECT count(*) FROM notice WHERE sent_at IS NULL AND withdrawn_at IS NULL")


def has_calendar(message: EmailMessage) -> bool:
    return any(part.get_content_type() == "text/calendar" for part in message.walk())


def two_dates(scene: Scene) -> tuple[int, int]:
    """A request whose first date was taken back at one centre, and that has a second one at another; returns both."""
    request_id = scene.request(scene.device(language="en"), WEAK_CELL)
    _, bookings = scene.offer(request_id)
    first = scene.book(request_id, bookings[0])
    scene.conn.execute("UPDATE appointment SET state = 'cancelled', cancelled_at = %s, revision = revision + 1", [NOW])
    another_centre(scene)
    _, bookings = scene.offer(request_id, first_day=4, bay="Bay 9")
    return first, scene.book(request_id, bookings[0])


def another_centre(scene: Scene) -> None:
    """From now on dates are offered at another centre, with a bay of its own."""
    scene.centre_id = scene.insert(
        "service_centre",
        "centre_id",
        name="jeju",
        title="Jeju Service Centre",
        address="1 Halla-ro, Jeju",
        time_zone="Asia/Seoul",
        latitude=33.5,
        longitude=126.5,
        hours=Jsonb(HOURS),
    )
    scene.insert("bay", "bay_id", centre_id=scene.centre_id, name="Bay 9", skills=["high_voltage", "hoist"])


@pytest.mark.parametrize(
    ("kind", "method"),
    [("cancelled", "CANCEL"), ("date_lost", "CANCEL"), ("called_off", "CANCEL"), ("completed", None)],
)
def test_a_letter_is_about_the_date_that_it_names_also_when_a_newer_one_is_booked_by_the_time_that_it_leaves(
    scene: Scene, send: Callable[..., list[EmailMessage]], kind: str, method: str | None
) -> None:
    first, second = two_dates(scene)
    request_id = scene.one("SELECT request_id FROM appointment WHERE appointment_id = %s", first)
    scene.notice(request_id, kind, detail={"appointment_id": first, "finding": "not_done", "next": "dates"})
    (message,) = send()
    assert "Seongsu Service Centre" in text_of(message)
    assert "Jeju" not in text_of(message)
    if method is None:
        assert not has_calendar(message)
        return
    told = entry(message)
    assert told[0] == method
    assert told[1].startswith(f"appointment-{scene.tenant_id}-{first}@")
    assert b"Jeju" not in calendar_of(message).to_ical()
    assert second != first


def test_a_cancelled_request_takes_no_date_out_of_the_calendar_that_had_ended_before(
    scene: Scene, leak: int, send: Callable[..., list[EmailMessage]]
) -> None:
    send()
    confirmed(scene, leak)
    send()
    late = scene.one("SELECT upper(during) FROM appointment") + timedelta(hours=1)
    with scene.in_tenant():
        away = no_show.owner_was_away(scene.conn, request_id=leak, staff_id=scene.planner_id, now=late)
        assert isinstance(away, no_show.Noted)
    cancel(scene, leak, late)
    (told,) = send(late)
    assert "is cancelled" in str(told["Subject"])
    assert "Your booked date is cancelled" not in text_of(told)
    assert not has_calendar(told)


def test_a_cancelled_request_takes_its_date_out_of_the_calendar(
    scene: Scene, leak: int, send: Callable[..., list[EmailMessage]]
) -> None:
    send()
    confirmed(scene, leak)
    (invited,) = send()
    cancel(scene, leak)
    (told,) = send()
    assert "Your booked date is cancelled. Nobody comes." in text_of(told)
    assert (entry(told)[0], entry(told)[1]) == ("CANCEL", entry(invited)[1])
    assert entry(told)[2] > entry(invited)[2]


def test_a_date_that_is_booked_no_more_is_not_confirmed_by_a_late_letter(
    scene: Scene, leak: int, work: Connection, send: Callable[..., list[EmailMessage]]
) -> None:
    (offer,) = send()
    confirmed(scene, leak)
    fall_ill(scene)
    displacing.replace_displaced(work, scene.tenant_id, NOW)
    booking_id = scene.one(
        "SELECT booking_id FROM booking WHERE request_id = %s AND kind = 'held' AND rank = 1 AND released_at IS NULL",
        leak,
    )
    with scene.in_tenant():
        again = journey.confirm(scene.conn, request_id=leak, booking_id=booking_id, now=NOW)
        assert isinstance(again, journey.Confirmed)
    told = [entry(message) for message in send() if message["To"] == offer["To"]]
    assert [each[0] for each in told] == ["CANCEL", "REQUEST"]
    assert told[0][1] != told[1][1]
    assert waiting(scene) == 0


def test_a_date_that_was_moved_before_its_letter_left_is_confirmed_once(
    scene: Scene, leak: int, send: Callable[..., list[EmailMessage]]
) -> None:
    send()
    confirmed(scene, leak)
    begins_at = move(scene, leak)
    (told,) = send()
    assert entry(told)[0] == "REQUEST"
    assert entry(told)[3] == begins_at
    assert waiting(scene) == 0


def test_an_offer_after_a_date_that_failed_says_where_its_own_dates_are(
    scene: Scene, send: Callable[..., list[EmailMessage]]
) -> None:
    request_id = scene.request(scene.device(language="en"), WEAK_CELL)
    _, bookings = scene.offer(request_id)
    scene.book(request_id, bookings[0])
    scene.conn.execute("UPDATE appointment SET state = 'failed', cancelled_at = %s", [NOW])
    another_centre(scene)
    offer_id, _ = scene.offer(request_id, first_day=4, bay="Bay 9")
    scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    (message,) = send()
    assert "Jeju Service Centre" in text_of(message)
    assert "Seongsu" not in text_of(message)


def test_who_never_got_the_letter_with_dates_is_not_told_that_they_are_withdrawn(
    scene: Scene, leak: int, send: Callable[..., list[EmailMessage]]
) -> None:
    cancel(scene, leak)
    assert send() == []
    assert waiting(scene) == 0


def test_who_got_the_letter_with_dates_is_told_that_they_are_withdrawn(
    scene: Scene, leak: int, send: Callable[..., list[EmailMessage]]
) -> None:
    assert len(send()) == 1
    cancel(scene, leak)
    (told,) = send()
    assert WITHDRAWN in text_of(told)


def test_who_saw_the_dates_on_his_page_is_told_that_they_are_withdrawn_though_no_letter_left(
    scene: Scene, leak: int, send: Callable[..., list[EmailMessage]]
) -> None:
    with scene.in_tenant():
        shown = rescheduling.ask_other_dates(scene.conn, request_id=leak, wish=Wish(), now=NOW)
        assert isinstance(shown, rescheduling.Shown)
    cancel(scene, leak)
    (told,) = send()
    assert WITHDRAWN in text_of(told)


def test_who_confirmed_a_date_before_any_letter_left_is_told_of_its_end(
    scene: Scene, leak: int, send: Callable[..., list[EmailMessage]]
) -> None:
    confirmed(scene, leak)
    cancel(scene, leak)
    (told,) = send()
    assert "Your booked date is cancelled" in text_of(told)
    assert entry(told)[0] == "CANCEL"


def test_a_warning_leaves_whatever_became_of_its_request_and_the_end_after_it(
    scene: Scene, send: Callable[..., list[EmailMessage]]
) -> None:
    request_id = scene.request(scene.device(language="en"), INSULATION, verdict="safety", severity="critical")
    offer_id, _ = scene.offer(request_id)
    scene.notice(request_id, "offer", detail={"offer_id": offer_id})
    scene.notice(request_id, "safety", detail={"fault": "insulation_breakdown"})
    cancel(scene, request_id)
    warning, told = send()
    assert "stop using" in str(warning["Subject"])
    assert "is cancelled" in str(told["Subject"])
    assert WITHDRAWN not in text_of(told), "of dates he has not heard"


class DyingPost:
    """Takes a letter, and its sender dies before it can write that down."""

    def send_message(self, msg: EmailMessage) -> object:
        raise SystemExit


def test_a_letter_that_may_have_arrived_counts_as_heard(
    scene: Scene, leak: int, work: Connection, chosen: Settings, send: Callable[..., list[EmailMessage]]
) -> None:
    with pytest.raises(SystemExit):
        send_due(work, chosen, NOW, DyingPost())
    cancel(scene, leak)
    (told,) = send()
    assert WITHDRAWN in text_of(told)


def test_a_letter_that_was_refused_does_not_count_as_heard(
    scene: Scene, leak: int, mailbox: Mailbox, send: Callable[..., list[EmailMessage]]
) -> None:
    address = scene.one("SELECT recipient FROM notice WHERE kind = 'offer'")
    mailbox.refused.add(address)
    assert send() == []
    mailbox.refused.clear()
    cancel(scene, leak)
    assert send(NOW + timedelta(minutes=1)) == []
    assert waiting(scene) == 0


def test_an_end_waits_until_the_letter_that_another_process_is_sending_has_left(
    scene: Scene, leak: int, database: str, send: Callable[..., list[EmailMessage]]
) -> None:
    cancel(scene, leak)
    waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with ThreadPoolExecutor(1) as other, connect(database, Role.ADMIN) as watch:
        with scene.conn.transaction():
            scene.conn.execute("UPDATE notice SET sent_at = %s WHERE kind = 'offer'", [NOW])
            sending = other.submit(send)
            while not watch.execute(waits).fetchall():
                assert not sending.done(), "it did not wait"
        (told,) = sending.result(30)
    assert WITHDRAWN in text_of(told)


def transactions(connection: Connection) -> int:
    """How many transactions a connection has had so far."""
    row = connection.execute(
        "SELECT split_part(virtualtransaction, '/', 2)::int FROM pg_locks WHERE pid = pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return row[0]


def test_a_round_at_which_nothing_waits_opens_as_few_transactions_for_many_tenants_as_for_one(
    scene: Scene, leak: int, work: Connection, chosen: Settings, send: Callable[..., list[EmailMessage]]
) -> None:
    for number in range(40):
        scene.conn.execute("INSERT INTO tenant (name, title) VALUES (%s, 'x')", [f"tenant-{number}"])
    assert len(send()) == 1, "one that has a letter is found among them"
    before = transactions(work)
    send_due(work, chosen, NOW)
    # That of the look before, one for the list of tenants, one in which all of them are asked.
    assert transactions(work) - before == 3
