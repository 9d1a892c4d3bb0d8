"""What owners were asked about their requests: one row a request, with a clock."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from gateway.storage.connection import Connection
from gateway.storage.findings import one


@dataclass(frozen=True, slots=True)
class AskRow:
    """What an owner was asked; names as in the table."""

    ask_id: int
    request_id: int
    kind: str
    name: str
    asked_at: datetime
    due_at: datetime
    answer: str | None
    answered_at: datetime | None
    closed_at: datetime | None
    asked_by: int | None = None


_SELECT = (
    "SELECT ask_id, request_id, kind, name, asked_at, due_at, answer, answered_at, closed_at, asked_by FROM owner_ask"
)


def write_ask(
    connection: Connection,
    request_id: int,
    *,
    kind: str,
    name: str,
    now: datetime,
    due_at: datetime,
    asked_by: int | None = None,
) -> int:
    """Write down that an owner is asked, by the desk or by a member of staff, and return its number.

    Raises
    ------
    psycopg.errors.UniqueViolation
        `owner_is_asked_once_per_request`.
    """
    return one(
        connection.execute(
            """INSERT INTO owner_ask (request_id, kind, name, asked_at, due_at, asked_by)
            VALUES (%s, %s, %s, %s, %s, %s) RETURNING ask_id""",
            [request_id, kind, name, now, due_at, asked_by],
        ).fetchone()
    )


def find_ask(connection: Connection, request_id: int) -> AskRow | None:
    """Return what a request's owner was asked; None when he was asked nothing."""
    with connection.cursor(row_factory=class_row(AskRow)) as cursor:
        return cursor.execute(f"{_SELECT} WHERE request_id = %s", [request_id]).fetchone()


def keep_answer(connection: Connection, ask_id: int, answer: str, now: datetime, due_at: datetime | None) -> None:
    """Keep an answer; with `due_at` its proof is waited for until then, without it the ask is closed."""
    connection.execute(
        """UPDATE owner_ask SET answer = %(answer)s, answered_at = %(now)s, due_at = coalesce(%(due)s, due_at),
            closed_at = CASE WHEN %(due)s::timestamptz IS NULL THEN %(now)s END
        WHERE ask_id = %(id)s AND answered_at IS NULL""",
        {"id": ask_id, "answer": answer, "now": now, "due": due_at},
    )


def close_ask(connection: Connection, ask_id: int, now: datetime) -> None:
    """Close an ask."""
    connection.execute("UPDATE owner_ask SET closed_at = %s WHERE ask_id = %s AND closed_at IS NULL", [now, ask_id])


def due_asks(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return requests whose owners were asked and whose clock has run out, or that have gone on without an answer."""
    rows = connection.execute(
        """SELECT a.request_id FROM owner_ask a JOIN service_request r USING (request_id)
        WHERE a.closed_at IS NULL AND (a.due_at <= %s OR r.state <> 'asking') ORDER BY a.due_at LIMIT %s""",
        [now, most],
    ).fetchall()
    return [row[0] for row in rows]
