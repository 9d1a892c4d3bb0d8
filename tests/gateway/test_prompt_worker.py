"""The worker on a real database, polling so seldom that whatever it is not told of in time would be seen to wait."""

import asyncio
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from procrastinate import App
from procrastinate.connector import Notify

from gateway import jobs
from gateway.prompt_worker import PromptConnector, PromptWorker
from gateway.storage.connection import Connection, Role, connect, options

_TASK = "note"
_SELDOM_S = 600.0
_PATIENCE_S = 90.0


class LateToListen(PromptConnector):
    """Listens only a while after the worker has looked for the first time."""

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        await asyncio.sleep(2.0)
        await super().listen_notify(on_notification, channels)


@contextmanager
def at_work(dsn: str, lasts_s: float, connector: type[PromptConnector] = PromptConnector) -> Generator[list[int]]:
    """A worker in a thread, whose jobs last so long; gives the numbers of those that have ended."""
    app = App(connector=connector(conninfo=dsn, kwargs={"options": options(Role.WORK)}, min_size=1, max_size=4))
    ended: list[int] = []
    begun = threading.Event()
    workers: list[PromptWorker] = []

    @app.task(name=_TASK, queue=jobs.QUEUE)
    def note(*, number: int) -> None:
        time.sleep(lasts_s)
        ended.append(number)

    async def work() -> None:
        async with app.open_async():
            workers.append(PromptWorker(app, concurrency=2, fetch_job_polling_interval=_SELDOM_S))
            begun.set()
            await workers[0].run()

    thread = threading.Thread(target=lambda: asyncio.run(work()), daemon=True)
    thread.start()
    assert begun.wait(_PATIENCE_S)
    try:
        yield ended
    finally:
        workers[0].stop()
        thread.join(_PATIENCE_S)
        assert not thread.is_alive()


def wait_for(ended: list[int], *numbers: int) -> None:
    until_s = time.monotonic() + _PATIENCE_S
    while not set(numbers) <= set(ended):
        assert time.monotonic() < until_s, f"only {ended} have ended"
        time.sleep(0.01)


def defer(connection: Connection, *numbers: int, lock: str = "{number}") -> None:
    jobs.defer(connection, _TASK, lock=lock, calls=[{"number": number} for number in numbers])


def test_jobs_that_wait_for_each_other_by_a_lock_follow_each_other_at_once(database: str) -> None:
    with connect(database, Role.ADMIN) as connection, at_work(database, 0.2) as ended:
        defer(connection, 0)
        wait_for(ended, 0)
        defer(connection, 1, 2, 3, lock="one-device")
        wait_for(ended, 1, 2, 3)
    assert ended == [0, 1, 2, 3]


def test_a_job_that_comes_before_the_worker_listens_is_found_as_soon_as_it_does(database: str) -> None:
    with connect(database, Role.ADMIN) as connection, at_work(database, 0.0, LateToListen) as ended:
        # The first look has been by then, and nobody listens yet.
        time.sleep(1.0)
        defer(connection, 0)
        wait_for(ended, 0)
    assert ended == [0]


def test_a_job_that_comes_while_the_worker_looks_is_found_at_once(database: str) -> None:
    with connect(database, Role.ADMIN) as connection:
        # A look has seen the queue as it was before, and takes a while to say so.
        connection.execute(
            """CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_sleep(CASE WHEN position(''fetch_job'' IN current_query()) > 0 THEN 1 ELSE 0 END);
            RETURN NULL; END'"""
        )
        connection.execute(
            """CREATE TRIGGER looks_take_a_while BEFORE UPDATE ON jobs.procrastinate_jobs
            FOR EACH STATEMENT EXECUTE FUNCTION linger()"""
        )
        with at_work(database, 0.0) as ended:
            defer(connection, 0)
            wait_for(ended, 0)
            for number in range(1, 4):
                _wait_for_a_look(connection)
                defer(connection, number)
                wait_for(ended, number)


def _wait_for_a_look(connection: Connection) -> None:
    """Wait until the worker looks, or until it does not any more: it looks again after each job that has ended."""
    until_s = time.monotonic() + 2.0
    looks = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')"
    while connection.execute(looks).fetchone() != (True,) and time.monotonic() < until_s:
        time.sleep(0.01)
