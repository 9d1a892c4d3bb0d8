"""The work process: runs the journey's jobs, and the sweep that reads the clocks."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from procrastinate import App, BaseRetryStrategy, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from psycopg.errors import ForeignKeyViolation
from psycopg_pool import ConnectionPool, PoolTimeout

from gateway import jobs
from gateway.forgetting import Forgetting
from gateway.health.clock import Jumps
from gateway.health.measures import WorkMeasures
from gateway.health.watches import WorkHealth
from gateway.hourly import Hourly
from gateway.notices.run import send_due
from gateway.payments.checkout import provider
from gateway.payments.settling import settle_due
from gateway.prompt_worker import PromptConnector, PromptWorker, run_together
from gateway.routing.evening import ask_in_the_evening
from gateway.routing.replan import replan
from gateway.settings import Settings
from gateway.steps import STEPS, take_step
from gateway.storage.connection import Connection, Role, connect, open_pool, options
from gateway.storage.migrate import check_schema
from gateway.suppliers.outbox import by_http, send_orders
from gateway.sweep import sweep

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 4
_ERRANDS_AT_ONCE: Final = 2
# The worker is told of new jobs; it looks by itself for those whose wait after a failure is over.
_POLL_EVERY_S: Final = 1.0
_SWEEP_EVERY_S: Final = 2.0
_SEND_EVERY_S: Final = 30.0
# A worker that gave no sign of life for so long is dead, and its jobs are run by another.
_HEARTBEAT_S: Final = 2.0
_STALLED_AFTER_S: Final = 10.0
_TIDY_EVERY_S: Final = 5.0
# A clock that is set wrongly is mostly set right again soon; an offer that has ended is not.
_DISBELIEF_S: Final = 300.0
_DISBELIEVED_FROM_S: Final = 60.0
# Waits grow by seconds: a job that waits holds back the later ones of its device.
_WAIT_S: Final = 1
_WAIT_LONGER_S: Final = 2
_LONGEST_WAIT_S: Final = 120
# In one statement: several processes look, and a job that one of them has set free is another's by then.
_RUN_AGAIN: Final = """WITH stalled AS (
        SELECT j.id, j.task_name FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
        WHERE j.status = 'doing'
            AND (j.worker_id IS NULL OR w.last_heartbeat < now() - make_interval(secs => %(seconds)s))
        FOR UPDATE OF j SKIP LOCKED)
    SELECT id, task_name, procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL) FROM stalled"""
# Ended jobs are kept for a while, to be looked at.
_KEEP_JOBS_H: Final = 24


class _Patience(BaseRetryStrategy):
    """Tries a job again until it is done: one that was given up would leave its request without a next step.

    What goes on failing is an alarm meanwhile, and heals by itself with its cause.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:  # noqa: ARG002  # the library's form
        wait_s = min(_WAIT_S + _WAIT_LONGER_S * job.attempts, _LONGEST_WAIT_S)
        return RetryDecision(retry_in={"seconds": wait_s})


_RETRY: Final = _Patience()


def run(settings: Settings) -> None:
    """Run jobs and the sweep until SIGTERM or SIGINT.

    Raises
    ------
    CalloutError
        When the database cannot be reached at the start, or its schema does not fit.
    """
    database_url = settings.required("database_url")
    with connect(database_url, Role.WORK) as connection:
        check_schema(connection)
    stopping = threading.Event()
    measures = WorkMeasures()
    sweeper = threading.Thread(target=_sweep_until, args=(settings, stopping, measures), name="sweep", daemon=True)
    sweeper.start()
    health = WorkHealth(settings, measures)
    try:
        with open_pool(database_url, Role.WORK, largest=_AT_ONCE + _ERRANDS_AT_ONCE + 1) as pool:
            asyncio.run(_run_jobs(_app(settings, pool, measures)))
    finally:
        stopping.set()
        health.stop()
        sweeper.join(timeout=10)


async def _run_jobs(app: App) -> None:
    async with app.open_async():
        _log.info("work runs %d steps and %d errands at once", _AT_ONCE, _ERRANDS_AT_ONCE)
        tidying = asyncio.create_task(_tidy(app))
        try:
            while not await _is_stopped(app):
                _log.warning("another process took this one for dead: its workers begin anew")
        finally:
            tidying.cancel()


async def _is_stopped(app: App) -> bool:
    """Run jobs until told to stop; False when a worker was struck off by another process, and is to begin anew."""
    # The process hears one signal, and the first worker hears it for both.
    steps = _worker(app, jobs.QUEUE, _AT_ONCE, hears_signals=True)
    errands = _worker(app, jobs.ERRANDS, _ERRANDS_AT_ONCE, hears_signals=False)
    try:
        await run_together([steps, errands])
    except ConnectorException as error:
        # It stood still for so long that a process that was started meanwhile has struck its worker off.
        if not isinstance(error.__cause__, ForeignKeyViolation):
            raise
        return False
    return True


def _worker(app: App, queue: str, at_once: int, *, hears_signals: bool) -> PromptWorker:
    return PromptWorker(
        app,
        queues=[queue],
        name=queue,
        concurrency=at_once,
        fetch_job_polling_interval=_POLL_EVERY_S,
        shutdown_graceful_timeout=5.0,
        delete_jobs="never",
        update_heartbeat_interval=_HEARTBEAT_S,
        stalled_worker_timeout=_STALLED_AFTER_S,
        install_signal_handlers=hears_signals,
    )


async def _tidy(app: App) -> None:
    """Run again what a dead worker left behind, and remove jobs that ended long ago."""
    while True:
        try:
            for job in await app.connector.execute_query_all_async(_RUN_AGAIN, seconds=_STALLED_AFTER_S):
                _log.warning("job %s (%s) was left by a dead worker and is run again", job["id"], job["task_name"])
            await app.job_manager.delete_old_jobs(nb_hours=_KEEP_JOBS_H)
        except (ConnectorException, PoolTimeout):
            _log.warning("looking for jobs of dead workers failed; it is tried again", exc_info=True)
        await asyncio.sleep(_TIDY_EVERY_S)


def _app(settings: Settings, pool: ConnectionPool[Connection], measures: WorkMeasures) -> App:
    """Build the jobs' application: each job is one step in one transaction of its tenant."""
    connector = PromptConnector(
        conninfo=settings.required("database_url"), kwargs={"options": options(Role.WORK)}, min_size=1, max_size=4
    )
    app = App(connector=connector)

    for name in STEPS:
        _add_step(app, pool, measures, name)

    @app.task(name=jobs.REPLAN, queue=jobs.ERRANDS, retry=_RETRY)
    @measures.job(jobs.REPLAN)
    def plan_anew(*, tenant_id: int, plan_id: int) -> None:
        # No transaction is open while the solver works.
        with pool.connection() as connection:
            replan(connection, tenant_id=tenant_id, plan_id=plan_id, clock=lambda: datetime.now(UTC))

    @app.task(name=jobs.SEND_NOTICES, queue=jobs.ERRANDS, retry=_RETRY)
    @measures.job(jobs.SEND_NOTICES)
    def send_notices(*, tenant_id: int, request_id: int) -> None:
        _log.debug("sending notices of tenant %d, request %d", tenant_id, request_id)
        with pool.connection() as connection:
            send_due(connection, settings, datetime.now(UTC))

    @app.task(name=jobs.ORDER_PARTS, queue=jobs.ERRANDS, retry=_RETRY)
    @measures.job(jobs.ORDER_PARTS)
    def order_parts(*, tenant_id: int) -> None:
        _log.debug("ordering parts of tenant %d", tenant_id)
        with pool.connection() as connection:
            send_orders(connection, by_http(settings), datetime.now(UTC))

    return app


def _add_step(app: App, pool: ConnectionPool[Connection], measures: WorkMeasures, name: str) -> None:
    @app.task(name=name, queue=jobs.QUEUE, retry=_RETRY)
    @measures.job(name)
    def step(**arguments: int | str) -> None:
        with pool.connection() as connection:
            take_step(connection, name, arguments, datetime.now(UTC))


def _sweep_until(
    settings: Settings,
    stopping: threading.Event,
    measures: WorkMeasures,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Sweep every two seconds; a database that is away is waited for, and a clock that has jumped is not believed at once."""
    jumps = Jumps(_DISBELIEF_S)
    send_at_s = 0.0
    now_s = 0.0
    connection: Connection | None = None
    forgetting, hourly = Forgetting(settings.keep_readings_days, settings.keep_hours_days), Hourly()
    payments = provider(settings.payment_url, settings.payment_key.get_secret_value())
    while not stopping.wait(_SWEEP_EVERY_S):
        now_s += _SWEEP_EVERY_S
        jump_s = jumps.look(clock(), time.monotonic())
        if jump_s >= _DISBELIEVED_FROM_S:
            _log.warning("the machine's clock has jumped by %.0f s: what is due by it waits for some minutes", jump_s)
            continue
        try:
            if connection is None or connection.closed:
                connection = connect(settings.required("database_url"), Role.WORK)
            with measures.sweeping():
                sweep(connection, clock(), forgetting, hourly)
                settle_due(connection, payments, settings.base_url, clock())
            if now_s >= send_at_s:
                send_due(connection, settings, clock())
                send_orders(connection, by_http(settings), clock())
                if settings.replan_routes:
                    ask_in_the_evening(connection, clock())
                send_at_s = now_s + _SEND_EVERY_S
        except Exception:  # noqa: BLE001
            # Whatever it was, the clocks must go on; the next sweep begins with a new connection.
            _log.exception("the sweep failed and begins anew")
            if connection is not None:
                connection.close()
    if connection is not None:
        connection.close()
