"""Scores: what statistical monitors say of a batch is kept as each device's last word in its reporting cycle.

Event time decides to which cycle a score belongs: that in which its sample lies, or the period that the sample ended.
So any order of messages leaves the same scores. Nothing is decided here.
"""

from collections.abc import Mapping, Sequence

from devices.instants import from_us
from devices.monitors import Calibrated
from devices.product import ProductType
from devices.readings import IntArray
from diagnostics.calibration.cycle import ends_us
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
    last: dict[tuple[str, int, int, int], tuple[float, int]] = {}
    for score in said:
        if score.monitor not in monitors:
            continue
        devices, said_us = device_ids[score.rows], at_us[score.rows]
        ends = ends_us(monitors[score.monitor], said_us)
        keys = zip(ends.tolist(), devices.tolist(), score.element.tolist(), strict=True)
        for (end_us, device, element), *told in zip(keys, score.value.tolist(), said_us.tolist(), strict=True):
            last[score.monitor, end_us, device, element] = (told[0], told[1])
    rows = sorted(last)
    span_us = int(product.lateness_s * 1e6)
    keep_scores(
        connection,
        product.name,
        ScoreRows(
            monitors=[monitor for monitor, _, _, _ in rows],
            ends_at=[from_us(end_us) for _, end_us, _, _ in rows],
            device_ids=[device for _, _, device, _ in rows],
            elements=[element for _, _, _, element in rows],
            scores=[last[row][0] for row in rows],
            scored_at=[from_us(last[row][1]) for row in rows],
            spans_at=[from_us(last[row][1] // span_us * span_us) for row in rows],
            # What is well, as nearly all are, passes no cycle and is not recomputed: its state would be kept for nothing.
            are_high=[last[row][0] > monitors[row[0]].clear for row in rows],
        ),
    )


def drop(connection: Connection, product: ProductType, begun_us: Mapping[int, int]) -> None:
    """Drop what devices' scores were from an instant on, before their readings are taken in again."""
    if begun_us and calibrated(product):
        drop_scores(connection, product.name, {device: from_us(at_us) for device, at_us in begun_us.items()})
