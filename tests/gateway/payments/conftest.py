"""A desk that wants deposits, a provider that takes them, and the port between the two."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.payments.checkout import HttpPayments
from tests.fakes.payment_provider import KEY, PaymentProvider
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.pricing import set_deposit, set_prices


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
