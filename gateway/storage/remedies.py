"""Attempts of remedies from afar: one row each, with the clock at which it is looked at next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

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
    """Return requests with an attempt whose clock has run out, or that has lost its request to somebody else."""
    rows = connection.execute(
        """SELECT a.request_id FROM remedy_attempt a JOIN service_request r USING (request_id)
        WHERE a.ended_at IS NULL AND (a.due_at <= %s OR r.state <> 'remedying') ORDER BY a.due_at LIMIT %s""",
        [now, most],
    ).fetchall()
    return [row[0] for row in rows]


def is_well(connection: Connection, device_id: int, monitors: Sequence[str]) -> bool:
    """Whether none of some monitors of a device has a confirmed symptom that is open."""
    row = connection.execute(
        """SELECT NOT EXISTS (SELECT FROM symptom
            WHERE device_id = %s AND state = 'confirmed' AND monitor = ANY(%s))""",
        [device_id, list(monitors)],
    ).fetchone()
    return row == (True,)
