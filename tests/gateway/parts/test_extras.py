"""Parts put aside in case, on a real database: with the offer, for the same date, given back, and never in anybody's way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import journey, planner
from gateway.dates import completing
from gateway.dates.completing import Report
from gateway.journey import Confirmed
from gateway.parts import storekeeping
from gateway.storage.connection import Connection, tenant_transaction
from tests.gateway.desk import SmallDesk
from tests.gateway.parts.test_sourcing import CELL, centre, events, level, offered
from tests.gateway.store import open_store, unbalanced
from tests.gateway.test_journey import confirm, now, state
from workflows.completing import Found
from workflows.mandate import USUAL
from workflows.money import Money

HARNESS = "EV-CELL-HARNESS"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_store(database, tmp_path, stock=1)
    opened.admin.execute(
        "INSERT INTO part (tenant_id, part_no, title, price_minor, price_currency) VALUES (%s, %s, 'Harness', 2000, 'EUR')",
        [opened.tenant_id, HARNESS],
    )
    opened.receive(HARNESS, 2)
    yield opened
    assert unbalanced(opened) == []
    opened.close()


def held(desk: SmallDesk, request_id: int) -> list[tuple[str, bool]]:
    return desk.rows(
        "SELECT part_no, is_extra FROM reservation WHERE request_id = %s AND released_at IS NULL ORDER BY is_extra DESC",
        request_id,
    )


def extra(desk: SmallDesk) -> int:
    """How many harnesses are put aside at the main centre."""
    return desk.value(
        "SELECT allocated FROM stock_level WHERE part_no = %s AND centre_id = %s", HARNESS, centre(desk, "main")
    )


def work(desk: SmallDesk) -> tuple[Connection, int]:
    return desk.admin, desk.value("SELECT min(staff_id) FROM staff")


def test_what_may_be_needed_is_put_aside_with_the_offer_and_stands_in_the_audit(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk, "ev-1")
    assert held(desk, request_id) == [(HARNESS, True), (CELL, False)]
    act, clause, inputs = desk.rows(
        "SELECT act, clause, inputs FROM audit_record WHERE inputs ->> 'why' = 'in_case'",
    )[0]
    assert (act, clause, inputs["parts"]) == ("part_reserved", "reserve_part", [HARNESS])
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    assert held(desk, request_id) == [(HARNESS, True), (CELL, False)], "it goes with the date"


def test_it_is_given_back_with_the_request_and_when_the_work_did_not_need_it(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk, "ev-1")
    connection, staff_id = work(desk)
    with tenant_transaction(connection, desk.tenant_id):
        planner.cancel(connection, request_id=request_id, staff_id=staff_id, reason="no", now=now())
    assert extra(desk) == 0
    desk.receive(CELL, 1)
    request_id, bookings = offered(desk, "ev-2")
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    begins_at, used = desk.rows(
        """SELECT lower(a.during), v.reservation_id FROM appointment a JOIN reservation v USING (request_id)
        WHERE a.request_id = %s AND NOT v.is_extra AND v.released_at IS NULL""",
        request_id,
    )[0]
    report = Report(Found.REPAIRED, frozenset({used}))
    with tenant_transaction(connection, desk.tenant_id):
        done = completing.complete(
            connection, request_id=request_id, by=f"staff-{staff_id}", report=report, now=begins_at
        )
    assert done == planner.Done("solved")
    assert extra(desk) == 0
    assert desk.value("SELECT on_hand FROM stock_level WHERE part_no = %s LIMIT 1", HARNESS) == 2


def test_the_last_one_stays_for_those_who_need_it_and_the_offer_is_made_all_the_same(desk: SmallDesk) -> None:
    desk.count(1, HARNESS)
    request_id, _ = offered(desk, "ev-1")
    assert held(desk, request_id) == [(CELL, False)]
    assert state(desk, request_id) == "offered"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE part SET price_minor = 99000000 WHERE part_no = 'EV-CELL-HARNESS'",
        "UPDATE part SET price_minor = NULL, price_currency = NULL WHERE part_no = 'EV-CELL-HARNESS'",
        "UPDATE part SET price_currency = 'KRW' WHERE part_no = 'EV-CELL-HARNESS'",
        "DELETE FROM parts_tariff",
    ],
)
def test_what_is_dear_or_of_unknown_price_is_left(desk: SmallDesk, change: str) -> None:
    desk.admin.execute(change)  # type: ignore[call-overload]
    request_id, _ = offered(desk, "ev-1")
    assert held(desk, request_id) == [(CELL, False)]


def test_beyond_the_owners_limit_it_is_left_and_nobody_is_bothered(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    desk.sign(device_id, *USUAL, limit=Money(1999, "EUR"))
    desk.admin.execute("UPDATE part SET price_minor = 1500, price_currency = 'EUR' WHERE part_no = %s", [CELL])
    desk.symptom(device_id, "cell_leaves_pack", 81)
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=now())
    request_id = desk.value("SELECT max(request_id) FROM service_request")
    with tenant_transaction(desk.work, desk.tenant_id):
        assert journey.offer(desk.work, request_id=request_id, now=now()) is not None
    assert held(desk, request_id) == [(CELL, False)]
    assert desk.value("SELECT count(*) FROM human_case") == 0


def test_a_count_that_finds_none_takes_what_is_not_sure_and_no_date(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk, "ev-1")
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    connection, staff_id = work(desk)
    with tenant_transaction(connection, desk.tenant_id):
        storekeeping.count(
            connection,
            centre_id=centre(desk, "main"),
            part_no=HARNESS,
            counted=0,
            staff_id=staff_id,
            reason="gone",
            now=now(),
        )
    assert held(desk, request_id) == [(CELL, False)]
    assert state(desk, request_id) == "confirmed"
    assert "part_missing" not in events(desk, request_id)
    assert level(desk, "main") == (1, 0, 1, 0)
