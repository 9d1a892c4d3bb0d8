"""Deposits on a real database and a provider over HTTP: asked for, taken, given back, late, failing, forged."""

import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from gateway import planner
from gateway.payments.checkout import HttpPayments
from gateway.payments.settling import settle_due
from gateway.payments.signature import signed
from gateway.payments.webhook import ForgedError, UnreadableError, take_message
from gateway.planner import Done
from gateway.quotes import quoting
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.storage.requests import append_event
from tests.fakes.payment_provider import PaymentProvider
from tests.gateway.desk import SmallDesk
from tests.gateway.pricing import set_deposit
from tests.gateway.quotes.test_quoting import agree, offer, open_request, quote, reasons, state
from workflows.money import Money

SECRET = "whsec_of_the_tests"


def agreed(desk: SmallDesk) -> int:
    """A request whose owner has said yes to a price with a deposit."""
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    agree(desk, request_id, quote(desk, request_id))
    return request_id


def test_who_agrees_to_a_deposit_beside_dates_takes_none_of_them_before_it_is_paid(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    desk.admin.execute("DELETE FROM deposit_rule")
    request_id = open_request(desk, desk.vehicle("ev-1"))
    assert offer(desk, request_id) is not None
    set_deposit(desk)
    look_again(desk, request_id)
    assert state(desk, request_id) == "offered"
    agree(desk, request_id, quote(desk, request_id))
    assert state(desk, request_id) == "quoted"
    assert desk.value("SELECT count(*) FROM booking WHERE released_at IS NULL") == 0
    settle(desk, port)
    provider.pay("cs_1")
    settle(desk, port, hours=0.2)
    assert state(desk, request_id) == "open"
    assert offer(desk, request_id) is not None


def settle(desk: SmallDesk, port: HttpPayments | None, times: int = 3, hours: float = 0) -> None:
    """What is due now, or some hours later; several times, as the work process does."""
    for _ in range(times):
        settle_due(desk.work, port, "http://desk.example", datetime.now(UTC) + timedelta(hours=hours))


def deposit(desk: SmallDesk) -> str:
    return desk.value("SELECT state FROM deposit")


def tell(desk: SmallDesk, body: bytes, *, at: datetime | None = None, secret: str = SECRET) -> str:
    now = datetime.now(UTC)
    with connect(desk.dsn, Role.SERVE) as connection:
        return take_message(connection, signed(body, secret, at or now), body, SECRET, now)


def cancel(desk: SmallDesk, request_id: int) -> None:
    with tenant_transaction(desk.admin, desk.tenant_id):
        planner.cancel(desk.admin, request_id=request_id, staff_id=1, reason="no", now=datetime.now(UTC))


def test_a_deposit_is_asked_for_taken_and_lets_the_request_go_on(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    assert deposit(desk) == "asked"
    assert desk.value("SELECT pay_at FROM deposit") == "https://pay.example/cs_1"
    provider.pay("cs_1")
    assert tell(desk, provider.message("evt_1", "cs_1")) == "asked"
    assert tell(desk, provider.message("evt_1", "cs_1")) == "known"
    settle(desk, port)
    assert deposit(desk) == "captured"
    assert state(desk, request_id) == "open"
    assert provider.taken() == desk.value("SELECT captured_minor FROM deposit") > 0
    assert offer(desk, request_id) is not None
    settle(desk, port, hours=1)
    assert desk.value("SELECT count(*) FROM request_event WHERE event = 'deposit_paid'") == 1


def test_without_a_message_it_is_found_by_asking(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    provider.pay("cs_1")
    settle(desk, port, hours=0.2)
    assert deposit(desk) == "captured"
    assert state(desk, request_id) == "open"


def test_another_price_with_a_deposit_of_its_own_lets_go_of_the_one_that_is_not_paid(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    with tenant_transaction(desk.admin, desk.tenant_id):
        now = datetime.now(UTC)
        planner.hold(desk.admin, request_id=request_id, staff_id=1, reason="the diagnosis has changed", now=now)
        planner.approve(desk.admin, request_id=request_id, staff_id=1, now=now)
    desk.admin.execute("UPDATE part SET price_minor = price_minor * 2")
    offer(desk, request_id)
    agree(desk, request_id, quote(desk, request_id))
    assert desk.value("SELECT count(*) FROM deposit WHERE state IN ('wanted', 'asked', 'authorised')") == 1
    settle(desk, port, times=4)
    states = "SELECT array_agg(state ORDER BY deposit_id) FROM deposit"
    assert desk.value(states) == ["void", "asked"]
    provider.pay("cs_2")
    settle(desk, port, hours=1)
    assert desk.value(states) == ["void", "captured"]
    assert provider.taken() == desk.value("SELECT sum(captured_minor) FROM deposit")


def test_a_cancelled_request_gives_all_of_it_back(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    provider.pay("cs_1")
    settle(desk, port, hours=0.2)
    cancel(desk, request_id)
    settle(desk, port, times=4, hours=0.3)
    assert desk.rows("SELECT state, captured_minor = refunded_minor, paid_minor FROM deposit") == [("settled", True, 0)]
    assert provider.taken() == 0


@pytest.mark.parametrize(("became", "refunds"), [("succeeded", 1), ("failed", 2), ("canceled", 2)])
def test_a_refund_that_was_pending_goes_on_from_what_has_become_of_it(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments, became: str, refunds: int
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    provider.pay("cs_1")
    settle(desk, port, hours=0.2)
    cancel(desk, request_id)
    provider.refund_status = "pending"
    for hours in range(1, 4):
        settle(desk, port, hours=hours)
    assert deposit(desk) == "refunding"
    assert len(provider.refunds) == 1
    provider.refunds[0]["status"] = became
    provider.refund_status = "succeeded"
    settle(desk, port, hours=48)
    assert deposit(desk) == "settled"
    assert len(provider.refunds) == refunds
    assert provider.taken() == 0


def test_what_a_person_has_given_back_at_the_provider_is_not_given_back_twice(
    provider: PaymentProvider, port: HttpPayments
) -> None:
    by_hand = {"id": "re_hand", "payment_intent": "pi_1", "amount": 1500, "status": "succeeded"}
    provider.refunds.append(by_hand)
    assert port.refund("pi_1", Money(4000, "EUR"), key="k")
    assert port.refund("pi_1", Money(4000, "EUR"), key="k")
    assert [each["amount"] for each in provider.refunds] == [1500, 2500]


def test_who_pays_after_the_request_has_ended_is_never_charged(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    cancel(desk, request_id)
    provider.pay("cs_1")
    settle(desk, port, hours=0.2)
    assert deposit(desk) == "void"
    assert provider.intents["pi_cs_1"]["status"] == "canceled"
    assert tell(desk, provider.message("evt_late", "cs_1")) == "asked"
    settle(desk, port, hours=0.3)
    assert deposit(desk) == "void"
    assert provider.taken() == 0


def test_who_pays_in_the_moment_in_which_his_page_ends_gets_his_money_back(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    cancel(desk, request_id)
    provider.pays_at_last = True
    settle(desk, port, hours=0.2)
    assert deposit(desk) == "unwanted"
    assert provider.intents["pi_cs_1"]["status"] == "requires_capture"
    settle(desk, port, hours=0.4)
    assert deposit(desk) == "void"
    assert provider.intents["pi_cs_1"]["status"] == "canceled"


@pytest.mark.parametrize(("finding", "paid"), [("repaired", True), ("no_fault", False), (None, False)])
def test_a_deposit_counts_for_work_that_was_done_and_goes_back_where_nothing_was_repaired(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments, finding: str | None, paid: bool
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    provider.pay("cs_1")
    settle(desk, port, hours=0.2)
    desk.admin.execute(
        "UPDATE service_request SET state = 'solved', closed_at = now() WHERE request_id = %s", [request_id]
    )
    if finding is not None:
        with tenant_transaction(desk.admin, desk.tenant_id):
            append_event(desk.admin, request_id, "completed", datetime.now(UTC), detail={"finding": finding})
    settle(desk, port, hours=0.3)
    assert desk.value("SELECT state FROM deposit") == "settled"
    assert desk.value("SELECT captured_minor = paid_minor AND refunded_minor = 0 FROM deposit") is paid
    assert (provider.taken() > 0) is paid


def test_without_a_provider_a_person_agrees_it(desk: SmallDesk) -> None:
    request_id = agreed(desk)
    settle(desk, None)
    assert deposit(desk) == "void"
    assert state(desk, request_id) == "held"
    assert reasons(desk) == ["A deposit is needed, and no payment provider is set: agree with the owner, then approve."]
    with tenant_transaction(desk.admin, desk.tenant_id):
        planner.approve(desk.admin, request_id=request_id, staff_id=1, now=datetime.now(UTC))
    assert offer(desk, request_id) is not None


def test_without_a_provider_nothing_more_happens_to_a_request_that_has_ended(desk: SmallDesk) -> None:
    request_id = agreed(desk)
    cancel(desk, request_id)
    before = desk.rows("SELECT event FROM request_event ORDER BY event_id")
    settle(desk, None)
    assert deposit(desk) == "void"
    assert desk.rows("SELECT event FROM request_event ORDER BY event_id") == before
    assert desk.value("SELECT count(*) FROM human_case WHERE closed_at IS NULL") == 0


def test_a_later_diagnosis_of_the_same_price_makes_no_dates_before_the_money(desk: SmallDesk) -> None:
    request_id = agreed(desk)
    look_again(desk, request_id)
    assert (deposit(desk), state(desk, request_id)) == ("wanted", "quoted")


def test_a_deposit_that_is_not_needed_any_more_is_let_go_of_and_dates_follow(desk: SmallDesk) -> None:
    request_id = agreed(desk)
    desk.admin.execute("DELETE FROM deposit_rule")
    look_again(desk, request_id)
    assert (deposit(desk), state(desk, request_id)) == ("unwanted", "open")


def look_again(desk: SmallDesk, request_id: int) -> None:
    with tenant_transaction(desk.work, desk.tenant_id):
        quoting.look_again(desk.work, request_id, datetime.now(UTC))


def test_a_provider_that_fails_is_tried_again_and_a_person_learns_of_it(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    agreed(desk)
    provider.fails = 5
    for hours in range(1, 6):
        settle(desk, port, times=1, hours=hours)
    assert deposit(desk) == "wanted"
    assert reasons(desk) == ["The payment provider fails: see that the deposit is taken, or given back."]
    settle(desk, port, times=1, hours=8)
    assert deposit(desk) == "asked"
    assert len(provider.sessions) == 1


OTHER_AMOUNT = (
    "Another amount was paid than was asked for: see to it at the payment provider, agree with the owner, then approve."
)


@pytest.mark.parametrize(
    ("otherwise", "left"),
    [({"amount": 7}, 0), ({"status": "succeeded", "amount_received": 7}, 7)],
    ids=["reserved", "taken_by_hand"],
)
def test_another_amount_than_was_asked_for_is_a_persons_and_no_payment(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments, otherwise: dict[str, object], left: int
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    provider.pay("cs_1")
    provider.intents["pi_cs_1"] |= otherwise
    settle(desk, port, hours=1)
    assert deposit(desk) == "void"
    assert state(desk, request_id) == "held"
    assert reasons(desk) == [OTHER_AMOUNT]
    assert desk.value("SELECT inputs ->> 'why' FROM audit_record WHERE act = 'deposit_failed'") == OTHER_AMOUNT
    # What was only reserved is free again; what somebody has taken is his to see to.
    assert provider.taken() == left
    assert provider.intents["pi_cs_1"]["status"] == ("succeeded" if left else "canceled")
    with tenant_transaction(desk.admin, desk.tenant_id):
        assert isinstance(planner.approve(desk.admin, request_id=request_id, staff_id=1, now=datetime.now(UTC)), Done)


def test_what_somebody_has_taken_at_the_provider_is_found_in_place_of_taken_again(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    provider.pay("cs_1")
    settle(desk, port, times=1, hours=0.2)
    assert deposit(desk) == "authorised"
    paid = provider.intents["pi_cs_1"]
    paid |= {"status": "succeeded", "amount_received": paid["amount"]}
    settle(desk, port, times=1, hours=0.4)
    assert deposit(desk) == "captured"
    assert state(desk, request_id) == "open"
    assert "POST /v1/payment_intents/pi_cs_1/capture" not in provider.calls


def test_no_more_goes_back_than_was_taken(desk: SmallDesk, provider: PaymentProvider, port: HttpPayments) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    cancel(desk, request_id)
    provider.pay("cs_1")
    provider.intents["pi_cs_1"] |= {"status": "succeeded", "amount_received": 7}
    settle(desk, port, hours=1)
    assert deposit(desk) == "settled"
    assert [each["amount"] for each in provider.refunds] == [7]
    assert provider.taken() == 0


def test_who_never_pays_is_asked_by_a_person(desk: SmallDesk, provider: PaymentProvider, port: HttpPayments) -> None:
    request_id = agreed(desk)
    settle(desk, port)
    settle(desk, port, hours=24 * 8)
    assert deposit(desk) == "void"
    assert provider.sessions["cs_1"]["status"] == "expired"
    assert state(desk, request_id) == "held"
    assert reasons(desk) == ["The owner has not paid the deposit: please ask in person."]


def test_forged_old_and_unknown_messages_change_nothing(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    agreed(desk)
    settle(desk, port)
    body = provider.message("evt_1", "cs_1")
    with pytest.raises(ForgedError):
        tell(desk, body, secret="whsec_of_another")
    for minutes in (-6, 6):
        with pytest.raises(ForgedError):
            tell(desk, body, at=datetime.now(UTC) + timedelta(minutes=minutes))
    with pytest.raises(UnreadableError):
        tell(desk, b'{"id": 5}')
    for reference in ("null", '"order-17"', '"1-999999"', '"999-1"', '"1-1-1"'):
        unknown = b'{"id": "evt_%s", "type": "x", "data": {"object": {"client_reference_id": %s}}}'
        assert tell(desk, unknown % (reference.strip('"').encode(), reference.encode())) == "unknown"
    assert deposit(desk) == "asked"
    assert desk.value("SELECT count(*) FROM payment_event WHERE event_id = 'evt_1'") == 0


def test_the_secret_key_is_never_said(
    desk: SmallDesk, provider: PaymentProvider, caplog: pytest.LogCaptureFixture
) -> None:
    agreed(desk)
    wrong = HttpPayments(provider.url, "sk_live_wrong_and_secret")
    with caplog.at_level(logging.DEBUG):
        settle(desk, wrong)
    wrong.close()
    assert "401" in desk.value("SELECT last_error FROM deposit")
    assert "secret" not in caplog.text + desk.value("SELECT last_error FROM deposit") + repr(wrong)


class Gone(BaseException):
    """The process is killed."""


class Watched:
    """A provider's port that looks whether a row is locked while it is called, and lets the process die after a call."""

    def __init__(self, port: HttpPayments, desk: SmallDesk) -> None:
        self.port = port
        self.desk = desk
        self.dies = False
        self.calls = 0

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*args: object, **words: object) -> object:
            with self.desk.admin.transaction():
                self.desk.admin.execute("SELECT FROM deposit FOR UPDATE NOWAIT")
                self.desk.admin.execute("SELECT FROM service_request FOR UPDATE NOWAIT")
            answer = getattr(self.port, name)(*args, **words)
            self.calls += 1
            if self.dies:
                self.dies = False
                raise Gone
            return answer

        return call


def test_no_row_is_locked_while_the_provider_is_called_and_a_kill_after_each_call_doubles_nothing(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    request_id = agreed(desk)
    watched = Watched(port, desk)
    at = datetime.now(UTC)

    def settle_once(minutes: int) -> None:
        settle_due(desk.work, watched, "http://desk.example", at + timedelta(minutes=minutes))

    minutes = 0
    for _ in range(30):
        minutes += 6
        watched.dies = watched.calls % 2 == 0
        with contextlib.suppress(Gone):
            settle_once(minutes)
        if deposit(desk) == "asked" and not provider.intents:
            provider.pay("cs_1")
        if deposit(desk) == "captured" and state(desk, request_id) == "open":
            cancel(desk, request_id)
    assert deposit(desk) == "settled"
    assert watched.calls >= 6
    assert len(provider.sessions) == 1
    assert provider.taken() == 0
    assert desk.rows("SELECT captured_minor = refunded_minor FROM deposit") == [(True,)]
    for event in ("deposit_paid", "deposit_returned"):
        assert len(desk.rows("SELECT 1 FROM request_event WHERE event = %s", event)) == 1


def test_who_has_not_paid_after_two_days_is_reminded_once(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    agreed(desk)
    settle(desk, port)
    for hours in (47, 49, 72, 96):
        settle(desk, port, hours=hours)
    assert desk.rows("SELECT kind FROM notice WHERE kind = 'deposit_due'") == [("deposit_due",)]
    assert deposit(desk) == "asked"
