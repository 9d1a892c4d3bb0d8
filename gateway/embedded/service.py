"""A process of ours (ingest, work, serve, or one of the street's) as a piece that the household keeps running."""

import contextlib
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.embedded import leash
from gateway.embedded.folder import DataFolder
from gateway.embedded.ports import LOOPBACK
from gateway.embedded.program import Program
from gateway.errors import EmbeddedError
from gateway.settings import CHECKOUT

_READY_SECONDS: Final = 60.0
_LOOK_AGAIN_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 10.0


@dataclass(slots=True)
class Service:
    """One child process that runs a module of this checkout.

    Parameters
    ----------
    name
        What people call it, and the name of its log.
    words
        The module and its arguments.
    folder
        Where its log goes.
    environment
        Its settings as variables, asked for at each start.
    port, host
        Where it listens; its start is complete when somebody answers there. No port for one that listens nowhere.
    says
        For one that listens nowhere: words in its log that say it is ready. Without both it is ready at once.
    """

    name: str
    words: tuple[str, ...]
    folder: DataFolder
    environment: Callable[[], Mapping[str, str]]
    port: int | None = None
    host: str = LOOPBACK
    says: str = ""
    _program: Program | None = field(default=None, init=False)

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._program is not None and self._program.is_running

    def start(self) -> None:
        """Start the process, and wait until it is ready.

        Raises
        ------
        EmbeddedError
            It ended at once, or is not ready in time; the message has its last words.
        """
        variables = {**self.environment(), "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}
        log = self.folder.log(self.name)
        self._program = Program.start(self.name, leash.command(*self.words), log, variables, CHECKOUT)
        if self.port is not None or self.says:
            self._wait_until_ready(self._program)

    def stop(self) -> None:
        """Ask the process to end what it is at, and wait for it."""
        if self._program is not None:
            self._program.stop((signal.SIGTERM, _STOP_SECONDS))
            self._program = None

    def last_words(self) -> str:
        """Return the last line of its log since it was started."""
        return self._program.said().rpartition("\n")[2] if self._program else ""

    def _wait_until_ready(self, program: Program) -> None:
        deadline_s = time.monotonic() + _READY_SECONDS
        while program.is_running and time.monotonic() < deadline_s:
            if self._is_ready(program):
                return
            time.sleep(_LOOK_AGAIN_SECONDS)
        said = self.last_words() or "it said nothing"
        self.stop()
        wanted = f"listen on port {self.port}" if self.port is not None else "get ready"
        message = f"{self.name} does not {wanted}: {said}. Its log is {program.log}."
        raise EmbeddedError(message)

    def _is_ready(self, program: Program) -> bool:
        if self.port is None:
            return self.says in program.said()
        with contextlib.suppress(OSError):
            socket.create_connection((self.host, self.port), timeout=1.0).close()
            return True
        return False
