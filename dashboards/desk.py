"""What every page stands on: the settings and the database, opened with the application and closed with it."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import Depends, FastAPI, Request
from psycopg_pool import ConnectionPool

from gateway.settings import Settings
from gateway.storage.alarms import letters_leave
from gateway.storage.connection import Connection, Role, open_pool, tenant_transaction


@dataclass(frozen=True, slots=True)
class Desk:
    """The settings, and connections that see one tenant at a time."""

    settings: Settings
    pool: ConnectionPool[Connection]

    @contextmanager
    def tenant(self, tenant_id: int) -> Generator[Connection]:
        """Lend a connection for one transaction of a tenant.

        Raises
        ------
        psycopg_pool.PoolTimeout, psycopg.OperationalError
            The database does not answer; the page says so with 503.
        """
        with self.pool.connection() as connection, tenant_transaction(connection, tenant_id):
            yield connection

    def has_mail(self, connection: Connection) -> bool:
        """Return whether letters leave: work may know of a mail server where the pages are told of none."""
        return bool(self.settings.smtp_url) or letters_leave(connection)


def now() -> datetime:
    """Return the present instant; here the clock enters the pages."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_desk(app: FastAPI, settings: Settings) -> AsyncGenerator[None]:
    """Open the desk for as long as the application runs."""
    pool = open_pool(settings.required("database_url"), Role.SERVE)
    app.state.desk = Desk(settings, pool)
    try:
        yield
    finally:
        pool.close()


def desk_of(request: Request) -> Desk:
    """Return the application's desk."""
    return cast("Desk", request.app.state.desk)


TheDesk = Annotated[Desk, Depends(desk_of)]
Now = Annotated[datetime, Depends(now)]
