"""The proxy of the compose file, a real Caddy with the file's own configuration, before a real `serve`."""

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPSConnection
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.deploy.compose import deploy
from tests.deploy.stack import Stack, find, wait_until

# The configuration's own, and what a busy machine takes.
HEADER_S, BUSY_S = 10.0, 20.0
STRANGER = "203.0.113.9"


@dataclass
class Proxy:
    """A running Caddy: where it listens, and whom its callers trust."""

    http_port: int
    https_port: int
    trust: Path

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.trust))

    def ask(
        self, path: str, method: str = "GET", body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, HTTPMessage, str]:
        """Status, headers and text of an answer by TLS."""
        connection = HTTPSConnection("localhost", self.https_port, timeout=60, context=self.context())
        connection.request(method, path, body or None, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text


def caddyfile(stack: Stack, http_port: int, https_port: int) -> str:
    """The file's own, with the places of `serve` and `enrol` and the ports as they are here."""
    text = deploy("Caddyfile").read_text("utf-8")
    for name in ("serve", "enrol"):
        stated = f"name {name}\n\t\t\tport 8080"
        assert text.count(stated) == 1
        text = text.replace(stated, f"name 127.0.0.1\n\t\t\tport {stack.ports[name]}")
    return text.replace("\tadmin off\n", f"\tadmin off\n\thttp_port {http_port}\n\thttps_port {https_port}\n", 1)


@pytest.fixture(scope="module")
def proxy(stack: Stack) -> Iterator[Proxy]:
    """The proxy before the stack's `serve`."""
    caddy = find("caddy")
    if caddy is None:
        pytest.skip("caddy is not installed: apt-get install caddy")
    running = Proxy(free_port(), free_port(), stack.home / "caddy/caddy/pki/authorities/local/root.crt")
    file = stack.home / "Caddyfile"
    file.write_text(caddyfile(stack, running.http_port, running.https_port))
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(stack.home),
        "XDG_DATA_HOME": str(stack.home / "caddy"),
        "XDG_CONFIG_HOME": str(stack.home / "caddy"),
        **stack.services["proxy"]["environment"],
    }
    with stack.log("proxy").open("wb") as log:
        process = subprocess.Popen(
            [caddy, "run", "--config", str(file), "--adapter", "caddyfile"], env=variables, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: process.poll() is not None or is_open(running), f"the proxy answers: {stack.said('proxy')}")
        assert process.poll() is None, stack.said("proxy")
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def is_open(proxy: Proxy) -> bool:
    try:
        return proxy.trust.exists() and proxy.ask("/healthz")[0] == 200
    except OSError:
        return False


def test_a_page_is_answered_by_tls_with_each_security_header_once(proxy: Proxy) -> None:
    status, headers, text = proxy.ask("/")
    assert status == 200
    assert "Callout" in text
    wanted = ("content-security-policy", "strict-transport-security", "x-content-type-options", "x-frame-options")
    for name in wanted:
        assert len(headers.get_all(name, [])) == 1, name
    assert headers["server"] is None or headers["server"] != "uvicorn"


def test_http_is_sent_on_to_https(proxy: Proxy) -> None:
    connection = HTTPConnection("localhost", proxy.http_port, timeout=60)
    connection.request("GET", "/planner")
    answer = connection.getresponse()
    assert answer.status == 308
    assert answer.headers["location"].startswith("https://localhost")
    assert answer.headers["location"].endswith("/planner")
    connection.close()


@pytest.mark.slow
def test_who_sends_his_request_drop_by_drop_is_sent_away(proxy: Proxy) -> None:
    plain = socket.create_connection(("localhost", proxy.https_port), timeout=HEADER_S + BUSY_S)
    with proxy.context().wrap_socket(plain, server_hostname="localhost") as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        began_s = time.monotonic()
        assert drip(line) < HEADER_S + BUSY_S
        assert time.monotonic() - began_s > HEADER_S / 2, "who is merely slow is waited for"


def drip(line: ssl.SSLSocket) -> float:
    """Send a header's byte each second until the other side has had enough, and return after how many seconds."""
    began_s = time.monotonic()
    line.settimeout(1.0)
    while time.monotonic() - began_s < HEADER_S + BUSY_S:
        try:
            line.sendall(b"x")
            if not line.recv(4096):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began_s


def test_a_body_beyond_all_measure_is_refused(proxy: Proxy) -> None:
    status, _, _ = proxy.ask("/api/v1/devices", "POST", b"x" * 200_000, {"Content-Type": "application/json"})
    assert status == 413


def test_headers_beyond_all_measure_are_refused(proxy: Proxy) -> None:
    status, _, _ = proxy.ask("/", headers={"X-Long": "x" * 100_000})
    assert status == 431


def figures_status(port: int, headers: dict[str, str]) -> int:
    """What `serve` itself answers when asked for its figures without a token: only a caller of this machine gets them."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics", headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_what_devices_ask_for_goes_to_the_process_that_has_the_authority_s_key(stack: Stack, proxy: Proxy) -> None:
    stack.processes["enrol"].send_signal(signal.SIGTERM)
    stack.processes["enrol"].wait(30)
    for path in (
        "/api/v1/devices",
        "/api/v1/devices/hanbit/ev-1/credentials",
        "/api/v1/devices/hanbit/ev-1/certificate",
    ):
        assert proxy.ask(path, "POST")[0] in {502, 503}, path
    assert proxy.ask("/healthz")[0] == 200
    stack.start("enrol")
    wait_until(lambda: proxy.ask("/api/v1/devices", "POST")[0] == 401, "enrolment is back")


def test_serve_takes_the_proxy_s_word_on_who_calls(stack: Stack) -> None:
    assert figures_status(stack.ports["serve"], {}) == 200
    assert figures_status(stack.ports["serve"], {"X-Forwarded-For": STRANGER}) in {401, 403, 404}


def test_what_a_caller_says_of_himself_does_not_pass_the_proxy(proxy: Proxy) -> None:
    status, _, _ = proxy.ask("/metrics", headers={"X-Forwarded-For": STRANGER})
    assert status == 200, "his own address has arrived, which is this machine's"


def test_nobody_else_s_word_counts(stack: Stack) -> None:
    """Another `serve` of the same desk, which trusts another proxy."""
    port = free_port()
    variables = stack.environment("serve") | {
        "CALLOUT_HTTP_PORT": str(port), "CALLOUT_TRUSTED_PROXIES": "192.0.2.0/24, 198.51.100.7",
    }  # fmt: skip
    second = stack.launch("second-serve", ["serve"], variables)
    try:
        wait_until(lambda: answers(port) or second.poll() is not None, "a second serve answers")
        assert figures_status(port, {"X-Forwarded-For": STRANGER}) == 200
    finally:
        second.send_signal(signal.SIGTERM)
        second.wait(30)


def answers(port: int) -> bool:
    try:
        return figures_status(port, {}) == 200
    except OSError:
        return False


def test_the_proxy_waits_for_a_serve_that_is_started_again(stack: Stack, proxy: Proxy) -> None:
    stack.processes["serve"].send_signal(signal.SIGTERM)
    stack.processes["serve"].wait(30)
    assert proxy.ask("/healthz")[0] in {502, 503}
    stack.start("serve")
    wait_until(lambda: proxy.ask("/healthz")[0] == 200, "pages are back")


def test_the_configuration_holds_for_a_public_name_too(tmp_path: Path) -> None:
    caddy = find("caddy")
    if caddy is None:
        pytest.skip("caddy is not installed: apt-get install caddy")
    outcome = subprocess.run(
        [caddy, "validate", "--config", str(deploy("Caddyfile")), "--adapter", "caddyfile"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CALLOUT_PUBLIC_HOST": "desk.example.org"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert outcome.returncode == 0, outcome.stderr
