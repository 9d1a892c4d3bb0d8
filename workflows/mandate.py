"""The mandate: what an owner lets his device have done in his name without asking him. One function checks.

A mandate is signed as a whole and never changed: other switches are another mandate, which takes the place of the one
before. So what was allowed at any time can be told for ever. It does not know who asks, nor how mandates are stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from workflows.money import Money, Several
from workflows.pricing import Unpriced


class Clause(StrEnum):
    """What may be done alone."""

    REPORT = "report"  # open a service request when the device finds that something is wrong
    REMOTE_RESET = "remote_reset"  # send the device a command that heals it
    RESERVE_PART = "reserve_part"  # put a part aside, up to an amount
    OFFER_DATES = "offer_dates"  # hold dates and offer them to the owner
    SHARE_DATA = "share_data"  # hand the device's readings to a repairer


# What the desk did in owners' names before there were mandates; a household that signs what is usual signs this.
USUAL: Final = frozenset({Clause.REPORT, Clause.RESERVE_PART, Clause.OFFER_DATES})


class Why(StrEnum):
    """Why something may not be done alone."""

    UNSIGNED = "unsigned"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    ENDED = "ended"
    NO_CLAUSE = "no_clause"
    TOO_MUCH = "too_much"
    OTHER_CURRENCY = "other_currency"
    SEVERAL_CURRENCIES = "several_currencies"
    UNKNOWN_PRICE = "unknown_price"


@dataclass(frozen=True, slots=True)
class Mandate:
    """What was signed for one device: clauses with the amount up to which each holds, None for any amount.

    It holds from `signed_at` until before `expires_at` and before `ended_at`, whichever comes first.
    """

    mandate_id: int
    clauses: Mapping[Clause, Money | None]
    signed_at: datetime
    expires_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """It may be done alone; mandate and clause are stored with the act."""

    mandate_id: int
    clause: Clause


@dataclass(frozen=True, slots=True)
class Denied:
    """It may not be done alone: a human decides. `reason` says why, in English, as his case does."""

    why: Why
    reason: str


def check(
    mandate: Mandate | None, clause: Clause, amount: Money | Several | Unpriced | None, now: datetime
) -> Allowed | Denied:
    """Say whether an automatic act has a clause.

    Parameters
    ----------
    mandate : Mandate or None
        The device's latest; None when nobody has signed one.
    clause : Clause
        What the act needs.
    amount : Money, Several, Unpriced or None
        What it costs; None where it costs nothing. Amounts of several currencies are a human's to look at, whatever the limit,
        and what has no price is wherever there is a limit.
    now : datetime
        When it is done; aware.

    Examples
    --------
    >>> from datetime import UTC
    >>> now = datetime(2026, 3, 2, tzinfo=UTC)
    >>> signed = Mandate(7, {Clause.RESERVE_PART: Money(20_000, "EUR")}, signed_at=now)
    >>> check(signed, Clause.RESERVE_PART, Money(20_000, "EUR"), now)
    Allowed(mandate_id=7, clause=<Clause.RESERVE_PART: 'reserve_part'>)
    >>> check(signed, Clause.RESERVE_PART, Money(20_001, "EUR"), now).why
    <Why.TOO_MUCH: 'too_much'>
    """
    if mandate is None:
        return _denied(Why.UNSIGNED)
    if now < mandate.signed_at:
        return _denied(Why.NOT_YET)
    if mandate.ended_at is not None and now >= mandate.ended_at:
        return _denied(Why.ENDED)
    if mandate.expires_at is not None and now >= mandate.expires_at:
        return _denied(Why.EXPIRED)
    if clause not in mandate.clauses:
        return Denied(Why.NO_CLAUSE, WITHOUT_CLAUSE[clause])
    if isinstance(amount, Several):
        return _denied(Why.SEVERAL_CURRENCIES)
    limit = mandate.clauses[clause]
    if limit is None or amount is None:
        return Allowed(mandate.mandate_id, clause)
    if isinstance(amount, Unpriced):
        return _denied(Why.UNKNOWN_PRICE)
    if amount.minor == 0:
        return Allowed(mandate.mandate_id, clause)
    if amount.currency != limit.currency:
        return _denied(Why.OTHER_CURRENCY)
    return Allowed(mandate.mandate_id, clause) if amount.minor <= limit.minor else _denied(Why.TOO_MUCH)


def _denied(why: Why) -> Denied:
    return Denied(why, REASONS[why])


REASONS: Final[Mapping[Why, str]] = {
    Why.UNSIGNED: "Nobody has signed what this device may do by itself: ask its owner.",
    Why.NOT_YET: "The owner's mandate does not hold yet: ask the owner.",
    Why.EXPIRED: "The owner's mandate has expired: ask the owner, and for a new one.",
    Why.ENDED: "The owner has taken the mandate back: ask the owner before anything else happens.",
    Why.TOO_MUCH: "The part costs more than the owner lets his device put aside: ask the owner.",
    Why.OTHER_CURRENCY: "The part's price is in another currency than the owner's limit: ask the owner.",
    Why.SEVERAL_CURRENCIES: "The parts are priced in more than one currency: put their prices right, then approve.",
    Why.UNKNOWN_PRICE: "The owner has set how much a part may cost, and what this work needs has no price: ask the owner.",
}
WITHOUT_CLAUSE: Final[Mapping[Clause, str]] = {
    Clause.REPORT: "The owner has not let his device report by itself: ask the owner whether it may go on.",
    Clause.REMOTE_RESET: "The owner has not let his device be reset from afar: ask the owner.",
    Clause.RESERVE_PART: "The owner has not let parts be put aside for his device: ask the owner.",
    Clause.OFFER_DATES: "The owner does not want dates offered by itself: ask the owner which day suits.",
    Clause.SHARE_DATA: "The owner has not let the device's readings be handed to a repairer: ask the owner.",
}
