"""Jobs that have failed and are tried again: the library's own rows, as people look at them. They are of all tenants."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row

from gateway.storage.connection import Connection

_SELECT: Final = """SELECT j.id AS job_id, j.task_name AS task, j.args AS arguments, j.attempts,
    min(e.at) AS asked_at, CASE WHEN j.status = 'todo' THEN j.scheduled_at END AS again_at
    FROM jobs.procrastinate_jobs j LEFT JOIN jobs.procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
    WHERE j.status IN ('todo', 'doing')"""


@dataclass(frozen=True, slots=True)
class Failing:
    """A job that was tried in vain `attempts` times since `asked_at`; without `again_at` it is being tried just now."""

    job_id: int
    task: str
    arguments: Mapping[str, Any]
    attempts: int
    asked_at: datetime | None
    again_at: datetime | None


def failing_jobs(connection: Connection, most: int) -> list[Failing]:
    """Return jobs that have failed and wait for their next try, or are at it, the oldest first."""
    with connection.cursor(row_factory=class_row(Failing)) as cursor:
        return cursor.execute(f"{_SELECT} AND j.attempts > 0 GROUP BY j.id ORDER BY j.id LIMIT %s", [most]).fetchall()


def find_job(connection: Connection, job_id: int) -> Failing | None:
    """Return a job that has not ended, whether it has failed or not."""
    with connection.cursor(row_factory=class_row(Failing)) as cursor:
        return cursor.execute(f"{_SELECT} AND j.id = %s GROUP BY j.id", [job_id]).fetchone()


def try_now(connection: Connection, job_id: int) -> bool:
    """Let a job that waits for its next try be tried at once; say whether it waited."""
    changed = connection.execute(
        "UPDATE jobs.procrastinate_jobs SET scheduled_at = now() WHERE id = %s AND status = 'todo'", [job_id]
    )
    return bool(changed.rowcount)
