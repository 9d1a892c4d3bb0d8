"""Triage: what follows from a diagnosis, given what is already open for the same component.

A diagnosis that is sure opens a request by itself. One that is not, or that is a safety matter, opens a request that
is held, and a case for a named human with a clock. Later readings amend; they never unsend what an owner was shown.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from devices.product import ProductType
from devices.remote import may_be_tried
from diagnostics.diagnosis import THRESHOLDS, UNKNOWN, UNSTEADY, Diagnosis, Verdict


class Queue(StrEnum):
    """The queue of a human's case."""

    SAFETY = "safety"
    JUDGEMENT = "judgement"


PATIENCE: Final = {Queue.SAFETY: timedelta(minutes=30), Queue.JUDGEMENT: timedelta(hours=8)}


@dataclass(frozen=True, slots=True)
class CaseWanted:
    """A named human has to decide: in which queue, and why."""

    queue: Queue
    reason: str


@dataclass(frozen=True, slots=True)
class Open:
    """Open a request; with a case it is held until its human has decided."""

    fault: str
    case: CaseWanted | None


@dataclass(frozen=True, slots=True)
class Amend:
    """Write the new diagnosis to the request that is open; with a case a human joins."""

    fault: str
    case: CaseWanted | None


@dataclass(frozen=True, slots=True)
class Release:
    """Write the new diagnosis to a request that waits for a judgement which is no longer needed, and let it go on."""

    fault: str


Triage = Open | Amend | Release


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """What is already open for the component: its fault, whether it is a safety matter, and its living case queues."""

    fault: str
    is_held: bool
    is_touched_by_a_person: bool
    queues: frozenset[Queue]


def triage(product: ProductType, diagnosis: Diagnosis, present: OpenRequest | None) -> Triage:
    """Decide what follows from a diagnosis.

    Parameters
    ----------
    product : ProductType
        For the remedies.
    diagnosis : Diagnosis
        The latest one of the component.
    present : OpenRequest or None
        The request that is open for the same device and component.
    """
    case = _case(product, diagnosis)
    fault = diagnosis.leading.fault
    if present is None:
        return Open(fault, case)
    if case is not None:
        return Amend(fault, None if case.queue in present.queues or Queue.SAFETY in present.queues else case)
    may_go_on = (
        present.is_held and not present.is_touched_by_a_person and present.queues == frozenset({Queue.JUDGEMENT})
    )
    return Release(fault) if may_go_on else Amend(fault, None)


def _case(product: ProductType, diagnosis: Diagnosis) -> CaseWanted | None:
    match diagnosis.verdict:
        case Verdict.SAFETY:
            return CaseWanted(Queue.SAFETY, "Safety: a person decides before anything else happens.")
        case Verdict.UNSURE:
            if diagnosis.leading.fault == UNSTEADY:
                return CaseWanted(Queue.JUDGEMENT, "A monitor goes on and off again and again: look at its sensor.")
            remedy = product.remedies.get(diagnosis.leading.fault)
            if _may_be_healed_first(product, diagnosis):
                return None
            if diagnosis.leading.fault == UNKNOWN or remedy is None or not remedy.why_none:
                return CaseWanted(Queue.JUDGEMENT, "The evidence does not single out one fault.")
            return CaseWanted(Queue.JUDGEMENT, remedy.why_none)
        case Verdict.SURE:
            return None


def _may_be_healed_first(product: ProductType, diagnosis: Diagnosis) -> bool:
    """Whether only a person could decide what is done about the fault, but something may be tried from afar before."""
    leading = diagnosis.leading
    fault, remedy = product.faults.get(leading.fault), product.remedies.get(leading.fault)
    if fault is None or remedy is None or not remedy.why_none or not may_be_tried(fault):
        return False
    is_alone = list(diagnosis.labels) == [leading.fault] and leading.probability >= THRESHOLDS["sure_from"]
    return is_alone and any(not rung.is_staged for rung in product.ladders.get(leading.fault, ()))
