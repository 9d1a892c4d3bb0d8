"""Planned remedies are looked at one by one only where a device may be ready, or where they are not wanted any more."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.remedies import awaiting
from gateway.storage import mandates
from gateway.storage.connection import tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.remedies.test_remedying import Street


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def street(desk: SmallDesk) -> Iterator[Street]:
    made = Street(desk)
    yield made
    made.close()


def look(street: Street, at: datetime) -> list[int]:
    with tenant_transaction(street.desk.work, street.desk.tenant_id):
        return awaiting.worth_a_look(street.desk.work, at, 10)


def planned(street: Street) -> int:
    """A remedy that waits, for the meter's supply is off."""
    street.reads(is_supply_on=False)
    request_id = street.fails()
    street.offer(request_id)
    assert [attempt[1] for attempt in street.attempts] == ["planned"]
    return request_id


def test_who_is_not_ready_is_put_off_without_a_look_and_found_when_ready(street: Street) -> None:
    request_id = planned(street)
    street.now += timedelta(minutes=2)
    assert look(street, street.now) == []
    assert street.desk.value("SELECT due_at FROM remedy_attempt") > street.now
    assert look(street, street.now) == []
    street.now += timedelta(minutes=2)
    street.reads()
    assert look(street, street.now) == [request_id]


def test_a_value_that_is_too_old_makes_nobody_ready(street: Street) -> None:
    request_id = planned(street)
    street.desk.admin.execute("UPDATE remedy_attempt SET deadline_at = now() + interval '1 day'")
    street.now += timedelta(minutes=2)
    street.reads()
    assert look(street, street.now + timedelta(hours=4)) == []
    street.now += timedelta(hours=5)
    street.reads()
    assert look(street, street.now) == [request_id]


def test_a_mandate_that_was_taken_back_is_reason_enough_to_look(street: Street) -> None:
    request_id = planned(street)
    with tenant_transaction(street.desk.admin, street.desk.tenant_id):
        mandates.end_mandate(street.desk.admin, street.device_id, "revoked", "owner-1", street.now)
    assert look(street, street.now + timedelta(minutes=2)) == [request_id]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(b"UPDATE service_request SET is_safety = true", id="a danger"),
        pytest.param(b"UPDATE service_request SET state = 'held'", id="held"),
        pytest.param(b"UPDATE remedy_attempt SET deadline_at = now()", id="its time is over"),
    ],
)
def test_what_is_not_wanted_any_more_is_looked_at_although_nobody_is_ready(street: Street, change: bytes) -> None:
    request_id = planned(street)
    street.desk.admin.execute(change)
    assert look(street, street.now + timedelta(minutes=2)) == [request_id]
