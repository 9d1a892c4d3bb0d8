"""A diagnosis that changes after a date was promised, on a real database: the parts change with it, or a person knows."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import journey
from gateway.dates import rescheduling
from gateway.dates.rescheduling import Shown, WithPerson
from gateway.journey import Confirmed
from gateway.parts import exchanging
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.gateway.desk import SmallDesk
from tests.gateway.parts.test_sourcing import CELL, centre, offered
from tests.gateway.store import open_store, unbalanced
from tests.gateway.test_journey import confirm, now, state
from workflows.dates import Wish

HARNESS = "EV-CELL-HARNESS"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_store(database, tmp_path, stock=1)
    opened.admin.execute("DELETE FROM parts_tariff")
    opened.admin.execute(
        "INSERT INTO part (tenant_id, part_no, title) VALUES (%s, %s, 'Harness')", [opened.tenant_id, HARNESS]
    )
    yield opened
    assert unbalanced(opened) == []
    opened.close()


def change(desk: SmallDesk, *, follow: bool = True) -> None:
    """The cause proves to be another one, which needs another part."""
    desk.admin.execute("UPDATE symptom SET state = 'healed'")
    device_id = desk.value("SELECT device_id FROM service_request")
    desk.symptom(device_id, "cells_missing")
    for _ in range(2):
        with tenant_transaction(desk.work, desk.tenant_id):
            journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=now())
            if follow:
                request_id = desk.value("SELECT request_id FROM service_request")
                exchanging.follow_diagnosis(desk.work, request_id, now())
    assert desk.value("SELECT f.code FROM service_request JOIN fault f USING (fault_id)") == "cell_measuring_line"


def held(desk: SmallDesk) -> list[str]:
    return [row[0] for row in desk.rows("SELECT part_no FROM reservation WHERE released_at IS NULL")]


def other_dates(desk: SmallDesk, request_id: int) -> object:
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return rescheduling.ask_other_dates(connection, request_id=request_id, wish=Wish(), now=now())


def reasons(desk: SmallDesk) -> list[str]:
    return [row[0] for row in desk.rows("SELECT reason FROM human_case WHERE closed_at IS NULL")]


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_promised_dates_get_the_part_that_is_needed_now(desk: SmallDesk, is_confirmed: bool) -> None:
    desk.receive(HARNESS, 1)
    request_id, bookings = offered(desk, "ev-1")
    if is_confirmed:
        assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    change(desk)
    assert held(desk) == [HARNESS]
    assert state(desk, request_id) == ("confirmed" if is_confirmed else "offered")
    assert reasons(desk) == []
    inputs = desk.rows("SELECT inputs FROM audit_record WHERE inputs ->> 'instead_of' = 'changed'")
    assert [row[0]["parts"] for row in inputs] == [[HARNESS]]


def test_a_confirmed_date_whose_new_part_cannot_come_stands_and_a_person_has_it(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk, "ev-1")
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    change(desk)
    assert state(desk, request_id) == "confirmed"
    assert reasons(desk) == [exchanging.NOT_IN_TIME]
    assert other_dates(desk, request_id) == WithPerson(), "no date is shown without its part"
    assert desk.value("SELECT count(*) FROM offer WHERE closed_at IS NULL") == 0


def test_other_dates_beside_a_confirmed_one_put_aside_the_part_that_was_lost(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk, "ev-1")
    assert isinstance(confirm(desk, request_id, bookings[2]), Confirmed)
    change(desk)
    assert held(desk) == [CELL]
    desk.receive(HARNESS, 1)
    assert isinstance(other_dates(desk, request_id), Shown)
    assert held(desk) == [HARNESS]


def test_of_a_date_that_has_begun_the_parts_are_not_exchanged_for_others_beside_it(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk, "ev-1")
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    assert isinstance(other_dates(desk, request_id), Shown)
    desk.receive(HARNESS, 1)
    begun_at = desk.value("SELECT lower(during) FROM appointment") + timedelta(minutes=5)
    desk.admin.execute("UPDATE symptom SET state = 'healed'")
    device_id = desk.value("SELECT device_id FROM service_request")
    desk.symptom(device_id, "cells_missing")
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=begun_at)
    assert desk.value("SELECT f.code FROM service_request JOIN fault f USING (fault_id)") == "cell_measuring_line"
    assert held(desk) == [CELL]


def test_a_part_that_comes_after_the_confirmed_date_is_not_shown_with_later_dates(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk, "ev-1")
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    begins_at = desk.value("SELECT lower(during) FROM appointment")
    desk.admin.execute(
        """INSERT INTO inbound (tenant_id, kind, centre_id, supplier_id, part_no, quantity, state, expected_at, placed_at,
            asked_at) SELECT %s, 'order', %s, supplier_id, %s, 1, 'confirmed', %s, now(), now() FROM supplier""",
        [desk.tenant_id, centre(desk, "main"), HARNESS, begins_at + timedelta(days=1)],
    )
    change(desk)
    assert reasons(desk) == [exchanging.NOT_IN_TIME]
    assert other_dates(desk, request_id) == WithPerson()
    assert HARNESS not in held(desk)
