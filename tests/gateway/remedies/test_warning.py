"""A danger is told to the machine at once, and that stands in the audit without a clause: whatever its owner has signed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.audit.verifying import verify
from gateway.remedies.warning import warn
from gateway.storage.connection import tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.owners.test_owning import diagnose, now


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def test_a_warning_is_audited_once_by_its_rule_although_nothing_is_signed(desk: SmallDesk) -> None:
    car = desk.vehicle("ev-1")
    desk.sign(car)
    desk.symptom(car, "warning_level_3")
    diagnose(desk, car)
    request_id = desk.value("SELECT request_id FROM service_request")
    with tenant_transaction(desk.work, desk.tenant_id):
        warn(desk.work, request_id=request_id, fault="battery_fire_risk", now=now())
        assert verify(desk.work).misfit is None
    ((actor, mandate, clause, inputs),) = desk.rows(
        "SELECT actor, mandate_id, clause, inputs FROM audit_record WHERE act = 'device_warned'"
    )
    assert (actor, mandate, clause) == ("rule-safety", None, None)
    assert inputs["command"] == "stop_using"
    assert inputs["command_id"] == str(desk.value("SELECT command_id FROM device_command"))
