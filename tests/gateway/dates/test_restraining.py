"""How often the desk writes to an owner by itself: three times, on a real database; then a person asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import planner
from gateway.dates.restraining import ENOUGH, LETTERS
from gateway.parts import missing
from gateway.storage import stock
from gateway.storage.connection import tenant_transaction
from tests.gateway.dates.test_rescheduling import do, notices
from tests.gateway.desk import SmallDesk
from tests.gateway.parts.test_sourcing import offered
from tests.gateway.store import open_store, unbalanced
from tests.gateway.test_journey import confirm, now, offer, state


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_store(database, tmp_path, stock=3)
    yield opened
    assert unbalanced(opened) == []
    opened.close()


def lose_part(desk: SmallDesk, request_id: int) -> None:
    """The part of a request is not where it should be."""
    with tenant_transaction(desk.work, desk.tenant_id):
        missing.lose(desk.work, stock.held_parts(desk.work, request_id), "lost", now())


def written_to(desk: SmallDesk) -> int:
    """A request whose owner has had as many offers as he gets by himself, and whose part was lost once more."""
    request_id, _ = offered(desk, "ev-1")
    for _ in range(LETTERS - 1):
        lose_part(desk, request_id)
        assert offer(desk, request_id) is not None
    lose_part(desk, request_id)
    return request_id


def test_after_three_letters_a_person_asks_the_owner_and_nothing_is_kept_for_the_request(desk: SmallDesk) -> None:
    request_id = written_to(desk)
    assert offer(desk, request_id) is None
    assert offer(desk, request_id) is None
    assert state(desk, request_id) == "held"
    assert notices(desk, request_id) == ["offer"] * LETTERS
    assert desk.rows("SELECT reason FROM human_case WHERE closed_at IS NULL") == [(ENOUGH,)]
    assert desk.value("SELECT count(*) FROM reservation WHERE released_at IS NULL") == 0


def test_what_a_planner_lets_go_on_is_offered_again(desk: SmallDesk) -> None:
    request_id = written_to(desk)
    assert offer(desk, request_id) is None
    do(desk, planner.approve, request_id=request_id, staff_id=desk.value("SELECT min(staff_id) FROM staff"))
    assert offer(desk, request_id) is not None
    assert notices(desk, request_id) == ["offer"] * (LETTERS + 1)


def test_a_date_that_was_confirmed_and_lost_does_not_ask_for_more_letters(desk: SmallDesk) -> None:
    request_id, _ = offered(desk, "ev-1")
    for _ in range(LETTERS - 1):
        lose_part(desk, request_id)
        assert offer(desk, request_id) is not None
    first = desk.value("SELECT min(booking_id) FROM booking WHERE released_at IS NULL")
    confirm(desk, request_id, first)
    desk.admin.execute("DELETE FROM part_supply")
    with tenant_transaction(desk.work, desk.tenant_id):
        held = stock.held_parts(desk.work, request_id)
        missing.give_up(desk.work, held, "counted", now())
    desk.count(0)
    with tenant_transaction(desk.work, desk.tenant_id):
        missing.mend(desk.work, held, now())
    assert notices(desk, request_id)[-1] == "date_lost"
    assert offer(desk, request_id) is None
    assert state(desk, request_id) == "held"
