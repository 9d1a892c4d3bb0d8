"""Processes: the worker's jobs in an order that chance decides, and the sweep, both of which may die at any statement.

Jobs are taken from the library's own table under its own rule of locks. A worker may die before it commits, or after it
has and before the job is marked as done; then the job is run again. Some jobs come twice from the first, and some late.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from gateway import jobs
from gateway.notices.run import send_due
from gateway.rehearsal import replanning
from gateway.rehearsal.life import Life
from gateway.rehearsal.provider import settle
from gateway.rehearsal.suppliers import found
from gateway.steps import take_step
from gateway.storage.connection import Connection, tenant_transaction
from gateway.suppliers.outbox import send_orders
from gateway.sweep import PIECES

_DIES: Final = 0.06
_DIES_LATE: Final = 0.04
_COMES_TWICE: Final = 0.04
_STATEMENTS: Final = 45

_SOON: Final = timedelta(seconds=40)
_SWEEP_EVERY: Final = (timedelta(hours=1), timedelta(hours=13))
_AGAIN: Final = (timedelta(minutes=1), timedelta(minutes=10))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that may be taken now."""

    job_id: int
    task: str
    arguments: dict[str, Any]


def waiting(connection: Connection, now: datetime) -> list[Waiting]:
    """Return the jobs that a worker may take now: those that wait, the first one of each lock."""
    rows = connection.execute(
        """SELECT DISTINCT ON (coalesce(lock, id::text)) id, task_name, args, scheduled_at FROM procrastinate_jobs
        WHERE status IN ('todo', 'doing') ORDER BY coalesce(lock, id::text), priority DESC, id"""
    ).fetchall()
    due = [Waiting(job_id, task, args) for job_id, task, args, at in rows if at is None or at <= now]
    # By what they are: in which order one statement has deferred them is the database's own affair.
    return sorted(due, key=lambda job: (job.task, sorted(job.arguments.items()), job.job_id))


def work(life: Life) -> bool:
    """Let a worker take one of the jobs that wait; return whether there was one."""
    found = waiting(life.desk.work, life.now)
    if not found:
        return False
    job = life.chance.choice(found)
    life.now += life.draw(timedelta(), _SOON)
    life.happen("work", lambda: _run(life, job))
    return True


def _run(life: Life, job: Waiting) -> str:
    what = f"{job.task} {_about(life, job)}".strip()
    if life.chance.random() < _DIES:
        life.desk.fuse.light(life.chance.randrange(_STATEMENTS))
    _step(life, job)
    life.desk.fuse.put_out()
    fate = life.chance.random()
    if fate < _DIES_LATE:
        return f"{what}; dies before the job is marked as done"
    if fate < _DIES_LATE + _COMES_TWICE:
        _step(life, job)
        what += "; comes twice"
    life.desk.work.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job.job_id])
    return what


def _step(life: Life, job: Waiting) -> None:
    if job.task == jobs.SEND_NOTICES:
        send_due(life.desk.work, life.desk.settings, life.now, life)
        return
    if job.task == jobs.ORDER_PARTS:
        send_orders(life.desk.work, lambda tenant, order: found(life, tenant, order), life.now)
        return
    if job.task == jobs.REPLAN:
        replanning.plan_anew(life, **job.arguments)
        return
    take_step(life.desk.work, job.task, job.arguments, life.now)


def _about(life: Life, job: Waiting) -> str:
    row = life.desk.admin.execute(
        """SELECT d.name || coalesce('/' || r.component, '') FROM device d
        LEFT JOIN service_request r ON r.device_id = d.device_id AND r.request_id = %(request)s
        WHERE d.device_id = %(device)s OR r.request_id IS NOT NULL""",
        {"request": job.arguments.get("request_id"), "device": job.arguments.get("device_id")},
    ).fetchone()
    component = job.arguments.get("component", "")
    return "" if row is None else f"{row[0]}{f'/{component}' if component else ''}"


def sweep(life: Life) -> str:
    """Let the sweep do its pieces, and come again in some hours; where it dies it comes again soon."""
    life.plan(life.draw(*_SWEEP_EVERY), "sweep", lambda: sweep(life))
    pieces: list[Callable[[Connection, int, datetime], None]] = list(PIECES)
    life.chance.shuffle(pieces)
    if life.chance.random() < _DIES:
        life.plan(life.draw(*_AGAIN), "sweep", lambda: sweep_once(life))
        life.desk.fuse.light(life.chance.randrange(_STATEMENTS))
    for piece in pieces:
        piece(life.desk.work, life.world.tenant_id, life.now)
    settle(life)
    replanning.look_in_the_evening(life)
    send_orders(life.desk.work, lambda tenant, order: found(life, tenant, order), life.now)
    send_due(life.desk.work, life.desk.settings, life.now, life)
    return "comes by"


def sweep_once(life: Life) -> str:
    """Let the sweep do its pieces in their order, once."""
    for piece in PIECES:
        piece(life.desk.work, life.world.tenant_id, life.now)
    settle(life)
    return "comes by again"


def tenant(life: Life, connection: Connection) -> Any:
    """Return a transaction of the world's tenant."""
    return tenant_transaction(connection, life.world.tenant_id)
