"""A signal over hours to years: buckets of the device's days, registers told apart from use, and bounded work."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from devices.products import product_type
from gateway.storage.pages import signal as readings
from gateway.storage.pages.series import Span
from gateway.storage.pages.story import spells
from tests.dashboards.scene import NOW, Scene

METER = product_type("smart_meter")
BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def scene(database: str) -> Iterator[Scene]:
    scene = Scene.open(database)
    yield scene
    scene.close()


def meter(scene: Scene, begins_at: datetime, hours: int, *, per_hour: int = 100) -> int:
    """A meter with hours that are rolled up: a steady register, one sample an hour."""
    device_id = scene.device(name="meter")
    scene.conn.execute("UPDATE device SET product = 'smart_meter' WHERE device_id = %s", [device_id])
    scene.conn.execute(
        """INSERT INTO smart_meter_hour (device_id, hour_at, samples, import_wh_max, power_w_min, power_w_avg,
            power_w_max, voltages_v_avg)
        SELECT %s, %s + i * interval '1 hour', 1, i * %s, 50, 100, 300, ARRAY[229, 230, 235]::real[]
        FROM generate_series(0, %s) i""",
        [device_id, begins_at, per_hour, hours - 1],
    )
    return device_id


def points(scene: Scene, device_id: int, name: str, span: Span, step: timedelta, element: int = 0) -> readings.Points:
    with scene.in_tenant():
        found = readings.points(
            scene.conn,
            METER,
            METER.signals[name],
            device_id=device_id,
            span=span,
            step=step,
            zone=BERLIN,
            element=element,
        )
    assert isinstance(found, readings.Points)
    return found


def test_days_begin_at_the_devices_midnight_also_when_its_clocks_change(scene: Scene) -> None:
    begins_at = datetime(2026, 10, 23, tzinfo=BERLIN).astimezone(UTC)
    device_id = meter(scene, begins_at, 5 * 24 + 1)
    found = points(scene, device_id, "import_wh", Span(begins_at, begins_at + 5 * DAY + HOUR), DAY)
    assert [at.astimezone(BERLIN).strftime("%d %H:%M") for at in found.at] == [
        f"{day} 00:00" for day in (23, 24, 25, 26, 27)
    ]
    # The 25th of October has 25 hours there.
    assert found.used[1:].tolist() == [2400, 2500, 2400, 2400]


def test_what_is_used_adds_up_to_the_registers_growth(scene: Scene) -> None:
    begins_at = NOW - 400 * DAY
    device_id = meter(scene, begins_at, 400 * 24)
    found = points(scene, device_id, "import_wh", Span(begins_at, NOW), 7 * DAY)
    assert np.nansum(found.used) == found.high[-1] - found.high[0]
    assert len(found.at) < 70


def test_a_register_that_fell_uses_nothing_and_hides_nothing() -> None:
    used = readings.used(np.array([100.0, 150.0, 20.0, 60.0]))
    assert np.isnan(used[[0, 2]]).all()
    assert used[[1, 3]].tolist() == [50, 40]


def test_a_year_of_a_number_has_its_lowest_and_highest(scene: Scene) -> None:
    device_id = meter(scene, NOW - 365 * DAY, 365 * 24)
    found = points(scene, device_id, "power_w", Span(NOW - 365 * DAY, NOW), 2 * DAY)
    assert len(found.at) in range(180, 186)
    assert (found.low[5], found.middle[5], found.high[5]) == (50, 100, 300)


def test_a_vector_is_told_by_its_ends_its_middle_and_the_element_asked_for(scene: Scene) -> None:
    device_id = meter(scene, NOW - 10 * DAY, 240)
    found = points(scene, device_id, "voltages_v", Span(NOW - 7 * DAY, NOW), HOUR, element=3)
    assert (found.low[0], found.middle[0], found.high[0], found.element[0]) == (229, 230, 235, 235)
    assert np.isnan(points(scene, device_id, "voltages_v", Span(NOW - 7 * DAY, NOW), HOUR, element=99).element).all()


def test_no_readings_are_no_points(scene: Scene) -> None:
    device_id = meter(scene, NOW - 900 * DAY, 2)
    for name in ("power_w", "voltages_v", "import_wh", "is_cover_open"):
        assert points(scene, device_id, name, Span(NOW - DAY, NOW), HOUR).at == []


def test_a_signal_that_is_not_rolled_up_is_refused_where_its_samples_are_too_many(scene: Scene) -> None:
    device_id = meter(scene, NOW - 10 * DAY, 240)
    scene.conn.execute("UPDATE smart_meter_hour SET samples = 3600")
    with scene.in_tenant():
        found = readings.points(
            scene.conn,
            METER,
            METER.signals["is_cover_open"],
            device_id=device_id,
            span=Span(NOW - 7 * DAY, NOW),
            step=HOUR,
            zone=BERLIN,
        )
    assert isinstance(found, readings.TooMany)
    assert found.samples > readings.SAMPLES_AT_MOST


def test_codes_are_told_by_when_each_began_and_ended() -> None:
    at = [NOW + number * HOUR for number in range(4)]
    found = spells([(at[0], ["P1"]), (at[1], ["P1", "P2"]), (at[2], ["P2"]), (at[3], [])])
    assert [(spell.code, spell.began_at, spell.ended_at) for spell in found] == [
        ("P2", at[1], at[3]),
        ("P1", at[0], at[2]),
    ]
    assert spells([(at[0], ["P1"])])[0].ended_at is None
