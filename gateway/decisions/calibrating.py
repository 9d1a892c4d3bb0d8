"""Calibrating: once a reporting cycle the scores of a statistical monitor are looked at together, over the whole fleet.

Run by the sweep, by one process at a time. A cycle is decided in one transaction: its calibration where a new one is due,
what it asked, and who passed. Then each tenant's symptoms follow in transactions of their own: a pending symptom is
confirmed when its device has passed two cycles that follow each other. Either may be cut off and is done with the next
sweep; nothing is decided twice. Exact rules are no matter of this: what they confirm is confirmed at once.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from devices.monitors import Calibrated
from devices.product import ProductType
from diagnostics.calibration.cycle import FEWEST_CYCLES, POOLED, Decided, decide, is_null_due
from diagnostics.calibration.null import pool
from gateway import jobs
from gateway.storage import cycle_findings, scores
from gateway.storage.connection import Connection
from gateway.storage.scores import Calibration

_log = logging.getLogger(__name__)

# Readings come a little after their cycle: those that are later than this are no part of it.
SETTLING: Final = timedelta(hours=6)
# A fleet that was replayed has many cycles to decide: other clocks wait meanwhile.
_MOST: Final = 20


def decide_cycles(connection: Connection, product: ProductType, now: datetime) -> int:
    """Decide the cycles of a product's statistical monitors that have settled; return how many there were.

    Parameters
    ----------
    connection : Connection
        In the role of work, in autocommit mode, by one process at a time.
    product : ProductType
        Whose monitors.
    now : datetime
        Aware.
    """
    count = 0
    for monitor in product.monitors:
        if isinstance(monitor, Calibrated):
            due = scores.undecided_cycles(connection, product.name, monitor.name, now - SETTLING)
            for ends_at in due[: _MOST - count]:
                with connection.transaction():
                    _decide(connection, product.name, monitor, ends_at, now)
                count += 1
    return count


def _decide(connection: Connection, product: str, monitor: Calibrated, ends_at: datetime, now: datetime) -> None:
    cycle = timedelta(seconds=monitor.cycle_s)
    calibration = _calibration(connection, product, monitor, ends_at, now)
    of = scores.cycle_scores(connection, product, monitor.name, ends_at, ends_at - cycle)
    decided: Decided | None = None
    if calibration is not None:
        decided = decide(
            calibration.null,
            of.scores,
            np.array(of.is_open, dtype=np.bool_),
            np.array(of.has_passed_before, dtype=np.bool_),
        )
    cycle_id = scores.publish_cycle(connection, product, monitor.name, ends_at, calibration, decided, now)
    if decided is not None:
        cycle_findings.write_findings(connection, product, monitor.name, cycle_id, ends_at, of, decided)
        _log.info(
            "cycle of %s %s until %s: %d of %d passed, %d confirmed",
            product,
            monitor.name,
            f"{ends_at:%F %H:%M}",
            decided.threshold.passed,
            decided.threshold.family,
            int(decided.confirmed.sum()),
        )
    scores.forget_scores(connection, product, monitor.name, ends_at - POOLED * cycle)


def _calibration(
    connection: Connection, product: str, monitor: Calibrated, ends_at: datetime, now: datetime
) -> Calibration | None:
    """Return the present calibration; publish a new one where it is due and there are scores enough."""
    present = scores.newest_calibration(connection, product, monitor.name)
    number = _number(ends_at, monitor)
    made_at = None if present is None else _number(present.last_cycle_at, monitor)
    if not is_null_due(made_at, 0 if present is None else present.cycles, number):
        return present
    cycles_at, pooled = scores.pooled_scores(connection, product, monitor.name, ends_at, POOLED)
    null = pool(pooled) if len(cycles_at) >= FEWEST_CYCLES else None
    if null is None:
        return present
    return scores.publish_calibration(connection, product, monitor.name, cycles_at, null, now)


def _number(ends_at: datetime, monitor: Calibrated) -> int:
    return int(ends_at.timestamp() // monitor.cycle_s)


def follow_cycles(connection: Connection, tenant_id: int, now: datetime) -> int:
    """Confirm what cycles have confirmed, in the transaction of its tenant, and have it diagnosed; return how many.

    A finding whose symptom is gone ends, so that its device is asked again.
    """
    confirmed = cycle_findings.confirm_symptoms(connection)
    cycle_findings.end_findings(connection, now)
    jobs.defer(
        connection,
        jobs.DIAGNOSE,
        lock="device-{device_id}",
        calls=[
            {"tenant_id": tenant_id, "device_id": device_id, "component": component}
            for device_id, component in confirmed
        ],
    )
    return len(confirmed)
