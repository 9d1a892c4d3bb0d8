"""A roll-out: one device first, more while it helps, and an end by itself that a person is told of when it does not."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.products import product_type
from gateway import journey
from gateway.owners import owning
from gateway.remedies import remedying, rolling
from gateway.storage import owners, rollouts, supply
from gateway.storage.connection import tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.remedies.test_remedying import Street
from workflows.mandate import USUAL, Clause
from workflows.rollout import Stage, Turn, stages, turn

COUNT = 8


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def street(desk: SmallDesk) -> Iterator[Street]:
    made = Street(desk)
    made.component = "meter"
    for number in range(2, COUNT + 1):
        desk.sign(desk.meter(f"mtr-{number}"), *USUAL, Clause.REMOTE_RESET)
    for (device_id,) in desk.rows("SELECT device_id FROM device ORDER BY device_id"):
        desk.symptom(device_id, "other_code", component="meter")
        made.device_id = device_id
        made.diagnose()
        made.reads()
        says(desk, device_id, depends=False)
    desk.admin.execute("UPDATE service_request SET state = 'held'")
    yield made
    made.close()


def says(desk: SmallDesk, device_id: int, *, depends: bool) -> None:
    """A device's owner says whether somebody in his home depends on powered medical equipment."""
    owner_id = desk.value("SELECT owner_id FROM device WHERE device_id = %s", device_id)
    with tenant_transaction(desk.admin, desk.tenant_id):
        assert owning.say_who_depends(
            desk.admin, device_id=device_id, owner_id=owner_id, depends=depends, now=datetime.now(UTC)
        )


def begin(street: Street) -> int:
    with tenant_transaction(street.desk.work, street.desk.tenant_id):
        begun = rolling.begin(
            street.desk.work,
            product="smart_meter",
            fault="reported_event",
            rung="renew_firmware",
            staff_id=street.desk.value("SELECT staff_id FROM staff LIMIT 1"),
            now=street.now,
        )
    assert isinstance(begun, int)
    return begun


def told(street: Street, rollout_id: int) -> tuple[str, list[tuple[int, int, int]]]:
    with tenant_transaction(street.desk.work, street.desk.tenant_id):
        rows = rollouts.progress(street.desk.work, rollout_id)
    state = street.desk.value("SELECT state FROM rollout WHERE rollout_id = %s", rollout_id)
    return state, [(each.devices, each.begun, each.proven) for each in rows]


def all_heal(street: Street) -> None:
    """Whoever was sent a command obeys and is well."""
    sent = street.desk.rows("SELECT device_id FROM remedy_attempt WHERE state = 'sent'")
    for (device_id,) in sent:
        street.desk.admin.execute("UPDATE symptom SET state = 'healed' WHERE device_id = %s", [device_id])
        with street.working() as connection:
            journey.diagnose(connection, device_id=device_id, component="meter", now=street.now)


def test_it_goes_out_to_one_then_to_more_and_to_all_while_it_helps(street: Street) -> None:
    rollout_id = begin(street)
    street.passes(seconds=2)
    assert told(street, rollout_id) == ("running", [(1, 1, 0), (1, 0, 0), (6, 0, 0)])
    street.passes(seconds=2)
    assert len(street.door()) == 1
    for _ in range(3):
        all_heal(street)
        street.passes(minutes=11)
        street.passes(seconds=2)
    assert told(street, rollout_id) == ("done", [(1, 1, 1), (1, 1, 1), (6, 6, 6)])
    assert street.desk.rows("SELECT DISTINCT state FROM service_request") == [("solved",)]


def test_it_aborts_by_itself_when_it_does_not_help_and_a_person_has_it(street: Street) -> None:
    rollout_id = begin(street)
    street.passes(seconds=2)
    street.passes(minutes=31)
    street.passes(seconds=2)
    assert told(street, rollout_id) == ("aborted", [(1, 1, 0), (1, 0, 0), (6, 0, 0)])
    assert street.desk.value("SELECT count(*) FROM request_event WHERE event = 'rollout_aborted'") == 1
    assert street.desk.value("SELECT count(*) FROM remedy_attempt") == 1
    # Whoever had it before the roll-out has it again: nothing is offered of what a person has held.
    assert street.desk.rows("SELECT DISTINCT state FROM service_request") == [("held",)]
    tried = street.desk.value("SELECT request_id FROM remedy_attempt")
    assert street.desk.value("SELECT count(*) FROM human_case WHERE closed_at IS NULL AND request_id = %s", tried) == 1


def test_a_person_stops_it_and_who_does_not_allow_it_is_passed_over(street: Street) -> None:
    first = street.desk.value("SELECT min(device_id) FROM device")
    street.desk.sign(first, *USUAL)
    rollout_id = begin(street)
    street.passes(seconds=2)
    street.passes(seconds=2)
    assert told(street, rollout_id)[1][:2] == [(1, 0, 0), (1, 1, 0)]
    with street.working() as connection:
        rolling.stop(connection, rollout_id=rollout_id, now=street.now)
    all_heal(street)
    street.passes(minutes=11)
    street.passes(seconds=2)
    assert told(street, rollout_id) == ("stopped", [(1, 0, 0), (1, 1, 1), (6, 0, 0)])


@given(st.integers(1, 5000))
def test_the_stages_take_every_device_once_and_begin_with_one(count: int) -> None:
    sizes = stages(count)
    assert sum(sizes) == count
    assert sizes[0] == 1
    assert len(sizes) <= 4
    assert min(sizes) > 0


@given(st.integers(0, 200), st.data(), st.floats(0.05, 1.0))
def test_a_stage_goes_on_only_when_the_proven_share_holds(devices: int, data: st.DataObject, least: float) -> None:
    proven = data.draw(st.integers(0, devices))
    failed = data.draw(st.integers(0, devices - proven))
    what = turn(Stage(devices, proven, failed), least, is_last=False)
    if what is Turn.GO_ON:
        assert proven + failed == devices
        assert proven >= least * devices - 1e-6
    if what is Turn.ABORT:
        assert devices - failed < least * devices


@pytest.mark.parametrize("answer", ["yes", "nobody answered", "a former owner's no", "no, and another owner's yes"])
def test_nothing_that_may_leave_a_home_without_power_runs_unless_its_owners_allow_it(
    street: Street, answer: str
) -> None:
    desk = street.desk
    (device_id, owner_id) = desk.rows("SELECT device_id, owner_id FROM device ORDER BY device_id LIMIT 1")[0]
    with tenant_transaction(desk.admin, desk.tenant_id):
        other = owners.known_owner(desk.admin, name="Bea", email="bea@x.example", language="en", time_zone="UTC")
        match answer:
            case "yes":
                supply.keep_answer(desk.admin, device_id, owner_id, depends=True, now=street.now)
            case "nobody answered":
                desk.admin.execute("DELETE FROM supply_need WHERE device_id = %s", [device_id])
            case "a former owner's no":
                owners.change_owner(desk.admin, device_id, other, street.now)
            case _:
                owners.join(desk.admin, device_id, other, street.now)
                supply.keep_answer(desk.admin, device_id, other, depends=True, now=street.now)
    rollout_id = begin(street)
    street.passes(seconds=2)
    assert desk.value("SELECT passed_over FROM rollout_device WHERE device_id = %s", device_id) == "supply_needed"
    sent = "SELECT count(*) FROM device_command WHERE device_id = %s"
    assert desk.value(sent, device_id) == 0
    assert told(street, rollout_id)[0] == "running", "it counts neither as healed nor as failed"
    rung = product_type("smart_meter").rung("reported_event", "renew_firmware")
    assert rung is not None
    with street.working() as connection:
        assert not remedying.is_ready(connection, product_type("smart_meter"), device_id, rung, street.now)


def test_a_roll_out_for_an_incident_reaches_its_devices_alone(street: Street) -> None:
    desk = street.desk
    incident_id = desk.value(
        """INSERT INTO incident (tenant_id, kind, product, region, place, since_at, opened_at, staff_id, due_at, looked_at)
        SELECT %s, 'silence', 'smart_meter', 1, 'Here', now(), now(), min(staff_id), now(), now() FROM staff
        RETURNING incident_id""",
        desk.tenant_id,
    )
    chosen = sorted(row[0] for row in desk.rows("SELECT device_id FROM device ORDER BY device_id DESC LIMIT 3"))
    desk.admin.execute(
        """INSERT INTO incident_device (tenant_id, incident_id, device_id, since_at, joined_at)
        SELECT %s, %s, *, now(), now() FROM unnest(%s::int[])""",
        [desk.tenant_id, incident_id, chosen],
    )

    def begin_for(incident: int) -> int | rolling.NotBegun:
        with tenant_transaction(desk.work, desk.tenant_id):
            return rolling.begin(
                desk.work,
                product="smart_meter",
                fault="reported_event",
                rung="renew_firmware",
                staff_id=1,
                now=street.now,
                incident_id=incident,
            )

    nobody, begun = begin_for(incident_id + 1), begin_for(incident_id)
    assert nobody == rolling.NotBegun("No device has an open request about this fault that waits.")
    assert isinstance(begun, int)
    assert [row[0] for row in desk.rows("SELECT device_id FROM rollout_device ORDER BY device_id")] == chosen
    assert desk.value("SELECT incident_id FROM rollout") == incident_id
