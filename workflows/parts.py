"""Parts: which one a remedy's part is on a certain device, what may stand in for it, and which ones to take along.

A remedy names a part by its role. A bill of material says which part number that is by model, serial range and firmware;
where it has no row that fits, the role is the part number itself. Two rows that fit equally well are a person's to judge.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from workflows.money import Money

_DIGITS: Final = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Unit:
    """The very device: product, model, serial number, firmware; what is not known is empty."""

    product: str
    model: str = ""
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """For which devices a row is good: '' means any; a range holds both of its ends, and one end may be open."""

    product: str = ""
    model: str = ""
    serial_from: str = ""
    serial_to: str = ""
    firmware_from: str = ""
    firmware_to: str = ""

    def holds(self, unit: Unit) -> bool:
        """Whether a device is one of those; one whose serial number or firmware is unknown is in no range of it.

        >>> Scope(firmware_from="2.9").holds(Unit("car", firmware="2.10"))
        True
        >>> Scope(serial_to="A-500").holds(Unit("car"))
        False
        """
        return (
            self.product in {"", unit.product}
            and self.model in {"", unit.model}
            and _within(unit.serial, self.serial_from, self.serial_to)
            and _within(unit.firmware, self.firmware_from, self.firmware_to)
        )

    @property
    def narrowness(self) -> int:
        """How much it asks for; the row that asks for the most is the one that counts."""
        return sum(
            bool(asked)
            for asked in (
                self.product,
                self.model,
                self.serial_from or self.serial_to,
                self.firmware_from or self.firmware_to,
            )
        )


def _within(value: str, first: str, last: str) -> bool:
    if not first and not last:
        return True
    return bool(value) and (not first or _order(first) <= _order(value)) and (not last or _order(value) <= _order(last))


def _order(text: str) -> list[tuple[int, int, str]]:
    """Numbers in a text count as numbers: 2.10 comes after 2.9, and A-90 before A-100."""
    return [
        (0, int(piece), "") if piece.isdigit() and piece.isascii() else (1, 0, piece)
        for piece in _DIGITS.split(text)
        if piece
    ]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the bill of material, or of the substitutes: on these devices it is this part."""

    part_no: str
    scope: Scope = field(default_factory=Scope)


@dataclass(frozen=True, slots=True)
class Successor:
    """The part that replaces another one from a day on."""

    part_no: str
    from_on: date


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is known of parts: bill of material by role, successors and substitutes by part number."""

    bill: Mapping[str, Sequence[Row]] = field(default_factory=dict[str, Sequence[Row]])
    successors: Mapping[str, Successor] = field(default_factory=dict[str, Successor])
    substitutes: Mapping[str, Sequence[Row]] = field(default_factory=dict[str, Sequence[Row]])


@dataclass(frozen=True, slots=True)
class Need:
    """A part that the work needs: its role, and the part numbers that will do, the best one first.

    `orderable` are those of them that may still be ordered: what has been replaced is used up, and not bought any more.
    """

    role: str
    part_nos: Sequence[str]
    orderable: frozenset[str]


@dataclass(frozen=True, slots=True)
class UnknownPart:
    """Which part it is on this device cannot be said: a person has to."""

    role: str
    candidates: Sequence[str]


def need_of(role: str, unit: Unit, catalogue: Catalogue, on: date) -> Need | UnknownPart:
    """Say which parts will do for a role on a device.

    Parameters
    ----------
    role : str
        As the remedy names it.
    unit : Unit
        The device.
    catalogue : Catalogue
        Without circles among its successors; the database refuses them.
    on : date
        The day on which it is asked: a successor counts from its day on.

    Returns
    -------
    Need or UnknownPart
        The part itself first, then its successors in their order, then what may stand in for any of them.
    """
    fitting = [row for row in catalogue.bill.get(role, ()) if row.scope.holds(unit)]
    narrowest = max((row.scope.narrowness for row in fitting), default=0)
    numbers = sorted({row.part_no for row in fitting if row.scope.narrowness == narrowest})
    if len(numbers) > 1:
        return UnknownPart(role, numbers)
    chain = _chain(numbers[0] if numbers else role, catalogue, on)
    stand_ins = [
        row.part_no for part_no in chain for row in catalogue.substitutes.get(part_no, ()) if row.scope.holds(unit)
    ]
    part_nos = list(dict.fromkeys([*chain, *stand_ins]))
    return Need(role, part_nos, frozenset(part_nos) - frozenset(chain[:-1]))


def _chain(part_no: str, catalogue: Catalogue, on: date) -> list[str]:
    chain = [part_no]
    while (after := catalogue.successors.get(chain[-1])) is not None and after.from_on <= on:
        if after.part_no in chain:
            break
        chain.append(after.part_no)
    return chain


@dataclass(frozen=True, slots=True)
class Cause:
    """A hypothesis with its probability and the roles of the parts that would make it well."""

    fault: str
    probability: float
    roles: Sequence[str]


@dataclass(frozen=True, slots=True)
class KitLine:
    """A part that may be taken along: how likely it is needed, what leaving it costs, what taking it costs.

    What it costs to take one that is not priced nobody knows: its `taking_costs` of 0 mean nothing, and a person decides.
    """

    role: str
    probability: float
    leaving_costs: Money
    taking_costs: Money
    is_priced: bool = True

    @property
    def is_taken(self) -> bool:
        """Whether it is cheaper to take it along, as far as that is known."""
        return self.is_priced and self.taking_costs < self.leaving_costs


@dataclass(frozen=True, slots=True)
class KitCosts:
    """What a second visit costs, and what carrying a part along and back costs in thousandths of its price."""

    second_visit: Money
    carrying_per_mille: int


def kit(causes: Sequence[Cause], prices: Mapping[str, Money], costs: KitCosts) -> list[KitLine]:
    """Weigh which parts to take along, those most likely needed first.

    Parameters
    ----------
    causes : sequence of Cause
        The hypotheses; their probabilities add up to 1 at most.
    prices : mapping of str to Money
        By role, in the currency of the costs; a part in another currency counts as one without a price.
    costs : KitCosts
        Of a second visit and of carrying.

    Examples
    --------
    >>> causes = [Cause("a", 0.8, ["PUMP"]), Cause("b", 0.01, ["PACK"])]
    >>> prices = {"PUMP": Money(9000, "EUR"), "PACK": Money(400000, "EUR")}
    >>> [(line.role, line.is_taken) for line in kit(causes, prices, KitCosts(Money(12000, "EUR"), 50))]
    [('PUMP', True), ('PACK', False)]
    """
    likely: dict[str, float] = {}
    for cause in causes:
        for role in dict.fromkeys(cause.roles):
            likely[role] = min(1.0, likely.get(role, 0.0) + cause.probability)
    currency = costs.second_visit.currency
    lines: list[KitLine] = []
    for role, probability in sorted(likely.items(), key=lambda item: (-item[1], item[0])):
        price = prices.get(role)
        carried = price if price is not None and price.currency == currency else Money(0, currency)
        # Only a part that is not needed is carried for nothing.
        needless = Money(round(carried.share(costs.carrying_per_mille).minor * (1.0 - probability)), currency)
        lines.append(
            KitLine(
                role,
                probability,
                Money(round(costs.second_visit.minor * probability), currency),
                needless,
                is_priced=price is not None and price.currency == currency,
            )
        )
    return lines


# So many of a part stay for those who need it for sure.
LEFT_FOR_OTHERS: Final = 1


def extras(
    lines: Sequence[KitLine], needed: Collection[str], fitting: Mapping[str, Sequence[str]], free: Mapping[str, int]
) -> dict[str, str]:
    """Say which parts to put aside beside those that a remedy needs, as roles and part numbers.

    Parameters
    ----------
    lines : sequence of KitLine
        Weighed by `kit`. One of which nobody knows the price is not taken, and so not put aside.
    needed : collection of str
        Roles that the remedy needs anyway.
    fitting : mapping of str to sequence of str
        By role the part numbers that will do, the best one first.
    free : mapping of str to int
        How many of each part lie there and are promised to nobody.

    Examples
    --------
    >>> line = KitLine("PUMP", 0.3, Money(3600, "EUR"), Money(150, "EUR"))
    >>> extras([line], [], {"PUMP": ["P-1", "P-2"]}, {"P-1": 1, "P-2": 2})
    {'PUMP': 'P-2'}
    """
    left = dict(free)
    chosen: dict[str, str] = {}
    for line in lines:
        if line.role in needed or not line.is_taken:
            continue
        part_no = next((each for each in fitting.get(line.role, ()) if left.get(each, 0) > LEFT_FOR_OTHERS), None)
        if part_no is not None:
            left[part_no] -= 1
            chosen[line.role] = part_no
    return chosen
