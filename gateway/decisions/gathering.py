"""Gathering: newly silent devices are looked at together first; a region that falls silent is one incident.

Run by the sweep. A device that is silent alone goes the ordinary way, to its diagnosis; those of a region join its
incident, which a named human has, and nobody asks their owners for anything.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

import numpy as np

from devices.instants import to_us
from devices.product import ProductType
from devices.products import product_type
from diagnostics.regional import Quietness, follows, together
from gateway import jobs
from gateway.decisions.regional import keep
from gateway.storage import findings, incidents
from gateway.storage.connection import Connection
from gateway.storage.incidents import Change, OpenIncident
from workflows.triage import PATIENCE, Queue

# Two ticks and a little: those who fall silent together are found together.
SETTLING: Final = timedelta(seconds=150)
_MOST: Final = 5000
_LOOK_EVERY: Final = timedelta(minutes=1)
# When so many are heard again the cause is gone; the others have the time in which they would be late to follow.
_MOST_SHARE: Final = 0.8


def gather(connection: Connection, now: datetime) -> int:
    """Think of the silences that have settled, in the transaction of their tenant; return how many there were."""
    changes = incidents.take_changes(connection, noticed_before=now - SETTLING, most=_MOST)
    for product_name, of_product in groupby(changes, lambda change: change.product):
        product = product_type(product_name)
        alone: list[int] = []
        for (region, is_silent), group in groupby(
            sorted(of_product, key=lambda change: (change.region, change.is_silent)),
            lambda change: (change.region, change.is_silent),
        ):
            if is_silent:
                alone += _gather_region(connection, product, region, list(group), now)
            elif product.silence is not None:
                healed = [change.device_id for change in group]
                alone += incidents.with_open_request(connection, healed, product.silence.component)
        diagnose_silence(connection, product, alone)
    return len(changes)


def _gather_region(
    connection: Connection, product: ProductType, region: int, changes: Sequence[Change], now: datetime
) -> list[int]:
    """Let devices join their region's incident, or open it; return those that are silent alone."""
    present = incidents.lock_open_incident(connection, product=product.name, region=region)
    quietness = _look(connection, product, region, changes, present)
    is_together = together(quietness)
    joining = [change for change, is_its in zip(changes, is_together, strict=True) if is_its]
    if joining:
        if present is None:
            incident_id = _open(connection, product, region, joining, now)
        else:
            incident_id = present.incident_id
            _join(connection, incident_id, joining, now)
        keep(
            connection,
            incident_id=incident_id,
            product=product,
            region=region,
            quietness=quietness,
            is_together=is_together,
            now=now,
        )
    return [change.device_id for change, is_its in zip(changes, is_together, strict=True) if not is_its]


def _look(
    connection: Connection, product: ProductType, region: int, changes: Sequence[Change], present: OpenIncident | None
) -> Quietness:
    """Return what is known of a region; its other devices are asked about only where the open incident does not tell."""
    window = timedelta(seconds=product.late_after_s)
    window_us, incident_since_us = int(product.late_after_s * 1e6), None if present is None else to_us(present.since_at)
    device_ids = np.array([change.device_id for change in changes], dtype=np.int64)
    since_us = np.array([to_us(change.since_at) for change in changes], dtype=np.int64)
    is_its = follows(since_us, incident_since_us, window_us)
    others = [change.since_at for change, is_so in zip(changes, is_its, strict=True) if not is_so]
    quiet_us, alive = np.zeros(0, np.int64), 0
    if others:
        quiet_us, alive = incidents.quiet_in_region(
            connection,
            product=product.name,
            region=region,
            since_at=min(others) - window,
            until_at=max(others) + window,
        )
    return Quietness(device_ids, since_us, quiet_us, alive, window_us, incident_since_us)


def _open(connection: Connection, product: ProductType, region: int, changes: Sequence[Change], now: datetime) -> int:
    incident_id, recipient, language = incidents.open_incident(
        connection,
        product=product.name,
        region=region,
        since_at=min(change.since_at for change in changes),
        due_at=now + PATIENCE[Queue.JUDGEMENT],
        now=now,
    )
    _join(connection, incident_id, changes, now)
    incidents.tell_staff(connection, incident_id, recipient=recipient, language=language, now=now)
    return incident_id


def _join(connection: Connection, incident_id: int, changes: Sequence[Change], now: datetime) -> None:
    if changes:
        devices = [(change.device_id, change.since_at) for change in changes]
        incidents.join_incident(connection, incident_id, devices, now)


def look_at_incidents(connection: Connection, now: datetime) -> None:
    """Close incidents most of whose devices are heard again; those that stay silent go their own way then."""
    for incident in incidents.open_incidents_to_look_at(connection, looked_before=now - _LOOK_EVERY):
        product = product_type(incident.product)
        devices, heard_again = incidents.count_heard_again(connection, incident.incident_id, now)
        if heard_again < _MOST_SHARE * devices:
            incidents.note_recovery(connection, incident.incident_id, None)
        elif incident.recovering_at is None:
            incidents.note_recovery(connection, incident.incident_id, now)
        elif now - incident.recovering_at >= timedelta(seconds=product.late_after_s):
            incidents.close_incident(connection, incident.incident_id, now)
            diagnose_silence(connection, product, incidents.release_silent(connection, incident.incident_id, now))


def close_by_hand(
    connection: Connection, *, incident_id: int, staff_id: int, word: str, one_by_one: bool, now: datetime
) -> bool:
    """Close an incident with a person's word; False when it was closed already, or there is none.

    Devices that are still silent are left to what the person knows, unless they are wanted `one_by_one`.
    """
    product_name = incidents.product_of(connection, incident_id)
    if product_name is None or not incidents.close_incident(connection, incident_id, now, staff_id=staff_id, word=word):
        return False
    if one_by_one:
        released = incidents.release_silent(connection, incident_id, now)
        diagnose_silence(connection, product_type(product_name), released)
    return True


def diagnose_silence(connection: Connection, product: ProductType, device_ids: Iterable[int]) -> None:
    """Let silent devices be diagnosed one by one once this transaction has been committed."""
    if product.silence is None:
        return
    tenant_id = findings.one(connection.execute("SELECT current_tenant()").fetchone())
    jobs.defer(
        connection,
        jobs.DIAGNOSE,
        lock="device-{device_id}",
        calls=[
            {"tenant_id": tenant_id, "device_id": device_id, "component": product.silence.component}
            for device_id in device_ids
        ],
    )
