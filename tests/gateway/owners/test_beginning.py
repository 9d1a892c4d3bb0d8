"""An owner begins himself: his word joins the one journey, with the device's own data, and is taken once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from devices.products import product_type
from gateway import access, journey, planner
from gateway.owners import beginning, owning, stopping
from gateway.owners.beginning import Begun, NotHis, Report
from gateway.owners.owning import NEW_OWNER
from gateway.owners.stopping import CannotNow, Resumed, Stopped
from gateway.settings import Settings
from gateway.steps import take_step
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.storage.stops import was_stopped
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.pricing import set_prices
from tests.gateway.quotes.test_quoting import offer, open_request, reasons, state
from workflows.beginning import Wish


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def now() -> datetime:
    return datetime.now(UTC)


def say(
    desk: SmallDesk,
    device_id: int,
    fault: str = "cell_weak",
    *,
    component: str = "traction_battery",
    wish: Wish = Wish.TROUBLE,
    words: str = "",
    owner_id: int | None = None,
) -> object:
    owner = owner_id or desk.value("SELECT owner_id FROM device WHERE device_id = %s", device_id)
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return beginning.report(
            connection, device_id=device_id, owner_id=owner, report=Report(component, fault, words, wish), now=now()
        )


def approve(desk: SmallDesk, request_id: int) -> object:
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return planner.approve(connection, request_id=request_id, staff_id=1, now=now())


def stop(desk: SmallDesk, request_id: int, *, back: bool = False) -> object:
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        act = stopping.resume if back else stopping.stop
        return act(connection, request_id=request_id, now=now())


def faults_of_the_battery() -> list[str]:
    faults = product_type("electric_vehicle").faults.values()
    return [fault.code for fault in faults if fault.component == "traction_battery" and not fault.is_safety]


def test_a_report_without_symptoms_is_held_for_a_person_with_the_devices_data(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    code = faults_of_the_battery()[0]
    begun = say(desk, device_id, code, words="it smells")
    assert isinstance(begun, Begun)
    assert begun.is_new
    assert state(desk, begun.request_id) == "held"
    detail = desk.value("SELECT detail FROM request_event WHERE event = 'owner_reported'")
    assert detail["reason"] == "it smells"
    assert set(detail) >= {"symptoms", "heard_at", "readings"}
    assert len(reasons(desk)) == 1
    assert say(desk, device_id, code, words="it smells") == Begun(begun.request_id, is_new=False)
    assert desk.value("SELECT count(*) FROM request_event WHERE event = 'owner_reported'") == 1
    assert desk.value("SELECT count(*) FROM service_request") == 1


def danger() -> str:
    faults = product_type("electric_vehicle").faults.values()
    return next(fault.code for fault in faults if fault.component == "traction_battery" and fault.is_safety)


def test_a_reported_danger_is_told_to_owner_and_machine_at_once_and_is_a_safety_case(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    begun = say(desk, device_id, danger())
    assert isinstance(begun, Begun)
    assert desk.rows("SELECT queue FROM human_case WHERE closed_at IS NULL") == [("safety",)]
    assert desk.value("SELECT count(*) FROM notice WHERE kind = 'safety'") == 1
    ((task, arguments),) = desk.rows("SELECT task_name, args FROM jobs.procrastinate_jobs WHERE task_name = 'warn'")
    take_step(desk.work, task, arguments, now())
    take_step(desk.work, task, arguments, now())
    assert desk.rows("SELECT device_id FROM device_command") == [(device_id,)]


def test_a_danger_that_is_reported_of_what_is_in_hand_already_is_a_safety_case_too(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    first = say(desk, device_id, faults_of_the_battery()[0])
    assert isinstance(first, Begun)
    assert say(desk, device_id, danger()) == Begun(first.request_id, is_new=False)
    assert ("safety",) in desk.rows("SELECT queue FROM human_case WHERE closed_at IS NULL")
    assert desk.value("SELECT count(*) FROM notice WHERE kind = 'safety'") == 1


def test_a_second_report_adds_to_the_request_that_is_open_already(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    request_id = open_request(desk, device_id)
    offer(desk, request_id)
    begun = say(desk, device_id, "", words="and it clicks")
    assert begun == Begun(request_id, is_new=False)
    assert state(desk, request_id) == "offered"
    assert reasons(desk) == ["The owner reports something else about what is in hand: see whether it changes anything."]


def test_his_word_decides_between_causes_that_the_readings_left(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, "battery_code", else_well=False)
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=now())
    request_id = desk.value("SELECT request_id FROM service_request")
    assert state(desk, request_id) == "held"
    leading = desk.value("SELECT f.code FROM service_request JOIN fault f USING (fault_id)")
    other = next(code for code in faults_of_the_battery() if code != leading)
    assert say(desk, device_id, other) == Begun(request_id, is_new=False)
    assert state(desk, request_id) == "held"
    assert say(desk, device_id, leading, words="yes, that") == Begun(request_id, is_new=False)
    assert state(desk, request_id) == "open"
    assert reasons(desk) == []


def test_a_price_is_told_first_to_who_asks_for_it(desk: SmallDesk) -> None:
    set_prices(desk)
    device_id = desk.vehicle("ev-1")
    request_id = open_request(desk, device_id)
    leading = desk.value("SELECT f.code FROM service_request JOIN fault f USING (fault_id)")
    with tenant_transaction(desk.admin, desk.tenant_id):
        planner.cancel(desk.admin, request_id=request_id, staff_id=1, reason="again", now=now())
    begun = say(desk, device_id, leading, wish=Wish.QUOTE)
    assert isinstance(begun, Begun)
    assert begun.is_new
    assert isinstance(approve(desk, begun.request_id), planner.Done)
    assert offer(desk, begun.request_id) is None
    assert state(desk, begun.request_id) == "quoted"


@pytest.mark.parametrize(
    ("fault", "component"),
    [
        ("no_such_fault", "traction_battery"),
        ("", "no_such_component"),
        ("no", "no"),
        ("tyre_puncture", "traction_battery"),
    ],
)
def test_what_the_product_does_not_have_is_not_taken(desk: SmallDesk, fault: str, component: str) -> None:
    assert say(desk, desk.vehicle("ev-1"), fault, component=component) == NotHis()
    assert desk.rows("SELECT * FROM service_request") == []


def test_only_the_owner_of_a_device_in_service_begins(desk: SmallDesk) -> None:
    mine, other = desk.vehicle("ev-1"), desk.vehicle("ev-2")
    stranger = desk.value("SELECT owner_id FROM device WHERE device_id = %s", other)
    assert say(desk, mine, "", owner_id=stranger) == NotHis()
    desk.admin.execute("UPDATE device SET retired_at = now() WHERE device_id = %s", [mine])
    assert say(desk, mine, "") == NotHis()


def test_a_stop_ends_all_of_it_and_no_message_leaves_any_more(desk: SmallDesk) -> None:
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    assert stop(desk, request_id) == Stopped(is_new=True)
    assert stop(desk, request_id) == Stopped(is_new=False)
    assert state(desk, request_id) == "cancelled"
    assert desk.value("SELECT count(*) FROM booking WHERE released_at IS NULL") == 0
    assert desk.value("SELECT sum(allocated) FROM stock_level") == 0
    assert desk.rows("SELECT kind, withdrawn_at IS NULL FROM notice") == [("offer", False)]


def test_a_stop_taken_back_goes_on_once_and_the_old_links_show_it(desk: SmallDesk) -> None:
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    assert stop(desk, request_id, back=True) == CannotNow("offered")
    stop(desk, request_id)
    resumed = stop(desk, request_id, back=True)
    assert isinstance(resumed, Resumed)
    assert stop(desk, request_id, back=True) == resumed
    assert offer(desk, resumed.request_id) is not None
    assert state(desk, resumed.request_id) == "offered"
    assert state(desk, request_id) == "cancelled"


def test_a_former_owners_stop_taken_back_is_a_persons_to_ask_the_present_owner_about(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    buyer = desk.value("SELECT owner_id FROM device WHERE device_id = %s", desk.vehicle("ev-2"))
    request_id = open_request(desk, device_id)
    stop(desk, request_id)
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        owning.transfer(connection, device_id=device_id, owner_id=buyer, actor="staff-1", now=now())
        access.issue_owner_link(
            connection, Settings(secret=SecretStr("x" * 40)), tenant_id=desk.tenant_id, request_id=request_id, now=now()
        )
    resumed = stop(desk, request_id, back=True)
    assert isinstance(resumed, Resumed)
    assert stop(desk, request_id, back=True) == resumed
    assert desk.value("SELECT owner_id FROM service_request WHERE request_id = %s", resumed.request_id) == buyer
    assert state(desk, resumed.request_id) == "held"
    assert reasons(desk) == [NEW_OWNER]
    assert desk.value("SELECT request_id FROM access_token WHERE purpose = 'owner_request'") == request_id


def test_after_a_stop_a_person_is_asked_before_the_owner_hears_of_it_again(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    stop(desk, open_request(desk, device_id))
    desk.symptom(device_id, "cell_leaves_pack", 80)
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=now() + timedelta(hours=1))
    request_id = desk.value("SELECT max(request_id) FROM service_request")
    assert state(desk, request_id) == "held"
    assert desk.rows("SELECT * FROM notice WHERE recipient LIKE '%%@owners.example' AND withdrawn_at IS NULL") == []


def test_a_former_owners_stop_does_not_bind_the_present_owner(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    buyer = desk.value("SELECT owner_id FROM device WHERE device_id = %s", desk.vehicle("ev-2"))
    stop(desk, open_request(desk, device_id))

    def is_heeded() -> bool:
        with tenant_transaction(desk.work, desk.tenant_id):
            return was_stopped(desk.work, device_id, "traction_battery", now())

    assert is_heeded()
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        owning.transfer(connection, device_id=device_id, owner_id=buyer, actor="staff-1", now=now())
    assert not is_heeded()
