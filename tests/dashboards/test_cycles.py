"""The page of reporting cycles: what was asked, who passed, and one picture; the same size for any fleet."""

from datetime import timedelta

import numpy as np
import pytest
from starlette.testclient import TestClient

from diagnostics.calibration.cycle import exceeded
from diagnostics.calibration.null import pool
from tests.dashboards.scene import NOW, Scene


def decide(scene: Scene, devices: int, days: int = 3) -> None:
    """Publish a calibration and some cycles of a fleet in which eight are ill, as the sweep does."""
    scores = np.random.default_rng(4).exponential(1.3, devices)
    scores[:8] = 22.0
    null = pool(np.random.default_rng(5).exponential(1.3, 60_000))
    assert null is not None
    calibration = scene.conn.execute(
        """INSERT INTO calibration (product, monitor, version, made_at, first_cycle_at, last_cycle_at, cycles, scores, body,
            tail_start, tail_share, tail_shape, tail_scale)
        VALUES ('smart_meter', 'battery_shifted', 3, %(now)s, %(now)s, %(now)s, 7, %(count)s, %(body)s, %(start)s, %(share)s,
            %(shape)s, %(scale)s) RETURNING calibration_id""",
        {
            "now": NOW,
            "count": null.count,
            "body": list(null.body),
            "start": null.tail.start,
            "share": null.tail.share,
            "shape": null.tail.shape,
            "scale": null.tail.scale,
        },
    ).fetchone()
    assert calibration is not None
    for day in range(days):
        scene.conn.execute(
            """INSERT INTO reporting_cycle (product, monitor, ends_at, decided_at, calibration_id, rate, p_value, score, family,
                passed, confirmed, exceeded)
            VALUES ('smart_meter', 'battery_shifted', %(at)s, %(at)s, %(calibration)s, .1, 4e-5, 14.2, %(family)s, 9, 7,
                %(exceeded)s)""",
            {
                "at": NOW - timedelta(days=day),
                "calibration": calibration[0],
                "family": devices,
                "exceeded": exceeded(scores),
            },
        )


def test_it_says_what_each_cycle_asked_and_who_passed_with_one_picture(planner: TestClient, scene: Scene) -> None:
    decide(scene, 20_000)
    html = planner.get("/planner/cycles").text
    for said in (
        "battery has left its level",
        "version 3",
        "20,000",
        "score 14.2",
        "by chance 0.004 %",
        "10,000 scores",
    ):
        assert said in html, said
    assert html.count('<svg viewBox="0 0 360') == 1
    assert "20,000 devices were looked at, 9 passed" in html


def test_a_fleet_that_is_too_small_is_told_so(planner: TestClient, scene: Scene) -> None:
    assert "No cycle has been decided yet." in planner.get("/planner/cycles").text
    scene.conn.execute(
        """INSERT INTO reporting_cycle (product, monitor, ends_at, decided_at, rate, family, passed, confirmed)
        VALUES ('smart_meter', 'battery_shifted', %(at)s, %(at)s, .1, 0, 0, 0)""",
        {"at": NOW},
    )
    assert "Too few scores: nothing was asked" in planner.get("/planner/cycles").text


@pytest.mark.parametrize("devices", [20_000, 400_000])
def test_the_page_does_not_grow_with_the_fleet(planner: TestClient, scene: Scene, devices: int) -> None:
    decide(scene, devices, days=40)
    html = planner.get("/planner/cycles").text
    assert len(html) < 24_000
    assert html.count("version 3") == 14
