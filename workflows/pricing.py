"""Prices of work: one line per part, one for labour, and one for coming; or what has no price yet.

It knows the tenant's price list and nothing of who pays: that is `workflows.entitlement`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from workflows.money import Money


class Kind(StrEnum):
    """What a line is for."""

    PART = "part"
    LABOUR = "labour"
    CALL_OUT = "call_out"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that costs something: `name` is the part's number or the skill, `gross` what all of `quantity` cost.

    The quantity of labour is minutes.
    """

    kind: Kind
    name: str
    quantity: int
    gross: Money


@dataclass(frozen=True, slots=True)
class Rate:
    """What a minute of labour and a call-out cost; an empty product or skill stands for any."""

    product: str
    skill: str
    per_minute: Money
    call_out: Money


@dataclass(frozen=True, slots=True)
class PriceList:
    """A tenant's prices; a part that is missing has none."""

    rates: Sequence[Rate]
    parts: Mapping[str, Money]


@dataclass(frozen=True, slots=True)
class Job:
    """The work to be priced: which parts, and the minutes of labour with the skills that they need."""

    product: str
    part_nos: tuple[str, ...]
    minutes: int
    skills: frozenset[str]
    is_visit: bool


@dataclass(frozen=True, slots=True)
class Unpriced:
    """What has no price, by part number, or `labour`."""

    missing: tuple[str, ...]


def price(job: Job, prices: PriceList) -> tuple[Line, ...] | Unpriced:
    """Return the lines of a job, or what has no price.

    Parameters
    ----------
    job : Job
        A part number that stands twice in it is one line of two.
    prices : PriceList
        Of one tenant; a job never mixes currencies, so that what is in another one than labour counts as unpriced.
    """
    rate = rate_of(job, prices.rates)
    if rate is None:
        return Unpriced(("labour", *sorted(set(job.part_nos) - set(prices.parts))))
    currency = rate.per_minute.currency
    missing = sorted(
        part_no
        for part_no in set(job.part_nos)
        if part_no not in prices.parts or prices.parts[part_no].currency != currency
    )
    if missing:
        return Unpriced(tuple(missing))
    parts = [
        Line(Kind.PART, part_no, count, Money(prices.parts[part_no].minor * count, currency))
        for part_no in dict.fromkeys(job.part_nos)
        if (count := job.part_nos.count(part_no))
    ]
    labour = Line(Kind.LABOUR, rate.skill, job.minutes, Money(rate.per_minute.minor * job.minutes, currency))
    coming = [Line(Kind.CALL_OUT, rate.skill, 1, rate.call_out)] if job.is_visit else []
    return (*parts, labour, *coming)


def rate_of(job: Job, rates: Sequence[Rate]) -> Rate | None:
    """Return the rate that is meant most closely: the product's before any, a skill's before any, the dearest of these."""
    fitting = [rate for rate in rates if rate.product in {"", job.product} and rate.skill in {"", *job.skills}]
    return max(
        fitting,
        key=lambda rate: (rate.product != "", rate.skill != "", rate.per_minute.minor, rate.skill),
        default=None,
    )
