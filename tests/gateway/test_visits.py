"""Visits on a real database: from a leak's readings to a confirmed window, and everybody who wants the same technician."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from gateway import journey, planner
from gateway.ingest.worker import Worker
from gateway.journey import Confirmed, FreshDates, NotOpen
from gateway.planner import Done
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.sweep import sweep
from tests.fakes.source import ListSource, message
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic
from workflows.dates import Place
from workflows.visits import way_between

METER_FAULTY = ("water_back", "water_meter")
LEAK = ("water_never_rests", "water_pipes")


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def now() -> datetime:
    return datetime.now(UTC)


def offer(desk: SmallDesk, request_id: int) -> int | None:
    with connect(desk.dsn, Role.WORK) as connection, tenant_transaction(connection, desk.tenant_id):
        return journey.offer(connection, request_id=request_id, now=now())


def confirm(desk: SmallDesk, request_id: int, booking_id: int) -> object:
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return journey.confirm(connection, request_id=request_id, booking_id=booking_id, now=now())


def diagnosed(desk: SmallDesk, device_id: int, component: str) -> int:
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component=component, now=now())
    return desk.value("SELECT request_id FROM service_request WHERE device_id = %s", device_id)


def ill(
    desk: SmallDesk, name: str, symptom: tuple[str, str] = LEAK, place: tuple[float, float] = (52.53, 13.41)
) -> int:
    """A meter with a symptom, and its request."""
    device_id = desk.meter(name, *place)
    monitor, component = symptom
    desk.symptom(device_id, monitor, component=component)
    return diagnosed(desk, device_id, component)


def bookings(desk: SmallDesk, request_id: int) -> list[int]:
    rows = desk.rows(
        "SELECT booking_id FROM booking WHERE request_id = %s AND released_at IS NULL ORDER BY rank", request_id
    )
    return [row[0] for row in rows]


def state(desk: SmallDesk, request_id: int) -> str:
    return desk.value("SELECT state FROM service_request WHERE request_id = %s", request_id)


def expire(desk: SmallDesk, request_id: int) -> None:
    desk.admin.execute("UPDATE offer SET expires_at = now() WHERE request_id = %s AND closed_at IS NULL", [request_id])
    sweep(desk.work, now() + timedelta(seconds=1))


def check_routes(desk: SmallDesk) -> None:
    """Nobody is in two places, and every way that is promised can be gone."""
    rows = desk.rows(
        """SELECT technician_id, lower(during), upper(during), arrives_at, latitude, longitude, arrival_window
        FROM booking WHERE released_at IS NULL ORDER BY 1, 2"""
    )
    for row in rows:
        assert row[6].lower <= row[3] < row[6].upper
        assert row[6].upper - row[6].lower == timedelta(hours=2)
    for before, after in pairwise(rows):
        if before[0] == after[0]:
            assert before[2] <= after[1]
            assert before[2] + way_between(Place(before[4], before[5]), Place(after[4], after[5])) <= after[3]


def test_a_leak_in_the_readings_becomes_a_technician_at_the_door(desk: SmallDesk) -> None:
    device_id = desk.meter("m-1")
    began = now() - timedelta(hours=60)
    hourly = [sample(began + timedelta(hours=hour), water_l=10_000 + 3 * hour) for hour in range(60)]
    worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    for seq in range(0, 60, 6):
        worker.take([message(topic("m-1"), telemetry(seq, *hourly[seq : seq + 6]))])
    worker.close()
    assert desk.rows("SELECT monitor, state FROM symptom") == [("water_never_rests", "confirmed")]
    request_id = diagnosed(desk, device_id, "water_pipes")
    assert state(desk, request_id) == "open"
    assert offer(desk, request_id) is not None
    held = bookings(desk, request_id)
    assert len(held) == 3
    check_routes(desk)
    result = confirm(desk, request_id, held[1])
    assert isinstance(result, Confirmed)
    assert result.is_new
    assert state(desk, request_id) == "confirmed"
    assert bookings(desk, request_id) == [held[1]]
    ((window, told),) = desk.rows(
        "SELECT b.arrival_window, a.during FROM appointment a JOIN booking b USING (booking_id) WHERE b.kind = 'booked'"
    )
    assert window == told, "the owner is told the window, and nothing of ways"
    assert [row[0] for row in desk.rows("SELECT kind FROM notice ORDER BY notice_id")] == ["offer", "confirmed"]


def test_the_part_comes_from_the_technicians_centre(desk: SmallDesk) -> None:
    for number in (1, 2):
        request_id = ill(desk, f"m-{number}", METER_FAULTY)
        assert offer(desk, request_id) is not None
    last = ill(desk, "m-3", METER_FAULTY)
    assert desk.value("SELECT allocated FROM stock_level WHERE part_no = 'MTR-WATER'") == 2
    assert offer(desk, last) is None
    assert state(desk, last) == "waiting"
    assert desk.rows("SELECT reason FROM human_case") == [("No service centre has the part.",)]
    check_routes(desk)


def test_a_device_without_a_place_waits_for_its_place_and_then_gets_its_dates(desk: SmallDesk) -> None:
    device_id = desk.meter("m-1", None, None)
    desk.symptom(device_id, LEAK[0], component=LEAK[1])
    request_id = diagnosed(desk, device_id, LEAK[1])
    assert offer(desk, request_id) is None
    assert "its place has to be entered" in desk.value("SELECT reason FROM human_case")
    desk.admin.execute("UPDATE device SET latitude = 52.5, longitude = 13.4")
    assert offer(desk, request_id) is not None
    assert desk.rows("SELECT 1 FROM human_case WHERE closed_at IS NULL") == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE technician SET skills = '{gas_meter}'",
        "UPDATE technician SET retired_at = now()",
        "UPDATE device SET latitude = 48.1, longitude = 11.6",
    ],
)
def test_nobody_with_the_skills_near_enough_is_a_persons_case(desk: SmallDesk, change: str) -> None:
    request_id = ill(desk, "m-1")
    desk.admin.execute(change)  # type: ignore[arg-type]
    assert offer(desk, request_id) is None
    assert desk.rows("SELECT reason FROM human_case") == [
        ("No technician who has the skills for this work is near enough.",)
    ]


def test_requests_that_look_at_the_same_instant_share_the_technician_and_lose_to_each_other_once_at_most(
    desk: SmallDesk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.dates.offering")
    places = [(52.53, 13.41), (52.45, 13.30), (52.58, 13.52), (52.50, 13.20), (52.53, 13.41), (52.53, 13.41)]
    requests = [ill(desk, f"m-{number}", place=place) for number, place in enumerate(places)]
    barrier = threading.Barrier(len(requests))
    offered: list[int | None] = []

    def look(request_id: int) -> None:
        barrier.wait()
        offered.append(offer(desk, request_id))

    threads = [threading.Thread(target=look, args=(request_id,)) for request_id in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([found for found in offered if found is not None]) == len(requests)
    check_routes(desk)
    lost = [line.partition(":")[0] for line in caplog.messages if line.endswith("looking again")]
    assert len(lost) == len(set(lost)), "whoever has lost his dates looks again while nobody else does"


def test_two_owners_race_for_the_last_time_one_wins_and_the_other_gets_fresh_dates(desk: SmallDesk) -> None:
    first = ill(desk, "m-1")
    assert offer(desk, first) is not None
    wanted = bookings(desk, first)[0]
    expire(desk, first)
    second = ill(desk, "m-2")
    assert offer(desk, second) is not None
    also_wanted = bookings(desk, second)[0]
    expire(desk, second)
    assert desk.value("SELECT count(DISTINCT during) FROM booking WHERE rank = 1") == 1, "both were shown the same time"
    results: dict[int, object] = {}
    barrier = threading.Barrier(2)

    def tap(request_id: int, booking_id: int) -> None:
        barrier.wait()
        results[request_id] = confirm(desk, request_id, booking_id)

    threads = [threading.Thread(target=tap, args=pair) for pair in ((first, wanted), (second, also_wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(result).__name__ for result in results.values()) == ["Confirmed", "FreshDates"]
    loser = next(request_id for request_id, result in results.items() if isinstance(result, FreshDates))
    fresh = bookings(desk, loser)
    assert len(fresh) == 3
    check_routes(desk)
    assert isinstance(confirm(desk, loser, fresh[0]), Confirmed)
    check_routes(desk)


def test_an_expired_visit_is_still_his_while_nobody_else_was_promised_the_technician(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1")
    assert offer(desk, request_id) is not None
    wanted = bookings(desk, request_id)[0]
    expire(desk, request_id)
    assert isinstance(confirm(desk, request_id, wanted), Confirmed)


def test_an_expired_visit_of_a_technician_who_has_left_is_somebody_elses_by_now(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1")
    assert offer(desk, request_id) is not None
    wanted = bookings(desk, request_id)[0]
    expire(desk, request_id)
    desk.admin.execute(
        """INSERT INTO technician (tenant_id, centre_id, name, skills, hours, latitude, longitude)
        SELECT tenant_id, centre_id, 'Tom', skills, hours, latitude, longitude FROM technician"""
    )
    desk.admin.execute("UPDATE technician SET retired_at = now() WHERE name LIKE 'Tina%'")
    assert isinstance(confirm(desk, request_id, wanted), FreshDates)
    assert desk.rows(
        "SELECT DISTINCT name FROM booking JOIN technician USING (technician_id) WHERE released_at IS NULL"
    ) == [("Tom",)]


def test_an_expired_visit_is_lost_to_one_so_far_away_that_both_cannot_be_reached(desk: SmallDesk) -> None:
    first = ill(desk, "m-1")
    assert offer(desk, first) is not None
    wanted = bookings(desk, first)[0]
    expire(desk, first)
    second = ill(desk, "m-2", place=(52.40, 13.10))
    assert offer(desk, second) is not None
    # A visit that begins when the lost one ends: their times do not overlap, but nobody flies.
    desk.admin.execute(
        """UPDATE booking b SET during = tstzrange(upper(w.during), upper(w.during) + interval '1 hour'),
            arrives_at = upper(w.during), arrival_window = tstzrange(upper(w.during), upper(w.during) + interval '2 hours')
        FROM booking w WHERE w.booking_id = %s AND b.booking_id = %s""",
        [wanted, bookings(desk, second)[0]],
    )
    assert isinstance(confirm(desk, first, wanted), FreshDates)


def test_taps_at_the_same_instant_make_one_visit(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1")
    assert offer(desk, request_id) is not None
    held = bookings(desk, request_id)
    results: list[object] = []
    barrier = threading.Barrier(6)

    def tap(booking_id: int) -> None:
        barrier.wait()
        results.append(confirm(desk, request_id, booking_id))

    threads = [threading.Thread(target=tap, args=(held[index % 3],)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(result, Confirmed) and result.is_new for result in results) == 1
    assert desk.value("SELECT count(*) FROM appointment WHERE state = 'confirmed'") == 1
    assert len(bookings(desk, request_id)) == 1


def test_a_planner_holds_lets_go_and_cancels_a_visit_as_he_does_a_bay(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1", METER_FAULTY)
    assert offer(desk, request_id) is not None
    withdrawn = bookings(desk, request_id)[0]
    staff_id = desk.value("SELECT min(staff_id) FROM staff")
    with connect(desk.dsn, Role.SERVE) as connection:
        with tenant_transaction(connection, desk.tenant_id):
            held = planner.hold(connection, request_id=request_id, staff_id=staff_id, reason="look", now=now())
        assert held == Done("held")
        assert bookings(desk, request_id) == []
        assert confirm(desk, request_id, withdrawn) == NotOpen("held")
        with tenant_transaction(connection, desk.tenant_id):
            planner.approve(connection, request_id=request_id, staff_id=staff_id, now=now())
        assert offer(desk, request_id) is not None
        assert isinstance(confirm(desk, request_id, bookings(desk, request_id)[2]), Confirmed)
        with tenant_transaction(connection, desk.tenant_id):
            planner.cancel(connection, request_id=request_id, staff_id=staff_id, reason="moved out", now=now())
    assert bookings(desk, request_id) == []
    assert desk.value("SELECT allocated FROM stock_level WHERE part_no = 'MTR-WATER'") == 0


def test_a_visit_has_passed_when_its_work_is_done_and_not_when_its_window_closes(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1")
    assert offer(desk, request_id) is not None
    assert isinstance(confirm(desk, request_id, bookings(desk, request_id)[0]), Confirmed)
    window_ends_at = desk.value("SELECT upper(during) FROM appointment")
    desk.admin.execute(
        """UPDATE booking SET arrives_at = upper(arrival_window) - interval '5 minutes',
            during = tstzrange(lower(during), upper(arrival_window) + interval '55 minutes') WHERE kind = 'booked'"""
    )
    sweep(desk.work, window_ends_at + timedelta(minutes=30))
    assert desk.rows("SELECT 1 FROM human_case") == []
    sweep(desk.work, window_ends_at + timedelta(hours=1))
    assert len(desk.rows("SELECT 1 FROM human_case")) == 1


@pytest.mark.parametrize(
    ("whose", "constraint"),
    [
        ("technician_id, NULL", "technician_is_in_one_place"),
        ("technician_id, 1", "booking_is_of_a_bay_or_of_a_technician"),
        ("NULL, NULL", "booking_is_of_a_bay_or_of_a_technician"),
        ("NULL, 1", "visit_has_a_window_and_a_place"),
    ],
)
def test_the_database_itself_refuses_a_visit_that_cannot_be(desk: SmallDesk, whose: str, constraint: str) -> None:
    assert offer(desk, ill(desk, "m-1")) is not None
    assert desk.value("SELECT bay_id FROM bay") == 1
    columns = "tenant_id, request_id, offer_id, during, rank, kind, arrives_at, arrival_window, latitude, longitude"
    query = f"INSERT INTO booking ({columns}, technician_id, bay_id) SELECT {columns}, {whose} FROM booking"
    with pytest.raises(psycopg.errors.IntegrityError, match=constraint):
        desk.admin.execute(query)  # type: ignore[arg-type]


def test_the_database_itself_refuses_an_arrival_outside_its_window(desk: SmallDesk) -> None:
    assert offer(desk, ill(desk, "m-1")) is not None
    with pytest.raises(psycopg.errors.CheckViolation, match="technician_arrives_within_the_window"):
        desk.admin.execute("UPDATE booking SET arrives_at = upper(arrival_window)")
    with pytest.raises(psycopg.errors.CheckViolation, match="technician_arrives_within_the_window"):
        desk.admin.execute("UPDATE booking SET during = tstzrange(lower(during), arrives_at)")
    with pytest.raises(psycopg.errors.CheckViolation, match="visit_has_a_window_and_a_place"):
        desk.admin.execute("UPDATE booking SET latitude = NULL")


def test_no_tenant_sees_anothers_technicians(desk: SmallDesk, tmp_path: Path) -> None:
    other = open_desk(desk.dsn, tmp_path, tenant="rival")
    for role in (Role.WORK, Role.SERVE):
        with connect(desk.dsn, role) as connection:
            assert connection.execute("SELECT count(*) FROM technician").fetchone() == (0,)
            with tenant_transaction(connection, other.tenant_id):
                assert connection.execute("SELECT count(*) FROM technician").fetchone() == (1,)
                assert connection.execute("SELECT count(*) FROM booking_seen").fetchone() == (0,)
    other.close()
