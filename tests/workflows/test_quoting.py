"""When a yes to a price is needed, how it is had, and what is paid first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.money import Money
from workflows.quoting import DepositTerms, Manner, deposit, manner


def euro(minor: int) -> Money:
    return Money(minor, "EUR")


@pytest.mark.parametrize(
    ("to_pay", "agreed", "first", "asked_for", "expected"),
    [
        (0, None, 0, False, Manner.NONE),
        (0, None, 0, True, Manner.FIRST),
        (100, None, 0, False, Manner.WITH_DATES),
        (100, euro(100), 0, False, Manner.NONE),
        (100, euro(150), 50, True, Manner.NONE),
        (100, euro(99), 0, False, Manner.WITH_DATES),
        (100, Money(900, "JPY"), 0, False, Manner.WITH_DATES),
        (100, None, 30, False, Manner.FIRST),
        (100, euro(99), 30, False, Manner.FIRST),
        (100, None, 0, True, Manner.FIRST),
    ],
)
def test_a_yes_is_had_with_as_few_taps_as_can_be(
    to_pay: int, agreed: Money | None, first: int, asked_for: bool, expected: Manner
) -> None:
    assert manner(euro(to_pay), agreed=agreed, deposit=euro(first), asked_for=asked_for) is expected


@given(st.integers(1, 10**9), st.integers(0, 10**9))
def test_no_price_goes_on_without_a_yes_to_at_least_it(to_pay: int, agreed: int) -> None:
    goes_on = manner(euro(to_pay), agreed=euro(agreed), deposit=euro(0), asked_for=False) is Manner.NONE
    assert goes_on == (agreed >= to_pay)


@pytest.mark.parametrize(
    ("to_pay", "is_special_order", "terms", "expected"),
    [
        (10_000, False, None, 0),
        (10_000, True, None, 0),
        (10_000, True, DepositTerms(None, 300), 3_000),
        (10_000, False, DepositTerms(None, 300), 0),
        (10_000, False, DepositTerms(euro(9_999), 300), 3_000),
        (10_000, False, DepositTerms(euro(10_000), 300), 0),
        (10_000, False, DepositTerms(Money(1, "JPY"), 300), 0),
        (0, True, DepositTerms(euro(0), 300), 0),
    ],
)
def test_a_deposit_is_taken_for_what_is_ordered_or_large(
    to_pay: int, is_special_order: bool, terms: DepositTerms | None, expected: int
) -> None:
    assert deposit(euro(to_pay), is_special_order=is_special_order, terms=terms) == euro(expected)
