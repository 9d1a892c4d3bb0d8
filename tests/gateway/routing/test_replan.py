"""A day planned anew on a real database: promises stay, people drive less, and whatever happens meanwhile wins."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway import journey, planner
from gateway.journey import Confirmed
from gateway.planner import Done
from gateway.routing.replan import Replanned, replan
from gateway.routing.solve import Solved
from gateway.routing.split import solve_all
from gateway.storage import replans
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from workflows.dates import Place
from workflows.routing import Plan, Problem, check
from workflows.visits import way_between

ZONE = ZoneInfo("Europe/Berlin")
BASE = Place(52.5, 13.4)
EAST, FAR_EAST = Place(52.51, 13.62), Place(52.49, 13.64)
WEST, FAR_WEST = Place(52.50, 13.18), Place(52.52, 13.16)
LEAK = ("water_never_rests", "water_pipes")
Solve = Callable[..., Solved]


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.admin.execute(
        """INSERT INTO technician (tenant_id, centre_id, name, skills, hours, latitude, longitude)
        SELECT tenant_id, centre_id, 'Tom Technician', skills, hours, latitude, longitude FROM technician"""
    )
    yield opened
    opened.close()


def now() -> datetime:
    return datetime.now(UTC)


def monday() -> date:
    today = datetime.now(ZONE).date()
    return today + timedelta(days=14 - today.weekday())


def people(desk: SmallDesk) -> dict[str, int]:
    return dict(desk.rows("SELECT name, technician_id FROM technician"))


def promise(desk: SmallDesk, name: str, place: Place, who: str, hour: int, before: Place = BASE) -> int:
    """Confirm a visit in the usual way, and put it into somebody's route at an hour; return the request."""
    device_id = desk.meter(name, place.latitude, place.longitude)
    desk.symptom(device_id, LEAK[0], component=LEAK[1])
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component=LEAK[1], now=now())
    request_id = desk.value("SELECT request_id FROM service_request WHERE device_id = %s", device_id)
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.offer(desk.work, request_id=request_id, now=now())
    booking_id = desk.value("SELECT booking_id FROM booking WHERE request_id = %s AND rank = 1", request_id)
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        confirmed = journey.confirm(connection, request_id=request_id, booking_id=booking_id, now=now())
    assert isinstance(confirmed, Confirmed)
    window_at = datetime.combine(monday(), time(hour), ZONE).astimezone(UTC)
    arrives_at = window_at + timedelta(minutes=60)
    desk.admin.execute(
        """UPDATE booking SET technician_id = %s, arrives_at = %s, during = tstzrange(%s, %s),
            arrival_window = tstzrange(%s, %s) WHERE booking_id = %s""",
        [
            people(desk)[who],
            arrives_at,
            arrives_at - way_between(before, place),
            arrives_at + timedelta(minutes=30),
            window_at,
            window_at + timedelta(hours=2),
            booking_id,
        ],
    )
    return request_id


def crossing(desk: SmallDesk) -> list[int]:
    """Two technicians who change sides in the middle of the day; each could stay on one."""
    return [
        promise(desk, "east", EAST, "Tina Technician", 8),
        promise(desk, "far-west", FAR_WEST, "Tina Technician", 12, EAST),
        promise(desk, "west", WEST, "Tom Technician", 8),
        promise(desk, "far-east", FAR_EAST, "Tom Technician", 12, WEST),
    ]


def ask(desk: SmallDesk, by: str = "desk", day: date | None = None) -> int:
    centre_id = desk.value("SELECT centre_id FROM service_centre")
    with tenant_transaction(desk.work, desk.tenant_id):
        plan_id = replans.begin_plan(desk.work, centre_id, day or monday(), by, now())
    assert plan_id is not None
    return plan_id


def run(desk: SmallDesk, plan_id: int, solver: Solve = solve_all) -> Replanned:
    with connect(desk.dsn, Role.WORK) as connection:
        return replan(connection, tenant_id=desk.tenant_id, plan_id=plan_id, clock=now, solver=solver)


def bookings(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows(
        """SELECT booking_id, technician_id, lower(during), upper(during), arrives_at, arrival_window, latitude, longitude,
            kind FROM booking WHERE released_at IS NULL ORDER BY technician_id, during"""
    )


def check_routes(desk: SmallDesk) -> None:
    rows = desk.rows(
        """SELECT technician_id, lower(during), upper(during), arrives_at, latitude, longitude, arrival_window
        FROM booking WHERE released_at IS NULL ORDER BY 1, 2"""
    )
    for row in rows:
        assert row[6].lower <= row[3] < row[6].upper
        assert row[3].minute % 5 == 0
        local = [row[1].astimezone(ZONE).time(), row[2].astimezone(ZONE).time()]
        assert time(8) <= local[0] < local[1] <= time(18)
    for before, after in pairwise(rows):
        if before[0] == after[0]:
            assert before[2] <= after[1]
            assert before[2] + way_between(Place(before[4], before[5]), Place(after[4], after[5])) <= after[3]


def test_two_who_change_sides_stay_on_theirs_and_no_promise_moves(desk: SmallDesk) -> None:
    crossing(desk)
    before = bookings(desk)
    result = run(desk, ask(desk))
    assert result.outcome == "moved", result
    assert (result.visits, result.technicians) == (4, 2)
    assert result.after_m < 0.7 * result.before_m
    assert list(result.unplanned) == []
    after = bookings(desk)
    told = {row[0]: (row[5], row[6], row[7], row[8]) for row in before}
    assert {row[0]: (row[5], row[6], row[7], row[8]) for row in after} == told
    sides = {row[1]: set[bool]() for row in after}
    for row in after:
        sides[row[1]].add(float(str(row[7])) > 13.4)
    assert [len(side) for side in sides.values()] == [1, 1]
    check_routes(desk)
    assert desk.value("SELECT count(*) FROM request_event WHERE event = 'replanned'") == result.moved
    assert desk.rows("SELECT DISTINCT actor, clause FROM audit_record WHERE act = 'replanned'") == [
        ("desk", "offer_dates")
    ]
    told_plan = desk.rows("SELECT outcome, moved, before_m, after_m FROM route_plan")
    assert told_plan == [("moved", result.moved, result.before_m, result.after_m)]


def test_a_plan_that_is_run_twice_changes_nothing_the_second_time(desk: SmallDesk) -> None:
    crossing(desk)
    plan_id = ask(desk)
    assert run(desk, plan_id).outcome == "moved"
    after = bookings(desk)
    assert run(desk, plan_id).outcome == "nothing_to_plan"
    assert run(desk, ask(desk, "staff-1")).outcome == "nothing_better"
    assert bookings(desk) == after


def test_the_desk_plans_a_day_once_and_staff_as_often_as_they_like(desk: SmallDesk) -> None:
    ask(desk)
    centre_id = desk.value("SELECT centre_id FROM service_centre")
    with tenant_transaction(desk.work, desk.tenant_id):
        assert replans.begin_plan(desk.work, centre_id, monday(), "desk", now()) is None
        assert replans.begin_plan(desk.work, centre_id, monday(), "staff-1", now()) is not None
        assert replans.begin_plan(desk.work, centre_id, monday(), "staff-1", now()) is not None


@pytest.mark.parametrize("what", ["cancelled", "confirmed elsewhere", "mandate taken back", "technician retired"])
def test_whatever_happens_while_the_solver_works_wins_and_the_plan_is_given_up(desk: SmallDesk, what: str) -> None:
    requests = crossing(desk)

    def meanwhile(problem: Problem, start: Plan, *, limit_s: float, patience: int | None) -> Solved:
        match what:
            case "cancelled":
                with connect(desk.dsn, Role.SERVE) as other, tenant_transaction(other, desk.tenant_id):
                    staff = desk.value("SELECT staff_id FROM staff")
                    done = planner.cancel(other, request_id=requests[0], staff_id=staff, reason="moved away", now=now())
                assert isinstance(done, Done)
            case "confirmed elsewhere":
                promise(desk, "new", BASE, "Tom Technician", 16, FAR_EAST)
            case "mandate taken back":
                desk.admin.execute("UPDATE mandate SET ended_at = now(), ended_why = 'revoked', ended_by = 'owner-1'")
            case _:
                desk.admin.execute("UPDATE technician SET retired_at = now() WHERE name = 'Tom Technician'")
        meanwhile_rows.extend(bookings(desk))
        return solve_all(problem, start, limit_s=limit_s, patience=patience)

    meanwhile_rows: list[tuple[object, ...]] = []
    result = run(desk, ask(desk), meanwhile)
    assert result.outcome == "changed_meanwhile"
    assert bookings(desk) == meanwhile_rows
    assert desk.value("SELECT count(*) FROM request_event WHERE event = 'replanned'") == 0
    assert desk.value("SELECT count(*) FROM audit_record WHERE act = 'replanned'") == 0


def test_an_owner_without_the_clause_keeps_his_technician_and_the_planners_word_is_enough(desk: SmallDesk) -> None:
    crossing(desk)
    desk.admin.execute("UPDATE mandate SET ended_at = now(), ended_why = 'revoked', ended_by = 'owner-1'")
    before = bookings(desk)
    assert run(desk, ask(desk)).outcome == "nothing_to_plan"
    assert bookings(desk) == before
    staff_id = desk.value("SELECT staff_id FROM staff")
    assert run(desk, ask(desk, f"staff-{staff_id}")).outcome == "moved"
    assert desk.rows("SELECT DISTINCT actor FROM audit_record WHERE act = 'replanned'") == [(f"staff-{staff_id}",)]


def test_a_gain_that_is_too_small_is_no_reason_for_a_change(desk: SmallDesk) -> None:
    promise(desk, "east", EAST, "Tina Technician", 8)
    before = bookings(desk)
    assert run(desk, ask(desk)).outcome == "nothing_better"
    assert bookings(desk) == before


def test_a_solver_that_lies_changes_nothing(desk: SmallDesk) -> None:
    crossing(desk)
    before = bookings(desk)

    def liar(problem: Problem, start: Plan, *, limit_s: float, patience: int | None) -> Solved:
        plan = Plan(((0,), (2,)))
        return Solved(plan, check(problem, plan), 0.1, "by_itself", 1, 0)

    result = run(desk, ask(desk), liar)
    assert result.outcome == "nothing_better"
    assert bookings(desk) == before


def test_who_is_not_there_any_more_is_stood_in_for_and_whom_nobody_can_visit_is_named_with_the_reason(
    desk: SmallDesk,
) -> None:
    requests = crossing(desk)
    desk.admin.execute("UPDATE technician SET retired_at = now() WHERE name = 'Tom Technician'")
    result = run(desk, ask(desk))
    assert result.outcome == "nothing_better", "one person cannot be on both sides at eight"
    left_out = {int(str(found["request_id"])): found["reason"] for found in result.unplanned}
    assert set(left_out) <= {requests[2], requests[3]}
    assert set(left_out.values()) <= {"shifts_are_full", "none_reaches_it"}
    desk.admin.execute(
        """INSERT INTO technician (tenant_id, centre_id, name, skills, hours, latitude, longitude)
        SELECT tenant_id, centre_id, 'Tim Technician', skills, hours, latitude, longitude FROM technician LIMIT 1"""
    )
    result = run(desk, ask(desk, "staff-1"))
    assert (result.outcome, list(result.unplanned)) == ("moved", [])
    check_routes(desk)
    retired = desk.value("SELECT technician_id FROM technician WHERE retired_at IS NOT NULL")
    assert retired not in {row[1] for row in bookings(desk)}


def test_nobody_is_planned_who_is_absent(desk: SmallDesk) -> None:
    crossing(desk)
    at = datetime.combine(monday(), time(10), ZONE)
    desk.admin.execute(
        """INSERT INTO absence (tenant_id, technician_id, during, kind)
        VALUES (%s, %s, tstzrange(%s, %s), 'sick')""",
        [desk.tenant_id, people(desk)["Tom Technician"], at, at + timedelta(minutes=30)],
    )
    before = bookings(desk)
    result = run(desk, ask(desk))
    assert (result.outcome, result.technicians) == ("nothing_better", 1)
    assert {found["reason"] for found in result.unplanned} <= {"shifts_are_full", "none_reaches_it"}
    assert bookings(desk) == before


def test_a_day_that_has_begun_stays_as_it_is(desk: SmallDesk) -> None:
    crossing(desk)
    before = bookings(desk)
    noon = datetime.combine(monday(), time(12), ZONE).astimezone(UTC)
    plan_id = ask(desk)
    with connect(desk.dsn, Role.WORK) as connection:
        result = replan(connection, tenant_id=desk.tenant_id, plan_id=plan_id, clock=lambda: noon)
    assert result.outcome == "nothing_to_plan"
    assert bookings(desk) == before


def test_owners_who_cancel_and_plans_that_are_written_at_the_same_time_end_in_one_legal_state(desk: SmallDesk) -> None:
    requests = crossing(desk)
    staff_id = desk.value("SELECT staff_id FROM staff")
    barrier = threading.Barrier(2)
    failures: list[Exception] = []

    def cancel() -> None:
        try:
            barrier.wait(30)
            with connect(desk.dsn, Role.SERVE) as other, tenant_transaction(other, desk.tenant_id):
                planner.cancel(other, request_id=requests[1], staff_id=staff_id, reason="moved away", now=now())
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    def at_once(problem: Problem, start: Plan, *, limit_s: float, patience: int | None) -> Solved:
        solved = solve_all(problem, start, limit_s=limit_s, patience=patience)
        thread.start()
        barrier.wait(30)
        return solved

    thread = threading.Thread(target=cancel)
    result = run(desk, ask(desk), at_once)
    thread.join(30)
    assert failures == []
    assert result.outcome in {"moved", "changed_meanwhile"}
    assert desk.value("SELECT state FROM service_request WHERE request_id = %s", requests[1]) == "cancelled"
    assert len(bookings(desk)) == 3
    check_routes(desk) if result.outcome == "moved" else None
