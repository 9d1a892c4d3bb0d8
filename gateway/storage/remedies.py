"""Attempts of remedies from afar: one row each, with the clock at which it is looked at next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from devices.product import ProductType
from devices.remote import Condition
from devices.signals import Kind
from gateway.storage.connection import Connection
from gateway.storage.findings import one
from workflows.remedying import Attempt, Past, State


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt of a remedy; names as in the table."""

    attempt_id: int
    device_id: int
    request_id: int
    component: str
    fault: str
    rung: str
    state: str
    planned_at: datetime
    command_id: UUID | None
    sent_at: datetime | None
    prove_by_at: datetime | None
    due_at: datetime
    ended_at: datetime | None
    why: str
    deadline_at: datetime

    @property
    def attempt(self) -> Attempt:
        """The attempt as it is decided about."""
        return Attempt(State(self.state), self.planned_at, self.deadline_at, self.prove_by_at)


@dataclass(frozen=True, slots=True)
class RungOf:
    """A rung against a fault of a product."""

    product: str
    fault: str
    rung: str


@dataclass(frozen=True, slots=True)
class Awaited:
    """A planned attempt that waits for its device to be ready; it is given up at `deadline_at`."""

    attempt_id: int
    request_id: int
    planned_at: datetime
    deadline_at: datetime


_SELECT = """SELECT attempt_id, device_id, request_id, component, fault, rung, state, planned_at, command_id, sent_at,
    prove_by_at, due_at, ended_at, why, deadline_at FROM remedy_attempt"""


def plan(
    connection: Connection,
    *,
    device_id: int,
    request_id: int,
    component: str,
    fault: str,
    rung: str,
    attempt: Attempt,
    mandate_id: int | None,
) -> int:
    """Write a new attempt, which is due at once, and return its id.

    Raises
    ------
    psycopg.errors.UniqueViolation
        `one_living_remedy_per_device_component`: something is being tried there already.
    """
    return one(
        connection.execute(
            """INSERT INTO remedy_attempt (device_id, request_id, component, fault, rung, state, planned_at, due_at,
                deadline_at, mandate_id)
            VALUES (%(device)s, %(request)s, %(component)s, %(fault)s, %(rung)s, %(state)s, %(planned)s, %(planned)s,
                %(deadline)s, %(mandate)s) RETURNING attempt_id""",
            {
                "device": device_id,
                "request": request_id,
                "component": component,
                "fault": fault,
                "rung": rung,
                "state": attempt.state,
                "planned": attempt.planned_at,
                "deadline": attempt.due_at,
                "mandate": mandate_id,
            },
        ).fetchone()
    )


def lock_living(connection: Connection, request_id: int) -> AttemptRow | None:
    """Return the attempt of a request that has not ended, locked; there is one at most."""
    with connection.cursor(row_factory=class_row(AttemptRow)) as cursor:
        return cursor.execute(
            f"{_SELECT} WHERE request_id = %s AND ended_at IS NULL FOR UPDATE", [request_id]
        ).fetchone()


def lock_living_on(connection: Connection, device_id: int, component: str) -> AttemptRow | None:
    """Return what is still being tried on a component, for whichever request, locked; there is one at most."""
    with connection.cursor(row_factory=class_row(AttemptRow)) as cursor:
        return cursor.execute(
            f"{_SELECT} WHERE device_id = %s AND component = %s AND ended_at IS NULL FOR UPDATE", [device_id, component]
        ).fetchone()


def save(
    connection: Connection,
    attempt_id: int,
    attempt: Attempt,
    *,
    due_at: datetime,
    why: str,
    command_id: UUID | None,
    ended_at: datetime | None,
    sent_at: datetime | None,
) -> None:
    """Write where an attempt stands; a command that it was sent with stays with it."""
    connection.execute(
        """UPDATE remedy_attempt SET state = %(state)s, due_at = %(due)s, deadline_at = %(deadline)s, why = %(why)s,
            prove_by_at = %(prove)s, command_id = coalesce(command_id, %(command)s), ended_at = %(ended)s,
            sent_at = coalesce(sent_at, %(sent)s)
        WHERE attempt_id = %(id)s""",
        {
            "id": attempt_id,
            "state": attempt.state,
            "due": due_at,
            "deadline": attempt.due_at,
            "why": why,
            "prove": attempt.prove_by_at,
            "command": command_id,
            "ended": ended_at,
            "sent": sent_at,
        },
    )


def past(connection: Connection, device_id: int, fault: str, since_at: datetime) -> list[Past]:
    """Return what was tried on a device against a fault and has ended since an instant."""
    rows = connection.execute(
        """SELECT rung, state, why, ended_at FROM remedy_attempt
        WHERE device_id = %s AND fault = %s AND ended_at >= %s ORDER BY ended_at""",
        [device_id, fault, since_at],
    )
    return [Past(rung, State(state), why, ended_at) for rung, state, why, ended_at in rows]


def of_request(connection: Connection, request_id: int) -> list[AttemptRow]:
    """Return all attempts of a request, newest first; for pages."""
    with connection.cursor(row_factory=class_row(AttemptRow)) as cursor:
        return cursor.execute(
            f"{_SELECT} WHERE request_id = %s ORDER BY attempt_id DESC LIMIT 20", [request_id]
        ).fetchall()


def due_requests(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return requests with an attempt whose clock has run out, or that has lost its request to somebody else.

    One that waits for its device to be ready is not among them before it gives up: `may_go_on` says which of these.
    """
    rows = connection.execute(
        """SELECT a.request_id FROM remedy_attempt a JOIN service_request r USING (request_id)
        WHERE a.ended_at IS NULL AND (r.state <> 'remedying'
            OR a.due_at <= %(now)s AND (a.state <> 'planned' OR a.deadline_at <= %(now)s))
        ORDER BY a.due_at LIMIT %(most)s""",
        {"now": now, "most": most},
    ).fetchall()
    return [row[0] for row in rows]


def rungs_awaited(connection: Connection, now: datetime) -> list[RungOf]:
    """Return the rungs that planned attempts are due for, which wait for their devices to be ready."""
    with connection.cursor(row_factory=class_row(RungOf)) as cursor:
        return cursor.execute(
            """SELECT DISTINCT d.product, a.fault, a.rung FROM remedy_attempt a JOIN device d USING (device_id)
            WHERE a.ended_at IS NULL AND a.state = 'planned' AND a.due_at <= %(now)s AND a.deadline_at > %(now)s
            ORDER BY d.product, a.fault, a.rung""",
            {"now": now},
        ).fetchall()


def awaiting(connection: Connection, rung_of: RungOf, now: datetime, most: int) -> list[Awaited]:
    """Return planned attempts of a rung that are due, and have not to be given up yet."""
    with connection.cursor(row_factory=class_row(Awaited)) as cursor:
        return cursor.execute(
            """SELECT a.attempt_id, a.request_id, a.planned_at, a.deadline_at
            FROM remedy_attempt a JOIN device d USING (device_id) JOIN service_request r USING (request_id)
            WHERE a.ended_at IS NULL AND a.state = 'planned' AND a.due_at <= %(now)s AND a.deadline_at > %(now)s
                AND r.state = 'remedying' AND d.product = %(product)s AND a.fault = %(fault)s AND a.rung = %(rung)s
            ORDER BY a.due_at LIMIT %(most)s""",
            {"now": now, "product": rung_of.product, "fault": rung_of.fault, "rung": rung_of.rung, "most": most},
        ).fetchall()


def may_go_on(
    connection: Connection,
    product: ProductType,
    attempt_ids: Sequence[int],
    needs: Sequence[Condition],
    dangers: Sequence[str],
    now: datetime,
) -> list[int]:
    """Return which planned attempts are worth a look: all conditions hold by the newest values, or it is not wanted any more.

    Parameters
    ----------
    connection : Connection
        In a transaction of the tenant.
    product : ProductType
        Of all their devices.
    attempt_ids : sequence of int
        Attempts of one rung.
    needs : sequence of Condition
        The rung's.
    dangers : sequence of str
        Monitors whose confirmed symptom takes the remedy back.
    now : datetime
        Aware.
    """
    met = sql.SQL(" AND ").join([_is_met(product, need) for need in needs] or [sql.SQL("true")])
    query = sql.SQL(
        """SELECT a.attempt_id FROM remedy_attempt a JOIN service_request r USING (request_id)
            LEFT JOIN fault f ON f.fault_id = r.fault_id LEFT JOIN mandate m ON m.mandate_id = a.mandate_id
        WHERE a.attempt_id = ANY(%(attempts)s) AND (({met}) OR r.is_safety OR f.code IS DISTINCT FROM a.fault
            OR m.ended_at <= %(now)s OR m.expires_at <= %(now)s
            OR EXISTS (SELECT FROM symptom s WHERE s.device_id = a.device_id AND s.state = 'confirmed'
                AND s.monitor = ANY(%(dangers)s)))"""
    ).format(met=met)
    rows = connection.execute(query, {"attempts": list(attempt_ids), "dangers": list(dangers), "now": now})
    return [row[0] for row in rows]


def _is_met(product: ProductType, need: Condition) -> sql.Composed:
    """Return the condition of a device's newest value in SQL; what is not said does not hold."""
    signal = sql.Identifier(need.signal)
    return sql.SQL(
        """coalesce((SELECT {value} {side} {limit} FROM {view} v
            WHERE v.device_id = a.device_id AND v.{signal} IS NOT NULL AND v.claimed_at BETWEEN
                %(now)s::timestamptz - make_interval(secs => {fresh}) AND %(now)s::timestamptz + make_interval(secs => {fresh})
            ORDER BY v.claimed_at DESC, v.boot DESC, v.seq DESC, v.sample DESC LIMIT 1), false)"""
    ).format(
        value=sql.SQL("v.{}::int" if product.signals[need.signal].kind is Kind.FLAG else "v.{}").format(signal),
        side=sql.SQL("<" if need.side == "below" else ">"),
        limit=sql.Literal(need.limit),
        fresh=sql.Literal(need.fresh_s),
        signal=signal,
        view=sql.Identifier(f"{product.name}_reading_seen"),
    )


def put_off(connection: Connection, attempts: Sequence[tuple[int, datetime]]) -> None:
    """Let planned attempts be due later: (attempt, when)."""
    connection.execute(
        """UPDATE remedy_attempt a SET due_at = n.due_at
        FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (attempt_id, due_at)
        WHERE a.attempt_id = n.attempt_id AND a.state = 'planned' AND a.ended_at IS NULL""",
        [[each for each, _ in attempts], [at for _, at in attempts]],
    )


def is_well(connection: Connection, device_id: int, monitors: Sequence[str]) -> bool:
    """Whether none of some monitors of a device has a confirmed symptom that is open."""
    row = connection.execute(
        """SELECT NOT EXISTS (SELECT FROM symptom
            WHERE device_id = %s AND state = 'confirmed' AND monitor = ANY(%s))""",
        [device_id, list(monitors)],
    ).fetchone()
    return row == (True,)
