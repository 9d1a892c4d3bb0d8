"""The compose file's services as processes of this machine: each with the command, environment and order that it states.

What an engine would give is mapped, and nothing else is changed: hosts to the loopback address, ports to free ones,
paths in containers to folders below one folder.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from gateway.embedded import leash
from gateway.settings import CHECKOUT
from tests.conftest import free_port
from tests.deploy.compose import OURS, SECRETS, deploy, image_environment, image_health_check, in_order, load

STARTS_WITHIN_S = 120.0
HTTP_PORT = "8080"
# Not the file's own name: a server that is not the tests' may have one.
ACCOUNT = "callout_compose_test"
BROKER_PORTS = ("8883", "8884", "1884")


def wait_until(condition: Callable[[], bool], what: str, within_s: float = STARTS_WITHIN_S) -> None:
    """Wait, and fail with what was waited for."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s: {what}"
        time.sleep(0.1)


@dataclass
class Stack:
    """Services that run; `home` holds what would be volumes."""

    home: Path
    postgres_dsn: str
    services: dict[str, Any] = field(default_factory=lambda: load()["services"])
    ports: dict[str, int] = field(default_factory=dict[str, int])
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, "subprocess.Popen[bytes]"])

    def __post_init__(self) -> None:
        for name in ("authority", "backups", "broker", "data", "mosquitto/data", "mosquitto/config", "logs"):
            (self.home / name).mkdir(parents=True)
        self.ports = {port: free_port() for port in BROKER_PORTS}
        self.ports |= {name: free_port() for name in ("ingest", "work", "serve", "enrol")}
        where = conninfo_to_dict(self.postgres_dsn)
        owner = SECRETS["CALLOUT_DATABASE_PASSWORD"]
        self._hosts = {
            f"//callout:{owner}@": f"//{ACCOUNT}:{owner}@",
            "database:5432/callout": f"{where['host']}:{where['port']}/{ACCOUNT}",
            "broker:1884": f"127.0.0.1:{self.ports['1884']}",
            "localhost:8883": f"localhost:{self.ports['8883']}",
            "localhost:8884": f"localhost:{self.ports['8884']}",
        }
        configuration = self.mapped(deploy("mosquitto.conf").read_text("utf-8"))
        for port in BROKER_PORTS:
            configuration = configuration.replace(f"listener {port}", f"listener {self.ports[port]} 127.0.0.1")
        if os.geteuid() == 0:
            configuration += "\nuser root\n"
        (self.home / "mosquitto/config/mosquitto.conf").write_text(configuration)
        (self.home / "broker.sh").write_text(self.mapped(deploy("broker.sh").read_text("utf-8")))

    def mapped(self, text: str) -> str:
        """Paths and addresses of containers as they are here."""
        for host, here in self._hosts.items():
            text = text.replace(host, here)
        return re.sub(
            r"(?<![\w./:])/(authority|backups|broker|data|mosquitto|broker\.sh)(?![\w-])", rf"{self.home}/\1", text
        )

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a service of ours: the image's, then the compose file's."""
        stated = image_environment() | self.services[name]["environment"]
        variables = {variable: self.mapped(value) for variable, value in stated.items()}
        port = str(self.ports.get(name, HTTP_PORT))
        for variable, value in variables.items():
            if value == HTTP_PORT:
                variables[variable] = port
            elif value == "0.0.0.0":
                variables[variable] = "127.0.0.1"
        if name in {"serve", "enrol"}:
            # The proxy stands here, too.
            variables["CALLOUT_TRUSTED_PROXIES"] = "127.0.0.1"
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return kept | variables | {"PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1", "HOME": str(self.home)}

    def run(self, service: str, *words: str, within_s: float = STARTS_WITHIN_S) -> subprocess.CompletedProcess[str]:
        """Run a command in a service's environment to its end, as `docker compose exec` would."""
        return subprocess.run(
            [sys.executable, "-m", "gateway", *words],
            env=self.environment(service),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def start(self, name: str) -> None:
        """Start a service as the file states it, and wait until it has ended, or is healthy."""
        service = self.services[name]
        words = [self.mapped(word) for word in service["command"]]
        if service["restart"] == "on-failure":
            outcome = self.run(name, *words)
            assert outcome.returncode == 0, f"{name}: {outcome.stdout}{outcome.stderr}"
            return
        if name in OURS:
            self.processes[name] = self.launch(name, words, self.environment(name))
        else:
            self.processes[name] = self._launched(name, words, {"PATH": f"{os.environ['PATH']}:/usr/sbin"})
        wait_until(lambda: self.is_healthy(name) or self.has_ended(name), f"{name} is healthy: {self.said(name)}")
        assert not self.has_ended(name), self.said(name)

    def launch(self, name: str, words: list[str], variables: dict[str, str]) -> "subprocess.Popen[bytes]":
        """Start a command of ours that goes on until it is told to end."""
        return self._launched(name, leash.command("gateway", *words), variables)

    def _launched(self, name: str, command: list[str], variables: dict[str, str]) -> "subprocess.Popen[bytes]":
        with self.log(name).open("wb") as log:
            return subprocess.Popen(command, env=variables, cwd=self.home, stdout=log, stderr=subprocess.STDOUT)

    def is_healthy(self, name: str) -> bool:
        """Run the service's health check as it is stated."""
        stated = self.services[name].get("healthcheck", {}).get("test") or ["CMD", *image_health_check()]
        command = [self.mapped(word) for word in stated[1:]]
        if command[0] == "nc":
            # Not on every machine; it does no more than this.
            command = [
                sys.executable,
                "-c",
                f"import socket; socket.create_connection({(command[2], int(command[3]))!r})",
            ]
        here = {"8080": self.ports.get(name), "1884": self.ports["1884"]}
        for port, mapped in here.items():
            command = [re.sub(rf"\b{port}\b", str(mapped), word) for word in command]
        if command[0] == "python":
            command[0] = sys.executable
        return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0

    def has_ended(self, name: str) -> bool:
        """Whether its process is no longer there."""
        return self.processes[name].poll() is not None

    def log(self, name: str) -> Path:
        """Where a service's words go."""
        return self.home / "logs" / f"{name}.log"

    def said(self, name: str) -> str:
        """The end of a service's log."""
        return self.log(name).read_text("utf-8", "replace")[-3000:]

    def start_all(self) -> None:
        """Start what is needed of the pages, jobs and the machines' door, in the order that the file gives."""
        for name in in_order(self.services):
            if name not in {"database", "proxy"}:
                self.start(name)

    def stop(self) -> None:
        """End all, last first, by SIGTERM as an engine does."""
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def open_database(dsn: str) -> None:
    """Make what the database's image makes at its first start: the account and the database of the compose file."""
    close_database(dsn)
    account, password = sql.Identifier(ACCOUNT), sql.Literal(SECRETS["CALLOUT_DATABASE_PASSWORD"])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}").format(account, password))
        connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(account))


def close_database(dsn: str) -> None:
    """Undo it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(ACCOUNT)))
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(ACCOUNT)))
        for role in ("callout_ingest", "callout_work", "callout_serve"):
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
                connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(sql.Identifier(role)))


def find(program: str) -> str | None:
    """Where a server's program is; system accounts have no /usr/sbin in their path."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
