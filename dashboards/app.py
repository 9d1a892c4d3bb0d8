"""The web application: the pages of owners and planners, and the machines' HTTP door, made by one factory."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from starlette.staticfiles import StaticFiles

from dashboards import (
    asking,
    beginning,
    completing,
    cycles,
    decisions,
    device,
    devices,
    incidents,
    letter,
    login,
    mandate,
    owner,
    owner_dates,
    parts,
    payments,
    planner,
    pricing,
    rejections,
    repairer,
    request,
    rollouts,
    routes,
    schedule,
    sharing,
    shelving,
    signal,
    technician,
)
from dashboards.desk import open_desk
from dashboards.failures import answer_failures
from dashboards.guards import SecurityHeaders
from dashboards.health import be_watched
from dashboards.render import STATIC, page, voice
from gateway import api
from gateway.access import HideTokens
from gateway.settings import Settings, load_settings


def create(settings: Settings | None = None) -> FastAPI:
    """Make the application; without settings they are read from the environment.

    Raises
    ------
    SettingsError
        The secret or the database is not set, or a setting cannot be used.
    """
    chosen = settings or load_settings()
    chosen.required("secret")
    chosen.required("database_url")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with open_desk(app, chosen):
            yield

    app = FastAPI(title="Callout", docs_url=None, redoc_url=None, lifespan=lifespan)
    # The machines' door reads its settings here.
    app.state.settings = chosen
    app.add_middleware(SecurityHeaders, by_tls_only=chosen.base_url.startswith("https:"))
    answer_failures(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for module in (
        owner,
        mandate,
        beginning,
        payments,
        owner_dates,
        asking,
        repairer,
        login,
        request,
        sharing,
        completing,
        schedule,
        pricing,
        decisions,
        rejections,
        incidents,
        rollouts,
        cycles,
        routes,
        letter,
        planner,
        parts,
        devices,
        device,
        shelving,
        signal,
        technician,
        api,
    ):
        app.include_router(module.router)
    be_watched(app)
    app.get("/", include_in_schema=False)(show_front)
    logging.getLogger("uvicorn.access").addFilter(HideTokens())
    return app


def show_front(request: Request) -> Response:
    """Show what this is to somebody who typed the bare address."""
    return page("front.html", voice(request), {"request": request})
