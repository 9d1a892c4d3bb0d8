"""What came of a product's trials, as tables for people and as metrics."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import median
from typing import Final

from devices.product import ProductType
from gateway.evaluate.report import Cell, Metric, Table
from gateway.evaluate.trials import Trials
from gateway.evaluate.tried import Case, Sound, Tried
from workflows.triage import Queue

_FAULT_HEAD: Final = (
    "fault", "cause in the simulator", "found", "median", "longest", "promised", "first by", "fault leads", "what follows"
)  # fmt: skip
_FOLLOWS: Final = {None: "request", Queue.JUDGEMENT: "person", Queue.SAFETY: "safety"}
_HOURS_UP_TO: Final = 72.0
_SHOWN_MONITORS: Final = 3


def found_table(product: ProductType, tried: Sequence[Tried]) -> Table:
    """Return a row for each trial: how many devices' faults were found, how soon, by what, and what followed."""
    return Table(f"Faults of {product.title}", _FAULT_HEAD, [_row(one) for one in tried])


def _row(one: Tried) -> list[Cell]:
    trial = one.trial
    if trial.not_simulated:
        return [f"`{trial.fault}`", f"not simulated: {trial.not_simulated}", *[None] * (len(_FAULT_HEAD) - 2)]
    delays_h = _delays_h(one)
    injected = one.cases[0].injected
    return [
        f"`{trial.fault}`",
        f"`{trial.kind}`{_strength(trial.severity, injected.unit)}",
        f"{len(delays_h)} of {len(one.cases)} in {trial.watched_d:g} d",
        span(median(delays_h)) if delays_h else None,
        span(max(delays_h)) if delays_h else None,
        _promised(one),
        ", ".join(f"`{name}`" for name, _ in _first(one.cases).most_common(_SHOWN_MONITORS)) or None,
        _leading(one) if delays_h else None,
        ", ".join(f"{name} {count}" for name, count in _follows(one.cases).items()) or None,
    ]


def _strength(severity: float, unit: str) -> str:
    if unit == "1":
        return "" if severity == 1 else f", {severity:g}"
    # Where the unit is a choice, it says what can be chosen.
    return f", {severity:g} ({unit})" if "," in unit else f", {severity:g} {unit}"


def _leading(one: Tried) -> str:
    """Say how often the fault leads in the end, and how often one that cannot be told from it does."""
    led = Counter(case.fault for case in one.cases if case.decisions)
    others = [f"`{fault}` {count}" for fault, count in led.most_common() if fault != one.trial.fault]
    return ", ".join([f"{led[one.trial.fault]} of {led.total()}", *others])


def _delays_h(one: Tried) -> list[float]:
    return [case.delay_h for case in one.cases if case.delay_h is not None]


def kept(one: Tried) -> int | None:
    """Return how many of a trial's devices were found within the promised time; None where nothing is promised."""
    if one.trial.within is None:
        return None
    # What is found with the first sample after the onset is found at once: samples are a step apart.
    return sum(delay_h * 3600 <= one.trial.within.total_seconds() for delay_h in _delays_h(one))


def _promised(one: Tried) -> str | None:
    within, count = one.trial.within, kept(one)
    if within is None or count is None:
        return None
    said = span(within.total_seconds() / 3600)
    return said if count == len(one.cases) else f"{said}: kept {count} of {len(one.cases)} times"


def span(hours: float) -> str:
    """Return a time as people read it.

    >>> [span(hours) for hours in (0.05, 5.25, 24, 400)]
    ['3 min', '5.25 h', '24 h', '16.7 d']
    """
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.3g} h" if hours <= _HOURS_UP_TO else f"{hours / 24:.3g} d"


def _first(cases: Sequence[Case]) -> Counter[str]:
    return Counter(name for case in cases for name in set(case.monitors))


def _follows(cases: Sequence[Case]) -> Mapping[str, int]:
    """Count what each found device came to: a safety case, a request by itself, or a person's judgement."""
    queues = [{decision.queue for decision in case.decisions} for case in cases if case.decisions]
    counted = Counter(next(queue for queue in (Queue.SAFETY, None, Queue.JUDGEMENT) if queue in one) for one in queues)
    return {name: counted[queue] for queue, name in _FOLLOWS.items() if counted[queue]}


def sound_tables(product: ProductType, plan: Trials, sound: Sound) -> list[Table]:
    """Return what was said of sound devices, by monitor, and what it came to, each as a rate with its upper bound."""
    title = f"Sound devices of {product.title}: {plan.healthy.devices} for {plan.healthy.days} days"
    rows = [_rate(f"`{name}`", count, sound) for name, count in sound.symptoms.most_common()]
    rows += [_rate("any other monitor", 0, sound)]
    queues = Counter(decision.queue for decision in sound.decisions)
    rows += [
        _rate("requests by itself", queues[None], sound),
        _rate("cases for a person", queues[Queue.JUDGEMENT], sound),
        _rate("safety cases", queues[Queue.SAFETY], sound),
    ]
    return [Table(title, ("of sound devices", "times", "per device-year", "below, with 95 %"), rows)]


def _rate(name: str, count: int, sound: Sound) -> list[Cell]:
    years = sound.device_years
    return [name, count, f"{count / years:.4f}", f"{upper_rate(count, years):.4f}"]


def upper_rate(count: int, device_years: float) -> float:
    """Upper bound of a rate with 95 %, for a Poisson count (Byar's approximation).

    >>> round(upper_rate(0, 100.0), 3)
    0.03
    """
    more = count + 1
    return more * (1 - 1 / (9 * more) + 1.645 / (3 * sqrt(more))) ** 3 / device_years


def as_metrics(product: ProductType, tried: Sequence[Tried], sound: Sound) -> Metric:
    """Return the same as metrics: by trial, and rates per device-year."""
    queues = Counter(decision.queue for decision in sound.decisions)
    metrics: dict[str, Metric] = {
        "device_years": sound.device_years,
        "false_requests_per_device_year": queues[None] / sound.device_years,
        "false_cases_per_device_year": (len(sound.decisions) - queues[None]) / sound.device_years,
        "declared_false_requests_per_device_year": product.false_requests_per_device_year,
    }
    for one in tried:
        if one.cases:
            metrics[f"{one.trial.fault}_{one.trial.kind}_{one.trial.severity:g}"] = _metric(one)
    return metrics


def _metric(one: Tried) -> Metric:
    delays_h, count = _delays_h(one), kept(one)
    return {
        "found": len(delays_h) / len(one.cases),
        "within_promised": None if count is None else count / len(one.cases),
        "median_delay_h": median(delays_h) if delays_h else None,
        "longest_delay_h": max(delays_h, default=None),
        "leads": sum(case.fault in {one.trial.fault, *one.trial.also} for case in one.cases) / len(one.cases),
    }
