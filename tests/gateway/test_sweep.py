"""The sweep beside others, and one thing in it that fails: what somebody else settles is left, and all else goes on."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import planner
from gateway.dates import completing
from gateway.dates.completing import Report
from gateway.planner import Done
from gateway.storage import requests
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.sweep import sweep
from tests.gateway.beside import begin
from tests.gateway.dates.test_rescheduling import book
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.test_visits import ill, now, offer, state
from workflows.completing import Found


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def refuse(desk: SmallDesk, request_id: int, sqlstate: str) -> None:
    """Let the database refuse whatever is to be written into the history of a request."""
    desk.admin.execute(
        f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}'; END $$;
        CREATE TRIGGER refused BEFORE INSERT ON request_event FOR EACH ROW
            WHEN (NEW.request_id = {request_id}) EXECUTE FUNCTION refuse()"""  # type: ignore[arg-type]
    )


def test_nobody_is_asked_about_a_date_of_which_somebody_says_just_now_what_was_found(desk: SmallDesk) -> None:
    booked = book(desk, "m-1")
    over_at = desk.value("SELECT upper(during) FROM appointment") + timedelta(hours=2)
    staff_id = desk.value("SELECT staff_id FROM staff")
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        done = completing.complete(
            connection,
            request_id=booked.request_id,
            by=f"staff-{staff_id}",
            report=Report(Found.NO_FAULT),
            now=over_at,
        )
        assert done == Done("solved")
        sweeping = begin(desk, lambda work: sweep(work, over_at))
    sweeping.result(60)
    assert desk.rows("SELECT request_id FROM human_case WHERE closed_at IS NULL") == []
    assert desk.rows("SELECT request_id FROM request_event WHERE event = 'date_passed'") == []


def test_nobody_is_warned_of_a_case_that_is_decided_just_then(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1", ("water_back", "water_meter"))
    with tenant_transaction(desk.work, desk.tenant_id):
        planner.ask_for_human(desk.work, request_id=request_id, reason="a question", now=now() - timedelta(days=30))
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        assert requests.lock_request(connection, request_id) is not None
        sweeping = begin(desk, lambda work: sweep(work, now()))
        assert planner.approve(connection, request_id=request_id, staff_id=1, now=now()) == Done("open")
    sweeping.result(60)
    assert desk.rows("SELECT detail FROM request_event WHERE event = 'case_overdue'") == []


# 23514: a constraint refuses it; 40P01: it was chosen to end a deadlock.
@pytest.mark.parametrize("sqlstate", ["23514", "40P01"])
def test_one_request_that_fails_keeps_no_other_from_its_clock(desk: SmallDesk, sqlstate: str) -> None:
    first, second = (ill(desk, name, ("water_back", "water_meter")) for name in ("m-1", "m-2"))
    for request_id in (first, second):
        assert offer(desk, request_id) is not None
    desk.admin.execute("UPDATE offer SET expires_at = now() - interval '1 h' WHERE request_id = %s", [first])
    desk.admin.execute("UPDATE offer SET expires_at = now() - interval '1 s' WHERE request_id = %s", [second])
    refuse(desk, first, sqlstate)
    sweep(desk.work, now())
    assert state(desk, first) == "offered"
    assert state(desk, second) == "open"


def test_one_step_that_fails_keeps_no_other_tenant_from_its_clocks(
    desk: SmallDesk, database: str, tmp_path: Path
) -> None:
    other = open_desk(database, tmp_path, tenant="beta")
    try:
        first, second = (
            ill(desk, "m-1", ("water_back", "water_meter")),
            ill(other, "m-2", ("water_back", "water_meter")),
        )
        for each, request_id in ((desk, first), (other, second)):
            assert offer(each, request_id) is not None
        desk.admin.execute("UPDATE offer SET expires_at = now() - interval '1 s'")
        refuse(desk, first, "40P01")
        sweep(desk.work, now())
        assert state(other, second) == "open"
    finally:
        other.close()
