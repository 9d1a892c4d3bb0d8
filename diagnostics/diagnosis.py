"""Diagnosis: confirmed symptoms of one component to ranked hypotheses, with evidence for and against. "Not sure" is a result.

Each fault's probability follows Bayes' rule over the component's monitors, taken as independent given the fault, with
one more hypothesis for what nobody has described yet. The numbers come from the product's folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from devices.chatter import steady
from devices.faults import FaultCode
from devices.monitors import Monitor
from devices.product import ProductType

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
# A symptom that a fault shows at least this often speaks against the fault when it is missing.
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

    `unexplained` are symptoms that are there although the fault does not show them.
    """

    fault: str
    probability: float
    evidence_for: Sequence[Evidence]
    missing: Sequence[str]
    unexplained: Sequence[Evidence]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Ranked hypotheses, most probable first, and the verdict; `since_us` is the first onset of the leading one."""

    component: str
    verdict: Verdict
    hypotheses: Sequence[Hypothesis]
    since_us: int

    @property
    def leading(self) -> Hypothesis:
        """The most probable hypothesis."""
        return self.hypotheses[0]


def diagnose(product: ProductType, component: str, evidence: Sequence[Evidence]) -> Diagnosis | None:
    """Rank the component's faults by the confirmed symptoms that are open now.

    Parameters
    ----------
    product : ProductType
        Faults and monitors.
    component : str
        The component whose symptoms these are.
    evidence : sequence of Evidence
        Its open confirmed symptoms.

    Returns
    -------
    Diagnosis or None
        None when there is no evidence.
    """
    if not evidence:
        return None
    unsteady = [piece for piece in evidence if steady(piece.monitor) is not None]
    if unsteady:
        return _with_unsteady(product, component, unsteady, [piece for piece in evidence if piece not in unsteady])
    monitors = {monitor.name: monitor for monitor in product.monitors if monitor.component == component}
    faults = [fault for fault in product.faults.values() if fault.component == component]
    seen = {piece.monitor for piece in evidence}
    weights = {fault.code: fault.prior * _likelihood(fault.shows, monitors, seen, _BESIDE) for fault in faults}
    weights[UNKNOWN] = _UNKNOWN_PRIOR * _likelihood({}, monitors, seen, _UNKNOWN_SHOWS)
    total = sum(weights.values())
    ranked = sorted(weights, key=lambda code: (-weights[code], code))
    hypotheses = [_hypothesis(code, weights[code] / total, product.faults, seen, evidence) for code in ranked]
    verdict = _verdict(product, monitors, hypotheses, seen)
    since = hypotheses[0].evidence_for or evidence
    return Diagnosis(component, verdict, hypotheses, min(piece.since_us for piece in since))


def _with_unsteady(
    product: ProductType, component: str, unsteady: Sequence[Evidence], others: Sequence[Evidence]
) -> Diagnosis:
    """Diagnose a component in which monitors chatter: what the others say stands, but nothing follows by itself."""
    known = diagnose(product, component, others)
    if known is None:
        alone = Hypothesis(UNSTEADY, 1.0, unsteady, (), ())
        return Diagnosis(component, Verdict.UNSURE, [alone], min(piece.since_us for piece in unsteady))
    verdict = known.verdict if known.verdict is Verdict.SAFETY else Verdict.UNSURE
    hypotheses = [replace(each, unexplained=[*each.unexplained, *unsteady]) for each in known.hypotheses]
    return replace(known, verdict=verdict, hypotheses=hypotheses)


def _likelihood(shows: Mapping[str, float], monitors: Mapping[str, Monitor], seen: set[str], otherwise: float) -> float:
    likelihood = 1.0
    for name in monitors:
        probability = shows.get(name, otherwise)
        likelihood *= probability if name in seen else 1.0 - probability
    return likelihood


def _hypothesis(
    code: str, probability: float, faults: Mapping[str, FaultCode], seen: set[str], evidence: Sequence[Evidence]
) -> Hypothesis:
    shows = faults[code].shows if code in faults else {piece.monitor: _UNKNOWN_SHOWS for piece in evidence}
    return Hypothesis(
        code,
        probability,
        evidence_for=[piece for piece in evidence if piece.monitor in shows],
        missing=sorted(name for name, often in shows.items() if often >= _EXPECTED and name not in seen),
        unexplained=[piece for piece in evidence if piece.monitor not in shows],
    )


def _verdict(
    product: ProductType, monitors: Mapping[str, Monitor], hypotheses: Sequence[Hypothesis], seen: set[str]
) -> Verdict:
    faults = product.faults
    share = sum(each.probability for each in hypotheses if each.fault in faults and faults[each.fault].is_safety)
    if share >= _SAFETY_SHARE or any(monitors[name].is_safety for name in seen if name in monitors):
        return Verdict.SAFETY
    leading = hypotheses[0]
    is_sure = leading.probability >= _SURE and leading.fault in faults
    return Verdict.SURE if is_sure and not product.remedies[leading.fault].why_none else Verdict.UNSURE
