"""Deposits on a real database and a provider over HTTP: asked for, taken, given back, late, failing, forged."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import planner
from gateway.payments.checkout import HttpPayments
from gateway.payments.settling import settle_due
from gateway.payments.signature import signed
from gateway.payments.webhook import ForgedError, UnreadableError, take_message
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.storage.requests import append_event
from tests.fakes.payment_provider import KEY, PaymentProvider
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.pricing import set_deposit, set_prices
from tests.gateway.test_quoting import agree, offer, open_request, quote, reasons, state

SECRET = "whsec_of_the_tests"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    set_prices(opened)
    set_deposit(opened)
    yield opened
    opened.close()


@pytest.fixture
def provider() -> Iterator[PaymentProvider]:
    with PaymentProvider() as running:
        yield running


@pytest.fixture
def port(provider: PaymentProvider) -> Iterator[HttpPayments]:
    opened = HttpPayments(provider.url, KEY)
    yield opened
    opened.close()


def agreed(desk: SmallDesk) -> int:
    """A request whose owner has said yes to a price with a deposit."""
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    agree(desk, request_id, quote(desk, request_id))
    return request_id


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
