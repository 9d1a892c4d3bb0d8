"""Quiet on a real database: shelves and their ends, modes, chatter, and what the journey does of each."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from devices.products import product_type
from gateway import journey
from gateway.decisions import shelving
from gateway.planner import Done, Refused
from gateway.storage import attention
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.sweep import sweep
from tests.gateway.desk import SmallDesk, open_desk

EV, METER = product_type("electric_vehicle"), product_type("smart_meter")
CELL = ("cell_leaves_pack", 81)
DAY = timedelta(days=1)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def now() -> datetime:
    return datetime.now(UTC)


def diagnose(desk: SmallDesk, device_id: int, component: str = "traction_battery", at: datetime | None = None) -> None:
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component=component, now=at or now())


def swept(desk: SmallDesk, at: datetime) -> list[str]:
    """Sweep, do the diagnoses that the sweep wants, and return their components."""
    desk.admin.execute("DELETE FROM jobs.procrastinate_jobs")
    sweep(desk.work, at)
    wanted = [args for (args,) in desk.rows("SELECT args FROM jobs.procrastinate_jobs WHERE task_name = 'diagnose'")]
    desk.admin.execute("DELETE FROM jobs.procrastinate_jobs")
    for args in wanted:
        diagnose(desk, args["device_id"], args["component"], at)
    return [args["component"] for args in wanted]


def shelve(desk: SmallDesk, device_id: int, lasts: timedelta | None = DAY, key: tuple[str, int] = CELL, **more: object):  # type: ignore[no-untyped-def]
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return shelving.shelve(
            connection,
            more.get("product", EV),  # type: ignore[arg-type]
            device_id,
            key,
            lasts=lasts,
            staff_id=staff(desk),
            reason="The pack is exchanged on Friday",
            now=more.get("at") or now(),  # type: ignore[arg-type]
        )


def staff(desk: SmallDesk) -> int:
    return desk.value("SELECT staff_id FROM staff WHERE tenant_id = %s", desk.tenant_id)


def requests(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM service_request")


def state(desk: SmallDesk, device_id: int, key: tuple[str, int] = CELL) -> str:
    return desk.value(
        "SELECT state FROM attention WHERE device_id = %s AND monitor = %s AND element = %s", device_id, *key
    )


def heal(desk: SmallDesk, symptom_id: int) -> None:
    desk.admin.execute("UPDATE symptom SET state = 'healed', healed_at = now() WHERE symptom_id = %s", [symptom_id])


def test_a_symptom_is_unacknowledged_until_somebody_has_seen_it(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    symptom_id = desk.symptom(device_id, *CELL)
    diagnose(desk, device_id)
    assert state(desk, device_id) == "unacknowledged"
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        for expected in (1, 0):
            seen = shelving.acknowledge(connection, EV, device_id, staff_id=staff(desk), now=now())
            assert seen == expected
    assert state(desk, device_id) == "acknowledged"
    heal(desk, symptom_id)
    diagnose(desk, device_id)
    assert state(desk, device_id) == "normal"


def test_what_goes_before_anybody_saw_it_has_returned_unseen(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    heal_me = desk.symptom(device_id, *CELL)
    diagnose(desk, device_id)
    heal(desk, heal_me)
    diagnose(desk, device_id)
    assert state(desk, device_id) == "returned"


def test_a_shelved_symptom_opens_nothing_and_goes_its_way_when_the_shelf_ends_by_itself(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    assert shelve(desk, device_id) == Done("shelved")
    desk.symptom(device_id, *CELL)
    diagnose(desk, device_id)
    assert requests(desk) == 0
    assert desk.value("SELECT count(*) FROM notice") == 0
    assert swept(desk, now() + DAY / 2) == []
    assert swept(desk, now() + DAY * 1.01) == ["traction_battery"]
    assert requests(desk) == 1
    assert state(desk, device_id) == "unacknowledged"
    assert swept(desk, now() + DAY * 1.02) == [], "an ended shelf is not looked at again"


def test_what_has_gone_when_the_shelf_ends_opens_nothing(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    shelve(desk, device_id)
    heal(desk, desk.symptom(device_id, *CELL))
    diagnose(desk, device_id)
    swept(desk, now() + DAY * 1.01)
    assert (requests(desk), state(desk, device_id)) == (0, "normal")


def test_each_act_has_its_audit_line_with_name_reason_and_end(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    shelve(desk, device_id)
    swept(desk, now() + DAY * 1.01)
    lines = desk.rows(
        "SELECT act, before, after, staff_id, reason, due_at IS NOT NULL FROM attention_change ORDER BY change_id"
    )
    assert lines == [
        ("shelve", "normal", "shelved", staff(desk), "The pack is exchanged on Friday", True),
        ("end_without_it", "shelved", "normal", None, None, False),
    ]


def test_a_shelf_can_be_ended_by_hand_and_what_is_there_is_diagnosed_anew(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    shelve(desk, device_id)
    desk.symptom(device_id, *CELL)
    diagnose(desk, device_id)
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        done = shelving.put_back(connection, EV, device_id, CELL, staff_id=staff(desk), now=now())
    assert done == Done("unacknowledged")
    assert desk.value("SELECT args ->> 'component' FROM jobs.procrastinate_jobs") == "traction_battery"
    diagnose(desk, device_id)
    assert requests(desk) == 1


def test_out_of_service_has_no_end_of_its_own(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    assert shelve(desk, device_id, None) == Done("out_of_service")
    desk.symptom(device_id, *CELL)
    diagnose(desk, device_id)
    assert swept(desk, now() + 365 * DAY) == []
    assert (requests(desk), state(desk, device_id)) == (0, "out_of_service")
    assert isinstance(shelve(desk, device_id), Refused), "it is put back first"


@pytest.mark.parametrize("name", ["battery_hot", "insulation_low"])
def test_safety_is_never_put_aside_nor_what_is_a_danger_by_itself(desk: SmallDesk, name: str) -> None:
    device_id = desk.vehicle("ev-1")
    for lasts in (DAY, None):
        assert shelve(desk, device_id, lasts, (name, 0)) == Refused("Safety is never put aside.")
    assert desk.rows("SELECT * FROM attention") == []


@pytest.mark.parametrize("lasts", [timedelta(0), timedelta(days=7, seconds=1), -DAY])
def test_a_shelf_of_an_impossible_length_is_refused(desk: SmallDesk, lasts: timedelta) -> None:
    assert isinstance(shelve(desk, desk.vehicle("ev-1"), lasts), Refused)


def test_a_shelf_never_hides_a_danger_that_it_is_a_part_of(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    shelve(desk, device_id)
    cell = desk.symptom(device_id, *CELL)
    hot = desk.symptom(device_id, "battery_hot")
    diagnose(desk, device_id)
    assert desk.value("SELECT is_safety FROM service_request")
    assert desk.value("SELECT symptom_ids FROM diagnosis") == [cell, hot]


def test_what_has_become_a_matter_of_safety_since_it_was_put_aside_is_heard(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    shelve(desk, device_id, None)
    # As if the product's folder had changed meanwhile: the row is now one of a monitor of safety.
    desk.admin.execute("UPDATE attention SET monitor = 'battery_hot', element = 0")
    desk.symptom(device_id, "battery_hot")
    diagnose(desk, device_id)
    assert desk.value("SELECT is_safety FROM service_request")
    assert state(desk, device_id, ("battery_hot", 0)) == "unacknowledged"


def test_a_shelf_leaves_an_open_request_as_it_is(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, *CELL)
    diagnose(desk, device_id)
    shelve(desk, device_id)
    diagnose(desk, device_id)
    assert desk.rows("SELECT state FROM service_request") == [("open",)]
    assert "symptom_healed" not in [row[0] for row in desk.rows("SELECT event FROM request_event")]


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ("'shelved', now(), false, NULL, 'r', now()", "shelf_has_name_reason_and_end"),
        ("'shelved', now(), false, 1, ' ', now()", "shelf_has_name_reason_and_end"),
        ("'shelved', now(), false, 1, 'r', now() + interval '8 days'", "shelf_ends_within_a_week"),
        ("'shelved', now(), true, 1, 'r', now()", "safety_is_never_quiet"),
        ("'out_of_service', now(), false, 1, NULL, NULL", "out_of_service_has_name_and_reason"),
        ("'suppressed', now(), false, NULL, NULL, now()", "suppression_has_a_mode_and_an_end"),
        ("'asleep', now(), false, NULL, NULL, NULL", "attention_state_is_known"),
    ],
)
def test_the_database_refuses_what_cannot_be(desk: SmallDesk, values: str, constraint: str) -> None:
    device_id = desk.vehicle("ev-1")
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        desk.admin.execute(
            "INSERT INTO attention (tenant_id, device_id, monitor, component, state, since_at, is_safety, staff_id,"  # type: ignore[arg-type]
            f" reason, due_at) VALUES (%s, %s, 'm', 'c', {values})",
            [desk.tenant_id, device_id],
        )


# ---------------------------------------------------------------- modes


def mode(desk: SmallDesk, device_id: int, name: str, begins_at: datetime, ends_at: datetime | None) -> None:
    """A spell of a mode, as ingest writes it."""
    desk.admin.execute(
        """INSERT INTO symptom (tenant_id, device_id, monitor, component, state, since_at, noticed_at, confirmed_at,
            healed_at, decided_by_ingest_no, decided_received_at)
        VALUES (%s, %s, %s, 'mode', %s, %s, %s, %s, %s, 1, %s)
        ON CONFLICT ON CONSTRAINT symptom_is_told_once DO UPDATE SET state = EXCLUDED.state,
            healed_at = EXCLUDED.healed_at, decided_received_at = EXCLUDED.decided_received_at""",
        [
            desk.tenant_id, device_id, name, "confirmed" if ends_at is None else "healed", begins_at, begins_at,
            begins_at, ends_at, ends_at or begins_at,
        ],
    )  # fmt: skip


def test_what_comes_while_a_vehicle_is_updated_opens_nothing_and_if_it_stays_it_goes_its_way(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    began_at = now() - timedelta(hours=1)
    mode(desk, device_id, "updating", began_at, None)
    desk.symptom(device_id, "low_voltage_low", component="low_voltage_system")
    diagnose(desk, device_id, "low_voltage_system")
    key = ("low_voltage_low", 0)
    assert (requests(desk), state(desk, device_id, key)) == (0, "suppressed")
    assert desk.value("SELECT mode FROM attention") == "updating"
    ended_at = now()
    mode(desk, device_id, "updating", began_at, ended_at)
    diagnose(desk, device_id, "mode")
    assert desk.rows("SELECT args ->> 'component' FROM jobs.procrastinate_jobs") == [("low_voltage_system",)]
    diagnose(desk, device_id, "low_voltage_system")
    assert (requests(desk), state(desk, device_id, key)) == (0, "suppressed"), "its traces are its own"
    assert swept(desk, ended_at + timedelta(hours=1.1)) == ["low_voltage_system"]
    assert (requests(desk), state(desk, device_id, key)) == (1, "unacknowledged")


def test_what_comes_and_goes_within_a_mode_is_kept_and_leaves_nothing_behind(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    mode(desk, device_id, "updating", now() - timedelta(hours=1), None)
    symptom_id = desk.symptom(device_id, "cells_missing")
    diagnose(desk, device_id)
    heal(desk, symptom_id)
    diagnose(desk, device_id)
    assert state(desk, device_id, ("cells_missing", 0)) == "normal"
    assert [row[0] for row in desk.rows("SELECT act FROM attention_change ORDER BY 1")] == [
        "end_without_it", "suppress",
    ]  # fmt: skip
    assert requests(desk) == 0


def test_a_danger_is_heard_in_every_mode(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    mode(desk, device_id, "updating", now() - timedelta(hours=1), None)
    desk.symptom(device_id, "battery_hot")
    diagnose(desk, device_id)
    assert desk.value("SELECT is_safety FROM service_request")


def test_a_meter_that_told_of_an_outage_may_be_silent_for_as_long_as_that_says(desk: SmallDesk) -> None:
    told, untold = desk.meter("m-1"), desk.meter("m-2")
    mode(desk, told, "mains_outage", now() - timedelta(hours=26), None)
    for device_id in (told, untold):
        desk.symptom(device_id, "silent", component="communication")
        diagnose(desk, device_id, "communication")
    assert desk.rows("SELECT device_id FROM service_request") == [(untold,)]
    swept(desk, now() + 3 * DAY)
    assert requests(desk) == 2, "the end was never told"


def test_what_comes_during_a_visit_is_the_technicians(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, *CELL)
    diagnose(desk, device_id)
    request_id = desk.value("SELECT request_id FROM service_request")
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.offer(desk.work, request_id=request_id, now=now())
    booking_id = desk.value("SELECT booking_id FROM booking WHERE rank = 1")
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.confirm(desk.work, request_id=request_id, booking_id=booking_id, now=now())
    # The date comes, as it were: the time is moved, and nothing else.
    desk.admin.execute(
        "UPDATE appointment SET during = tstzrange(now() - interval '1 hour', now() + interval '1 hour')"
    )
    for monitor, component in (("tyre_soft", "tyres"), ("other_code", "vehicle")):
        desk.symptom(device_id, monitor, component=component)
        diagnose(desk, device_id, component)
        assert state(desk, device_id, (monitor, 0)) == "suppressed"
    assert requests(desk) == 1


# ---------------------------------------------------------------- chatter


def come(desk: SmallDesk, device_id: int, minutes_ago: float, *, gone: bool = True) -> int:
    """A tyre's symptom that came so long ago, and is gone or not."""
    at = now() - timedelta(minutes=minutes_ago)
    return desk.admin.execute(
        """INSERT INTO symptom (tenant_id, device_id, monitor, component, element, state, since_at, noticed_at,
            confirmed_at, healed_at, value, threshold, decided_by_ingest_no, decided_received_at)
        VALUES (%s, %s, 'tyre_soft', 'tyres', 2, %s, %s, %s, %s, %s, 80, 83, 1, %s) RETURNING symptom_id""",
        [desk.tenant_id, device_id, "healed" if gone else "confirmed", at, at, at, at if gone else None, at],
    ).fetchone()[0]  # type: ignore[index]


def chatter(desk: SmallDesk, device_id: int) -> None:
    for minutes_ago in (180, 100):
        come(desk, device_id, minutes_ago)
        diagnose(desk, device_id, "tyres")
    come(desk, device_id, 20, gone=False)
    diagnose(desk, device_id, "tyres")


def test_a_monitor_that_chatters_is_one_symptom_of_its_own_and_a_persons(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    chatter(desk, device_id)
    assert desk.rows("SELECT state FROM service_request") == [("held",)]
    assert desk.rows("SELECT queue, reason FROM human_case") == [
        ("judgement", "A monitor goes on and off again and again: look at its sensor.")
    ]
    ((hypotheses,),) = desk.rows("SELECT hypotheses FROM diagnosis")
    assert [each["fault"] for each in hypotheses] == ["unsteady"]
    assert json.dumps(hypotheses).count("A tyre loses air") == 1
    assert desk.rows("SELECT element, value, threshold FROM symptom WHERE monitor = 'tyre_soft/unsteady'") == [
        (2, 3, 3)
    ]


def test_while_it_chatters_single_comings_disturb_nobody(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    chatter(desk, device_id)
    before = desk.rows("SELECT (SELECT count(*) FROM diagnosis), (SELECT count(*) FROM request_event)")
    for minutes_ago in (10, 5, 1):
        desk.admin.execute("UPDATE symptom SET state = 'healed', healed_at = now() WHERE monitor = 'tyre_soft'")
        diagnose(desk, device_id, "tyres")
        come(desk, device_id, minutes_ago, gone=False)
        diagnose(desk, device_id, "tyres")
    assert desk.rows("SELECT (SELECT count(*) FROM diagnosis), (SELECT count(*) FROM request_event)") == before
    assert desk.value("SELECT count(*) FROM symptom WHERE monitor = 'tyre_soft/unsteady'") == 1


def test_when_it_is_quiet_again_what_is_still_there_goes_its_way(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    chatter(desk, device_id)
    window = timedelta(seconds=EV.chatter(next(m for m in EV.monitors if m.name == "tyre_soft")).window_s)
    assert swept(desk, now() + window) == ["tyres"]
    assert desk.value("SELECT state FROM symptom WHERE monitor = 'tyre_soft/unsteady'") == "healed"
    assert (
        desk.value("SELECT hypotheses -> 0 ->> 'fault' FROM diagnosis ORDER BY diagnosis_id DESC LIMIT 1") != "unsteady"
    )


def test_a_shelved_monitor_does_not_chatter(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    shelve(desk, device_id, key=("tyre_soft", 2))
    chatter(desk, device_id)
    assert requests(desk) == 0
    assert desk.rows("SELECT * FROM symptom WHERE monitor LIKE '%%/unsteady'") == []


def test_another_tenant_sees_nothing_of_it(desk: SmallDesk, tmp_path: Path) -> None:
    device_id = desk.vehicle("ev-1")
    shelve(desk, device_id)
    other = open_desk(desk.dsn, tmp_path, tenant="other")
    with tenant_transaction(desk.work, other.tenant_id):
        assert attention.kept(desk.work, device_id) == []
    other.close()
