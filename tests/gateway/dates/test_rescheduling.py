"""Kept dates on a real database: other dates, rescheduling, giving up, missing, absences, and earlier dates."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway import journey
from gateway.dates import no_show, rescheduling
from gateway.dates.rescheduling import Kept, NotNow, Shown, WithPerson
from gateway.journey import Confirmed, FreshDates, NotOpen
from gateway.owners import stopping
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from gateway.sweep import sweep
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.test_visits import bookings, check_routes, confirm, expire, ill, now, offer, state
from workflows.dates import Wish

ANY = Wish()


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def do(desk: SmallDesk, act: Callable[..., Any], **words: Any) -> Any:
    """Do something in a transaction of the desk's tenant, as the pages do."""
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return act(connection, now=words.pop("at", now()), **words)


def hire(desk: SmallDesk, name: str = "Tom") -> None:
    """A second technician just like the first."""
    desk.admin.execute(
        """INSERT INTO technician (tenant_id, centre_id, name, skills, hours, latitude, longitude)
        SELECT tenant_id, centre_id, %s, skills, hours, latitude, longitude FROM technician ORDER BY 1 LIMIT 1""",
        [name],
    )


@dataclass
class Booked:
    """A request with a confirmed date."""

    request_id: int
    booking_id: int


@pytest.fixture
def booked(desk: SmallDesk) -> Booked:
    return book(desk, "m-1")


def book(desk: SmallDesk, name: str, rank: int = 1) -> Booked:
    request_id = ill(desk, name, ("water_back", "water_meter"))
    assert offer(desk, request_id) is not None
    booking_id = bookings(desk, request_id)[rank - 1]
    assert isinstance(confirm(desk, request_id, booking_id), Confirmed)
    return Booked(request_id, booking_id)


def away(desk: SmallDesk, name: str = "Tina Technician", days: int = 40) -> None:
    """A technician calls in sick."""
    desk.admin.execute(
        """INSERT INTO absence (tenant_id, technician_id, during, kind)
        SELECT tenant_id, technician_id, tstzrange(now(), now() + make_interval(days => %s)), 'sick'
        FROM technician WHERE name = %s""",
        [days, name],
    )


def parts(desk: SmallDesk) -> int:
    return desk.value("SELECT allocated FROM stock_level WHERE part_no = 'MTR-WATER'")


def notices(desk: SmallDesk, request_id: int) -> list[str]:
    rows = desk.rows("SELECT kind FROM notice WHERE request_id = %s ORDER BY notice_id", request_id)
    return [row[0] for row in rows if row[0] != "case_opened"]


def beginnings(desk: SmallDesk, request_id: int) -> set[datetime]:
    return {row[0] for row in desk.rows("SELECT begins_at FROM booking_seen WHERE request_id = %s", request_id)}


def test_other_dates_are_none_that_were_shown_and_the_first_ones_are_free_again(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1", ("water_back", "water_meter"))
    assert offer(desk, request_id) is not None
    first, shown = bookings(desk, request_id), beginnings(desk, request_id)
    outcome = do(desk, rescheduling.ask_other_dates, request_id=request_id, wish=Wish(half="afternoon"))
    assert isinstance(outcome, Shown)
    second = bookings(desk, request_id)
    assert len(second) == 3
    assert not set(first) & set(second)
    hours = desk.rows(
        "SELECT begins_at, (begins_at AT TIME ZONE 'Europe/Berlin')::time FROM booking_seen WHERE booking_id = ANY(%s)",
        second,
    )
    assert all(begins_at not in shown and local.hour >= 12 for begins_at, local in hours)
    assert parts(desk) == 1
    assert isinstance(confirm(desk, request_id, second[0]), Confirmed)


def test_who_asks_for_other_dates_again_and_again_is_asked_by_a_person(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1")
    assert offer(desk, request_id) is not None
    for _ in range(rescheduling.ROUNDS):
        assert isinstance(do(desk, rescheduling.ask_other_dates, request_id=request_id, wish=ANY), Shown)
    held = bookings(desk, request_id)
    assert do(desk, rescheduling.ask_other_dates, request_id=request_id, wish=ANY) == WithPerson()
    assert bookings(desk, request_id) == held, "what he was shown last stands"
    assert desk.rows("SELECT reason FROM human_case") == [("None of the dates suits the owner.",)]


def test_a_confirmed_date_stands_until_the_other_one_is_confirmed_and_the_part_goes_with_it(
    desk: SmallDesk, booked: Booked
) -> None:
    assert isinstance(do(desk, rescheduling.ask_other_dates, request_id=booked.request_id, wish=ANY), Shown)
    held = [number for number in bookings(desk, booked.request_id) if number != booked.booking_id]
    assert len(held) == 3
    assert state(desk, booked.request_id) == "confirmed"
    assert desk.rows("SELECT booking_id, revision FROM appointment") == [(booked.booking_id, 0)]
    assert isinstance(confirm(desk, booked.request_id, held[1]), Confirmed)
    assert desk.rows("SELECT booking_id, revision, state FROM appointment") == [(held[1], 1, "confirmed")]
    assert bookings(desk, booked.request_id) == [held[1]]
    assert parts(desk) == 1
    assert notices(desk, booked.request_id) == ["offer", "confirmed", "confirmed"]
    again = confirm(desk, booked.request_id, held[1])
    assert isinstance(again, Confirmed)
    assert not again.is_new
    check_routes(desk)


def test_an_old_page_does_not_move_a_confirmed_date(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1")
    assert offer(desk, request_id) is not None
    held = bookings(desk, request_id)
    assert isinstance(confirm(desk, request_id, held[0]), Confirmed)
    assert confirm(desk, request_id, held[1]) == NotOpen("confirmed")
    assert bookings(desk, request_id) == [held[0]]


def test_who_keeps_his_date_gives_the_others_back(desk: SmallDesk, booked: Booked) -> None:
    do(desk, rescheduling.ask_other_dates, request_id=booked.request_id, wish=ANY)
    assert do(desk, rescheduling.keep_date, request_id=booked.request_id) == Kept()
    assert bookings(desk, booked.request_id) == [booked.booking_id]


def test_others_that_run_out_beside_a_confirmed_date_change_nothing_else(desk: SmallDesk, booked: Booked) -> None:
    do(desk, rescheduling.ask_other_dates, request_id=booked.request_id, wish=ANY)
    expire(desk, booked.request_id)
    assert state(desk, booked.request_id) == "confirmed"
    assert bookings(desk, booked.request_id) == [booked.booking_id]


def test_an_offer_that_was_made_in_place_of_one_that_ran_out_is_not_ended_with_it(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1")
    assert offer(desk, request_id) is not None
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.expire_offer(desk.work, request_id=request_id, now=now())
    assert state(desk, request_id) == "offered"
    assert len(bookings(desk, request_id)) == 3


def test_an_owner_gives_up_his_date_and_part_and_time_are_free(desk: SmallDesk, booked: Booked) -> None:
    assert do(desk, stopping.stop, request_id=booked.request_id) == stopping.Stopped(is_new=True)
    assert bookings(desk, booked.request_id) == []
    assert parts(desk) == 0
    assert desk.rows("SELECT state, revision FROM appointment") == [("cancelled", 1)]
    assert desk.rows("SELECT kind FROM notice WHERE withdrawn_at IS NULL") == [("cancelled",)]
    assert do(desk, stopping.stop, request_id=booked.request_id) == stopping.Stopped(is_new=False)
    assert isinstance(do(desk, rescheduling.ask_other_dates, request_id=booked.request_id, wish=ANY), NotNow)


def test_nobody_came_is_a_persons_case_and_new_dates_and_not_before_the_window_is_over(
    desk: SmallDesk, booked: Booked
) -> None:
    assert isinstance(do(desk, no_show.nobody_came, request_id=booked.request_id), no_show.TooEarly)
    ends_at = desk.value("SELECT upper(during) FROM appointment")
    assert do(desk, no_show.nobody_came, request_id=booked.request_id, at=ends_at) == no_show.Noted()
    assert do(desk, no_show.nobody_came, request_id=booked.request_id, at=ends_at) == no_show.NoDate("open")
    assert desk.rows("SELECT state, ended_why FROM appointment") == [("failed", "nobody_came")]
    assert desk.rows("SELECT reason FROM human_case") == [(no_show.NOBODY_CAME,)]
    assert offer(desk, booked.request_id) is not None
    assert parts(desk) == 1


def test_an_owner_who_was_away_gets_new_dates_and_after_the_second_time_a_person(
    desk: SmallDesk, booked: Booked
) -> None:
    staff_id = desk.value("SELECT min(staff_id) FROM staff")
    for cases in (0, 1):
        ends_at = desk.value("SELECT upper(during) FROM appointment WHERE state = 'confirmed'")
        noted = do(desk, no_show.owner_was_away, request_id=booked.request_id, staff_id=staff_id, at=ends_at)
        assert noted == no_show.Noted()
        assert len(desk.rows("SELECT 1 FROM human_case")) == cases
        assert offer(desk, booked.request_id) is not None
        assert isinstance(confirm(desk, booked.request_id, bookings(desk, booked.request_id)[0]), Confirmed)


def test_a_sick_technicians_visit_is_kept_by_another_in_the_same_window_and_its_owner_hears_nothing(
    desk: SmallDesk, booked: Booked
) -> None:
    hire(desk)
    promised, told = desk.value("SELECT during FROM appointment"), notices(desk, booked.request_id)
    away(desk)
    sweep(desk.work, now())
    assert desk.rows("SELECT during, state, revision FROM appointment") == [(promised, "confirmed", 0)]
    assert desk.rows("SELECT name FROM booking JOIN technician USING (technician_id) WHERE released_at IS NULL") == [
        ("Tom",)
    ]
    assert notices(desk, booked.request_id) == told
    check_routes(desk)
    sweep(desk.work, now())
    assert len(desk.rows("SELECT 1 FROM request_event WHERE event = 'reassigned'")) == 1


def test_a_date_that_nobody_can_keep_is_called_off_at_once_with_others_and_a_person(
    desk: SmallDesk, booked: Booked
) -> None:
    away(desk, days=7)
    sweep(desk.work, now())
    assert desk.rows("SELECT state, ended_why, revision FROM appointment") == [("cancelled", "called_off", 1)]
    assert state(desk, booked.request_id) == "offered"
    held = bookings(desk, booked.request_id)
    assert len(held) == 3
    assert notices(desk, booked.request_id)[-1] == "called_off"
    assert len(desk.rows("SELECT 1 FROM human_case WHERE closed_at IS NULL")) == 1
    assert parts(desk) == 1
    assert isinstance(confirm(desk, booked.request_id, held[0]), Confirmed)
    absent_until = desk.value("SELECT upper(during) FROM absence")
    assert desk.value("SELECT min(lower(during)) FROM booking WHERE released_at IS NULL") >= absent_until


def test_when_nobody_is_left_the_owner_hears_it_and_the_request_waits_with_a_person(
    desk: SmallDesk, booked: Booked
) -> None:
    away(desk)
    sweep(desk.work, now())
    assert state(desk, booked.request_id) == "open"
    assert notices(desk, booked.request_id)[-1] == "called_off"
    assert offer(desk, booked.request_id) is None
    assert state(desk, booked.request_id) == "waiting"
    assert len(desk.rows("SELECT 1 FROM human_case WHERE closed_at IS NULL")) == 1


def test_offered_dates_of_a_sick_technician_are_not_shown_any_more_and_fresh_ones_follow(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1")
    assert offer(desk, request_id) is not None
    hire(desk)
    held = bookings(desk, request_id)
    away(desk)
    assert isinstance(confirm(desk, request_id, held[0]), Confirmed | FreshDates)
    sweep(desk.work, now())
    assert desk.rows(
        """SELECT count(*) FROM booking JOIN technician USING (technician_id)
        WHERE released_at IS NULL AND name = 'Tina Technician'"""
    ) == [(0,)]


def test_a_closed_day_calls_off_what_was_promised_on_it(desk: SmallDesk, booked: Booked) -> None:
    desk.admin.execute(
        """INSERT INTO centre_day (tenant_id, centre_id, day, reason)
        SELECT tenant_id, centre_id, (begins_at AT TIME ZONE 'Europe/Berlin')::date, 'burst pipe'
        FROM booking_seen JOIN service_centre USING (centre_id) WHERE booking_id = %s""",
        [booked.booking_id],
    )
    sweep(desk.work, now())
    assert state(desk, booked.request_id) == "offered"
    assert desk.value("SELECT ended_why FROM appointment") == "called_off"


@pytest.mark.parametrize(("opens", "closes"), [("18:30", "20:00"), ("05:00", "07:00")])
def test_a_day_with_other_hours_calls_off_what_was_promised_outside_of_them(
    desk: SmallDesk, booked: Booked, opens: str, closes: str
) -> None:
    desk.admin.execute(
        """INSERT INTO centre_day (tenant_id, centre_id, day, opens, closes)
        SELECT tenant_id, centre_id, (begins_at AT TIME ZONE 'Europe/Berlin')::date, '00:00', '24:00'
        FROM booking_seen JOIN service_centre USING (centre_id) WHERE booking_id = %s""",
        [booked.booking_id],
    )
    sweep(desk.work, now())
    assert state(desk, booked.request_id) == "confirmed"
    desk.admin.execute("UPDATE centre_day SET opens = %s, closes = %s", [opens, closes])
    sweep(desk.work, now())
    assert state(desk, booked.request_id) == "offered"
    assert desk.value("SELECT ended_why FROM appointment") == "called_off"
    assert notices(desk, booked.request_id)[-1] == "called_off"


def retire(desk: SmallDesk) -> None:
    desk.admin.execute("UPDATE technician SET retired_at = now() WHERE name = 'Tina Technician'")


def test_what_a_technician_who_has_left_was_promised_for_is_kept_by_another(desk: SmallDesk, booked: Booked) -> None:
    hire(desk)
    promised, told = desk.value("SELECT during FROM appointment"), notices(desk, booked.request_id)
    retire(desk)
    sweep(desk.work, now())
    assert desk.rows("SELECT during, state FROM appointment") == [(promised, "confirmed")]
    assert desk.rows("SELECT name FROM booking JOIN technician USING (technician_id) WHERE released_at IS NULL") == [
        ("Tom",)
    ]
    assert notices(desk, booked.request_id) == told


def test_what_a_technician_who_has_left_was_promised_for_is_called_off_where_there_is_no_other(
    desk: SmallDesk, booked: Booked
) -> None:
    offered = ill(desk, "m-2", ("water_back", "water_meter"))
    assert offer(desk, offered) is not None
    retire(desk)
    sweep(desk.work, now())
    assert notices(desk, booked.request_id)[-1] == "called_off"
    assert desk.rows("SELECT count(*) FROM booking WHERE released_at IS NULL") == [(0,)]
    assert len(desk.rows("SELECT 1 FROM human_case WHERE request_id = %s", booked.request_id)) == 1


def test_who_falls_ill_on_the_way_is_replaced_and_nobody_sets_out_before_he_is_asked(
    desk: SmallDesk, booked: Booked
) -> None:
    hire(desk)
    sets_out_at, arrives_at = desk.rows("SELECT lower(during), arrives_at FROM booking WHERE released_at IS NULL")[0]
    at = sets_out_at + (arrives_at - sets_out_at) / 2
    desk.admin.execute(
        """INSERT INTO absence (tenant_id, technician_id, during, kind)
        SELECT tenant_id, technician_id, tstzrange(%(at)s, %(at)s + interval '8 hours'), 'sick'
        FROM technician WHERE name = 'Tina Technician'""",
        {"at": at},
    )
    sweep(desk.work, at)
    rows = desk.rows(
        "SELECT name, lower(during) FROM booking JOIN technician USING (technician_id) WHERE released_at IS NULL"
    )
    assert [name for name, _ in rows] == ["Tom"]
    assert rows[0][1] >= at


def test_a_device_that_was_moved_is_visited_where_it_is_now_within_the_same_window(
    desk: SmallDesk, booked: Booked
) -> None:
    promised = desk.value("SELECT during FROM appointment")
    desk.admin.execute("UPDATE device SET latitude = 52.47, longitude = 13.35")
    sweep(desk.work, now())
    assert desk.rows("SELECT during, state FROM appointment") == [(promised, "confirmed")]
    assert desk.rows("SELECT latitude, longitude FROM booking WHERE released_at IS NULL") == [(52.47, 13.35)]


def test_a_broken_hoist_moves_a_car_to_the_other_bay_at_the_same_hour(desk: SmallDesk) -> None:
    desk.admin.execute(
        "INSERT INTO bay (tenant_id, centre_id, name, skills) SELECT tenant_id, centre_id, 'Bay 2', skills FROM bay"
    )
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, "cell_leaves_pack", 81)
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=now())
    request_id = desk.value("SELECT request_id FROM service_request")
    assert offer(desk, request_id) is not None
    assert isinstance(confirm(desk, request_id, bookings(desk, request_id)[0]), Confirmed)
    during = desk.value("SELECT during FROM booking WHERE released_at IS NULL")
    desk.admin.execute(
        """INSERT INTO absence (tenant_id, bay_id, during, kind)
        SELECT tenant_id, bay_id, tstzrange(lower(during), upper(during)), 'broken' FROM booking WHERE released_at IS NULL"""
    )
    sweep(desk.work, now())
    assert desk.rows("SELECT name, during FROM booking JOIN bay USING (bay_id) WHERE released_at IS NULL") == [
        ("Bay 2", during)
    ]


def test_nobody_is_promised_while_absent_by_the_database_itself(desk: SmallDesk, booked: Booked) -> None:
    away(desk)
    with pytest.raises(psycopg.errors.ExclusionViolation, match="absent"):
        desk.admin.execute("UPDATE booking SET released_at = NULL WHERE booking_id = %s", [booked.booking_id])
    desk.admin.execute("UPDATE absence SET withdrawn_at = now()")
    desk.admin.execute("UPDATE booking SET released_at = NULL WHERE booking_id = %s", [booked.booking_id])


def test_an_absence_and_a_promise_at_the_same_instant_wait_for_each_other(desk: SmallDesk, booked: Booked) -> None:
    entered = threading.Event()

    def enter() -> None:
        away(desk)
        entered.set()

    with connect(desk.dsn, Role.ADMIN) as promising:
        with promising.transaction():
            promising.execute("UPDATE booking SET released_at = NULL WHERE booking_id = %s", [booked.booking_id])
            waiting = threading.Thread(target=enter)
            waiting.start()
            assert not entered.wait(0.5), "who promises is waited for"
        waiting.join(20)
    assert entered.is_set()


def test_a_freed_time_is_offered_to_the_first_who_would_come_earlier_for_a_short_while(desk: SmallDesk) -> None:
    early = book(desk, "m-1")
    late = book(desk, "m-2", rank=3)
    for _ in range(2):
        assert do(desk, rescheduling.wish_earlier, request_id=late.request_id) == Kept()
    sweep(desk.work, now())
    before = desk.value("SELECT lower(during) FROM appointment WHERE request_id = %s", late.request_id)
    assert do(desk, stopping.stop, request_id=early.request_id) == stopping.Stopped(is_new=True)
    sweep(desk.work, now() + timedelta(seconds=1))
    held = [number for number in bookings(desk, late.request_id) if number != late.booking_id]
    assert held
    assert notices(desk, late.request_id)[-1] == "earlier"
    lasts = desk.value("SELECT expires_at - made_at FROM offer WHERE closed_at IS NULL")
    assert lasts <= timedelta(hours=2)
    assert isinstance(confirm(desk, late.request_id, held[0]), Confirmed)
    assert desk.value("SELECT lower(during) FROM appointment WHERE request_id = %s", late.request_id) < before
    assert desk.value("SELECT ended_at IS NOT NULL FROM earlier_wish")
    assert len(desk.rows("SELECT 1 FROM request_event WHERE event = 'earlier_wished'")) == 1


def test_what_became_free_between_the_offer_and_the_wish_is_heard_of_at_once(desk: SmallDesk) -> None:
    early, late = book(desk, "m-1"), book(desk, "m-2", rank=3)
    do(desk, stopping.stop, request_id=early.request_id)
    assert do(desk, rescheduling.wish_earlier, request_id=late.request_id) == Kept()
    sweep(desk.work, now() + timedelta(seconds=1))
    assert notices(desk, late.request_id)[-1] == "earlier"
    for hours in range(3, 15, 3):
        sweep(desk.work, now() + timedelta(hours=hours))
    assert notices(desk, late.request_id).count("earlier") == 1


def test_one_freed_time_is_one_letter_and_its_own_holds_free_nothing(desk: SmallDesk) -> None:
    early, late = book(desk, "m-1"), book(desk, "m-2", rank=3)
    do(desk, rescheduling.wish_earlier, request_id=late.request_id)
    do(desk, stopping.stop, request_id=early.request_id)
    at = now()
    for hours in range(0, 15, 3):
        sweep(desk.work, at + timedelta(hours=hours, seconds=1))
    assert notices(desk, late.request_id).count("earlier") == 1
    assert desk.value("SELECT count(*) FROM offer WHERE closed_at IS NULL") == 0
    assert state(desk, late.request_id) == "confirmed"


def test_two_who_wait_do_not_free_the_same_time_for_each_other_again_and_again(desk: SmallDesk) -> None:
    desk.receive("MTR-WATER", 2)
    early, waiting = book(desk, "m-1"), [book(desk, "m-2", rank=3), book(desk, "m-3", rank=3)]
    for each in waiting:
        do(desk, rescheduling.wish_earlier, request_id=each.request_id)
    do(desk, stopping.stop, request_id=early.request_id)
    at = now()
    for hours in range(0, 24, 3):
        sweep(desk.work, at + timedelta(hours=hours, seconds=1))
    told = [notices(desk, each.request_id).count("earlier") for each in waiting]
    assert told[0] == 1
    # The second one hears of the first one's dates, too, when these are free.
    assert told[1] <= 2
    assert desk.value("SELECT count(*) FROM earlier_wish WHERE ended_at IS NULL") == 2


def test_after_a_few_letters_about_earlier_dates_nobody_writes_unless_he_asks_again(desk: SmallDesk) -> None:
    desk.receive("MTR-WATER", 2)
    others = [book(desk, f"m-{number}") for number in range(2)]
    late = book(desk, "m-9", rank=3)
    do(desk, rescheduling.wish_earlier, request_id=late.request_id)
    desk.admin.execute("UPDATE earlier_wish SET letters = %s", [rescheduling.EARLIER_LETTERS - 1])
    do(desk, stopping.stop, request_id=others[0].request_id)
    sweep(desk.work, now() + timedelta(seconds=1))
    assert desk.rows("SELECT detail ->> 'is_last' FROM notice WHERE kind = 'earlier'") == [("true",)]
    do(desk, rescheduling.keep_date, request_id=late.request_id)
    do(desk, stopping.stop, request_id=others[1].request_id)
    sweep(desk.work, now() + timedelta(seconds=2))
    assert notices(desk, late.request_id).count("earlier") == 1
    assert do(desk, rescheduling.wish_earlier, request_id=late.request_id) == Kept()
    assert desk.rows("SELECT letters, ended_at FROM earlier_wish") == [(0, None)]


def test_who_does_not_want_to_come_earlier_any_more_says_so_with_one_tap(desk: SmallDesk) -> None:
    early, late = book(desk, "m-1"), book(desk, "m-2", rank=3)
    do(desk, rescheduling.wish_earlier, request_id=late.request_id)
    for _ in range(2):
        assert do(desk, rescheduling.end_earlier_wish, request_id=late.request_id) == Kept()
    do(desk, stopping.stop, request_id=early.request_id)
    sweep(desk.work, now() + timedelta(seconds=1))
    assert "earlier" not in notices(desk, late.request_id)
    assert len(desk.rows("SELECT 1 FROM request_event WHERE event = 'earlier_not_wished'")) == 1


def test_another_tenant_sees_no_absence_and_no_closed_day(desk: SmallDesk, booked: Booked, tmp_path: Path) -> None:
    away(desk)
    other = open_desk(desk.dsn, tmp_path, tenant="other")
    try:
        for role in (Role.SERVE, Role.WORK):
            with connect(desk.dsn, role) as connection, tenant_transaction(connection, other.tenant_id):
                for table in ("absence", "centre_day", "earlier_wish"):
                    assert count(connection, table) == 0
    finally:
        other.close()


def count(connection: Connection, table: str) -> int:
    query = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table))
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_a_date_in_the_past_is_nobodys_any_more(desk: SmallDesk, booked: Booked) -> None:
    after = datetime.now(UTC) + timedelta(days=60)
    assert isinstance(do(desk, rescheduling.ask_other_dates, request_id=booked.request_id, wish=ANY, at=after), NotNow)


def test_a_tap_on_an_hour_that_has_begun_books_nothing_and_shows_fresh_dates(desk: SmallDesk) -> None:
    request_id = ill(desk, "late")
    offer(desk, request_id)
    shown = bookings(desk, request_id)[0]
    begun = desk.value("SELECT lower(during) FROM booking WHERE booking_id = %s", shown) + timedelta(hours=1)
    do(desk, journey.expire_offer, request_id=request_id, at=begun)
    answer = do(desk, journey.confirm, request_id=request_id, booking_id=shown, at=begun)
    assert isinstance(answer, FreshDates)
    assert desk.value("SELECT count(*) FROM appointment") == 0
    assert desk.value("SELECT min(lower(during)) FROM booking WHERE released_at IS NULL") > begun


def test_a_wish_for_a_day_that_has_passed_is_met_from_now_on(desk: SmallDesk) -> None:
    request_id = ill(desk, "wishes")
    offer(desk, request_id)
    wish = Wish(not_before=datetime.now(UTC).date() - timedelta(days=30))
    assert isinstance(do(desk, rescheduling.ask_other_dates, request_id=request_id, wish=wish), Shown)
    assert min(beginnings(desk, request_id)) > datetime.now(UTC)


def test_what_is_dangerous_is_not_stopped_but_talked_about(desk: SmallDesk, booked: Booked) -> None:
    desk.admin.execute("UPDATE service_request SET is_safety = true")
    assert do(desk, stopping.stop, request_id=booked.request_id) == stopping.WithPerson()
    assert state(desk, booked.request_id) == "confirmed"
    assert desk.rows("SELECT reason FROM human_case") == [("The owner wants to cancel what is a matter of safety.",)]
