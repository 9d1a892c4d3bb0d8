"""The page of routes: a day is asked for, what came of it is told, and nobody asks for another desk's centres."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from psycopg.types.json import Jsonb

from tests.dashboards.scene import NOW, Scene
from tests.dashboards.test_planner import key_on


def plan(scene: Scene, outcome: str, **more: object) -> int:
    return scene.insert(
        "route_plan",
        "plan_id",
        centre_id=scene.centre_id,
        day=NOW.date(),
        asked_at=NOW,
        asked_by=f"staff-{scene.planner_id}",
        outcome=outcome,
        ended_at=NOW if outcome else None,
        **more,
    )


def ask(planner: TestClient, day: str, centre: int | str) -> int:
    key = key_on(planner.get("/planner/routes").text)
    answer = planner.post("/planner/routes", data={"key": key, "centre": centre, "day": day}, follow_redirects=False)
    return answer.status_code


def tomorrow() -> str:
    return (datetime.now(UTC).date() + timedelta(days=1)).isoformat()


def test_a_day_that_is_asked_for_is_a_job_of_the_work(planner: TestClient, scene: Scene) -> None:
    assert "No day has been planned anew yet." in planner.get("/planner/routes").text
    assert ask(planner, tomorrow(), scene.centre_id) == 303
    asked = scene.conn.execute("SELECT asked_by, outcome, day::text FROM route_plan").fetchall()
    assert asked == [(f"staff-{scene.planner_id}", "", tomorrow())]
    jobs = scene.conn.execute("SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'replan'").fetchone()
    assert jobs == (1,)
    assert "Being planned" in planner.get("/planner/routes").text


def test_what_came_of_it_is_told_with_kilometres_and_reasons(planner: TestClient, scene: Scene) -> None:
    plan(scene, "moved", visits=12, technicians=3, moved=5, before_m=141_200, after_m=98_400)
    unplanned = [{"request_id": 7, "reason": "shifts_are_full"}]
    plan(scene, "nothing_better", visits=3, technicians=1, before_m=20_000, after_m=20_000, unplanned=Jsonb(unplanned))
    html = planner.get("/planner/routes").text
    for said in (
        "98.4 km instead of 141.2 km",
        "5 moved",
        "Seongsu Service Centre",
        "Nothing better was found",
        'href="/planner/requests/7"',
        "all who could come are with others then",
    ):
        assert said in html, said


@pytest.mark.parametrize("day", ["2020-01-01", "2999-01-01", "tomorrow", ""])
def test_days_that_nobody_can_plan_are_refused(planner: TestClient, scene: Scene, day: str) -> None:
    assert ask(planner, day, scene.centre_id) in {400, 422}
    assert scene.conn.execute("SELECT count(*) FROM route_plan").fetchone() == (0,)


def test_another_desks_centre_is_not_there(planner: TestClient, scene: Scene, database: str) -> None:
    other = Scene.open(database, "other", "Other Desk")
    plan(other, "moved", visits=99)
    assert ask(planner, tomorrow(), other.centre_id) == 404
    assert ask(planner, tomorrow(), 2_000_000) == 404
    assert "99" not in planner.get("/planner/routes").text.partition("<tbody>")[2]
    other.close()


def test_a_form_of_another_page_asks_for_nothing(planner: TestClient, scene: Scene) -> None:
    words = {"key": "0" * 32, "centre": scene.centre_id, "day": tomorrow()}
    assert planner.post("/planner/routes", data=words).status_code == 403
