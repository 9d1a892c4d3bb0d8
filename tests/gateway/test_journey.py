"""The journey on a real database: from symptoms to a confirmed date, and everything that may come between."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from gateway import journey, planner
from gateway.journey import Confirmed, FreshDates, NotOpen
from gateway.planner import Done, Refused
from gateway.storage import owners
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.sweep import sweep
from tests.gateway.desk import SmallDesk, open_desk


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def now() -> datetime:
    return datetime.now(UTC)


def diagnose(desk: SmallDesk, device_id: int, component: str = "traction_battery") -> None:
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component=component, now=now())


def offer(desk: SmallDesk, request_id: int) -> int | None:
    with tenant_transaction(desk.work, desk.tenant_id):
        return journey.offer(desk.work, request_id=request_id, now=now())


def confirm(desk: SmallDesk, request_id: int, booking_id: int, at: datetime | None = None) -> object:
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return journey.confirm(connection, request_id=request_id, booking_id=booking_id, now=at or now())


def offered(desk: SmallDesk, name: str = "ev-1") -> tuple[int, list[int]]:
    """A request with three dates on offer: its id and the bookings."""
    device_id = desk.vehicle(name)
    desk.symptom(device_id, "cell_leaves_pack", 81)
    diagnose(desk, device_id)
    request_id = desk.value("SELECT request_id FROM service_request WHERE device_id = %s", device_id)
    assert offer(desk, request_id) is not None
    bookings = desk.rows(
        "SELECT booking_id FROM booking WHERE request_id = %s AND released_at IS NULL ORDER BY rank", request_id
    )
    return request_id, [row[0] for row in bookings]


def state(desk: SmallDesk, request_id: int) -> str:
    return desk.value("SELECT state FROM service_request WHERE request_id = %s", request_id)


def allocated(desk: SmallDesk) -> int:
    return desk.value("SELECT allocated FROM stock_level WHERE part_no = 'EV-CELL-MODULE'")


def living_bookings(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM booking WHERE released_at IS NULL")


def jobs(desk: SmallDesk) -> list[str]:
    return [row[0] for row in desk.rows("SELECT task_name FROM jobs.procrastinate_jobs ORDER BY id")]


def test_a_symptom_becomes_three_held_dates_and_the_tapped_one_becomes_the_owners(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    assert state(desk, request_id) == "offered"
    assert len(bookings) == 3
    assert allocated(desk) == 1
    result = confirm(desk, request_id, bookings[1])
    assert isinstance(result, Confirmed)
    assert result.is_new
    assert state(desk, request_id) == "confirmed"
    assert living_bookings(desk) == 1
    assert allocated(desk) == 1
    kinds = desk.rows("SELECT kind, recipient FROM notice ORDER BY notice_id")
    assert kinds == [("offer", "ev-1@owners.example"), ("confirmed", "ev-1@owners.example")]
    events = [row[0] for row in desk.rows("SELECT event FROM request_event ORDER BY event_id")]
    assert events == ["opened", "weighed", "part_reserved", "offered", "confirmed"]


def test_each_step_may_run_twice(desk: SmallDesk) -> None:
    request_id, _ = offered(desk)
    device_id = desk.value("SELECT device_id FROM service_request")
    before = desk.rows("SELECT * FROM request_event ORDER BY event_id")
    diagnose(desk, device_id)
    assert offer(desk, request_id) is None
    assert desk.rows("SELECT * FROM request_event ORDER BY event_id") == before
    assert desk.value("SELECT count(*) FROM diagnosis") == 1
    assert allocated(desk) == 1


def test_a_double_tap_is_one_appointment(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    first = confirm(desk, request_id, bookings[0])
    second = confirm(desk, request_id, bookings[0])
    assert isinstance(first, Confirmed)
    assert isinstance(second, Confirmed)
    assert second == Confirmed(first.appointment_id, is_new=False)
    assert confirm(desk, request_id, bookings[1]) == NotOpen("confirmed")
    assert desk.value("SELECT count(*) FROM appointment") == 1
    assert desk.value("SELECT count(*) FROM notice WHERE kind = 'confirmed'") == 1


def test_taps_at_the_same_instant_make_one_appointment(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    results: list[object] = []
    barrier = threading.Barrier(6)

    def tap(booking_id: int) -> None:
        barrier.wait()
        results.append(confirm(desk, request_id, booking_id))

    threads = [threading.Thread(target=tap, args=(bookings[index % 3],)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(result, Confirmed) and result.is_new for result in results) == 1
    assert desk.value("SELECT count(*) FROM appointment WHERE state = 'confirmed'") == 1
    assert living_bookings(desk) == 1


def test_an_expired_date_is_still_his_when_nobody_took_it(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    late = now() + timedelta(hours=20)
    desk.admin.execute("UPDATE offer SET expires_at = %s", [late - timedelta(minutes=1)])
    sweep(desk.work, late)
    assert state(desk, request_id) == "open"
    result = confirm(desk, request_id, bookings[2], late)
    assert isinstance(result, Confirmed)
    assert state(desk, request_id) == "confirmed"
    assert living_bookings(desk) == 1


def test_who_loses_the_race_for_an_expired_date_gets_fresh_dates(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    desk.admin.execute("UPDATE offer SET expires_at = now()")
    sweep(desk.work, now() + timedelta(seconds=1))
    other_request, other_bookings = offered(desk, "ev-2")
    assert isinstance(confirm(desk, other_request, other_bookings[0]), Confirmed)
    result = confirm(desk, request_id, bookings[0])
    assert isinstance(result, FreshDates)
    assert state(desk, request_id) == "offered"
    fresh = desk.rows("SELECT booking_id FROM booking WHERE offer_id = %s", result.offer_id)
    assert len(fresh) == 3
    assert isinstance(confirm(desk, request_id, fresh[0][0]), Confirmed)
    overlaps = desk.value(
        """SELECT count(*) FROM booking a JOIN booking b ON a.bay_id = b.bay_id AND a.booking_id < b.booking_id
        AND a.during && b.during WHERE a.released_at IS NULL AND b.released_at IS NULL"""
    )
    assert overlaps == 0


def test_the_last_part_is_promised_once_and_the_other_request_waits_with_a_human(desk: SmallDesk) -> None:
    for name in ("ev-1", "ev-2"):
        offered(desk, name)
    device_id = desk.vehicle("ev-3")
    desk.symptom(device_id, "cell_leaves_pack", 2)
    diagnose(desk, device_id)
    request_id = desk.value("SELECT request_id FROM service_request WHERE device_id = %s", device_id)
    assert offer(desk, request_id) is None
    assert state(desk, request_id) == "waiting"
    assert desk.rows("SELECT queue, reason FROM human_case") == [("judgement", "No service centre has the part.")]
    desk.count(3)
    assert offer(desk, request_id) is not None
    assert state(desk, request_id) == "offered"


def test_the_database_itself_refuses_a_part_promised_twice_and_a_bay_in_two_places(desk: SmallDesk) -> None:
    request_id, _ = offered(desk)
    with pytest.raises(psycopg.errors.CheckViolation, match="no_part_is_promised_twice"):
        desk.count(0, "EV-CELL-MODULE")
    with pytest.raises(psycopg.errors.ExclusionViolation, match="bay_serves_one_vehicle_at_a_time"):
        desk.admin.execute(
            """INSERT INTO booking (tenant_id, bay_id, request_id, offer_id, during, rank, kind)
            SELECT tenant_id, bay_id, request_id, offer_id, during, 9, 'held' FROM booking WHERE request_id = %s
            LIMIT 1""",
            [request_id],
        )


def test_safety_is_a_humans_case_at_once_and_the_owner_is_told(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    for monitor in ("battery_failing", "battery_hot"):
        desk.symptom(device_id, monitor)
    diagnose(desk, device_id)
    request_id = desk.value("SELECT request_id FROM service_request")
    assert state(desk, request_id) == "held"
    assert desk.value("SELECT is_safety FROM service_request")
    assert desk.rows("SELECT queue FROM human_case WHERE closed_at IS NULL") == [("safety",)]
    assert desk.rows("SELECT kind, recipient FROM notice ORDER BY kind") == [
        ("case_opened", "pat@acme.example"),
        ("safety", "ev-1@owners.example"),
    ]
    assert offer(desk, request_id) is None
    desk.symptom(device_id, "insulation_lost")
    diagnose(desk, device_id)
    assert desk.value("SELECT count(*) FROM service_request") == 1
    assert desk.value("SELECT count(*) FROM human_case") == 1
    assert desk.value("SELECT count(*) FROM notice") == 2


def test_everyone_who_owns_a_device_is_told_of_its_danger_once_and_a_former_owner_is_not(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    with connect(desk.dsn, Role.SERVE) as serve, tenant_transaction(serve, desk.tenant_id):
        wife, former = (
            owners.known_owner(serve, name=name, email=f"{name}@owners.example", language="ko", time_zone="UTC")
            for name in ("eva", "max")
        )
    desk.admin.execute(
        """INSERT INTO device_owner (tenant_id, device_id, owner_id, since_at, until_at)
        VALUES (%(tenant)s, %(device)s, %(wife)s, now(), NULL),
            (%(tenant)s, %(device)s, %(former)s, now() - interval '2 years', now() - interval '1 year')""",
        {"tenant": desk.tenant_id, "device": device_id, "wife": wife, "former": former},
    )
    for monitor in ("battery_failing", "battery_hot"):
        desk.symptom(device_id, monitor)
    diagnose(desk, device_id)
    desk.symptom(device_id, "insulation_lost")
    diagnose(desk, device_id)
    told = desk.rows("SELECT recipient, language FROM notice WHERE kind = 'safety' ORDER BY recipient")
    assert told == [("ev-1@owners.example", "en"), ("eva@owners.example", "ko")]


def test_a_later_safety_symptom_brings_a_human_but_never_unsends_the_offer(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    device_id = desk.value("SELECT device_id FROM service_request")
    desk.symptom(device_id, "warning_level_3")
    diagnose(desk, device_id)
    assert state(desk, request_id) == "offered"
    assert desk.rows("SELECT queue FROM human_case") == [("safety",)]
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)


def test_not_sure_waits_for_a_judgement_and_goes_on_by_itself_when_evidence_makes_it_sure(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, "warning_level_2")
    diagnose(desk, device_id)
    request_id = desk.value("SELECT request_id FROM service_request")
    assert state(desk, request_id) == "held"
    assert desk.rows("SELECT queue FROM human_case WHERE closed_at IS NULL") == [("judgement",)]
    desk.symptom(device_id, "cell_leaves_pack", 5)
    diagnose(desk, device_id)
    assert state(desk, request_id) == "open"
    assert desk.rows("SELECT queue FROM human_case WHERE closed_at IS NULL") == []
    assert jobs(desk)[-1] == "offer"
    assert desk.value("SELECT count(*) FROM fault WHERE closed_at IS NULL") == 1


def test_two_offers_without_an_answer_bring_a_person_and_free_part_and_bay(desk: SmallDesk) -> None:
    request_id, _ = offered(desk)
    for _ in range(2):
        desk.admin.execute("UPDATE offer SET expires_at = now() WHERE closed_at IS NULL")
        sweep(desk.work, now() + timedelta(seconds=1))
        if state(desk, request_id) == "open":
            assert offer(desk, request_id) is not None
    assert state(desk, request_id) == "held"
    assert (allocated(desk), living_bookings(desk)) == (0, 0)
    assert desk.value("SELECT count(*) FROM human_case WHERE closed_at IS NULL") == 1


def planner_acts(desk: SmallDesk, act: str, request_id: int) -> object:
    staff_id = desk.value("SELECT min(staff_id) FROM staff")
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        if act == "approve":
            return planner.approve(connection, request_id=request_id, staff_id=staff_id, now=now())
        if act == "hold":
            return planner.hold(connection, request_id=request_id, staff_id=staff_id, reason="look", now=now())
        return planner.cancel(connection, request_id=request_id, staff_id=staff_id, reason="sold", now=now())


def test_a_planner_holds_an_offer_and_lets_it_go_on_again(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    assert planner_acts(desk, "hold", request_id) == Done("held")
    assert (allocated(desk), living_bookings(desk)) == (0, 0)
    assert confirm(desk, request_id, bookings[0]) == NotOpen("held")
    assert planner_acts(desk, "approve", request_id) == Done("open")
    assert desk.rows("SELECT 1 FROM human_case WHERE closed_at IS NULL") == []
    assert offer(desk, request_id) is not None


def test_a_planner_closes_the_case_of_a_request_that_goes_on_and_its_dates_stand(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    desk.symptom(desk.value("SELECT device_id FROM service_request"), "warning_level_3")
    diagnose(desk, desk.value("SELECT device_id FROM service_request"))
    assert planner_acts(desk, "approve", request_id) == Done("offered")
    assert desk.rows("SELECT 1 FROM human_case WHERE closed_at IS NULL") == []
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)


def test_cancelling_frees_part_and_bay_and_tells_an_owner_who_knew(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    confirm(desk, request_id, bookings[0])
    assert planner_acts(desk, "cancel", request_id) == Done("cancelled")
    assert planner_acts(desk, "cancel", request_id) == Done("cancelled")
    assert (allocated(desk), living_bookings(desk)) == (0, 0)
    assert desk.value("SELECT revision FROM appointment") == 1
    assert desk.value("SELECT count(*) FROM notice WHERE kind = 'cancelled'") == 1
    assert desk.value("SELECT count(*) FROM fault WHERE closed_at IS NULL") == 0
    assert isinstance(planner_acts(desk, "approve", request_id), Refused)


def test_a_fault_that_no_bay_can_mend_is_not_approved_into_an_offer(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    for monitor in ("battery_failing", "battery_hot", "cell_too_low"):
        desk.symptom(device_id, monitor)
    diagnose(desk, device_id)
    request_id = desk.value("SELECT request_id FROM service_request")
    refused = planner_acts(desk, "approve", request_id)
    assert isinstance(refused, Refused)
    assert "must not be driven" in refused.reason


def test_one_tenant_sees_and_moves_nothing_of_another(desk: SmallDesk, tmp_path: Path) -> None:
    request_id, bookings = offered(desk)
    other = open_desk(desk.dsn, tmp_path, tenant="rival")
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, other.tenant_id):
        for table in (
            "device",
            "owner",
            "service_request",
            "offer",
            "booking",
            "notice",
            "access_token",
            "symptom",
        ):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # type: ignore[arg-type]
        result = journey.confirm(connection, request_id=request_id, booking_id=bookings[0], now=now())
    other.close()
    assert result == NotOpen("unknown")
    assert state(desk, request_id) == "offered"
    with connect(desk.dsn, Role.SERVE) as connection:
        assert connection.execute("SELECT count(*) FROM device").fetchone() == (0,)


def rediagnose(desk: SmallDesk) -> None:
    diagnose(desk, desk.value("SELECT max(device_id) FROM service_request"))


def test_no_new_dates_are_made_while_a_person_has_a_safety_case(desk: SmallDesk) -> None:
    request_id, _ = offered(desk)
    desk.symptom(desk.value("SELECT device_id FROM service_request"), "insulation_lost")
    rediagnose(desk)
    desk.admin.execute("UPDATE offer SET expires_at = now()")
    sweep(desk.work, now() + timedelta(seconds=1))
    assert offer(desk, request_id) is None
    assert state(desk, request_id) == "held"
    assert (allocated(desk), living_bookings(desk)) == (0, 0)
    assert desk.rows("SELECT queue FROM human_case WHERE closed_at IS NULL") == [("safety",)]


def test_a_date_is_confirmed_with_the_parts_that_the_latest_diagnosis_needs(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    desk.admin.execute(
        """INSERT INTO part (tenant_id, part_no, title) VALUES (%(t)s, 'EV-CELL-HARNESS', 'Harness');
        """.replace("%(t)s", str(desk.tenant_id))
    )
    desk.receive("EV-CELL-HARNESS", 1)
    desk.admin.execute("UPDATE symptom SET state = 'healed'")
    device_id = desk.value("SELECT device_id FROM service_request")
    desk.symptom(device_id, "cells_missing")
    rediagnose(desk)
    assert desk.value("SELECT f.code FROM service_request JOIN fault f USING (fault_id)") == "cell_measuring_line"
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    assert desk.rows("SELECT part_no FROM reservation WHERE released_at IS NULL") == [("EV-CELL-HARNESS",)]


def test_a_date_too_short_for_what_has_to_be_done_by_now_gives_fresh_ones(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, "battery_worn")
    diagnose(desk, device_id)
    request_id = desk.value("SELECT request_id FROM service_request")
    planner_acts(desk, "approve", request_id)
    assert offer(desk, request_id) is not None
    short = desk.value("SELECT min(booking_id) FROM booking")
    desk.admin.execute("UPDATE symptom SET state = 'healed'")
    desk.symptom(device_id, "cell_leaves_pack", 7)
    rediagnose(desk)
    assert isinstance(confirm(desk, request_id, short), FreshDates)
    lengths = "SELECT DISTINCT upper(during) - lower(during) FROM booking WHERE released_at IS NULL"
    assert desk.rows(lengths) == [(timedelta(minutes=180),)]


def test_a_diagnosis_on_the_same_evidence_does_not_reopen_what_a_planner_cancelled(desk: SmallDesk) -> None:
    request_id, _ = offered(desk)
    planner_acts(desk, "cancel", request_id)
    rediagnose(desk)
    assert desk.value("SELECT count(*) FROM service_request") == 1


def test_a_date_that_a_planner_withdrew_cannot_be_taken_any_more(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    planner_acts(desk, "hold", request_id)
    planner_acts(desk, "approve", request_id)
    assert isinstance(confirm(desk, request_id, bookings[0]), FreshDates)


def test_an_owner_who_let_two_offers_pass_waits_for_a_person_and_for_nothing_else(desk: SmallDesk) -> None:
    request_id, _ = offered(desk)
    for _ in range(2):
        desk.admin.execute("UPDATE offer SET expires_at = now() WHERE closed_at IS NULL")
        sweep(desk.work, now() + timedelta(seconds=1))
        offer(desk, request_id)
    desk.symptom(desk.value("SELECT device_id FROM service_request"), "cell_leaves_pack", 9)
    rediagnose(desk)
    assert state(desk, request_id) == "held"
    assert desk.value("SELECT count(*) FROM human_case WHERE closed_at IS NULL") == 1


def test_the_case_of_a_missing_part_is_closed_when_dates_are_offered(desk: SmallDesk) -> None:
    desk.count(0)
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, "cell_leaves_pack", 2)
    diagnose(desk, device_id)
    request_id = desk.value("SELECT request_id FROM service_request")
    assert offer(desk, request_id) is None
    desk.count(1)
    assert offer(desk, request_id) is not None
    assert desk.rows("SELECT 1 FROM human_case WHERE closed_at IS NULL") == []


def test_a_date_that_has_passed_becomes_a_persons_case_once(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk)
    confirm(desk, request_id, bookings[0])
    later = now() + timedelta(days=10)
    sweep(desk.work, later)
    sweep(desk.work, later + timedelta(minutes=1))
    assert desk.rows("SELECT queue FROM human_case WHERE closed_at IS NULL") == [("judgement",)]
    assert desk.value("SELECT count(*) FROM request_event WHERE event = 'date_passed'") == 1
    assert planner_acts(desk, "cancel", request_id) == Done("cancelled")
    refused = None
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        refused = planner.ask_for_human(connection, request_id=request_id, reason="x", now=now())
    assert isinstance(refused, Refused)


def test_a_healed_symptom_is_told_in_the_history(desk: SmallDesk) -> None:
    request_id, _ = offered(desk)
    desk.admin.execute("UPDATE symptom SET state = 'healed', healed_at = now()")
    diagnose(desk, desk.value("SELECT device_id FROM service_request"))
    assert desk.rows(
        "SELECT event FROM request_event WHERE request_id = %s ORDER BY event_id DESC LIMIT 1", request_id
    ) == [("symptom_healed",)]
