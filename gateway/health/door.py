"""The small HTTP door of a process without pages: `/healthz` (it is up), `/readyz` (it can do its work), `/metrics`.

Neighbours on the machine may read all of it. Anybody from outside needs the API's token for `/metrics`, and is told of
`/readyz` whether, not why.
"""

import hmac
import json
import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest

from gateway.errors import SettingsError
from gateway.health.desk_figures import CONTENT_TYPE

_log = logging.getLogger(__name__)

Troubles = Callable[[], list[str]]
_JSON: Final = "application/json"
_NEVER_WAIT_S: Final = 5.0


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and nobody beyond it.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("::1"), is_loopback("desk.example")
    (True, True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def knows_token(authorization: str, token: str) -> bool:
    """Whether an Authorization header carries the API's token; no token is known by nobody."""
    scheme, _, given = authorization.partition(" ")
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def readiness(process: str, troubles: list[str], *, tells_why: bool = True) -> tuple[int, dict[str, object]]:
    """Return status and content of an answer to `/readyz`."""
    content: dict[str, object] = {"process": process, "ready": not troubles}
    if troubles and tells_why:
        content["reasons"] = troubles
    return (503 if troubles else 200), content


class HealthDoor:
    """Answers on a port of its own until it is closed.

    Parameters
    ----------
    process : str
        "ingest" or "work".
    host, port : str, int
        Where it listens.
    registry : CollectorRegistry
        The figures.
    troubles : callable
        Returns why the process is not ready; nothing when it is. Must not block.
    token : str
        The API's token, for figures that are asked for from outside; empty: nobody outside gets them.

    Raises
    ------
    SettingsError
        The port is taken.
    """

    def __init__(
        self, process: str, host: str, port: int, registry: CollectorRegistry, troubles: Troubles, token: str
    ) -> None:
        answers = _Answers(process, registry, troubles, token)
        try:
            self._server = _Server((host, port), answers)
        except OSError as error:
            raise SettingsError(
                f"{process} cannot show its health on {host}:{port} ({error.strerror}). "
                f"Set CALLOUT_{process.upper()}_METRICS_PORT to a free port, or to 0 for none."
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="health door", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Answer no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_NEVER_WAIT_S)


class _Answers:
    """What is answered to whom."""

    def __init__(self, process: str, registry: CollectorRegistry, troubles: Troubles, token: str) -> None:
        self._process = process
        self._registry = registry
        self._troubles = troubles
        self._token = token

    def to(self, path: str, client: str, authorization: str) -> tuple[int, str, bytes]:
        """Return status, type and content."""
        is_trusted = is_loopback(client) or knows_token(authorization, self._token)
        match path:
            case "/healthz":
                return 200, _JSON, json.dumps({"process": self._process, "up": True}).encode()
            case "/readyz":
                status, content = readiness(self._process, self._troubles(), tells_why=is_trusted)
                return status, _JSON, json.dumps(content).encode()
            case "/metrics" if is_trusted:
                return 200, CONTENT_TYPE, generate_latest(self._registry)
            case "/metrics":
                return 401, "text/plain", b"figures need the bearer token that is the setting api_token\n"
            case _:
                return 404, "text/plain", b"there is /healthz, /readyz and /metrics\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], answers: _Answers) -> None:
        self.answers = answers
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    # Who opens a connection and says nothing holds a thread for so long.
    timeout = _NEVER_WAIT_S
    server_version = "callout"
    sys_version = ""

    def do_GET(self) -> None:
        server = self.server
        if not isinstance(server, _Server):
            return
        path = self.path.partition("?")[0]
        status, kind, content = server.answers.to(path, self.client_address[0], self.headers.get("Authorization", ""))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library names it so
        _log.debug(format, *args)
