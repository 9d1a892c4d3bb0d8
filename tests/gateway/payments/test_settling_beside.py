"""Deposits while the provider's message comes, and when one of several cannot be settled at all."""

from datetime import UTC, datetime

from gateway.payments.checkout import HttpPayments
from gateway.payments.port import Checkout, Payment
from gateway.payments.settling import settle_due
from tests.fakes.payment_provider import PaymentProvider
from tests.gateway.desk import SmallDesk
from tests.gateway.payments.test_settling import agreed, deposit, settle, tell
from tests.gateway.quotes.test_quoting import agree, offer, open_request, quote
from workflows.money import Money


class Through:
    """Hands on to a provider."""

    def __init__(self, port: HttpPayments) -> None:
        self._port = port

    def look(self, session: str) -> Payment:
        return self._port.look(session)

    def create(self, amount: Money, *, reference: str, title: str, return_to: str, key: str) -> Checkout:
        return self._port.create(amount, reference=reference, title=title, return_to=return_to, key=key)

    def capture(self, intent: str, *, key: str) -> None:
        self._port.capture(intent, key=key)

    def call_off(self, session: str, payment: Payment, *, key: str) -> None:
        self._port.call_off(session, payment, key=key)

    def refund(self, intent: str, amount: Money, *, key: str) -> bool:
        return self._port.refund(intent, amount, key=key)


class PaidWhileAsked(Through):
    """A provider who is asked at the moment before the owner pays: his message is here before his answer."""

    def __init__(self, port: HttpPayments, desk: SmallDesk, provider: PaymentProvider) -> None:
        self._port, self._desk, self._provider = port, desk, provider

    def look(self, session: str) -> Payment:
        found = self._port.look(session)
        if self._provider.sessions[session]["status"] == "open":
            self._provider.pay(session)
            assert tell(self._desk, self._provider.message("evt_1", session)) == "asked"
        return found


def test_who_pays_while_the_provider_is_asked_does_not_wait_for_the_next_asking(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    agreed(desk)
    settle(desk, port)
    assert deposit(desk) == "asked"
    desk.admin.execute("UPDATE deposit SET due_at = now()")
    settle_due(desk.work, PaidWhileAsked(port, desk, provider), "http://desk.example", datetime.now(UTC))
    settle(desk, port)
    assert deposit(desk) == "captured"


class Odd(Through):
    """A provider whose answer about one payment is nothing that anybody has thought of."""

    def __init__(self, port: HttpPayments, odd: str) -> None:
        self._port, self._odd = port, odd

    def look(self, session: str) -> Payment:
        if session == self._odd:
            raise ZeroDivisionError(session)
        return self._port.look(session)


def test_a_deposit_that_cannot_be_settled_keeps_back_no_other_and_becomes_a_persons(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments
) -> None:
    for name in ("ev-1", "ev-2"):
        request_id = open_request(desk, desk.vehicle(name))
        offer(desk, request_id)
        agree(desk, request_id, quote(desk, request_id))
    settle(desk, port)
    provider.pay("cs_2")
    for _ in range(5):
        desk.admin.execute("UPDATE deposit SET due_at = now() WHERE state = 'asked'")
        settle_due(desk.work, Odd(port, "cs_1"), "http://desk.example", datetime.now(UTC))
        settle(desk, port, times=0)
    states = dict(desk.rows("SELECT session, state FROM deposit"))
    assert states == {"cs_1": "asked", "cs_2": "captured"}
    failing = desk.rows("SELECT reason FROM human_case WHERE closed_at IS NULL")
    assert failing == [("The payment provider fails: see that the deposit is taken, or given back.",)]
