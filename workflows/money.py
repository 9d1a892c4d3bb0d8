"""Money: a whole number of minor units and a currency. It knows no rate: sums of two currencies do not exist."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from babel.numbers import format_currency, get_currency_precision, is_currency

LONGEST_AMOUNT: Final = 12
"""Digits of the largest amount of minor units that anybody may write: what is made of it stays a number that JSON keeps exactly."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of money.

    `minor` counts the currency's smallest unit: cents of EUR, whole won of KRW. `currency` is its ISO 4217 code.

    >>> Money(1250, "EUR") + Money(250, "EUR")
    Money(minor=1500, currency='EUR')
    >>> Money(1, "EUR") + Money(1, "KRW")
    Traceback (most recent call last):
    ...
    ValueError: EUR and KRW are not added up or compared: put both amounts into one currency first
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is no currency."""
        if not is_currency(self.currency):
            raise ValueError(f"{self.currency!r} is no ISO 4217 currency code such as 'EUR': correct it in the prices")

    def __add__(self, other: "Money") -> "Money":
        """Add an amount of the same currency."""
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        """Take an amount of the same currency away."""
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        """Return the amount the other way round."""
        return Money(-self.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        """Say whether it is less than an amount of the same currency."""
        return self.minor < self._same(other)

    def __le__(self, other: "Money") -> bool:
        """Say whether it is at most an amount of the same currency."""
        return self.minor <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        """Say whether it is more than an amount of the same currency."""
        return self.minor > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        """Say whether it is at least an amount of the same currency."""
        return self.minor >= self._same(other)

    def share(self, per_mille: int) -> "Money":
        """Return so many thousandths of it, rounded half up to a whole minor unit.

        >>> Money(999, "EUR").share(500)
        Money(minor=500, currency='EUR')
        """
        return Money((self.minor * per_mille + 500) // 1000, self.currency)

    def shown(self, language: str) -> str:
        r"""Return the amount as people of a language read it.

        >>> Money(125000, "KRW").shown("ko"), Money(1999, "EUR").shown("en")
        ('₩125,000', '€19.99')
        """
        whole = Decimal(self.minor).scaleb(-get_currency_precision(self.currency))
        return format_currency(whole, self.currency, locale=language)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(
                f"{self.currency} and {other.currency} are not added up or compared: put both amounts into one currency "
                "first"
            )
        return other.minor


@dataclass(frozen=True, slots=True)
class Several:
    """Amounts of more than one currency: what they come to nobody knows. `amounts` holds one sum for each, by currency."""

    amounts: tuple[Money, ...]


def sum_up(amounts: Iterable[Money]) -> Money | Several | None:
    """Return what amounts come to: of two currencies it is several sums, of no amount at all nobody knows.

    >>> sum_up([Money(1, "JPY"), Money(2, "JPY")])
    Money(minor=3, currency='JPY')
    >>> sum_up([Money(1, "JPY"), Money(2, "EUR"), Money(3, "EUR")])
    Several(amounts=(Money(minor=5, currency='EUR'), Money(minor=1, currency='JPY')))
    """
    sums: dict[str, Money] = {}
    for amount in amounts:
        sums[amount.currency] = sums.get(amount.currency, Money(0, amount.currency)) + amount
    if len(sums) > 1:
        return Several(tuple(sums[currency] for currency in sorted(sums)))
    return next(iter(sums.values()), None)


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Return the sum of amounts of one currency; of none it is nothing.

    >>> total([Money(1, "JPY"), Money(2, "JPY")], "JPY")
    Money(minor=3, currency='JPY')
    """
    return sum(amounts, start=Money(0, currency))
