"""What the desk may do alone, and what is written down of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg.errors import CheckViolation, InsufficientPrivilege, RaiseException

from gateway.audit import auditing
from gateway.audit.auditing import NobodyAnswersError
from gateway.owners import mandates
from gateway.storage.connection import tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from workflows.mandate import Allowed, Clause, Denied, Why
from workflows.money import Money

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    desk = open_desk(database, tmp_path)
    yield desk
    desk.close()


def asked(desk: SmallDesk, device_id: int, clause: Clause, amount: Money | None = None) -> Allowed | Denied:
    with tenant_transaction(desk.work, desk.tenant_id):
        return mandates.allow(desk.work, device_id, clause, NOW, amount)


def test_what_was_signed_is_allowed_up_to_its_amount_and_nothing_else(desk: SmallDesk) -> None:
    car = desk.vehicle("car-1")
    signed = desk.sign(car, Clause.REPORT, Clause.RESERVE_PART, limit=Money(10_000, "EUR"))
    assert asked(desk, car, Clause.REPORT) == Allowed(signed, Clause.REPORT)
    assert asked(desk, car, Clause.RESERVE_PART, Money(10_000, "EUR")) == Allowed(signed, Clause.RESERVE_PART)
    dear = asked(desk, car, Clause.RESERVE_PART, Money(10_001, "EUR"))
    assert isinstance(dear, Denied)
    assert dear.why is Why.TOO_MUCH
    assert isinstance(asked(desk, car, Clause.OFFER_DATES), Denied)


def test_an_act_is_written_down_with_mandate_and_clause(desk: SmallDesk) -> None:
    car = desk.vehicle("car-1")
    with tenant_transaction(desk.work, desk.tenant_id):
        allowed = mandates.allow(desk.work, car, Clause.REPORT, NOW)
        assert isinstance(allowed, Allowed)
        auditing.record(
            desk.work, "opened", device_id=car, request_id=None, permission=allowed, inputs={"fault": "x"}, now=NOW
        )
    assert desk.rows("SELECT actor, act, mandate_id, clause FROM audit_record") == [
        ("desk", "opened", allowed.mandate_id, "report")
    ]
    assert desk.value("SELECT number FROM audit_link") == 1


def test_the_database_refuses_an_act_on_a_clause_that_does_not_hold(desk: SmallDesk) -> None:
    car = desk.vehicle("car-1")
    forged = Allowed(desk.sign(car, Clause.REPORT), Clause.REPORT)
    late = Allowed(desk.sign(car, Clause.REPORT, expires_at=NOW), Clause.REPORT)
    for permission in (forged, late):
        with pytest.raises(CheckViolation), tenant_transaction(desk.work, desk.tenant_id):
            auditing.record(
                desk.work, "opened", device_id=car, request_id=None, permission=permission, inputs={}, now=NOW
            )


def test_an_act_without_a_clause_and_without_a_person_is_refused(desk: SmallDesk) -> None:
    car = desk.vehicle("car-1")
    with pytest.raises(NobodyAnswersError, match="give it to a person"), tenant_transaction(desk.work, desk.tenant_id):
        auditing.record(desk.work, "opened", device_id=car, request_id=None, permission=None, inputs={}, now=NOW)


def test_nobody_changes_the_audit_or_what_was_signed(desk: SmallDesk) -> None:
    car = desk.vehicle("car-1")
    with tenant_transaction(desk.work, desk.tenant_id):
        allowed = mandates.allow(desk.work, car, Clause.REPORT, NOW)
        assert isinstance(allowed, Allowed)
        auditing.record(desk.work, "opened", device_id=car, request_id=None, permission=allowed, inputs={}, now=NOW)
    for statement in (
        b"UPDATE audit_record SET act = 'x'",
        b"DELETE FROM audit_record",
        b"UPDATE audit_link SET number = 9",
    ):
        with pytest.raises(InsufficientPrivilege), tenant_transaction(desk.work, desk.tenant_id):
            desk.work.execute(statement)
        with pytest.raises(RaiseException, match="appended to"):
            desk.admin.execute(statement)
    with pytest.raises(RaiseException, match="ended once"):
        desk.admin.execute("UPDATE mandate SET signed_at = signed_at - interval '1 day'")
