"""Each step of a deposit's money stands in the audit, with what it stood on; and its chain fits."""

import psycopg
import pytest

from gateway.audit.verifying import verify
from gateway.payments.checkout import HttpPayments
from gateway.storage.connection import tenant_transaction
from tests.fakes.payment_provider import PaymentProvider
from tests.gateway.desk import SmallDesk
from tests.gateway.payments.test_settling import agreed, cancel, settle, tell


def steps(desk: SmallDesk) -> list[str]:
    """The acts about the deposit, in order; all of them stand on the rule, and cite quote and amount."""
    rows = desk.rows(
        """SELECT a.act, a.actor, (a.inputs ->> 'quote_id')::bigint = d.quote_id,
            (a.inputs ->> 'amount_minor')::bigint = d.amount_minor
        FROM audit_record a JOIN deposit d USING (request_id) WHERE a.act LIKE 'deposit%%' ORDER BY a.audit_id"""
    )
    assert {row[1:] for row in rows} == {("rule-deposit", True, True)}
    with tenant_transaction(desk.work, desk.tenant_id):
        assert verify(desk.work).misfit is None
    return [row[0] for row in rows]


def test_a_deposit_that_is_paid_and_given_back_is_written_down_step_by_step(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    assert steps(desk) == ["deposit_wanted", "deposit_asked"]
    provider.pay("cs_1")
    settle(desk, port, hours=0.2)
    cancel(desk, request_id)
    settle(desk, port, times=4, hours=0.3)
    assert steps(desk)[2:] == ["deposit_reserved", "deposit_paid", "deposit_refunding", "deposit_returned"]
    events = desk.rows("SELECT event FROM request_event WHERE event IN ('deposit_paid', 'deposit_returned')")
    assert len(events) == 2


def test_money_that_comes_after_the_end_is_called_off_in_writing(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    cancel(desk, request_id)
    provider.pay("cs_1")
    settle(desk, port, hours=0.2)
    tell(desk, provider.message("evt_late", "cs_1"))
    settle(desk, port, hours=0.3)
    assert steps(desk)[2:] == ["deposit_unwanted", "deposit_void", "deposit_unwanted", "deposit_void"]


def test_a_deposit_that_nobody_can_take_says_why(desk: SmallDesk) -> None:
    agreed(desk)
    settle(desk, None)
    assert steps(desk) == ["deposit_wanted", "deposit_failed"]
    why = desk.value("SELECT inputs ->> 'why' FROM audit_record WHERE act = 'deposit_failed'")
    assert why == desk.value("SELECT reason FROM human_case WHERE closed_at IS NULL")


@pytest.mark.parametrize(
    ("actor", "act", "constraint"),
    [
        ("rule-deposit", "offered", "a_rule_does_its_own_acts_alone"),
        ("rule-safety", "deposit_paid", "a_rule_does_its_own_acts_alone"),
        ("rule-anything", "offered", "actor_is_the_desk_a_rule_or_a_person"),
        ("desk", "device_warned", "act_stands_on_a_clause_or_a_person_is_named"),
    ],
)
def test_a_rule_does_its_own_acts_and_no_other(desk: SmallDesk, actor: str, act: str, constraint: str) -> None:
    car = desk.vehicle("ev-9")
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint), tenant_transaction(desk.work, desk.tenant_id):
        desk.work.execute(
            """INSERT INTO audit_record (at, actor, act, device_id, inputs, sha256)
            VALUES (now(), %s, %s, %s, '{}', sha256('x'))""",
            [actor, act, car],
        )
