"""Promised dates while somebody else changes what they stand on: what was found a moment ago is looked at once more."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from gateway.dates import rescheduling
from gateway.dates.rescheduling import Kept, Shown
from gateway.owners import stopping
from gateway.storage import promises
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from gateway.sweep import sweep
from tests.gateway.beside import begin, begin_in_tenant
from tests.gateway.dates.test_rescheduling import ANY, away, book, do, notices
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.test_visits import ill, now, state
from workflows.dates import DropOff, Interval


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def close_its_day(desk: SmallDesk) -> None:
    """The centre is closed on the day of the only appointment."""
    desk.admin.execute(
        """INSERT INTO centre_day (tenant_id, centre_id, day, reason)
        SELECT s.tenant_id, s.centre_id, (lower(a.during) AT TIME ZONE s.time_zone)::date, 'stocktaking'
        FROM appointment a, service_centre s"""
    )


@pytest.mark.parametrize(
    ("displace", "put_right"),
    [(away, "UPDATE absence SET withdrawn_at = now()"), (close_its_day, "DELETE FROM centre_day")],
)
def test_a_date_that_can_be_kept_again_while_it_is_looked_at_stands(
    desk: SmallDesk, displace: Callable[[SmallDesk], None], put_right: LiteralString
) -> None:
    booked = book(desk, "m-1")
    displace(desk)
    with connect(desk.dsn, Role.SERVE) as mine, tenant_transaction(mine, desk.tenant_id):
        mine.execute("SELECT FROM service_request WHERE request_id = %s FOR UPDATE", [booked.request_id])
        sweeping = begin(desk, lambda work: sweep(work, now()))
        desk.admin.execute(put_right)
    sweeping.result(60)
    assert desk.rows("SELECT event FROM request_event WHERE event IN ('reassigned', 'called_off')") == []
    assert state(desk, booked.request_id) == "confirmed"
    assert notices(desk, booked.request_id) == ["offer", "confirmed"]


def test_two_who_are_offered_the_same_times_in_another_order_do_not_wait_for_each_other(desk: SmallDesk) -> None:
    first, second, third = (ill(desk, f"m-{number}", ("water_back", "water_meter")) for number in range(3))
    bay_id = desk.value("SELECT bay_id FROM bay")
    begins_at = now() + timedelta(days=3)
    early, late = (
        DropOff(bay_id, Interval(begins_at + timedelta(hours=at), begins_at + timedelta(hours=at + 1)), "soonest")
        for at in (0, 2)
    )

    def hold(connection: Connection, request_id: int, *dates: DropOff) -> int:
        return promises.hold_dates(connection, request_id, dates, now(), begins_at)

    with connect(desk.dsn, Role.WORK) as mine, tenant_transaction(mine, desk.tenant_id):
        hold(mine, first, early)
        holding = begin_in_tenant(desk, lambda work: hold(work, second, late, early))
        hold(mine, third, late)
    with pytest.raises(psycopg.errors.ExclusionViolation, match="bay_serves_one_vehicle_at_a_time"):
        holding.result(60)


def test_who_does_not_want_an_earlier_date_any_more_gets_none_a_moment_later(desk: SmallDesk) -> None:
    early, late = book(desk, "m-1"), book(desk, "m-2", rank=3)
    assert do(desk, rescheduling.wish_earlier, request_id=late.request_id) == Kept()
    assert do(desk, stopping.stop, request_id=early.request_id) == stopping.Stopped(is_new=True)
    with connect(desk.dsn, Role.SERVE) as mine, tenant_transaction(mine, desk.tenant_id):
        assert rescheduling.end_earlier_wish(mine, request_id=late.request_id, now=now()) == Kept()
        sweeping = begin(desk, lambda work: sweep(work, now() + timedelta(seconds=1)))
    sweeping.result(60)
    assert "earlier" not in notices(desk, late.request_id)


def test_other_dates_that_an_owner_looks_at_are_not_taken_away_for_an_earlier_one(desk: SmallDesk) -> None:
    early, late = book(desk, "m-1"), book(desk, "m-2", rank=3)
    assert do(desk, rescheduling.wish_earlier, request_id=late.request_id) == Kept()
    assert do(desk, stopping.stop, request_id=early.request_id) == stopping.Stopped(is_new=True)
    with connect(desk.dsn, Role.SERVE) as mine, tenant_transaction(mine, desk.tenant_id):
        shown = rescheduling.ask_other_dates(mine, request_id=late.request_id, wish=ANY, now=now())
        assert isinstance(shown, Shown)
        sweeping = begin(desk, lambda work: sweep(work, now() + timedelta(seconds=1)))
    sweeping.result(60)
    assert desk.value("SELECT offer_id FROM offer WHERE closed_at IS NULL") == shown.offer_id


def test_a_time_that_is_freed_by_a_transaction_that_ends_late_is_offered_all_the_same(desk: SmallDesk) -> None:
    early, late = book(desk, "m-1"), book(desk, "m-2", rank=3)
    assert do(desk, rescheduling.wish_earlier, request_id=late.request_id) == Kept()
    freed_at = now()
    with connect(desk.dsn, Role.SERVE) as mine, tenant_transaction(mine, desk.tenant_id):
        assert stopping.stop(mine, request_id=early.request_id, now=freed_at) == stopping.Stopped(is_new=True)
        # Meanwhile somebody looks for who waits, at a later moment, and sees nothing of it.
        desk.admin.execute("UPDATE earlier_wish SET looked_at = %s", [freed_at + timedelta(seconds=1)])
    for seconds in (2, 120):
        sweep(desk.work, freed_at + timedelta(seconds=seconds))
    assert "earlier" in notices(desk, late.request_id)
