"""Scores of statistical monitors, and the reporting cycles that decide them: calibrations, and what cycles asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from devices.readings import FloatArray
from diagnostics.calibration.cycle import RATE, Decided
from diagnostics.calibration.null import Null
from diagnostics.calibration.tail import Tail
from gateway.storage.arrays import int_array
from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class ScoreRows:
    """The last scores that monitors of one product said in their cycles, column by column; `ends_at` ends the cycle.

    `scored_at` is the claimed time of the reading that said a score, and `spans_at` the beginning of the span of time, at
    which anchors stand, that it lies in. Only with those that `are_high` is kept what the detectors remembered before.
    """

    monitors: Sequence[str]
    ends_at: Sequence[datetime]
    device_ids: Sequence[int]
    elements: Sequence[int]
    scores: Sequence[float]
    scored_at: Sequence[datetime]
    spans_at: Sequence[datetime]
    are_high: Sequence[bool]


def keep_scores(connection: Connection, product: str, rows: ScoreRows) -> None:
    """Write scores; what comes for a cycle that has been decided changes nothing any more."""
    if not rows.scores:
        return
    connection.execute(
        """INSERT INTO device_score (product, monitor, ends_at, device_id, element, tenant_id, score, scored_at, begins_at,
            state, last_ingest_no)
        SELECT %(product)s, said.monitor, said.ends_at, said.device_id, said.element, d.tenant_id, said.score, said.scored_at,
            CASE WHEN a.state IS NOT NULL THEN said.span_at END, a.state, p.last_ingest_no
        FROM unnest(%(monitors)s::text[], %(ends)s::timestamptz[], %(devices)s::int[], %(elements)s::int[],
            %(scores)s::float8[], %(scored)s::timestamptz[], %(spans)s::timestamptz[], %(high)s::bool[])
            AS said (monitor, ends_at, device_id, element, score, scored_at, span_at, is_high)
        JOIN device d USING (device_id) LEFT JOIN ingest_partition p USING (partition)
        LEFT JOIN LATERAL (SELECT state FROM detector_anchor
            WHERE said.is_high AND device_id = said.device_id AND product = %(product)s AND anchor_at <= said.scored_at
            ORDER BY anchor_at DESC LIMIT 1) a ON true
        WHERE NOT EXISTS (SELECT FROM reporting_cycle c
            WHERE c.product = %(product)s AND c.monitor = said.monitor AND c.ends_at >= said.ends_at)
        ORDER BY 2, 3, 4, 5
        ON CONFLICT (product, monitor, ends_at, device_id, element) DO UPDATE SET score = EXCLUDED.score,
            scored_at = EXCLUDED.scored_at, begins_at = EXCLUDED.begins_at, state = EXCLUDED.state,
            last_ingest_no = EXCLUDED.last_ingest_no""",
        {
            "product": product,
            "monitors": list(rows.monitors),
            "ends": list(rows.ends_at),
            "devices": int_array(rows.device_ids),
            "elements": int_array(rows.elements),
            "scores": list(rows.scores),
            "scored": list(rows.scored_at),
            "spans": list(rows.spans_at),
            "high": list(rows.are_high),
        },
    )


def drop_scores(connection: Connection, product: str, starts_at: dict[int, datetime]) -> None:
    """Drop devices' scores from an instant on, unless their cycles have been decided: readings will say them again."""
    connection.execute(
        """DELETE FROM device_score s USING unnest(%(devices)s::int[], %(starts)s::timestamptz[]) AS a (device_id, at)
        WHERE s.device_id = a.device_id AND s.product = %(product)s AND s.ends_at > a.at AND NOT EXISTS (
            SELECT FROM reporting_cycle c
            WHERE c.product = s.product AND c.monitor = s.monitor AND c.ends_at >= s.ends_at)""",
        {"product": product, "devices": int_array(list(starts_at)), "starts": list(starts_at.values())},
    )


@dataclass(frozen=True, slots=True)
class CycleScores:
    """The scores of a cycle, n rows: whose they are, who is open already, who passed the cycle before, and which that was."""

    device_ids: Sequence[int]
    tenant_ids: Sequence[int]
    elements: Sequence[int]
    scores: FloatArray
    is_open: Sequence[bool]
    has_passed_before: Sequence[bool]
    cycle_before_id: int | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """A published null: its id, the end of the last cycle in it, and of how many cycles it was made."""

    calibration_id: int
    last_cycle_at: datetime
    cycles: int
    null: Null


def undecided_cycles(connection: Connection, product: str, monitor: str, until: datetime) -> list[datetime]:
    """Return the ends of the cycles that have scores and come after the last one that was decided, until an instant."""
    rows = connection.execute(
        """SELECT DISTINCT ends_at FROM device_score
        WHERE product = %(product)s AND monitor = %(monitor)s AND ends_at <= %(until)s AND ends_at > coalesce(
            (SELECT max(ends_at) FROM reporting_cycle WHERE product = %(product)s AND monitor = %(monitor)s), '-infinity')
        ORDER BY ends_at""",
        {"product": product, "monitor": monitor, "until": until},
    )
    return [ends_at for (ends_at,) in rows]


def cycle_scores(
    connection: Connection, product: str, monitor: str, ends_at: datetime, cycle_before_at: datetime
) -> CycleScores:
    """Return the scores of a cycle; the one before it is that which ended at `cycle_before_at`, if it was decided."""
    before = connection.execute(
        "SELECT cycle_id FROM reporting_cycle WHERE product = %s AND monitor = %s AND ends_at = %s",
        [product, monitor, cycle_before_at],
    ).fetchone()
    rows = connection.execute(
        """SELECT s.device_id, s.tenant_id, s.element, s.score,
            EXISTS (SELECT FROM cycle_finding f WHERE f.device_id = s.device_id AND f.monitor = s.monitor
                AND f.element = s.element AND f.cycle_before_id IS NOT NULL AND f.ended_at IS NULL),
            EXISTS (SELECT FROM cycle_finding f
                WHERE f.cycle_id = %(before)s AND f.device_id = s.device_id AND f.element = s.element)
        FROM device_score s WHERE s.product = %(product)s AND s.monitor = %(monitor)s AND s.ends_at = %(ends)s
        ORDER BY s.device_id, s.element""",
        {"product": product, "monitor": monitor, "ends": ends_at, "before": before[0] if before else None},
    ).fetchall()
    devices, tenants, elements, scores, is_open, has_passed = zip(*rows, strict=True) if rows else ((),) * 6
    return CycleScores(
        devices, tenants, elements, np.array(scores, np.float64), is_open, has_passed, before[0] if before else None
    )


def pooled_scores(
    connection: Connection, product: str, monitor: str, until: datetime, cycles: int
) -> tuple[list[datetime], FloatArray]:
    """Return the ends of the last cycles until an instant, the oldest first, and the scores of devices that are not open."""
    ends = connection.execute(
        """SELECT DISTINCT ends_at FROM device_score WHERE product = %s AND monitor = %s AND ends_at <= %s
        ORDER BY ends_at DESC LIMIT %s""",
        [product, monitor, until, cycles],
    ).fetchall()
    ends_at = [at for (at,) in reversed(ends)]
    scores = connection.execute(
        """SELECT s.score FROM device_score s
        WHERE s.product = %(product)s AND s.monitor = %(monitor)s AND s.ends_at = ANY (%(ends)s::timestamptz[])
            AND NOT EXISTS (SELECT FROM cycle_finding f WHERE f.device_id = s.device_id AND f.monitor = s.monitor
                AND f.element = s.element AND f.cycle_before_id IS NOT NULL AND f.ended_at IS NULL)
        ORDER BY s.ends_at, s.device_id, s.element""",
        {"product": product, "monitor": monitor, "ends": ends_at},
    ).fetchall()
    return ends_at, np.array([score for (score,) in scores], np.float64)


def newest_calibration(connection: Connection, product: str, monitor: str) -> Calibration | None:
    """Return the calibration of a monitor that was published last."""
    row = connection.execute(
        """SELECT calibration_id, last_cycle_at, cycles, body, tail_start, tail_share, tail_shape, tail_scale, scores
        FROM calibration WHERE product = %s AND monitor = %s ORDER BY version DESC LIMIT 1""",
        [product, monitor],
    ).fetchone()
    if row is None:
        return None
    calibration_id, last_cycle_at, cycles, body, *tail, count = row
    return Calibration(calibration_id, last_cycle_at, cycles, Null(body, Tail(*tail), count))


def publish_calibration(
    connection: Connection, product: str, monitor: str, cycles_at: Sequence[datetime], null: Null, now: datetime
) -> Calibration:
    """Publish a null made of some cycles as the monitor's next version."""
    row = connection.execute(
        """INSERT INTO calibration (product, monitor, version, made_at, first_cycle_at, last_cycle_at, cycles, scores,
            body, tail_start, tail_share, tail_shape, tail_scale)
        SELECT %(product)s, %(monitor)s, coalesce(max(version), 0) + 1, %(now)s, %(first)s, %(last)s, %(cycles)s,
            %(scores)s, %(body)s, %(start)s, %(share)s, %(shape)s, %(scale)s
        FROM calibration WHERE product = %(product)s AND monitor = %(monitor)s
        RETURNING calibration_id""",
        {
            "product": product,
            "monitor": monitor,
            "now": now,
            "first": cycles_at[0],
            "last": cycles_at[-1],
            "cycles": len(cycles_at),
            "scores": null.count,
            "body": list(null.body),
            "start": null.tail.start,
            "share": null.tail.share,
            "shape": null.tail.shape,
            "scale": null.tail.scale,
        },
    ).fetchone()
    if row is None:
        raise LookupError(f"the calibration of {product} {monitor} was not written")
    return Calibration(row[0], cycles_at[-1], len(cycles_at), null)


def publish_cycle(
    connection: Connection,
    product: str,
    monitor: str,
    ends_at: datetime,
    calibration: Calibration | None,
    decided: Decided | None,
    now: datetime,
) -> int:
    """Publish what a cycle asked, and return its id; without a calibration it asked nothing."""
    asked = decided.threshold if decided else None
    has_family = asked is not None and asked.family > 0
    row = connection.execute(
        """INSERT INTO reporting_cycle (product, monitor, ends_at, decided_at, calibration_id, rate, p_value, score,
            family, passed, confirmed, exceeded)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING cycle_id""",
        [
            product,
            monitor,
            ends_at,
            now,
            calibration.calibration_id if calibration else None,
            RATE,
            asked.p_value if asked else None,
            calibration.null.tail.score_of(asked.p_value) if calibration and asked and has_family else None,
            asked.family if asked else 0,
            asked.passed if asked else 0,
            int(decided.confirmed.sum()) if decided else 0,
            list(decided.exceeded) if decided else None,
        ],
    ).fetchone()
    if row is None:
        raise LookupError(f"the cycle of {product} {monitor} that ends at {ends_at} was not written")
    return row[0]


def forget_scores(connection: Connection, product: str, monitor: str, before: datetime) -> None:
    """Drop the scores of cycles that no null will be made of any more."""
    connection.execute(
        "DELETE FROM device_score WHERE product = %s AND monitor = %s AND ends_at < %s", [product, monitor, before]
    )
