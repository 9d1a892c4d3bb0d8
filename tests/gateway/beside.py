"""One act beside another: begun on a connection of its own, and looked at again once it waits for a lock or has ended."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from tests.gateway.desk import SmallDesk

T = TypeVar("T")
_PATIENCE_S = 60.0


def begin(desk: SmallDesk, act: Callable[[Connection], T], role: Role = Role.WORK) -> Future[T]:
    """Begin an act in another thread, in autocommit mode, and return when it waits for somebody's lock, or is over."""
    connection = connect(desk.dsn, role)
    pid = connection.info.backend_pid

    def run() -> T:
        with connection:
            return act(connection)

    executor = ThreadPoolExecutor(1)
    begun = executor.submit(run)
    executor.shutdown(wait=False)
    until_s = time.monotonic() + _PATIENCE_S
    while not begun.done() and not desk.value("SELECT cardinality(pg_blocking_pids(%s)) > 0", pid):
        assert time.monotonic() < until_s, "it neither waits for a lock nor ends"
        time.sleep(0.01)
    return begun


def begin_in_tenant(desk: SmallDesk, act: Callable[[Connection], T], role: Role = Role.WORK) -> Future[T]:
    """Begin an act in a transaction of the desk's tenant."""

    def in_tenant(connection: Connection) -> T:
        with tenant_transaction(connection, desk.tenant_id):
            return act(connection)

    return begin(desk, in_tenant, role)
