"""The serve process: pages and HTTP API under uvicorn. The application is named, not imported: nothing imports upwards."""

import logging
from typing import Final

import uvicorn

from gateway.errors import SettingsError
from gateway.health.watches import watch_serve
from gateway.settings import Settings
from gateway.storage.connection import Role, connect
from gateway.storage.migrate import check_schema

_log = logging.getLogger(__name__)

_APPLICATION: Final = "dashboards.app:create"


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises
    ------
    CalloutError
        When the database cannot be reached at the start, its schema does not fit, or the port is taken.
    """
    with connect(settings.required("database_url"), Role.SERVE) as connection:
        check_schema(connection)
    settings.required("secret")
    config = uvicorn.Config(
        _APPLICATION,
        factory=True,
        host=settings.http_host,
        port=settings.http_port,
        log_level=settings.log_level.lower(),
        # Addresses of owners' pages are secrets: they stay out of the log.
        access_log=False,
        server_header=False,
        # Who calls, and whether by TLS, is a proxy's word; anybody else's is not listened to.
        proxy_headers=True,
        forwarded_allow_ips=[address.strip() for address in settings.trusted_proxies.split(",")],
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
        limit_concurrency=500,
        h11_max_incomplete_event_size=64 * 1024,
    )
    pulse = watch_serve(settings)
    try:
        uvicorn.Server(config).run()
    except SystemExit as error:
        raise SettingsError(
            f"cannot serve on {settings.http_host}:{settings.http_port}; the log above says why. "
            "If the port is in use, set CALLOUT_HTTP_PORT to another one."
        ) from error
    finally:
        pulse.stop()
