"""However a request ends, nobody is asked for its price any more, nothing of his stays here, and he hears of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import planner
from gateway.admission import retiring
from gateway.notices.matters import write
from gateway.notices.notice import Notice
from gateway.owners import owning, stopping
from gateway.payments.checkout import HttpPayments
from gateway.payments.settling import settle_due
from gateway.settings import load_settings
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from tests.fakes.payment_provider import KEY, PaymentProvider
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.pricing import set_deposit, set_prices
from tests.gateway.quotes.test_quoting import agree, offer, open_request, quote, reasons, state

Ending = Callable[[Connection, SmallDesk, int, int], object]


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


def now() -> datetime:
    return datetime.now(UTC)


def cancel(serve: Connection, desk: SmallDesk, device_id: int, request_id: int) -> object:
    return planner.cancel(serve, request_id=request_id, staff_id=1, reason="It is done.", now=now())


def retire(serve: Connection, desk: SmallDesk, device_id: int, request_id: int) -> object:
    return retiring.retire(serve, device_id=device_id, staff_id=1, reason="Scrapped", now=now())


def transfer(serve: Connection, desk: SmallDesk, device_id: int, request_id: int) -> object:
    buyer = serve.execute(
        "INSERT INTO owner (name, email, language) VALUES ('B', 'b@home.example', 'en') RETURNING owner_id"
    ).fetchone()
    assert buyer is not None
    return owning.transfer(serve, device_id=device_id, owner_id=buyer[0], actor="staff-1", now=now())


def stop(serve: Connection, desk: SmallDesk, device_id: int, request_id: int) -> object:
    return stopping.stop(serve, request_id=request_id, now=now())


def priced(desk: SmallDesk, port: HttpPayments, provider: PaymentProvider, stage: str) -> tuple[int, int]:
    """A device and its request with a price that nobody answered, a page to pay on, or a deposit that was paid."""
    device_id = desk.vehicle("ev-1")
    request_id = open_request(desk, device_id)
    offer(desk, request_id)
    if stage != "open":
        agree(desk, request_id, quote(desk, request_id))
        settle(desk, port)
    if stage == "captured":
        provider.pay("cs_1")
        settle(desk, port, hours=0.2)
    return device_id, request_id


def settle(desk: SmallDesk, port: HttpPayments, hours: float = 0) -> None:
    for _ in range(4):
        settle_due(desk.work, port, "http://desk.example", now() + timedelta(hours=hours))


def end(desk: SmallDesk, by: Ending, device_id: int, request_id: int) -> None:
    with connect(desk.dsn, Role.SERVE) as serve, tenant_transaction(serve, desk.tenant_id):
        by(serve, desk, device_id, request_id)


def letter(desk: SmallDesk, request_id: int) -> str:
    """The letter that says that it is over, as it leaves."""
    notice_id, recipient, detail = desk.rows(
        "SELECT notice_id, recipient, detail FROM notice WHERE request_id = %s AND kind = 'cancelled'", request_id
    )[0]
    assert recipient == "ev-1@owners.example"
    notice = Notice(notice_id, desk.tenant_id, request_id, None, "cancelled", recipient, "en", detail)
    with tenant_transaction(desk.work, desk.tenant_id):
        return " ".join(write(desk.work, load_settings(), notice, "http://desk.example", now()).letter.paragraphs)


@pytest.mark.parametrize("by", [cancel, retire, transfer, stop])
@pytest.mark.parametrize("stage", ["open", "asked", "captured"])
def test_whoever_ends_a_request_leaves_no_price_no_page_to_pay_on_and_no_money_here(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments, by: Ending, stage: str
) -> None:
    device_id, request_id = priced(desk, port, provider, stage)
    end(desk, by, device_id, request_id)
    assert state(desk, request_id) == "cancelled"
    assert desk.value("SELECT count(*) FROM quote WHERE state = 'open'") == 0
    # At once, before anybody has asked the provider.
    unpaid = "SELECT count(*) FROM deposit WHERE state IN ('wanted', 'asked', 'authorised')"
    assert desk.value(unpaid) == 0
    settle(desk, port, hours=0.3)
    assert provider.taken() == 0
    if stage == "open":
        act = "quote_declined" if by is stop else "price_withdrawn"
        assert desk.rows("SELECT act FROM audit_record WHERE act IN ('quote_declined', 'price_withdrawn')") == [(act,)]
    if stage == "asked":
        assert provider.sessions["cs_1"]["status"] == "expired"
    if stage == "captured":
        assert desk.value("SELECT refunded_minor = amount_minor FROM deposit") is True


@pytest.mark.parametrize("by", [cancel, retire, transfer])
@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("open", "Nothing more is done about it now."),
        ("asked", "You do not have to pay the deposit any more."),
        ("captured", "What you have paid as a deposit goes back to you."),
    ],
)
def test_an_owner_who_was_told_a_price_hears_that_somebody_else_has_ended_it(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments, by: Ending, stage: str, said: str
) -> None:
    device_id, request_id = priced(desk, port, provider, stage)
    end(desk, by, device_id, request_id)
    assert said in letter(desk, request_id)


def test_an_owner_who_was_never_written_to_hears_nothing_of_the_end(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    request_id = open_request(desk, device_id)
    end(desk, cancel, device_id, request_id)
    assert desk.rows("SELECT kind FROM notice") == []


@pytest.mark.parametrize("stage", ["open", "asked", "captured"])
def test_what_an_owner_was_asked_or_has_paid_is_a_persons_when_the_mandate_is_taken_back(
    desk: SmallDesk, provider: PaymentProvider, port: HttpPayments, stage: str
) -> None:
    device_id, request_id = priced(desk, port, provider, stage)
    owner_id = desk.value("SELECT owner_id FROM device WHERE device_id = %s", device_id)
    with connect(desk.dsn, Role.SERVE) as serve, tenant_transaction(serve, desk.tenant_id):
        owning.revoke(serve, device_id=device_id, owner_id=owner_id, now=now())
    assert state(desk, request_id) == "held"
    assert len(reasons(desk)) == 1
    # Nobody is left with it: whatever the person decides, the money follows the request.
    end(desk, cancel, device_id, request_id)
    settle(desk, port, hours=0.3)
    assert provider.taken() == 0
    assert desk.value("SELECT count(*) FROM deposit WHERE state NOT IN ('void', 'settled')") == 0
