"""Scores: what statistical monitors say of a batch is kept as each device's last word in its reporting cycle.

Event time decides to which cycle a score belongs: that in which its sample lies, or the period that the sample ended.
So any order of messages leaves the same scores. Nothing is decided here.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from devices.instants import from_us
from devices.monitors import Calibrated
from devices.product import ProductType
from devices.readings import IntArray
from diagnostics.scores import Score
from gateway.storage.connection import Connection
from gateway.storage.scores import ScoreRows, drop_scores, keep_scores


def calibrated(product: ProductType) -> dict[str, Calibrated]:
    """Return a product's statistical monitors by name."""
    return {monitor.name: monitor for monitor in product.monitors if isinstance(monitor, Calibrated)}


def keep(
    connection: Connection, product: ProductType, device_ids: IntArray, at_us: IntArray, said: Sequence[Score]
) -> None:
    """Keep the last score of each device, monitor, element and cycle of a batch.

    Parameters
    ----------
    connection : Connection
        In the batch's transaction.
    product : ProductType
        Of the batch.
    device_ids, at_us : int64 [n]
        Of its samples, each device's in their order.
    said : sequence of Score
        What all monitors said; those that are not statistical are passed over.
    """
    monitors = calibrated(product)
    last: dict[tuple[str, int, int, int], float] = {}
    for score in said:
        if score.monitor not in monitors:
            continue
        devices, ends_us = device_ids[score.rows], cycle_ends_us(monitors[score.monitor], at_us[score.rows])
        keys = zip(ends_us.tolist(), devices.tolist(), score.element.tolist(), strict=True)
        for (end_us, device, element), value in zip(keys, score.value.tolist(), strict=True):
            last[score.monitor, end_us, device, element] = value
    rows = sorted(last)
    keep_scores(
        connection,
        product.name,
        ScoreRows(
            monitors=[monitor for monitor, _, _, _ in rows],
            ends_at=[from_us(end_us) for _, end_us, _, _ in rows],
            device_ids=[device for _, _, device, _ in rows],
            elements=[element for _, _, _, element in rows],
            scores=[last[row] for row in rows],
        ),
    )


def cycle_ends_us(monitor: Calibrated, at_us: IntArray) -> IntArray:
    """Return the end of the cycle that each score belongs to, int64 [n]; cycles are aligned to 1970."""
    length_us = int(monitor.cycle_s * 1e6)
    period_us = 0 if monitor.periods is None else int(monitor.periods.length_s * 1e6)
    return np.asarray(((at_us - period_us) // length_us + 1) * length_us, dtype=np.int64)


def drop(connection: Connection, product: ProductType, begun_us: Mapping[int, int]) -> None:
    """Drop what devices' scores were from an instant on, before their readings are taken in again."""
    if begun_us and calibrated(product):
        drop_scores(connection, product.name, {device: from_us(at_us) for device, at_us in begun_us.items()})
