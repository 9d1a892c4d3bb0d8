"""Public holidays close a centre by themselves; a day that was entered for the centre goes before them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

import pytest

from gateway import journey
from gateway.storage import calendars
from tests.dashboards.meters import hire, ill, meter
from tests.dashboards.scene import Scene

EVE = datetime(2026, 12, 24, 1, tzinfo=UTC)
CHRISTMAS = date(2026, 12, 25)  # a Friday


@pytest.fixture
def scene(database: str) -> Iterator[Scene]:
    scene = Scene.open(database)
    yield scene
    scene.close()


def offered_days(scene: Scene) -> set[date]:
    """On which days a leak's owner is offered visits, asked on Christmas Eve in the morning."""
    hire(scene)
    request_id = ill(scene, meter(scene))
    with scene.in_tenant():
        assert journey.offer(scene.conn, request_id=request_id, now=EVE) is not None
    rows = scene.conn.execute(
        """SELECT (lower(during) AT TIME ZONE 'Asia/Seoul')::date FROM booking
        WHERE request_id = %s AND released_at IS NULL""",
        [request_id],
    ).fetchall()
    return {row[0] for row in rows}


@pytest.mark.parametrize(("country", "is_open"), [("", True), ("JP", True), ("KR", False), ("DE", False)])
def test_nothing_is_offered_on_a_public_holiday_of_the_centres_country(
    scene: Scene, country: str, *, is_open: bool
) -> None:
    scene.conn.execute("UPDATE service_centre SET country = %s", [country])
    assert (CHRISTMAS in offered_days(scene)) == is_open


def test_a_holiday_on_which_the_centre_works_is_entered_with_its_hours(scene: Scene) -> None:
    scene.conn.execute("UPDATE service_centre SET country = 'KR'")
    with scene.in_tenant():
        closed = calendars.exceptions_of(scene.conn, EVE)[scene.centre_id]
        assert closed[CHRISTMAS] is None
        assert closed[date(2027, 1, 1)] is None, "the next year's holidays are known, too"
        hours = (time(9), time(18))
        calendars.set_day(scene.conn, scene.centre_id, CHRISTMAS, hours, "open for all", scene.planner_id, EVE)
        assert calendars.exceptions_of(scene.conn, EVE)[scene.centre_id][CHRISTMAS] == hours
    assert CHRISTMAS in offered_days(scene)


def test_a_regions_own_holidays_are_only_its_own() -> None:
    epiphany = date(2026, 1, 6)
    assert epiphany in calendars.public_holidays("DE", "BY", 2026)
    assert epiphany not in calendars.public_holidays("DE", "BE", 2026)


@pytest.mark.parametrize(("country", "region"), [("XX", ""), ("DE", "ZZ")])
def test_a_country_of_which_nothing_is_known_is_refused_with_the_next_move(country: str, region: str) -> None:
    with pytest.raises(calendars.UnknownCountryError, match="Correct country and region"):
        calendars.public_holidays(country, region, 2026)
