"""The worker that runs jobs, made prompt: nothing that could run waits for the next time that the queue is polled.

procrastinate's worker looks for jobs when it is told of a new one, and every few seconds. What it is told while it looks
it forgets, it does not look when a job ends that held another one back by their lock, and of what came before it listened
it was not told. Each cost a job seconds now and then; here the worker looks once more. It does not know what jobs do.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Final

from procrastinate import PsycopgConnector
from procrastinate.connector import LISTEN_TIMEOUT, Notify
from procrastinate.exceptions import UniqueViolation
from procrastinate.job_context import JobContext
from procrastinate.jobs import JobInserted, Notification
from procrastinate.worker import Worker
from psycopg import AsyncConnection

# The job library's index: of the jobs with one lock, one is being done at a time.
_ONE_JOB_A_LOCK: Final = "procrastinate_jobs_lock_idx_v1"


# What a new job says, with a number that no job has.
_LOOK: Final = json.dumps(JobInserted(type="job_inserted", job_id=0))


class PromptConnector(PsycopgConnector):
    """A way to the queue that has its workers look as soon as it listens, at the start and after a lost connection."""

    async def _loop_notify(
        self, on_notification: Notify, connection: AsyncConnection, timeout: float = LISTEN_TIMEOUT
    ) -> None:
        """Tell of new jobs until the connection is lost; first of those that may have come before anybody listened."""
        await on_notification(channel="listening", payload=_LOOK)
        await super()._loop_notify(on_notification, connection, timeout)


class PromptWorker(Worker):
    """A worker that looks for jobs until none is left and nothing has changed since it looked."""

    _has_changed: bool = False

    async def _fetch_and_process_jobs(self) -> None:
        """Look for jobs; look again if something changed meanwhile."""
        self._has_changed = True
        while self._has_changed and not self._stop_event.is_set():
            # Before the look: what changes from now on may not be seen by it.
            self._has_changed = False
            try:
                await super()._fetch_and_process_jobs()
            except UniqueViolation as error:
                # Two processes took jobs of one lock at the same instant: the later one's is there still, and others are.
                if error.constraint_name != _ONE_JOB_A_LOCK:
                    raise
                self._has_changed = True

    async def _handle_notification(self, *, channel: str, notification: Notification) -> None:
        """Hear of a new job, or of one that is to be ended."""
        self._has_changed = True
        await super()._handle_notification(channel=channel, notification=notification)

    async def _process_job(self, context: JobContext) -> None:
        """Run a job; those of the same lock may run from its end on."""
        try:
            await super()._process_job(context)
        finally:
            self._has_changed = True
            self._new_job_event.set()


async def run_together(workers: Sequence[PromptWorker]) -> None:
    """Run workers until one of them ends, by a signal or because it broke; then the others end, too."""
    running = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for worker in workers:
            worker.stop()
        # All have ended before the first failure is told.
        await asyncio.wait(running)
    await asyncio.gather(*running)
