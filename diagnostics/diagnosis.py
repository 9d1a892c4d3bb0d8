"""Diagnosis: confirmed symptoms of one component to ranked hypotheses, with evidence for and against. "Not sure" is a result.

Each fault's probability follows Bayes' rule over the component's monitors, taken as independent given the fault, with
one more hypothesis for what nobody has described yet. The numbers come from the product's folder. Only what is known
counts: a monitor that is neither wrong nor known to be well speaks neither for a fault nor against it. How far the
probabilities are to be believed, and what cannot be ruled out, is told by the product's reliability.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from devices.chatter import steady
from devices.faults import FaultCode
from devices.monitors import Monitor
from devices.product import ProductType
from diagnostics.labels import believed, not_ruled_out
from diagnostics.next_check import NextCheck, best

UNKNOWN: Final = "unknown"
# A monitor comes and goes too often to say anything but that: a person looks at the sensor and what it hangs on.
UNSTEADY: Final = "unsteady"
# An undescribed fault is rare, and shows anything with the same small probability.
_UNKNOWN_PRIOR: Final = 0.05
_UNKNOWN_SHOWS: Final = 0.1
# A monitor that a fault does not name still fires beside it now and then.
_BESIDE: Final = 0.02
_SURE: Final = 0.8
_SAFETY_SHARE: Final = 0.2
# A monitor that a fault moves at least this often is named as evidence against it when it is known to be well.
_EXPECTED: Final = 0.5
# As a receipt names them.
THRESHOLDS: Final = {
    "unknown_prior": _UNKNOWN_PRIOR,
    "unknown_shows": _UNKNOWN_SHOWS,
    "beside": _BESIDE,
    "sure_from": _SURE,
    "safety_from": _SAFETY_SHARE,
    "expected_from": _EXPECTED,
}


class Verdict(StrEnum):
    """What may follow by itself: a request (sure), or a named human's case (unsure, safety)."""

    SURE = "sure"
    UNSURE = "unsure"
    SAFETY = "safety"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A confirmed symptom, as a diagnosis needs it; `since_us` is its onset."""

    symptom_id: int
    monitor: str
    element: int
    since_us: int


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One fault that may be there: its probability, what speaks for it, and what against it (monitor names).

    `missing` are monitors that the fault usually moves and that are known to be well, the most telling first;
    `unexplained` are symptoms that are there although the fault does not show them.
    """

    fault: str
    probability: float
    evidence_for: Sequence[Evidence]
    missing: Sequence[str]
    unexplained: Sequence[Evidence]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Ranked hypotheses, most probable first, and the verdict; `since_us` is the first onset of the leading one.

    `well` are the component's monitors that were known to be well, by name; `next_check` is what would tell the
    hypotheses apart, None when nothing would; `labels` are the faults that cannot be ruled out.
    """

    component: str
    verdict: Verdict
    hypotheses: Sequence[Hypothesis]
    since_us: int
    well: Sequence[str] = ()
    next_check: NextCheck | None = None
    labels: Sequence[str] = ()

    @property
    def leading(self) -> Hypothesis:
        """The most probable hypothesis."""
        return self.hypotheses[0]


def diagnose(
    product: ProductType, component: str, evidence: Sequence[Evidence], well: Collection[str] = ()
) -> Diagnosis | None:
    """Rank the component's faults by the confirmed symptoms that are open now.

    Parameters
    ----------
    product : ProductType
        Faults and monitors.
    component : str
        The component whose symptoms these are.
    evidence : sequence of Evidence
        Its open confirmed symptoms.
    well : collection of str
        Monitors that are known to be well, by name; those of other components are passed over.

    Returns
    -------
    Diagnosis or None
        None when there is no evidence.
    """
    if not evidence:
        return None
    unsteady = [piece for piece in evidence if steady(piece.monitor) is not None]
    if unsteady:
        others = [piece for piece in evidence if piece not in unsteady]
        return _with_unsteady(product, component, unsteady, others, well)
    monitors = {monitor.name: monitor for monitor in product.monitors if monitor.component == component}
    faults = [fault for fault in product.faults.values() if fault.component == component]
    seen = {piece.monitor for piece in evidence}
    calm = sorted(monitors.keys() & set(well) - seen)
    weights = {
        fault.code: fault.prior * _likelihood(fault.shows, seen & monitors.keys(), calm, _BESIDE) for fault in faults
    }
    weights[UNKNOWN] = _UNKNOWN_PRIOR * _likelihood({}, seen & monitors.keys(), calm, _UNKNOWN_SHOWS)
    believes = believed(weights, product.reliability.temperature)
    ranked = sorted(weights, key=lambda code: (-believes[code], code))
    hypotheses = [_hypothesis(code, believes[code], product.faults, calm, evidence) for code in ranked]
    labels = not_ruled_out(believes, product.reliability, _SURE)
    verdict = _verdict(product, monitors, hypotheses, labels, seen)
    since = hypotheses[0].evidence_for or evidence
    asked = best(
        (check for check in product.checks if check.component == component),
        {each.fault: each.probability for each in hypotheses},
    )
    return Diagnosis(component, verdict, hypotheses, min(piece.since_us for piece in since), calm, asked, labels)


def _with_unsteady(
    product: ProductType,
    component: str,
    unsteady: Sequence[Evidence],
    others: Sequence[Evidence],
    well: Collection[str],
) -> Diagnosis:
    """Diagnose a component in which monitors chatter: what the others say stands, but nothing follows by itself.

    A monitor that chatters is not known to be well, however it stands just now.
    """
    calm = set(well) - {steady(piece.monitor) for piece in unsteady}
    known = diagnose(product, component, others, calm)
    if known is None:
        alone = Hypothesis(UNSTEADY, 1.0, unsteady, (), ())
        own = sorted(monitor.name for monitor in product.monitors if monitor.component == component)
        return Diagnosis(
            component,
            Verdict.UNSURE,
            [alone],
            min(piece.since_us for piece in unsteady),
            well=[name for name in own if name in calm],
        )
    verdict = known.verdict if known.verdict is Verdict.SAFETY else Verdict.UNSURE
    hypotheses = [replace(each, unexplained=[*each.unexplained, *unsteady]) for each in known.hypotheses]
    return replace(known, verdict=verdict, hypotheses=hypotheses)


def _likelihood(shows: Mapping[str, float], seen: Collection[str], calm: Collection[str], otherwise: float) -> float:
    there = math.prod(shows.get(name, otherwise) for name in sorted(seen))
    return there * math.prod(1.0 - shows.get(name, otherwise) for name in calm)


def _hypothesis(
    code: str, probability: float, faults: Mapping[str, FaultCode], calm: Collection[str], evidence: Sequence[Evidence]
) -> Hypothesis:
    shows = faults[code].shows if code in faults else {piece.monitor: _UNKNOWN_SHOWS for piece in evidence}
    return Hypothesis(
        code,
        probability,
        evidence_for=[piece for piece in evidence if piece.monitor in shows],
        missing=sorted(
            (name for name in calm if shows.get(name, 0.0) >= _EXPECTED), key=lambda name: (-shows[name], name)
        ),
        unexplained=[piece for piece in evidence if piece.monitor not in shows],
    )


def _verdict(
    product: ProductType,
    monitors: Mapping[str, Monitor],
    hypotheses: Sequence[Hypothesis],
    labels: Sequence[str],
    seen: set[str],
) -> Verdict:
    faults = product.faults
    share = sum(each.probability for each in hypotheses if each.fault in faults and faults[each.fault].is_safety)
    if share >= _SAFETY_SHARE or any(monitors[name].is_safety for name in seen if name in monitors):
        return Verdict.SAFETY
    leading = hypotheses[0]
    # One label that is described and as probable as sure has to be; several, or none, are for a person.
    is_sure = list(labels) == [leading.fault] and leading.probability >= _SURE and leading.fault in faults
    return Verdict.SURE if is_sure and not product.remedies[leading.fault].why_none else Verdict.UNSURE
