"""Routes: who is asked, and what is seen once more under the technician's lock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import journey
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.storage.routes import RouteChangedError, keep_routes, load_crews
from tests.gateway.desk import SmallDesk, open_desk
from workflows.dates import Dates, Interval, Place, Visit, Work

HOME = Place(52.53, 13.41)
ACROSS_TOWN = Place(52.40, 13.10)
LEAK = Work(60, frozenset({"water_meter"}), [])


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def now() -> datetime:
    return datetime.now(UTC)


def promised(desk: SmallDesk) -> tuple[int, datetime]:
    """A technician who has promised a visit at HOME, and when that is done."""
    device_id = desk.meter("m-1", HOME.latitude, HOME.longitude)
    desk.symptom(device_id, "water_never_rests", component="water_pipes")
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="water_pipes", now=now())
    request_id = desk.value("SELECT request_id FROM service_request")
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.offer(desk.work, request_id=request_id, now=now())
    ((technician_id, done_at),) = desk.rows("SELECT technician_id, upper(during) FROM booking WHERE rank = 1")
    return technician_id, done_at


def visit_after(technician_id: int, done_at: datetime, place: Place) -> Visit:
    """A visit for which he sets out when the other is done, and thinks that twenty minutes are enough."""
    arrives_at = done_at + timedelta(minutes=20)
    window = Interval(done_at, done_at + timedelta(hours=2))
    return Visit(technician_id, Interval(done_at, done_at + timedelta(hours=1)), arrives_at, window, place, "soonest")


def test_a_visit_that_cannot_be_reached_any_more_is_refused_though_no_times_overlap(desk: SmallDesk) -> None:
    technician_id, done_at = promised(desk)
    with tenant_transaction(desk.work, desk.tenant_id):
        keep_routes(desk.work, Dates(1, [visit_after(technician_id, done_at, HOME)]), now())
        with pytest.raises(RouteChangedError, match=f"technician {technician_id} is on the way to somebody else"):
            keep_routes(desk.work, Dates(1, [visit_after(technician_id, done_at, ACROSS_TOWN)]), now())


def test_a_route_is_one_transactions_at_a_time(desk: SmallDesk) -> None:
    technician_id, done_at = promised(desk)
    with connect(desk.dsn, Role.WORK) as other:
        with tenant_transaction(desk.work, desk.tenant_id):
            keep_routes(desk.work, Dates(1, [visit_after(technician_id, done_at, HOME)]), now())
            query = "SELECT pg_try_advisory_xact_lock(2, %s)"
            assert other.execute(query, [technician_id]).fetchone() == (False,)
        assert other.execute(query, [technician_id]).fetchone() == (True,)


def ready(desk: SmallDesk) -> dict[int, datetime]:
    return {row[0]: now() for row in desk.rows("SELECT centre_id FROM service_centre")}


def test_of_many_technicians_the_nearest_are_asked_with_what_they_have_promised(desk: SmallDesk) -> None:
    technician_id, _ = promised(desk)
    desk.admin.execute(
        """INSERT INTO technician (tenant_id, centre_id, name, skills, hours, latitude, longitude)
        SELECT tenant_id, centre_id, 'T' || number, skills, hours, 52.5 + number * 0.01, 13.4
        FROM technician, generate_series(1, 100) AS number"""
    )
    with tenant_transaction(desk.work, desk.tenant_id):
        (crew,) = load_crews(desk.work, Place(53.5, 13.4), LEAK, ready(desk), now())
        assert len(crew.technicians) == 60
        assert min(technician.base.latitude for technician in crew.technicians) == pytest.approx(52.5 + 0.41)
        (crew,) = load_crews(desk.work, HOME, LEAK, ready(desk), now())
        (tina,) = (technician for technician in crew.technicians if technician.technician_id == technician_id)
        assert len(tina.stops) == 3
        assert load_crews(desk.work, HOME, LEAK, {}, now())[0].technicians == []
