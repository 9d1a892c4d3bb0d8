"""Symptoms: what the detectors say of a batch is written, and handed on to those who diagnose."""

from collections.abc import Mapping

from devices.instants import from_us
from devices.monitors import Calibrated
from devices.products import product_type
from gateway import jobs
from gateway.ingest.detect import Outcome
from gateway.ingest.directory import Known
from gateway.storage.connection import Connection
from gateway.storage.door import SymptomRow, keep_symptoms
from gateway.storage.receipts import Confirmed, keep_bases


def tell(connection: Connection, product: str, outcome: Outcome, devices: Mapping[int, Known]) -> None:
    """Keep the symptoms, and defer one diagnosis for each component in which one was confirmed, healed or undone."""
    if not outcome.told and not outcome.rewound:
        return
    kind = product_type(product)
    monitors = {monitor.name: monitor for monitor in (*kind.monitors, *kind.mode_rows)}
    symptoms = [
        SymptomRow(
            tenant_id=devices[told.change.device_id].tenant_id,
            device_id=told.change.device_id,
            monitor=told.change.monitor,
            component=monitors[told.change.monitor].component,
            element=told.change.element,
            state=told.change.phase,
            since_us=told.change.since_us,
            at_us=told.at_us,
            value=told.change.value,
            threshold=told.change.threshold,
            text_value=told.change.text,
            ingest_no=told.ingest_no,
            received_at=from_us(told.received_us),
        )
        for told in outcome.told
    ]
    keep_symptoms(connection, symptoms)
    # What a reporting cycle will confirm is for detectors to notice only.
    confirmed = [
        Confirmed(s.device_id, s.monitor, s.element, s.since_us, s.at_us)
        for s in symptoms
        if s.state == ("pending" if isinstance(monitors[s.monitor], Calibrated) else "confirmed")
    ]
    keep_bases(connection, product, int(product_type(product).lateness_s * 1e6), confirmed)
    wanted = {(s.device_id, s.component) for s in symptoms if s.state != "pending"} | outcome.rewound
    jobs.defer(
        connection,
        jobs.DIAGNOSE,
        lock="device-{device_id}",
        calls=[
            {"tenant_id": devices[device_id].tenant_id, "device_id": device_id, "component": component}
            for device_id, component in sorted(wanted)
        ],
    )
