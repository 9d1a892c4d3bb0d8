"""Triage by expected cost: what may be done next about a fault, what each would cost on average, and the least of them.

Each option's cost holds what comes after it: a try that fails is followed by the best of the others. Safety does not come
here: it never waits for a comparison. The figures are those of the product's rows; no clock, no chance.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from devices.checks import Check, Manner
from devices.costs import Guide, Rates
from devices.faults import Fulfilment, Severity
from devices.product import ProductType
from devices.remote import Rung
from diagnostics.next_check import best
from workflows.money import Money

_WEEK_DAYS: Final = 7.0
# A person decides within a working day; an owner looks within one; what he does himself shows after two.
_CASE_DAYS: Final = 0.35
_ANSWER_DAYS: Final = 1.0
_DEED_DAYS: Final = 2.0
_MINUTES: Final = 60.0
# A person sees the same evidence: of what is in doubt he clears up this share.
_INSIGHT: Final = 0.3


class Way(StrEnum):
    """What may be done next; where two cost the same the first one is chosen."""

    REMOTE = "remote"  # try the next rung of the ladder
    SELF_HELP = "self_help"  # ask the owner to do something himself
    ASK = "ask"  # ask the owner for one look that tells the causes apart
    DROP_OFF = "drop_off"
    VISIT = "visit"
    CASE = "case"  # a person decides
    WAIT = "wait"  # look again in a week


@dataclass(frozen=True, slots=True)
class Option:
    """One way: what it would cost in all on average, in minor units, how probably it heals by itself, and what it is by name."""

    way: Way
    cost_minor: int
    heals: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What is weighed.

    Parameters
    ----------
    product : ProductType
        Rates, remedies, checks and guides.
    component, fault : str
        What it is about, and which fault the request is about.
    severity : Severity
        Of the fault.
    probabilities : mapping of str to float
        Of each hypothesis, by fault code.
    rung, guide : Rung or None, Guide or None
        What may be tried from afar, or by the owner, at all now.
    part_minor : mapping of str to int
        Prices of parts that are known, by number.
    may_ask, may_wait : bool
        Whether the owner may be asked once more; whether a week has not been waited yet.
    """

    product: ProductType
    component: str
    fault: str
    severity: Severity
    probabilities: Mapping[str, float]
    rung: Rung | None
    guide: Guide | None
    part_minor: Mapping[str, int]
    may_ask: bool
    may_wait: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """All options, the cheapest first; the first one is chosen."""

    currency: str
    options: Sequence[Option]

    @property
    def chosen(self) -> Option:
        """The one that is done."""
        return self.options[0]


def in_currency(rates: Rates, hour: Money) -> Rates:
    """Return rates in a tenant's own currency: all of them by what an hour of work costs there, for want of any other scale.

    >>> from devices.products import product_type
    >>> found = in_currency(product_type("smart_meter").rates, Money(70_000, "KRW"))
    >>> found.currency, found.working_hour, found.case
    ('KRW', 70000, 18000)
    """
    share = hour.minor / rates.working_hour

    def scaled(minor: int) -> int:
        return round(minor * share)

    return replace(
        rates,
        currency=hour.currency,
        wait_day={severity: scaled(minor) for severity, minor in rates.wait_day.items()},
        remote_try=scaled(rates.remote_try),
        owner_minute=scaled(rates.owner_minute),
        working_hour=hour.minor,
        way=scaled(rates.way),
        case=scaled(rates.case),
        part=scaled(rates.part),
    )


def compare(question: Question, rates: Rates) -> Comparison:
    """Return all that may be done next, by expected cost.

    Parameters
    ----------
    question : Question
        The fault, its probabilities and what is possible.
    rates : Rates
        What things cost.
    """
    found = list(_options(question, rates))
    order = {way: place for place, way in enumerate(Way)}
    return Comparison(rates.currency, sorted(found, key=lambda each: (each.cost_minor, order[each.way])))


def _options(question: Question, rates: Rates) -> Iterator[Option]:
    day = rates.wait_day[question.severity]
    probability = question.probabilities.get(question.fault, 0.0)
    visit = _date_cost(question, rates, question.fault, probability)
    case = _case_cost(question, rates, question.fault)
    after = case if visit is None else min(visit, case)
    remedy = question.product.remedies.get(question.fault)
    if visit is not None and remedy is not None:
        way = Way.VISIT if remedy.fulfilment is Fulfilment.VISIT else Way.DROP_OFF
        yield Option(way, round(visit), probability)
    yield Option(Way.CASE, round(case), 0.0)
    if question.rung is not None:
        heals = probability * question.rung.cures
        days = question.rung.prove_within_s / 86_400 / 2
        yield Option(Way.REMOTE, round(rates.remote_try + days * day + (1 - heals) * after), heals, question.rung.name)
    if question.may_ask and question.guide is not None:
        heals = probability * question.guide.cures
        own = question.guide.minutes * rates.owner_minute + _DEED_DAYS * day
        yield Option(Way.SELF_HELP, round(own + (1 - heals) * after), heals, question.guide.name)
    if question.may_ask and (asked := _ask(question, rates)) is not None:
        yield asked
    if question.may_wait:
        recovers = rates.recovers.get(question.severity, 0.0)
        yield Option(Way.WAIT, round(_WEEK_DAYS * day + (1 - recovers) * after), recovers)


def _date_cost(question: Question, rates: Rates, fault: str, probability: float) -> float | None:
    """Return what a date for a fault costs: for the wrong fault there is a second one; None where no date helps."""
    remedy = question.product.remedies.get(fault)
    if remedy is None or remedy.fulfilment is None:
        return None
    parts = sum(question.part_minor.get(part, rates.part) for part in remedy.part_nos)
    once = rates.way + rates.working_hour * remedy.minutes / _MINUTES
    waited = rates.date_in_days * rates.wait_day[question.severity]
    return once + parts + waited + (1 - probability) * (once + waited)


def _case_cost(question: Question, rates: Rates, fault: str) -> float:
    """Return what a person's judgement costs, with what he then has done."""
    doubt = 1.0 - question.probabilities.get(fault, 0.0)
    done = _date_cost(question, rates, fault, 1.0 - (1.0 - _INSIGHT) * doubt)
    waited = _CASE_DAYS * rates.wait_day[question.severity]
    return rates.case + waited + (rates.way + rates.working_hour if done is None else done)


def _ask(question: Question, rates: Rates) -> Option | None:
    """Return the question to the owner that is expected to tell most, at what it costs on average with what follows it."""
    checks = owner_checks(question.product, question.component)
    found = best(checks, question.probabilities)
    if found is None:
        return None
    check = next(each for each in checks if each.name == found.check)
    yes = sum(
        probability * check.yes.get(fault, check.otherwise) for fault, probability in question.probabilities.items()
    )
    own = check.minutes * rates.owner_minute + _ANSWER_DAYS * rates.wait_day[question.severity]
    after = yes * _best_after(question, rates, found.after_yes) + (1 - yes) * _best_after(
        question, rates, found.after_no
    )
    return Option(Way.ASK, round(own + after), 0.0, check.name)


def own_guide(product: ProductType, fault: str) -> Guide | None:
    """Return what the desk may ask an owner to do by itself about a fault; None where there is nothing, or a person asks."""
    return next((each for each in product.guides if each.fault == fault and not each.by_hand), None)


def owner_checks(product: ProductType, component: str) -> list[Check]:
    """Return what an owner can be asked about a component."""
    return [each for each in product.checks if each.component == component and each.manner is Manner.OWNER]


def _best_after(question: Question, rates: Rates, probabilities: Mapping[str, float]) -> float:
    fault = max(sorted(probabilities), key=lambda each: probabilities[each])
    visit = _date_cost(question, rates, fault, probabilities[fault])
    case = _case_cost(question, rates, fault)
    return case if visit is None else min(visit, case)
