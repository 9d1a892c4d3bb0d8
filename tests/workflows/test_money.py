"""Money is whole minor units; it is added within one currency only, and shown as people read it."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows import money
from workflows.money import Money, total

AMOUNTS = st.integers(-(10**12), 10**12)


def test_the_examples_in_the_module_hold() -> None:
    assert doctest.testmod(money).failed == 0


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_sums_do_not_depend_on_their_order(a: int, b: int, c: int) -> None:
    parts = [Money(a, "EUR"), Money(b, "EUR"), Money(c, "EUR")]
    assert total(parts, "EUR") == total(reversed(parts), "EUR") == Money(a + b + c, "EUR")


@given(st.integers(0, 10**12), st.integers(0, 1000))
def test_a_share_and_the_rest_are_the_whole_and_neither_is_negative(minor: int, per_mille: int) -> None:
    whole = Money(minor, "KRW")
    share = whole.share(per_mille)
    assert Money(0, "KRW") <= share <= whole
    assert share + (whole - share) == whole


@pytest.mark.parametrize(
    ("amount", "language", "shown"),
    [
        (Money(1999, "EUR"), "en", "€19.99"),
        (Money(125000, "KRW"), "ko", "₩125,000"),
        (Money(9800, "JPY"), "ja", "￥9,800"),
        (Money(0, "USD"), "en", "$0.00"),
        (Money(-250, "EUR"), "en", "-€2.50"),
        (Money(1, "KWD"), "en", "KWD0.001"),
    ],
)
def test_it_is_shown_as_people_read_it(amount: Money, language: str, shown: str) -> None:
    assert amount.shown(language) == shown


def test_what_is_no_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="'EURO' is no ISO 4217"):
        Money(1, "EURO")


@pytest.mark.parametrize("join", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_two_currencies_never_meet(join: str) -> None:
    with pytest.raises(ValueError, match="EUR and JPY"):
        getattr(Money(1, "EUR"), join)(Money(1, "JPY"))
