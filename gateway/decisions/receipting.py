"""Receipting: with each decision, what it stood on is written down in the same transaction, and kept.

The readings of every symptom are named by a stretch of them and the state of the detectors before; one stretch more, the
newest, says what else is well. What is written here is made again by `gateway.decisions.replaying`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from devices.instants import to_us
from devices.monitors import Monitor, Reported, Silence
from devices.product import ProductType
from devices.readings import IntArray
from diagnostics.diagnosis import Diagnosis
from diagnostics.receipt import Circumstances, Seen, Stretch, build, canonical, instant
from diagnostics.rules import of_component
from diagnostics.state import pack
from gateway.decisions.engine import software
from gateway.decisions.surveying import Survey, of_name
from gateway.storage import receipts
from gateway.storage.connection import Connection
from gateway.storage.findings import DeviceCard
from gateway.storage.readings import Readings
from gateway.storage.receipts import Basis, Ground, Grounds
from gateway.storage.ticks import ticks_us
from workflows.triage import PATIENCE, Amend, CaseWanted, Open, OpenRequest, Queue, Release, Triage

_encode = msgspec.msgpack.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that is to be receipted; `diagnosis` and `triage` are None when nothing was open."""

    device: DeviceCard
    product: ProductType
    component: str
    diagnosis: Diagnosis | None
    diagnosis_id: int | None
    triage: Triage | None
    present: OpenRequest | None
    request_id: int | None


def keep(connection: Connection, survey: Survey, decided: Decided, now: datetime) -> int:
    """Write the receipt of a decision and pin what it stands on; return the number of the decision.

    Parameters
    ----------
    connection : Connection
        In the decision's transaction.
    survey : Survey
        What was gathered before it was decided.
    decided : Decided
        What was decided.
    now : datetime
        The time of the decision, an input of it.
    """
    product, component = decided.product, decided.component
    monitors, grounds = of_name(product, component), survey.grounds
    seen = [
        _seen(ground, at, product, monitors.get(ground.symptom.monitor), survey.place, survey.readings)
        for ground, at in zip(grounds.open, survey.places, strict=True)
    ]
    ticks_sha256 = _keep_ticks(connection, grounds, monitors)
    rules = of_component(product, component)
    document = build(
        rules,
        monitors,
        Circumstances(
            device_id=grounds.device_id,
            device=decided.device.name,
            decided_us=to_us(now),
            software=software(),
            request=request_told(decided.present),
            ticks_sha256=ticks_sha256,
            quiet=[(each.monitor, each.element, to_us(each.since_at)) for each in grounds.quiet],
            unheard=grounds.unheard,
        ),
        stretches(survey.bases, survey.place, survey.readings),
        seen,
        decided.diagnosis,
        outcome(decided.triage, now),
        [each.document for each in survey.citations],
    )
    return receipts.add_decision(
        connection,
        device_id=grounds.device_id,
        component=component,
        diagnosis_id=decided.diagnosis_id,
        request_id=decided.request_id,
        outcome=document["outcome"]["kind"],
        rules_sha256=receipts.keep_content(connection, canonical(rules)),
        ticks_sha256=ticks_sha256,
        receipt=canonical(document),
        stretches=survey.bases,
        now=now,
    )


def _seen(
    ground: Ground,
    stretch: int | None,
    product: ProductType,
    monitor: Monitor | None,
    place: IntArray,
    readings: Readings,
) -> Seen:
    symptom = ground.symptom
    rows = np.flatnonzero((place == stretch) & (readings.ingest_no == ground.decided_by_ingest_no))
    return Seen(
        symptom_id=symptom.symptom_id,
        monitor=symptom.monitor,
        element=symptom.element,
        since_us=to_us(symptom.since_at),
        value=symptom.value,
        threshold=symptom.threshold,
        text=symptom.text_value or "",
        decided_received_us=to_us(symptom.decided_received_at),
        stretch=stretch,
        feature=feature(product, monitor, readings, rows) if stretch is not None else None,
    )


def feature(
    product: ProductType, monitor: Monitor | None, readings: Readings, rows: IntArray
) -> Sequence[float] | None:
    """Return the values that a monitor looked at in one reading; None for silence, for codes, and where there is none."""
    if monitor is None or isinstance(monitor, Silence | Reported) or len(rows) != 1:
        return None
    compute = product.features[monitor.feature].compute
    return None if compute is None else [float(value) for value in compute(readings.at(rows).columns())[0]]


def stretches(bases: Sequence[Basis], place: IntArray, readings: Readings) -> list[Stretch]:
    """Return the stretches as a receipt names them, each with the digest of its readings."""
    told: list[Stretch] = []
    for index, basis in enumerate(bases):
        rows = np.flatnonzero(place == index)
        numbers: IntArray = readings.ingest_no[rows]
        told.append(
            Stretch(
                state_sha256=basis.state_sha256,
                begins_us=basis.span.begins_us,
                ends_us=basis.span.ends_us,
                last_ingest_no=basis.span.last_ingest_no,
                rows=len(rows),
                first_ingest_no=int(numbers.min(initial=basis.span.last_ingest_no)) if len(rows) else 0,
                newest_ingest_no=int(numbers.max(initial=0)),
                sha256=_digest(readings, rows.tolist()),
            )
        )
    return told


def _digest(readings: Readings, rows: Iterable[int]) -> str:
    """Return the hash of readings with all that is stored of their values; a signal that is declared later changes none."""
    digest = hashlib.sha256()
    heads = np.column_stack([readings.order, readings.received_us, readings.is_backfill, readings.ingest_no])
    for row in rows:
        values = {name: column[row] for name, column in readings.values.items() if column[row] is not None}
        digest.update(_encode([heads[row].tolist(), values]))
    return digest.hexdigest()


def _keep_ticks(connection: Connection, grounds: Grounds, monitors: Mapping[str, Monitor]) -> str | None:
    """Keep the ticks of the server's clock by which a silence was found, from when the device was last heard."""
    silent = [each.symptom for each in grounds.open if isinstance(monitors.get(each.symptom.monitor), Silence)]
    if not silent:
        return None
    ticks = ticks_us(connection, range(grounds.partition, grounds.partition + 1))
    begins_us = to_us(min(symptom.since_at for symptom in silent))
    ends_us = to_us(max(symptom.decided_received_at for symptom in silent))
    return receipts.keep_content(connection, pack({"ticks_us": ticks[(ticks >= begins_us) & (ticks <= ends_us)]}))


def request_told(present: OpenRequest | None) -> dict[str, Any] | None:
    """Return the request that was open before, as a receipt says it."""
    return None if present is None else asdict(present) | {"queues": sorted(queue.value for queue in present.queues)}


def request_of(told: Mapping[str, Any] | None) -> OpenRequest | None:
    """Return what `request_told` has said."""
    if told is None:
        return None
    return OpenRequest(
        fault=told["fault"],
        is_held=told["is_held"],
        is_touched_by_a_person=told["is_touched_by_a_person"],
        queues=frozenset(map(Queue, told["queues"])),
    )


def outcome(decision: Triage | None, now: datetime) -> dict[str, Any]:
    """Return what follows, as a receipt says it: what kind of decision, about which fault, and for whom."""
    match decision:
        case None:
            return {"kind": "nothing", "fault": None, "case": None}
        case Open(fault=fault, case=case):
            return {"kind": _kind(case, "request"), "fault": fault, "case": _case(case, now)}
        case Amend(fault=fault, case=case):
            return {"kind": _kind(case, "amended"), "fault": fault, "case": _case(case, now)}
        case Release(fault=fault):
            return {"kind": "released", "fault": fault, "case": None}


def _kind(case: CaseWanted | None, otherwise: str) -> str:
    if case is None:
        return otherwise
    return "safety_case" if case.queue is Queue.SAFETY else "case"


def _case(case: CaseWanted | None, now: datetime) -> dict[str, str] | None:
    if case is None:
        return None
    return {"queue": case.queue.value, "due_at": instant(to_us(now + PATIENCE[case.queue]))}
