"""Amounts and clauses: what is priced in several currencies, or not at all where there is a limit, is a person's to look at."""

from datetime import UTC, datetime

import pytest

from workflows.mandate import Allowed, Clause, Denied, Mandate, Why, check
from workflows.money import Money, Several, sum_up
from workflows.pricing import Unpriced

AT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize("limit", [None, Money(1_000_000, "EUR")])
def test_parts_in_two_currencies_are_no_sum_and_no_clause_covers_them(limit: Money | None) -> None:
    signed = Mandate(7, {Clause.RESERVE_PART: limit}, signed_at=AT)
    both = sum_up([Money(100, "EUR"), Money(1, "KRW")])
    assert both == Several((Money(100, "EUR"), Money(1, "KRW")))
    found = check(signed, Clause.RESERVE_PART, both, AT)
    assert isinstance(found, Denied)
    assert found.why is Why.SEVERAL_CURRENCIES
    one = check(signed, Clause.RESERVE_PART, sum_up([Money(100, "EUR"), Money(1, "EUR")]), AT)
    assert isinstance(one, Allowed)


def test_a_limit_covers_nothing_that_has_no_price_and_any_amount_covers_it() -> None:
    unknown = Unpriced(("EV-CELL-MODULE",))
    limited = Mandate(7, {Clause.RESERVE_PART: Money(1_000_000, "EUR")}, signed_at=AT)
    found = check(limited, Clause.RESERVE_PART, unknown, AT)
    assert isinstance(found, Denied)
    assert found.why is Why.UNKNOWN_PRICE
    assert isinstance(check(limited, Clause.RESERVE_PART, None, AT), Allowed)
    assert isinstance(
        check(Mandate(7, {Clause.RESERVE_PART: None}, signed_at=AT), Clause.RESERVE_PART, unknown, AT), Allowed
    )
