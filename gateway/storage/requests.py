"""Service requests with their appended events, and the cases of named humans."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from gateway.storage.connection import Connection
from gateway.storage.findings import one
from workflows.request import CLOSED, Command, State, next_state


@dataclass(frozen=True, slots=True)
class Request:
    """A service request with the product and fault that it is about."""

    request_id: int
    tenant_id: int
    device_id: int
    owner_id: int
    component: str
    fault_id: int | None
    fault: str
    product: str
    state: str
    is_safety: bool
    diagnosis_id: int
    decided_received_at: datetime


class IllegalCommandError(ValueError):
    """A command that the transition table does not allow in this state."""


_SELECT = """SELECT r.request_id, r.tenant_id, r.device_id, r.owner_id, r.component, r.fault_id,
    coalesce(f.code, '') AS fault, d.product, r.state, r.is_safety, r.diagnosis_id, r.decided_received_at
    FROM service_request r JOIN device d USING (device_id) LEFT JOIN fault f USING (fault_id)"""


def lock_request(connection: Connection, request_id: int) -> Request | None:
    """Return a request and keep everyone else from changing it until the transaction ends."""
    connection.execute("SELECT FROM service_request WHERE request_id = %s FOR UPDATE", [request_id])
    with connection.cursor(row_factory=class_row(Request)) as cursor:
        return cursor.execute(f"{_SELECT} WHERE r.request_id = %s", [request_id]).fetchone()


def find_one(connection: Connection, request_id: int) -> Request | None:
    """Return a request as it stands, for who only looks."""
    with connection.cursor(row_factory=class_row(Request)) as cursor:
        return cursor.execute(f"{_SELECT} WHERE r.request_id = %s", [request_id]).fetchone()


def find_owner(connection: Connection, request_id: int) -> tuple[int, int] | None:
    """Return a request's device and owner, None where there is no such request."""
    row = connection.execute(
        "SELECT device_id, owner_id FROM service_request WHERE request_id = %s", [request_id]
    ).fetchone()
    return None if row is None else (row[0], row[1])


def lock_open_request(connection: Connection, device_id: int, component: str) -> Request | None:
    """Return the open request of a device's component, locked; there is one at most."""
    row = connection.execute(
        "SELECT request_id FROM service_request WHERE device_id = %s AND component = %s AND closed_at IS NULL FOR UPDATE",
        [device_id, component],
    ).fetchone()
    return None if row is None else lock_request(connection, row[0])


def open_request(
    connection: Connection,
    *,
    device_id: int,
    owner_id: int,
    component: str,
    fault_id: int,
    diagnosis_id: int,
    state: State,
    is_safety: bool,
    severity: str,
    decided_received_at: datetime,
    now: datetime,
) -> int:
    """Open a request and return its id."""
    row = connection.execute(
        """INSERT INTO service_request (device_id, owner_id, component, fault_id, diagnosis_id, state, is_safety, severity,
            decided_received_at, opened_at, changed_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING request_id""",
        [
            device_id,
            owner_id,
            component,
            fault_id,
            diagnosis_id,
            state,
            is_safety,
            severity,
            decided_received_at,
            now,
            now,
        ],
    ).fetchone()
    return one(row)


def amend_request(
    connection: Connection, request_id: int, *, fault_id: int, diagnosis_id: int, is_safety: bool, severity: str
) -> None:
    """Point a request at its newest diagnosis; what was once a safety matter stays one."""
    connection.execute(
        """UPDATE service_request SET fault_id = %s, diagnosis_id = %s, is_safety = is_safety OR %s, severity = %s
        WHERE request_id = %s""",
        [fault_id, diagnosis_id, is_safety, severity, request_id],
    )


def transition(connection: Connection, request: Request, command: Command, now: datetime) -> State:
    """Move a locked request by the transition table and return its new state.

    Raises
    ------
    IllegalCommandError
        When the table has no such transition.
    """
    after = next_state(State(request.state), command)
    if after is None:
        raise IllegalCommandError(f"request {request.request_id} is {request.state}: it cannot {command}")
    connection.execute(
        "UPDATE service_request SET state = %s, changed_at = %s, closed_at = %s WHERE request_id = %s",
        [after, now, now if after in CLOSED else None, request.request_id],
    )
    return after


def append_event(
    connection: Connection,
    request_id: int,
    event: str,
    now: datetime,
    *,
    actor: str = "desk",
    detail: dict[str, object] | None = None,
) -> None:
    """Append an event to a request's history; events are never changed."""
    connection.execute(
        "INSERT INTO request_event (request_id, happened_at, actor, event, detail) VALUES (%s, %s, %s, %s, %s)",
        [request_id, now, actor, event, Jsonb(detail or {})],
    )


def has_event(connection: Connection, request_id: int, event: str) -> bool:
    """Whether a request's history has an event of this name."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM request_event WHERE request_id = %s AND event = %s)", [request_id, event]
    ).fetchone()
    return row == (True,)


def owner_knows(connection: Connection, request: Request) -> bool:
    """Whether a request's owner knows of it: he was written to about it, or has said something himself."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM notice n JOIN owner o ON o.owner_id = %(owner)s AND o.email = n.recipient
            WHERE n.request_id = %(request)s)
        OR EXISTS (SELECT FROM request_event WHERE request_id = %(request)s
            AND (actor = 'owner' OR event IN ('offered', 'confirmed')))""",
        {"owner": request.owner_id, "request": request.request_id},
    ).fetchone()
    return row == (True,)


def latest_detail(connection: Connection, request_id: int, event: str) -> dict[str, Any] | None:
    """Return the detail of the newest event of this name in a request's history; None when there is none."""
    row = connection.execute(
        "SELECT detail FROM request_event WHERE request_id = %s AND event = %s ORDER BY event_id DESC LIMIT 1",
        [request_id, event],
    ).fetchone()
    return None if row is None else row[0]


def count_events(connection: Connection, request_id: int, event: str) -> int:
    """Return how often an event stands in a request's history."""
    return one(
        connection.execute(
            "SELECT count(*) FROM request_event WHERE request_id = %s AND event = %s", [request_id, event]
        ).fetchone()
    )


def unasked_letters(connection: Connection, request: Request) -> int:
    """Return how many letters a request's owner has got that he has not caused, since he or a member of staff last did something.

    That he confirmed a date does not count as such: when it was lost, or does not suffice any more, he has not asked for the
    letters that follow. Letters about an earlier date he has asked for; they are counted with his wish.
    """
    return one(
        connection.execute(
            """SELECT count(*) FROM notice n JOIN owner o ON o.owner_id = %(owner)s AND o.email = n.recipient
            WHERE n.request_id = %(request)s AND n.kind IN ('offer', 'ask', 'quote', 'date_misfit') AND NOT EXISTS (
                SELECT FROM request_event e WHERE e.request_id = n.request_id AND e.happened_at >= n.written_at
                    AND e.actor NOT IN ('desk', 'device') AND e.event <> 'confirmed')""",
            {"owner": request.owner_id, "request": request.request_id},
        ).fetchone()
    )


def open_case(
    connection: Connection, request_id: int, *, queue: str, reason: str, due_at: datetime, now: datetime
) -> tuple[int, str, str] | None:
    """Give a request to the staff member with the fewest open cases; return (case id, e-mail, language).

    Case owners come before planners. None when the request has an open case in this queue already.
    """
    row = connection.execute(
        """INSERT INTO human_case (request_id, queue, reason, staff_id, opened_at, due_at)
        SELECT %(request)s, %(queue)s, %(reason)s, s.staff_id, %(now)s, %(due)s FROM staff s
        ORDER BY s.role = 'case_owner' DESC,
            (SELECT count(*) FROM human_case c WHERE c.staff_id = s.staff_id AND c.closed_at IS NULL), s.staff_id LIMIT 1
        ON CONFLICT (request_id, queue) WHERE closed_at IS NULL DO NOTHING RETURNING case_id, staff_id""",
        {"request": request_id, "queue": queue, "reason": reason, "now": now, "due": due_at},
    ).fetchone()
    if row is None:
        _check_staff(connection)
        return None
    staff = connection.execute("SELECT email, language FROM staff WHERE staff_id = %s", [row[1]]).fetchone()
    return None if staff is None else (row[0], staff[0], staff[1])


def _check_staff(connection: Connection) -> None:
    """No case without an owner: a tenant without staff is a mistake of its set-up, and the step is tried again."""
    if connection.execute("SELECT FROM staff LIMIT 1").fetchone() is None:
        raise LookupError("this tenant has no staff who could own a case: add one with 'callout configure'")


def overdue(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return requests with an open case whose clock has run out, and of which nobody was warned yet."""
    rows = connection.execute(
        """SELECT request_id FROM human_case WHERE closed_at IS NULL AND warned_at IS NULL AND due_at <= %s
        GROUP BY request_id ORDER BY min(due_at) LIMIT %s""",
        [now, most],
    )
    return [row[0] for row in rows]


def warn_overdue(connection: Connection, request_id: int, now: datetime) -> list[int]:
    """Note that people are warned of a locked request's cases whose clock has run out, and return these cases."""
    rows = connection.execute(
        """UPDATE human_case SET warned_at = %(now)s WHERE request_id = %(request)s AND closed_at IS NULL
            AND warned_at IS NULL AND due_at <= %(now)s RETURNING case_id""",
        {"now": now, "request": request_id},
    ).fetchall()
    return sorted(row[0] for row in rows)


def open_queues(connection: Connection, request_id: int) -> frozenset[str]:
    """Return the queues in which a request has an open case."""
    rows = connection.execute(
        "SELECT queue FROM human_case WHERE request_id = %s AND closed_at IS NULL", [request_id]
    ).fetchall()
    return frozenset(row[0] for row in rows)


def severity_of(connection: Connection, request_id: int) -> str:
    """Return how bad a request's fault is."""
    row = connection.execute("SELECT severity FROM service_request WHERE request_id = %s", [request_id]).fetchone()
    if row is None:
        raise LookupError(f"there is no request {request_id} in this tenant")
    return row[0]


def case_owner(connection: Connection, request_id: int) -> int | None:
    """Return who of the staff has a request's newest open case; None when none is open."""
    row = connection.execute(
        """SELECT staff_id FROM human_case WHERE request_id = %s AND closed_at IS NULL
        ORDER BY queue = 'safety' DESC, case_id DESC LIMIT 1""",
        [request_id],
    ).fetchone()
    return None if row is None else row[0]


def close_cases(connection: Connection, request_id: int, now: datetime, *, queue: str | None = None) -> None:
    """Close a request's open cases, all or those of one queue."""
    connection.execute(
        """UPDATE human_case SET closed_at = %s
        WHERE request_id = %s AND closed_at IS NULL AND (%s::text IS NULL OR queue = %s)""",
        [now, request_id, queue, queue],
    )


def add_notice(
    connection: Connection,
    request_id: int,
    kind: str,
    now: datetime,
    *,
    recipient: str,
    language: str,
    cause: str,
    detail: dict[str, object],
) -> None:
    """Put a notice into the outbox; a step that runs twice puts it there once."""
    connection.execute(
        """INSERT INTO notice (request_id, kind, recipient, language, cause, detail, written_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT ON CONSTRAINT notice_is_written_once DO NOTHING""",
        [request_id, kind, recipient, language, cause, Jsonb(detail), now],
    )
