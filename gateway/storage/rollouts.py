"""Roll-outs in stages, and the devices in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from gateway.storage.connection import Connection
from gateway.storage.findings import one
from workflows.rollout import Stage


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """A roll-out; names as in the table."""

    rollout_id: int
    product: str
    fault: str
    rung: str
    model: str
    firmware: str
    staff_id: int
    least_share: float
    stage: int
    state: str
    begun_at: datetime
    ended_at: datetime | None
    incident_id: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How many devices of a stage there are, and how they stand."""

    stage: int
    devices: int
    begun: int
    proven: int
    failed: int
    passed_over: int

    @property
    def as_stage(self) -> Stage:
        """The stage as it is decided about."""
        return Stage(self.devices - self.passed_over, self.proven, self.failed)


_SELECT = """SELECT rollout_id, product, fault, rung, model, firmware, staff_id, least_share, stage, state, begun_at, ended_at,
    incident_id FROM rollout"""


def candidates(
    connection: Connection, product: str, fault: str, model: str, firmware: str, incident_id: int | None
) -> list[tuple[int, int]]:
    """Return (device, request) of open requests about a fault that no date was offered for, in the order of their ids.

    With an incident, those of its devices alone.
    """
    rows = connection.execute(
        """SELECT r.device_id, r.request_id FROM service_request r
        JOIN device d USING (device_id) JOIN fault f ON f.fault_id = r.fault_id
        WHERE r.closed_at IS NULL AND r.state IN ('open', 'waiting', 'held') AND NOT r.is_safety
            AND d.product = %(product)s AND f.code = %(fault)s AND d.retired_at IS NULL
            AND (%(model)s = '' OR d.model = %(model)s) AND (%(firmware)s = '' OR d.firmware = %(firmware)s)
            AND (%(incident)s::bigint IS NULL OR EXISTS (SELECT FROM incident_device i
                WHERE i.incident_id = %(incident)s AND i.device_id = r.device_id))
        ORDER BY r.request_id LIMIT 5000""",
        {"product": product, "fault": fault, "model": model, "firmware": firmware, "incident": incident_id},
    ).fetchall()
    return [(row[0], row[1]) for row in rows]


def begin(
    connection: Connection,
    *,
    product: str,
    fault: str,
    rung: str,
    model: str,
    firmware: str,
    staff_id: int,
    least_share: float,
    devices: Sequence[tuple[int, int, int]],
    incident_id: int | None,
    now: datetime,
) -> int:
    """Write a roll-out with its (device, request, stage), and return its id.

    Raises
    ------
    psycopg.errors.UniqueViolation
        `one_running_rollout_per_remedy`.
    """
    rollout_id = one(
        connection.execute(
            """INSERT INTO rollout (product, fault, rung, model, firmware, staff_id, least_share, incident_id, begun_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING rollout_id""",
            [product, fault, rung, model, firmware, staff_id, least_share, incident_id, now],
        ).fetchone()
    )
    connection.execute(
        """INSERT INTO rollout_device (rollout_id, device_id, request_id, stage)
        SELECT %s, * FROM unnest(%s::int[], %s::bigint[], %s::int[])""",
        [rollout_id, [d for d, _, _ in devices], [r for _, r, _ in devices], [s for _, _, s in devices]],
    )
    return rollout_id


def lock(connection: Connection, rollout_id: int) -> RolloutRow | None:
    """Return a roll-out, locked."""
    with connection.cursor(row_factory=class_row(RolloutRow)) as cursor:
        return cursor.execute(f"{_SELECT} WHERE rollout_id = %s FOR UPDATE", [rollout_id]).fetchone()


def running(connection: Connection) -> list[int]:
    """Return the roll-outs that are under way."""
    rows = connection.execute("SELECT rollout_id FROM rollout WHERE ended_at IS NULL ORDER BY rollout_id").fetchall()
    return [row[0] for row in rows]


def is_running(connection: Connection, product: str, fault: str, rung: str) -> bool:
    """Whether a remedy is being rolled out just now."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM rollout
            WHERE product = %s AND fault = %s AND rung = %s AND ended_at IS NULL)""",
        [product, fault, rung],
    ).fetchone()
    return row == (True,)


def newest(connection: Connection, most: int) -> list[RolloutRow]:
    """Return the newest roll-outs, newest first; for pages."""
    with connection.cursor(row_factory=class_row(RolloutRow)) as cursor:
        return cursor.execute(f"{_SELECT} ORDER BY rollout_id DESC LIMIT %s", [most]).fetchall()


def progress(connection: Connection, rollout_id: int) -> list[Progress]:
    """Return how each stage of a roll-out stands, in their order."""
    with connection.cursor(row_factory=class_row(Progress)) as cursor:
        return cursor.execute(
            """SELECT v.stage, count(*) AS devices, count(v.attempt_id) AS begun,
                count(*) FILTER (WHERE a.state = 'proven') AS proven,
                count(*) FILTER (WHERE a.state = 'failed') AS failed,
                count(*) FILTER (WHERE v.passed_over IS NOT NULL OR a.state = 'withdrawn') AS passed_over
            FROM rollout_device v LEFT JOIN remedy_attempt a USING (attempt_id)
            WHERE v.rollout_id = %s GROUP BY v.stage ORDER BY v.stage""",
            [rollout_id],
        ).fetchall()


def waiting(connection: Connection, rollout_id: int, stage: int, most: int) -> list[tuple[int, int]]:
    """Return (device, request) of a stage that nothing was tried on yet."""
    rows = connection.execute(
        """SELECT device_id, request_id FROM rollout_device
        WHERE rollout_id = %s AND stage = %s AND attempt_id IS NULL AND passed_over IS NULL
        ORDER BY device_id LIMIT %s""",
        [rollout_id, stage, most],
    ).fetchall()
    return [(row[0], row[1]) for row in rows]


def note_device(
    connection: Connection, rollout_id: int, device_id: int, *, attempt_id: int | None, passed_over: str | None
) -> None:
    """Write what became of a device in its stage: it is tried, or passed over."""
    connection.execute(
        "UPDATE rollout_device SET attempt_id = %s, passed_over = %s WHERE rollout_id = %s AND device_id = %s",
        [attempt_id, passed_over, rollout_id, device_id],
    )


def go_to(connection: Connection, rollout_id: int, stage: int) -> None:
    """Let a stage begin."""
    connection.execute("UPDATE rollout SET stage = %s WHERE rollout_id = %s", [stage, rollout_id])


def end(connection: Connection, rollout_id: int, state: str, now: datetime) -> None:
    """End a roll-out that runs."""
    connection.execute(
        "UPDATE rollout SET state = %s, ended_at = %s WHERE rollout_id = %s AND ended_at IS NULL",
        [state, now, rollout_id],
    )
