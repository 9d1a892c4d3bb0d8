"""Reporting cycles as a decision cites them: what was published, and the readings of the device that passed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devices.instants import to_us
from diagnostics.calibration.citation import Asked, Published
from diagnostics.calibration.null import Null
from diagnostics.calibration.tail import Tail
from gateway.storage.connection import Connection
from gateway.storage.receipts import Basis
from gateway.storage.stretches import Span


@dataclass(frozen=True, slots=True)
class Passed:
    """A cycle that a device has passed: what was asked, its score, and from where that is recomputed (None: not kept)."""

    asked: Asked
    score: float
    basis: Basis | None


def passed_cycles(connection: Connection, device_id: int, monitor: str, element: int, cycle_id: int) -> list[Passed]:
    """Return the two cycles by which a finding was confirmed, the earlier one first.

    Parameters
    ----------
    connection : Connection
        In a transaction of the device's tenant.
    device_id, monitor, element : int, str, int
        Whose symptom.
    cycle_id : int
        The cycle that confirmed it.
    """
    rows = connection.execute(
        """SELECT c.product, c.monitor, c.ends_at, c.rate, c.p_value, c.score, c.family, n.version, n.body, n.tail_start,
            n.tail_share, n.tail_shape, n.tail_scale, n.scores,
            f.score, encode(f.state_sha256, 'hex'), f.begins_at, f.scored_at, f.last_ingest_no
        FROM cycle_finding last JOIN cycle_finding f ON f.cycle_id IN (last.cycle_id, last.cycle_before_id)
            AND (f.device_id, f.element) = (last.device_id, last.element)
        JOIN reporting_cycle c ON c.cycle_id = f.cycle_id JOIN calibration n USING (calibration_id)
        WHERE last.cycle_id = %(cycle)s AND last.device_id = %(device)s AND last.element = %(element)s
            AND last.monitor = %(monitor)s
        ORDER BY c.ends_at""",
        {"cycle": cycle_id, "device": device_id, "element": element, "monitor": monitor},
    )
    return [_passed(device_id, row) for row in rows]


def _passed(device_id: int, row: Sequence[Any]) -> Passed:
    *asked, score, state_sha256, begins_at, scored_at, last_ingest_no = row
    basis = None
    if scored_at is not None and last_ingest_no is not None:
        begins_us = None if begins_at is None else to_us(begins_at)
        basis = Basis(state_sha256, Span(device_id, begins_us, to_us(scored_at), last_ingest_no))
    return Passed(_asked(asked), score, basis)


def published_cycles(
    connection: Connection, wanted: Collection[tuple[str, str, datetime]]
) -> dict[tuple[str, str, int], Asked]:
    """Return what cycles asked, by (product, monitor, end in us); those that nobody has published are left out.

    Parameters
    ----------
    connection : Connection
        In any role that reads.
    wanted : collection of (str, str, datetime)
        Products, monitors and ends of the cycles.
    """
    if not wanted:
        return {}
    products, monitors, ends = zip(*sorted(wanted), strict=True)
    rows = connection.execute(
        """SELECT c.product, c.monitor, c.ends_at, c.rate, c.p_value, c.score, c.family, n.version, n.body, n.tail_start,
            n.tail_share, n.tail_shape, n.tail_scale, n.scores
        FROM unnest(%(products)s::text[], %(monitors)s::text[], %(ends)s::timestamptz[])
            AS asked (product, monitor, ends_at)
        JOIN reporting_cycle c USING (product, monitor, ends_at) JOIN calibration n USING (calibration_id)""",
        {"products": list(products), "monitors": list(monitors), "ends": list(ends)},
    ).fetchall()
    return {(row[0], row[1], to_us(row[2])): _asked(row) for row in rows}


def _asked(row: Sequence[Any]) -> Asked:
    product, monitor, ends_at, rate, p_value, score, family, version, body, *tail, count = row
    published = Published(product, monitor, version, Null(body, Tail(*tail), count))
    return Asked(to_us(ends_at), rate, p_value, score, family, published)
