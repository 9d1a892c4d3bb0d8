"""The HTTP door as devices see it: enrols, re-issues, and tells the broker about the new accounts."""

import json
import secrets
import threading
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "a-token-for-tests"


class EnrolmentDesk:
    """A desk on a free port of the loopback.

    Parameters
    ----------
    broker_port
        Where devices are sent to.
    add_account
        Called with user name and password of each device that gets credentials.
    """

    def __init__(self, broker_port: int, add_account: Callable[[str, str], None]) -> None:
        self.devices: dict[str, dict[str, Any]] = {}
        self.issued: list[str] = []
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, answer = desk.answer(self.path, self.headers.get("Authorization", ""), body)
                payload = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *args: object) -> None:
                """Keep quiet."""

        self._broker_port = broker_port
        self._add_account = add_account
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str, authorization: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if authorization != f"Bearer {TOKEN}":
            return 401, {"title": "Unauthorized", "detail": "the token is wrong"}
        parts = path.removeprefix("/api/v1/devices").strip("/").split("/")
        if parts == [""]:
            request = json.loads(body)
            key = f"{request['tenant']}/{request['device']}"
            if key in self.devices:
                return 409, {"title": "Conflict", "detail": f"{key} exists"}
            self.devices[key] = request
            return 201, self._issue(request["tenant"], request["device"])
        if len(parts) == 3 and parts[2] == "credentials" and "/".join(parts[:2]) in self.devices:
            return 200, self._issue(parts[0], parts[1])
        return 404, {"title": "Not Found", "detail": path}

    def _issue(self, tenant: str, device: str) -> dict[str, Any]:
        partition = zlib.crc32(f"{tenant}/{device}".encode()) % 64
        username, password = f"{partition}/{tenant}/{device}", secrets.token_urlsafe(12)
        self._add_account(username, password)
        self.issued.append(username)
        channels = ("telemetry", "event", "state", "command", "answer")
        return {
            "tenant": tenant,
            "device": device,
            "partition": partition,
            "credentials": {"username": username, "password": password},
            "topics": {channel: f"callout/v1/{username}/{channel}" for channel in channels},
            "broker": {"host": "127.0.0.1", "port": self._broker_port, "tls": False},
        }
