"""Is it up, is it ready, how is it: three addresses for machines that watch the desk. They say nothing of people."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final, Generic, TypeVar, cast
from urllib.parse import urlsplit

import psycopg
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import generate_latest
from psycopg_pool import PoolTimeout

from dashboards.desk import Desk, TheDesk
from gateway.health.desk_figures import CONTENT_TYPE, desk_figures
from gateway.health.door import is_loopback, knows_token, readiness
from gateway.health.measures import new_registry
from gateway.settings import Settings
from gateway.storage.migrate import SchemaError, check_schema

router: Final = APIRouter(include_in_schema=False)

_NO_STORE: Final = {"Cache-Control": "no-store"}
_WAIT_S: Final = 3.0
_READY_FOR_S: Final = 2.0
_FIGURES_FOR_S: Final = 5.0

T = TypeVar("T")


@dataclass(slots=True)
class _Kept(Generic[T]):
    """An answer that is kept for a moment, so that asking often costs the database nothing."""

    for_s: float
    make: Callable[[Desk], T]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _until_s: float = 0.0
    _answer: T | None = None

    def get(self, desk: Desk) -> T:
        with self._lock:
            if self._answer is None or time.monotonic() >= self._until_s:
                self._answer = self.make(desk)
                self._until_s = time.monotonic() + self.for_s
            return self._answer


def _troubles(desk: Desk) -> list[str]:
    try:
        with desk.pool.connection(_WAIT_S) as connection:
            check_schema(connection)
    except (PoolTimeout, psycopg.Error):
        return ["the database does not answer"]
    except SchemaError as error:
        return [str(error)]
    return []


def _figures(desk: Desk) -> bytes:
    try:
        with desk.pool.connection(_WAIT_S) as connection:
            return desk_figures(connection, datetime.now(UTC)) + b"callout_database_up 1\n"
    except (PoolTimeout, psycopg.Error):
        return b"callout_database_up 0\n"


class Watched:
    """What this process says of itself; one for each application."""

    def __init__(self) -> None:
        self.registry: Final = new_registry()
        self.troubles: Final = _Kept(_READY_FOR_S, _troubles)
        self.figures: Final = _Kept(_FIGURES_FOR_S, _figures)


def be_watched(app: FastAPI) -> None:
    """Give an application its addresses for those who watch it."""
    app.state.watched = Watched()
    app.include_router(router)


def _watched(request: Request) -> Watched:
    return cast("Watched", request.app.state.watched)


TheWatched = Annotated[Watched, Depends(_watched)]


def _is_trusted(request: Request, settings: Settings) -> bool:
    """Whether it is a neighbour on a desk that nobody outside can reach, or somebody with the API's token.

    Behind a reverse proxy everybody comes from the loopback address: so a public address that is not one counts, too.
    """
    if knows_token(request.headers.get("authorization", ""), settings.api_token.get_secret_value()):
        return True
    places = (
        request.client.host if request.client else "",
        settings.http_host,
        urlsplit(settings.base_url).hostname or "",
    )
    return all(map(is_loopback, places))


@router.get("/healthz")
def is_up() -> Response:
    """Say that the process is up."""
    return JSONResponse({"process": "serve", "up": True}, headers=_NO_STORE)


@router.get("/readyz")
def is_ready(request: Request, desk: TheDesk, watched: TheWatched) -> Response:
    """Say whether the pages can be served, and why not."""
    troubles = watched.troubles.get(desk)
    status, content = readiness("serve", troubles, tells_why=_is_trusted(request, desk.settings))
    return JSONResponse(content, status, headers=_NO_STORE)


@router.get("/metrics")
def show_figures(request: Request, desk: TheDesk, watched: TheWatched) -> Response:
    """Show the figures in Prometheus' text form."""
    if not _is_trusted(request, desk.settings):
        text = "figures need the bearer token that is the setting api_token\n"
        return PlainTextResponse(text, 401, headers=_NO_STORE | {"WWW-Authenticate": "Bearer"})
    content = generate_latest(watched.registry) + watched.figures.get(desk)
    return Response(content, headers=_NO_STORE | {"Content-Type": CONTENT_TYPE})
