"""Evidence as it is kept and shown: ranked hypotheses in JSON, each with what speaks for it and against it."""

from collections.abc import Sequence

from devices.chatter import steady, unsteady
from devices.monitors import CrossChannel, Drift, MinimumFlow, Monitor, Seasonal, Shift, Silence, Step, Stuck
from devices.product import ProductType
from diagnostics.diagnosis import UNSTEADY, Diagnosis, Evidence, Hypothesis
from gateway.storage.findings import OpenSymptom

UNKNOWN_TITLE = "None of the known faults"
_UNSTEADY_TITLE = "It goes on and off again and again"


def told(product: ProductType, diagnosis: Diagnosis, symptoms: Sequence[OpenSymptom]) -> list[dict[str, object]]:
    """Return a diagnosis' hypotheses as JSON, most probable first; texts are English message ids."""
    by_id = {symptom.symptom_id: symptom for symptom in symptoms}
    return [_hypothesis(product, hypothesis, by_id) for hypothesis in diagnosis.hypotheses]


def _hypothesis(product: ProductType, hypothesis: Hypothesis, by_id: dict[int, OpenSymptom]) -> dict[str, object]:
    fault = product.faults.get(hypothesis.fault)
    titles = {monitor.name: monitor.title for monitor in product.monitors}
    titles |= {unsteady(name): title for name, title in titles.items()}
    against = [{"title": titles[name], "why": "missing"} for name in hypothesis.missing]
    against += [{"title": titles[piece.monitor], "why": "unexplained"} for piece in hypothesis.unexplained]
    return {
        "fault": hypothesis.fault,
        "title": fault.title if fault else _UNSTEADY_TITLE if hypothesis.fault == UNSTEADY else UNKNOWN_TITLE,
        "probability": round(hypothesis.probability, 4),
        "evidence_for": [_piece(product, piece, by_id[piece.symptom_id]) for piece in hypothesis.evidence_for],
        "evidence_against": against,
    }


def _piece(product: ProductType, piece: Evidence, symptom: OpenSymptom) -> dict[str, object]:
    chattering = steady(piece.monitor)
    monitor = next(monitor for monitor in product.monitors if monitor.name == (chattering or piece.monitor))
    element_name, unit = element_and_unit(product, monitor)
    return {
        "symptom_id": piece.symptom_id,
        "monitor": monitor.name,
        "title": monitor.title,
        "element": piece.element,
        "element_name": element_name,
        "since_at": symptom.since_at.isoformat(),
        "value": symptom.value,
        "threshold": symptom.threshold,
        # Of one that chatters the value is how often it came, against how often is too often.
        "unit": "" if chattering else unit,
        "text_value": symptom.text_value,
    }


def element_and_unit(product: ProductType, monitor: Monitor) -> tuple[str, str]:
    """Return what one of several elements is called, and the unit of the value."""
    if isinstance(monitor, Silence):
        return "", monitor.unit
    feature = product.features[monitor.feature]
    # A flow, a pause or a share is not in the unit of the register that it was seen on.
    has_own = isinstance(monitor, MinimumFlow | Stuck | Drift | Step | Seasonal | CrossChannel | Shift)
    return feature.element, monitor.unit if has_own else feature.unit
