"""Quoting: when an owner has to say yes to a price before anything goes on, and how.

Nothing to pay, or a price that he has agreed to: dates at once. Otherwise price and dates stand on one page, and the tap
on a date is the yes to both. Only where money has to come first, or he asked for the price, the price stands alone.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from workflows.money import Money

# A price is kept for this long unless it is answered before.
QUOTE_LASTS: Final = timedelta(days=14)


class Manner(StrEnum):
    """How an owner's yes to a price is had."""

    NONE = "none"  # no yes is needed
    WITH_DATES = "with_dates"  # one tap accepts price and date
    FIRST = "first"  # the price, and a deposit where one is wanted, before any date


@dataclass(frozen=True, slots=True)
class DepositTerms:
    """From which amount on a deposit is taken, and which share of the price it is, in thousandths."""

    above: Money | None
    per_mille: int


def deposit(to_pay: Money, *, is_special_order: bool, terms: DepositTerms | None) -> Money:
    """Return the deposit that a price needs, nothing for most.

    Parameters
    ----------
    to_pay : Money
        What the owner pays in all.
    is_special_order : bool
        Whether a part is ordered for him alone.
    terms : DepositTerms or None
        The tenant's; None where it takes no deposits.
    """
    nothing = Money(0, to_pay.currency)
    if terms is None or to_pay <= nothing:
        return nothing
    is_large = terms.above is not None and terms.above.currency == to_pay.currency and terms.above < to_pay
    return to_pay.share(terms.per_mille) if is_special_order or is_large else nothing


def manner(to_pay: Money, *, agreed: Money | None, deposit: Money, asked_for: bool) -> Manner:
    """Decide how the owner's yes is had.

    Parameters
    ----------
    to_pay : Money
        What he pays as things are known now.
    agreed : Money or None
        The price that he has said yes to; one of another currency is no yes to this one.
    deposit : Money
        What has to be paid first.
    asked_for : bool
        Whether he asked what it would cost, and for nothing else yet.
    """
    is_agreed = agreed is not None and agreed.currency == to_pay.currency and to_pay <= agreed
    if is_agreed or (to_pay.minor == 0 and not asked_for):
        return Manner.NONE
    return Manner.FIRST if deposit.minor or asked_for else Manner.WITH_DATES
