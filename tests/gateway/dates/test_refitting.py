"""Confirmed dates that no longer suffice, on a real database: noticed by the sweep, kept by another, or asked about."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import journey
from gateway.audit.undoing import undo
from gateway.dates import rescheduling
from gateway.dates.refitting import DOES_NOT_FIT
from gateway.journey import Confirmed
from gateway.planner import Done, approve
from gateway.storage import requests
from gateway.storage.connection import tenant_transaction
from gateway.sweep import sweep
from tests.gateway.dates.test_rescheduling import Booked, book, do, hire, notices
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.test_visits import bookings, check_routes, confirm, now, offer, state
from workflows.mandate import Clause

PAT = "SELECT staff_id FROM staff LIMIT 1"
CASES = "SELECT reason FROM human_case WHERE closed_at IS NULL"
NOTED = "SELECT detail ->> 'why', detail ->> 'next' FROM request_event WHERE event = 'date_misfit' ORDER BY event_id"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def diagnose(desk: SmallDesk, device_id: int) -> None:
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=now())


@pytest.fixture
def short(desk: SmallDesk) -> Booked:
    """A car with a confirmed date of two hours, whose battery needs three by now."""
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, "battery_worn")
    diagnose(desk, device_id)
    request_id = desk.value("SELECT request_id FROM service_request")
    assert do(desk, approve, request_id=request_id, staff_id=desk.value(PAT)) == Done("open")
    assert offer(desk, request_id) is not None
    booking_id = bookings(desk, request_id)[-1]
    assert isinstance(confirm(desk, request_id, booking_id), Confirmed)
    desk.admin.execute("UPDATE symptom SET state = 'healed'")
    desk.symptom(device_id, "cell_leaves_pack", 7)
    diagnose(desk, device_id)
    return Booked(request_id, booking_id)


def others(desk: SmallDesk, booked: Booked) -> list[int]:
    return [each for each in bookings(desk, booked.request_id) if each != booked.booking_id]


def test_a_date_too_short_by_now_stands_and_its_owner_is_asked_with_held_ones(desk: SmallDesk, short: Booked) -> None:
    sweep(desk.work, now())
    sweep(desk.work, now())
    assert state(desk, short.request_id) == "confirmed"
    assert desk.rows("SELECT booking_id, state FROM appointment") == [(short.booking_id, "confirmed")]
    assert desk.rows(NOTED) == [("minutes", "owner")]
    assert notices(desk, short.request_id)[-1] == "date_misfit"
    assert desk.rows(
        "SELECT DISTINCT upper(during) - lower(during) FROM booking WHERE kind = 'held' AND released_at IS NULL"
    ) == [(timedelta(minutes=180),)]
    assert desk.rows(CASES) == []
    taken = others(desk, short)[0]
    assert isinstance(confirm(desk, short.request_id, taken), Confirmed)
    assert desk.rows("SELECT booking_id, state FROM appointment") == [(taken, "confirmed")]
    sweep(desk.work, now())
    assert len(desk.rows(NOTED)) == 1


def test_who_lets_the_other_dates_pass_is_called_by_a_person_in_time(desk: SmallDesk, short: Booked) -> None:
    sweep(desk.work, now())
    ends_at, begins_at = desk.rows("SELECT expires_at, (SELECT lower(during) FROM appointment) FROM offer ORDER BY 1")[
        0
    ]
    assert ends_at < begins_at
    desk.admin.execute("UPDATE offer SET expires_at = now() WHERE closed_at IS NULL")
    sweep(desk.work, now())
    assert state(desk, short.request_id) == "confirmed"
    assert desk.rows(CASES) == [(DOES_NOT_FIT,)]
    desk.admin.execute("UPDATE human_case SET closed_at = now()")
    sweep(desk.work, now())
    assert desk.rows(CASES) == []
    assert desk.rows(NOTED) == [("minutes", "owner"), ("minutes", "person")]


def test_who_keeps_a_date_that_does_not_suffice_is_called_too(desk: SmallDesk, short: Booked) -> None:
    sweep(desk.work, now())
    do(desk, rescheduling.keep_date, request_id=short.request_id)
    sweep(desk.work, now())
    assert desk.rows(CASES) == [(DOES_NOT_FIT,)]


def test_without_the_clause_a_person_asks_the_owner(desk: SmallDesk, short: Booked) -> None:
    desk.admin.execute("DELETE FROM request_event WHERE event = 'approved'")
    desk.sign(desk.value("SELECT device_id FROM device"), Clause.REPORT, Clause.RESERVE_PART)
    sweep(desk.work, now())
    assert others(desk, short) == []
    assert desk.rows(NOTED) == [("minutes", "person")]
    assert len(desk.rows(CASES)) == 1


def test_who_was_written_to_three_times_is_called_and_not_written_to_again(desk: SmallDesk, short: Booked) -> None:
    for number in range(2):
        desk.admin.execute(
            """INSERT INTO notice (tenant_id, request_id, kind, recipient, language, cause, detail, written_at)
            SELECT tenant_id, request_id, kind, recipient, language, cause || %s, detail, written_at
            FROM notice WHERE kind = 'offer' AND cause !~ 'again'""",
            [f" again {number}"],
        )
    told = notices(desk, short.request_id)
    sweep(desk.work, now())
    assert notices(desk, short.request_id) == told
    assert desk.rows(NOTED) == [("minutes", "person")]
    assert desk.rows(CASES) == [(DOES_NOT_FIT,)]


def test_a_letter_about_a_date_that_does_not_suffice_is_one_of_the_three(desk: SmallDesk, short: Booked) -> None:
    sweep(desk.work, now())
    assert notices(desk, short.request_id)[-1] == "date_misfit"
    with tenant_transaction(desk.work, desk.tenant_id):
        request = requests.find_one(desk.work, short.request_id)
        assert request is not None
        # The offer, and this one; what he confirmed between them was not asking for it.
        assert requests.unasked_letters(desk.work, request) == 2


def test_what_a_person_has_in_hand_is_his(desk: SmallDesk, short: Booked) -> None:
    desk.admin.execute(
        """INSERT INTO human_case (tenant_id, request_id, queue, reason, staff_id, due_at, opened_at)
        SELECT tenant_id, %s, 'judgement', 'His own', staff_id, now(), now() FROM staff LIMIT 1""",
        [short.request_id],
    )
    sweep(desk.work, now())
    assert others(desk, short) == []
    assert desk.rows(NOTED) == []


def test_the_other_dates_are_taken_back_by_a_planner_and_a_person_has_it(desk: SmallDesk, short: Booked) -> None:
    sweep(desk.work, now())
    audit_id = desk.value("SELECT audit_id FROM audit_record WHERE act = 'refit_offered'")
    done = do(desk, undo, audit_id=audit_id, staff_id=desk.value(PAT), reason="No.")
    assert done == Done("confirmed")
    assert bookings(desk, short.request_id) == [short.booking_id]
    sweep(desk.work, now())
    assert desk.rows(CASES) == [(DOES_NOT_FIT,)]


@pytest.fixture
def booked(desk: SmallDesk) -> Booked:
    return book(desk, "m-1")


def test_a_technician_who_cannot_do_it_any_more_is_replaced_and_the_owner_hears_nothing(
    desk: SmallDesk, booked: Booked
) -> None:
    hire(desk)
    promised, told = desk.value("SELECT during FROM appointment"), notices(desk, booked.request_id)
    desk.admin.execute("UPDATE technician SET skills = '{electricity_meter}' WHERE name = 'Tina Technician'")
    sweep(desk.work, now())
    assert desk.rows("SELECT during, state FROM appointment") == [(promised, "confirmed")]
    assert desk.rows("SELECT name FROM booking JOIN technician USING (technician_id) WHERE released_at IS NULL") == [
        ("Tom",)
    ]
    assert notices(desk, booked.request_id) == told
    assert desk.rows(NOTED) == []


def test_a_visit_that_takes_longer_stays_in_its_window_where_the_route_has_room(
    desk: SmallDesk, booked: Booked
) -> None:
    promised = desk.value("SELECT during FROM appointment")
    desk.admin.execute(
        "UPDATE booking SET during = tstzrange(lower(during), arrives_at + '30 minutes') WHERE kind = 'booked'"
    )
    sweep(desk.work, now())
    assert desk.value("SELECT during FROM appointment") == promised
    assert desk.rows("SELECT done_at - arrives_at FROM booking_seen WHERE released_at IS NULL") == [
        (timedelta(minutes=45),)
    ]
    check_routes(desk)


def test_where_nobody_is_left_who_can_do_it_a_person_moves_the_date(desk: SmallDesk, booked: Booked) -> None:
    desk.admin.execute("UPDATE technician SET skills = '{electricity_meter}'")
    sweep(desk.work, now())
    sweep(desk.work, now())
    assert state(desk, booked.request_id) == "confirmed"
    assert desk.rows(CASES) == [(DOES_NOT_FIT,)]
    assert desk.rows(NOTED) == [("skills", "person")]


def test_a_bay_without_its_hoist_gives_the_hour_to_the_other_bay(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, "cell_leaves_pack", 81)
    diagnose(desk, device_id)
    request_id = desk.value("SELECT request_id FROM service_request")
    assert offer(desk, request_id) is not None
    booking_id = bookings(desk, request_id)[0]
    assert isinstance(confirm(desk, request_id, booking_id), Confirmed)
    desk.admin.execute(
        "INSERT INTO bay (tenant_id, centre_id, name, skills) SELECT tenant_id, centre_id, 'Bay 2', skills FROM bay"
    )
    desk.admin.execute("UPDATE bay SET skills = '{}' WHERE name = 'Bay 1'")
    promised = desk.value("SELECT during FROM appointment")
    sweep(desk.work, now())
    assert desk.rows("SELECT during, state FROM appointment") == [(promised, "confirmed")]
    assert desk.rows("SELECT name FROM booking JOIN bay USING (bay_id) WHERE released_at IS NULL") == [("Bay 2",)]


def test_a_date_that_does_not_suffice_is_not_taken_by_an_old_page(desk: SmallDesk, short: Booked) -> None:
    desk.admin.execute("UPDATE human_case SET closed_at = now()")
    sweep(desk.work, now())
    old = others(desk, short)[0]
    desk.admin.execute(
        "UPDATE booking SET during = tstzrange(lower(during), lower(during) + '1 hour') WHERE booking_id = %s", [old]
    )
    confirm(desk, short.request_id, old)
    assert desk.rows("SELECT booking_id FROM appointment WHERE state = 'confirmed'") == [(short.booking_id,)]
