"""The desk's own health in the database: alarms, and when each process was last heard from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from gateway.health.alarms import Alarm, Kind
from gateway.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """When a process started, and for how long it has not been heard from, both by the database's clock."""

    process: str
    started_at: datetime
    heard_at: datetime
    silent_s: float


@dataclass(frozen=True, slots=True)
class JobCount:
    """How many jobs of a task are in a state, "todo" or "doing"."""

    task: str
    state: str
    count: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits at the desk, over all tenants."""

    notices_unsent: int
    oldest_notice_at: datetime | None
    cases_open: int
    cases_overdue: int


def say_alive(connection: Connection, process: str, started_at: datetime, *, sends_letters: bool | None = None) -> None:
    """Write down that a process is alive; the database's clock is the one that all processes share.

    `sends_letters` is whether it has a mail server, None of who sends no letters.
    """
    connection.execute(
        """INSERT INTO desk_process (process, started_at, heard_at, sends_letters)
        VALUES (%(process)s, %(started_at)s, now(), %(sends_letters)s)
        ON CONFLICT (process) DO UPDATE SET started_at = EXCLUDED.started_at, heard_at = EXCLUDED.heard_at,
            sends_letters = EXCLUDED.sends_letters""",
        {"process": process, "started_at": started_at, "sends_letters": sends_letters},
    )


def letters_leave(connection: Connection) -> bool:
    """Return whether the process that sends letters has said that it has a mail server."""
    return connection.execute("SELECT EXISTS (SELECT FROM desk_process WHERE sends_letters)").fetchone() == (True,)


def processes(connection: Connection) -> list[ProcessRow]:
    """Return the processes that were ever heard from."""
    with connection.cursor(row_factory=class_row(ProcessRow)) as cursor:
        return cursor.execute(
            """SELECT process, started_at, heard_at, extract(epoch FROM now() - heard_at)::float8 AS silent_s
            FROM desk_process ORDER BY process"""
        ).fetchall()


def open_alarms(connection: Connection, kinds: Sequence[Kind] = tuple(Kind)) -> list[Alarm]:
    """Return the open alarms of some kinds, the critical ones and then the oldest first."""
    rows = connection.execute(
        """SELECT kind, is_critical, since_at, last_at, value FROM desk_alarm
        WHERE closed_at IS NULL AND kind = ANY(%s) ORDER BY is_critical DESC, since_at, kind""",
        [[kind.value for kind in kinds]],
    )
    return [Alarm(Kind(kind), *rest) for kind, *rest in rows.fetchall()]


def ended_alarms(connection: Connection, since: datetime) -> list[Alarm]:
    """Return the alarms that ended since an instant for another reason than that all is well, the newest of each kind."""
    rows = connection.execute(
        """SELECT DISTINCT ON (kind) kind, is_critical, since_at, last_at, value, closed_at, ended_why FROM desk_alarm e
        WHERE ended_why <> '' AND closed_at > %s
            AND NOT EXISTS (SELECT FROM desk_alarm o WHERE o.kind = e.kind AND o.closed_at IS NULL)
        ORDER BY kind, closed_at DESC""",
        [since],
    )
    return [Alarm(Kind(kind), *rest) for kind, *rest in rows.fetchall()]


def keep_alarms(connection: Connection, alarms: Iterable[Alarm]) -> None:
    """Write alarms down, in their order: open ones with their last value, ended ones with their end."""
    with connection.transaction():
        for alarm in alarms:
            connection.execute(
                """INSERT INTO desk_alarm (kind, is_critical, since_at, last_at, value, threshold)
                VALUES (%(kind)s, %(is_critical)s, %(since_at)s, %(last_at)s, %(value)s, %(threshold)s)
                ON CONFLICT (kind) WHERE closed_at IS NULL DO UPDATE SET value = EXCLUDED.value,
                    is_critical = EXCLUDED.is_critical, last_at = EXCLUDED.last_at""",
                {
                    "kind": alarm.kind.value,
                    "is_critical": alarm.is_critical,
                    "since_at": alarm.since_at,
                    "last_at": alarm.last_at,
                    "value": alarm.value,
                    "threshold": alarm.threshold,
                },
            )
            if alarm.closed_at is not None:
                connection.execute(
                    "UPDATE desk_alarm SET closed_at = %s, ended_why = %s WHERE kind = %s AND closed_at IS NULL",
                    [alarm.closed_at, alarm.reason, alarm.kind.value],
                )


def job_counts(connection: Connection) -> list[JobCount]:
    """Return how many jobs wait and run, by task."""
    with connection.cursor(row_factory=class_row(JobCount)) as cursor:
        return cursor.execute(
            """SELECT task_name AS task, status::text AS state, count(*) AS count FROM jobs.procrastinate_jobs
            WHERE status IN ('todo', 'doing') GROUP BY 1, 2 ORDER BY 1, 2"""
        ).fetchall()


def oldest_job_s(connection: Connection) -> float:
    """Return for how many seconds the first job that could run has been waiting; 0 when none does.

    A job whose lock another one holds could not run. One that failed could, and waits since it was asked for, however
    often it was tried.
    """
    row = connection.execute(
        """SELECT coalesce(extract(epoch FROM now() - CASE
            WHEN j.attempts > 0 THEN e.at ELSE coalesce(j.scheduled_at, e.at) END), 0)::float8
        FROM jobs.procrastinate_jobs j
        LEFT JOIN jobs.procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
        WHERE j.status = 'todo' AND (j.attempts > 0 OR j.scheduled_at IS NULL OR j.scheduled_at <= now()) AND NOT EXISTS (
            SELECT FROM jobs.procrastinate_jobs r WHERE r.lock = j.lock AND r.status = 'doing')
        ORDER BY j.id LIMIT 1"""
    ).fetchone()
    return max(0.0, row[0]) if row else 0.0


def backlog(connection: Connection) -> Backlog:
    """Return what waits at the desk."""
    with connection.cursor(row_factory=class_row(Backlog)) as cursor:
        return cursor.execute("SELECT * FROM desk_backlog()").fetchall()[0]
