"""Jobs: the names of the steps that run after the ingest worker, deferred in the transaction that caused them."""

from collections.abc import Sequence
from typing import Final

from procrastinate import App, SyncPsycopgConnector
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from gateway.storage.connection import Connection

DIAGNOSE: Final = "diagnose"
OFFER: Final = "offer"
REMEDY: Final = "remedy"
WARN: Final = "warn"
SEND_NOTICES: Final = "send_notices"
REPLAN: Final = "replan"
ORDER_PARTS: Final = "order_parts"
QUEUE: Final = "journey"
# What waits for others' machines, or for a solver, has a queue and hands of its own: no date waits for a letter.
ERRANDS: Final = "errands"
_ERRANDS: Final = frozenset({SEND_NOTICES, REPLAN, ORDER_PARTS})

# Deferring happens on the caller's own connection; this one is never opened.
_deferring = App(connector=SyncPsycopgConnector())


def queue_of(task: str) -> str:
    """Return the queue of a job by its name.

    >>> queue_of(OFFER), queue_of(SEND_NOTICES)
    ('journey', 'errands')
    """
    return ERRANDS if task in _ERRANDS else QUEUE


def defer(connection: Connection, task: str, *, lock: str, calls: Sequence[dict[str, int | str]]) -> None:
    """Defer one job per set of arguments on the caller's connection: they exist if its transaction commits.

    Parameters
    ----------
    connection : Connection
        In the transaction of the step that causes the jobs.
    task : str
        One of the names above.
    lock : str
        A template such as "device-{device_id}": jobs with the same lock run one after the other.
    calls : sequence of dict
        Arguments of each job.
    """
    if not calls:
        return
    manager: JobManager = _deferring.job_manager
    jobs = [
        Job(
            id=None,
            queue=queue_of(task),
            lock=lock.format(**call),
            queueing_lock=None,
            task_name=task,
            task_kwargs=dict(call),
        )
        for call in calls
    ]
    manager.batch_defer_jobs(jobs=jobs, connection=connection)


def call_off(connection: Connection, job_id: int) -> bool:
    """Take a job out that waits, on the caller's connection; say whether it waited: what is running is left alone."""
    manager: JobManager = _deferring.job_manager
    return manager.cancel_job_by_id(job_id, connection=connection)
