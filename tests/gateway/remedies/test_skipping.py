"""A planner does without a remedy from afar: dates are looked for at once, and nothing is tried or asked afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.products import product_type
from gateway.planner import Done, Refused
from gateway.remedies import readiness, skipping
from gateway.remedies.readiness import Standing
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.remedies.test_remedying import RUNG, Street


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


def planned(street: Street) -> int:
    """A remedy that waits, for the meter says nothing."""
    request_id = street.fails()
    street.offer(request_id)
    assert [attempt[1] for attempt in street.attempts] == ["planned"]
    return request_id


def skip(street: Street, database: str, request_id: int) -> Done | Refused:
    """As the pages do it, with their rights and no more."""
    staff_id = street.desk.value("SELECT min(staff_id) FROM staff")
    with (
        connect(database, Role.SERVE) as connection,
        tenant_transaction(connection, street.desk.tenant_id),
    ):
        return skipping.skip(
            connection, request_id=request_id, staff_id=staff_id, reason="He calls every day.", now=street.now
        )


def test_a_request_goes_on_to_its_dates_and_no_remedy_is_tried_again(street: Street, database: str) -> None:
    request_id = planned(street)
    assert skip(street, database, request_id) == Done("open")
    assert skip(street, database, request_id) == Done("open"), "a second tap is the same answer"
    street.offer(request_id)
    assert street.state(request_id) == "waiting", "dates were looked for; this desk has nobody who is free"
    assert street.attempts == [(RUNG, "withdrawn", "withdrawn")]
    assert street.events(request_id).count("remedy_skipped") == 1
    acts = street.desk.rows("SELECT act, actor LIKE 'staff-%%' FROM audit_record WHERE act = 'remedy_skipped'")
    assert acts == [("remedy_skipped", True)]


def test_a_command_that_is_out_already_is_called_off(street: Street, database: str) -> None:
    street.reads()
    request_id = street.fails()
    street.offer(request_id)
    assert [attempt[1] for attempt in street.attempts] == ["sent"]
    assert skip(street, database, request_id) == Done("open")
    assert street.desk.value("SELECT expires_at FROM device_command") <= street.now
    assert street.door() == []


def test_what_is_not_being_healed_cannot_go_past_it(street: Street, database: str) -> None:
    request_id = street.fails()
    refused = skip(street, database, request_id)
    assert refused == Refused("The request is open; this cannot be done now.")
    assert skip(street, database, request_id + 1) == Refused("There is no such request.")


def test_it_is_told_which_condition_is_missing_and_which_is_not_so(street: Street) -> None:
    product = product_type("smart_meter")
    rung = next(rung for ladder in product.ladders.values() for rung in ladder if rung.name == RUNG)

    def standings() -> list[tuple[str, Standing]]:
        with street.working() as connection:
            found = readiness.needs(connection, product, street.device_id, rung, street.now)
        return [(need.title, need.standing) for need in found]

    (need,) = rung.needs
    assert standings() == [(need.title, Standing.NOT_SAID)]
    street.reads(is_supply_on=False)
    assert standings() == [(need.title, Standing.NOT_SO)]
    street.passes(seconds=1)
    street.reads()
    assert standings() == [(need.title, Standing.MET)]
