"""Entitlement: who pays which line of a repair: a warranty, a contract, goodwill, and the owner what is left.

It is dated at the onset of the fault, in the time zone where the device lives, and not at the day of the repair: a
fault that began on a warranty's last day is the maker's, however late somebody looks at it.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from workflows.money import Money, total
from workflows.pricing import Kind, Line

WHOLE: Final = 1000
_MONTHS: Final = 12


class Ground(StrEnum):
    """Why somebody else than the owner pays."""

    WARRANTY = "warranty"
    CONTRACT = "contract"
    GOODWILL = "goodwill"  # a planner granted it
    RULE = "rule"  # the tenant's rule of goodwill by age


@dataclass(frozen=True, slots=True)
class Warranty:
    """What the maker pays from one day to another, both included; without components, of the whole device."""

    warranty_id: int
    covers_parts: bool
    covers_labour: bool
    components: frozenset[str]
    from_on: date | None
    until_on: date


@dataclass(frozen=True, slots=True)
class Contract:
    """What a service contract pays, in thousandths; `visits_left` is None where visits are not counted."""

    contract_id: int
    parts_per_mille: int
    labour_per_mille: int
    components: frozenset[str]
    visits_left: int | None
    from_on: date
    until_on: date


@dataclass(frozen=True, slots=True)
class Rule:
    """What a tenant pays by itself for a device whose warranty has ended no more than so many months ago."""

    rule_id: int
    months_after: int
    parts_per_mille: int
    labour_per_mille: int


@dataclass(frozen=True, slots=True)
class Goodwill:
    """What a planner granted for this request: a share of what is left on every line."""

    goodwill_id: int
    per_mille: int


@dataclass(frozen=True, slots=True)
class Terms:
    """All that may pay for a device's repair."""

    warranties: Sequence[Warranty] = ()
    contracts: Sequence[Contract] = ()
    rules: Sequence[Rule] = ()
    goodwill: Goodwill | None = None


@dataclass(frozen=True, slots=True)
class Cover:
    """A part of a line that somebody else pays, and on which ground."""

    ground: Ground
    ground_id: int
    amount: Money


@dataclass(frozen=True, slots=True)
class Covered:
    """A line with what is paid of it by others."""

    line: Line
    covers: tuple[Cover, ...]

    @property
    def covered(self) -> Money:
        """What others pay."""
        return total((cover.amount for cover in self.covers), self.line.gross.currency)

    @property
    def to_pay(self) -> Money:
        """What the owner pays."""
        return self.line.gross - self.covered


@dataclass(frozen=True, slots=True)
class Entitlement:
    """All lines of a repair with who pays them; `onset_on` is the day, where the device lives, that decided it."""

    lines: tuple[Covered, ...]
    currency: str
    onset_on: date

    @property
    def gross(self) -> Money:
        """What the repair costs."""
        return total((line.line.gross for line in self.lines), self.currency)

    @property
    def to_pay(self) -> Money:
        """What the owner pays in all."""
        return total((line.to_pay for line in self.lines), self.currency)


def entitle(lines: Sequence[Line], terms: Terms, *, component: str, onset_at: datetime, zone_name: str) -> Entitlement:
    """Say who pays which line.

    Parameters
    ----------
    lines : sequence of Line
        At least one, all of one currency.
    terms : Terms
        What may pay; what is not in force at the onset does not.
    component : str
        Of the device, which has the fault.
    onset_at : datetime
        Aware: when the fault began, as its diagnosis says.
    zone_name : str
        Of the place where the device lives; its calendar says which day the onset was.

    Returns
    -------
    Entitlement
        A warranty pays before a contract, and goodwill a share of what both have left. No line is paid beyond its
        gross.
    """
    onset_on = onset_at.astimezone(ZoneInfo(zone_name)).date()
    shares = tuple(_shares(terms, component, onset_on))
    return Entitlement(tuple(_cover(line, shares) for line in lines), lines[0].gross.currency, onset_on)


def whole_warranty(terms: Terms, *, component: str, onset_at: datetime, zone_name: str) -> Warranty | None:
    """Return a warranty that pays parts and labour alike, so that no price has to be known; the one that ends last."""
    onset_on = onset_at.astimezone(ZoneInfo(zone_name)).date()
    whole = [
        warranty
        for warranty in terms.warranties
        if warranty.covers_parts and warranty.covers_labour and _is_in_force(warranty, component, onset_on)
    ]
    return max(whole, key=lambda warranty: warranty.until_on, default=None)


def pays_all_parts(terms: Terms, *, component: str, onset_at: datetime, zone_name: str) -> bool:
    """Say whether somebody else than the owner pays all parts, so that no price of theirs has to be known."""
    onset_on = onset_at.astimezone(ZoneInfo(zone_name)).date()
    return any(share.parts_per_mille == WHOLE for share in _shares(terms, component, onset_on))


@dataclass(frozen=True, slots=True)
class _Share:
    """A share of what is left of a line after the shares before it."""

    ground: Ground
    ground_id: int
    parts_per_mille: int
    labour_per_mille: int

    def of(self, kind: Kind) -> int:
        return self.parts_per_mille if kind is Kind.PART else self.labour_per_mille


def _shares(terms: Terms, component: str, onset_on: date) -> Iterator[_Share]:
    """Yield what pays, in the order in which it pays."""
    for warranty in terms.warranties:
        if _is_in_force(warranty, component, onset_on):
            whole = (WHOLE * warranty.covers_parts, WHOLE * warranty.covers_labour)
            yield _Share(Ground.WARRANTY, warranty.warranty_id, *whole)
    if (contract := _contract(terms.contracts, component, onset_on)) is not None:
        yield _Share(Ground.CONTRACT, contract.contract_id, contract.parts_per_mille, contract.labour_per_mille)
    if terms.goodwill is not None:
        yield _Share(Ground.GOODWILL, terms.goodwill.goodwill_id, terms.goodwill.per_mille, terms.goodwill.per_mille)
    elif (rule := _rule(terms, component, onset_on)) is not None:
        yield _Share(Ground.RULE, rule.rule_id, rule.parts_per_mille, rule.labour_per_mille)


def _contract(contracts: Sequence[Contract], component: str, onset_on: date) -> Contract | None:
    """Return the contract that pays most; contracts do not add up."""
    in_force = [
        contract
        for contract in contracts
        if contract.from_on <= onset_on <= contract.until_on
        and contract.visits_left != 0
        and _is_meant(contract.components, component)
    ]
    return max(in_force, key=lambda c: (c.parts_per_mille + c.labour_per_mille, -c.contract_id), default=None)


def _rule(terms: Terms, component: str, onset_on: date) -> Rule | None:
    """Return the narrowest rule of goodwill for a device whose warranty of this component has ended."""
    ends = [warranty.until_on for warranty in terms.warranties if _is_meant(warranty.components, component)]
    if not ends or max(ends) >= onset_on:
        return None
    fitting = [rule for rule in terms.rules if onset_on <= months_later(max(ends), rule.months_after)]
    return min(fitting, key=lambda rule: (rule.months_after, rule.rule_id), default=None)


def _is_in_force(warranty: Warranty, component: str, onset_on: date) -> bool:
    has_begun = warranty.from_on is None or warranty.from_on <= onset_on
    return has_begun and onset_on <= warranty.until_on and _is_meant(warranty.components, component)


def _is_meant(components: frozenset[str], component: str) -> bool:
    return not components or component in components


def _cover(line: Line, shares: Sequence[_Share]) -> Covered:
    covers: list[Cover] = []
    left = line.gross
    for share in shares:
        amount = left.share(share.of(line.kind))
        if amount.minor:
            covers.append(Cover(share.ground, share.ground_id, amount))
            left -= amount
    return Covered(line, tuple(covers))


def months_later(day: date, months: int) -> date:
    """Return the same day so many months later, or the month's last where it has none such.

    >>> months_later(date(2027, 8, 31), 6)
    datetime.date(2028, 2, 29)
    """
    year, month = divmod(day.year * _MONTHS + day.month - 1 + months, _MONTHS)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
