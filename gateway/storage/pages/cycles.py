"""Reporting cycles as a page shows them: of each statistical monitor the newest ones, and the null that one was held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from diagnostics.calibration.null import Null
from diagnostics.calibration.tail import Tail
from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class CycleRow:
    """One cycle of one monitor; `version` is None where there was no calibration, and nothing was asked.

    `scored` devices of all tenants were looked at; of them `passed`, and `confirmed` had passed the cycle before, too.
    """

    cycle_id: int
    ends_at: datetime
    version: int | None
    p_value: float | None
    score: float | None
    scored: int
    passed: int
    confirmed: int
    exceeded: Sequence[float] | None


def newest_cycles(conn: Connection, product: str, monitor: str, limit: int) -> list[CycleRow]:
    """Return the newest cycles of a monitor, newest first."""
    with conn.cursor(row_factory=class_row(CycleRow)) as cursor:
        return cursor.execute(
            """SELECT c.cycle_id, c.ends_at, n.version, c.p_value, c.score, c.family AS scored, c.passed, c.confirmed, c.exceeded
            FROM reporting_cycle c LEFT JOIN calibration n USING (calibration_id)
            WHERE c.product = %s AND c.monitor = %s ORDER BY c.ends_at DESC LIMIT %s""",
            [product, monitor, limit],
        ).fetchall()


def null_of_cycle(conn: Connection, cycle_id: int) -> Null | None:
    """Return the null that a cycle was held against."""
    row = conn.execute(
        """SELECT n.body, n.tail_start, n.tail_share, n.tail_shape, n.tail_scale, n.scores
        FROM reporting_cycle c JOIN calibration n USING (calibration_id) WHERE c.cycle_id = %s""",
        [cycle_id],
    ).fetchone()
    if row is None:
        return None
    body, *tail, count = row
    return Null(body, Tail(*tail), count)
