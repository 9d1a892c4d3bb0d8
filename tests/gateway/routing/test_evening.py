"""The evening's plans: asked for once a day where something is booked, after six by the centre's own clocks."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from gateway.routing.evening import ask_in_the_evening
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.routing.test_replan import EAST, ZONE, monday, promise


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def test_the_next_day_is_asked_for_once_in_the_evening_of_its_centre(desk: SmallDesk) -> None:
    promise(desk, "east", EAST, "Tina Technician", 8)
    sunday = monday() - timedelta(days=1)
    before, after = (datetime.combine(sunday, time(hour, 30), ZONE).astimezone(UTC) for hour in (17, 18))
    assert ask_in_the_evening(desk.work, before) == 0
    assert ask_in_the_evening(desk.work, after - timedelta(days=1)) == 0, "nothing is booked on Sunday"
    assert ask_in_the_evening(desk.work, after) == 1
    assert ask_in_the_evening(desk.work, after + timedelta(hours=1)) == 0
    assert desk.rows("SELECT day, asked_by, outcome FROM route_plan") == [(monday(), "desk", "")]
    assert desk.value("SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'replan'") == 1
