"""Promises under pressure, in small: one owner has the hour, one legal state is left, one part and one appointment."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.desk import SmallDesk, open_desk
from tests.trust.promises import Trial, at_the_end, between_statements, interleavings, one_slot

pytestmark = pytest.mark.slow
SEED = 5


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path, stock=3)
    yield opened
    opened.close()


def clean(trial: Trial) -> Trial:
    assert trial.wrong == [], f"{trial.name}, seed {SEED}: {trial.wrong[:5]} of {trial.outcomes}"
    return trial


def test_one_of_many_owners_has_the_hour_and_all_others_an_answer(desk: SmallDesk) -> None:
    room = desk.value("SELECT current_setting('max_connections')::int")
    owners = min(100, room - 20)
    trial = clean(one_slot(desk, owners, 3))
    assert trial.outcomes["Confirmed"] == 3
    assert sum(trial.outcomes.values()) == 3 * owners


def test_a_tap_at_the_end_of_an_offer_has_the_hour_that_is_still_free(desk: SmallDesk) -> None:
    assert clean(at_the_end(desk, 25, random.Random(SEED))).outcomes["Confirmed"] >= 40


def test_owner_planner_and_technician_at_the_same_instant_leave_one_legal_state(desk: SmallDesk) -> None:
    assert clean(interleavings(desk, 30, random.Random(SEED))).rounds == 30


def test_a_connection_that_ends_between_any_two_statements_doubles_nothing(desk: SmallDesk) -> None:
    trial = clean(between_statements(desk, 200))
    assert trial.outcomes["AdminShutdown"] > 50
    assert trial.rounds < 200, "each statement of each step was struck"
