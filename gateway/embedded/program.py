"""A child program: started in a process group of its own, its output in a log file, stopped in steps.

Its own group keeps the terminal's Ctrl-C away from it: the household decides the order in which things stop.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from gateway.errors import EmbeddedError

_LOG_BYTES: Final = 8_000_000
_TAIL_BYTES: Final = 4_000
_KILL_SECONDS: Final = 5.0


def shorten(log: Path) -> None:
    """Set aside what a log has said when it has grown large; the program that writes it goes on in the same file.

    What is written in the moment between may be lost, which a log can bear and a full disk cannot.
    """
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".old.log"))
        os.truncate(log, 0)


@dataclass(frozen=True, slots=True)
class Program:
    """A running (or ended) child program."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    log_began_at_byte: int

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Self:
        """Start a program; its output is appended to `log`, which is set aside when it has grown large.

        Parameters
        ----------
        environment
            Variables on top of our own.
        folder
            Where it runs; its own `/` when None, so that it holds on to no folder of ours.

        Raises
        ------
        EmbeddedError
            The command cannot be run.
        """
        shorten(log)
        with log.open("ab") as output:
            began = output.tell()
            try:
                process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=folder or "/",
                    env={**os.environ, **(environment or {})},
                    process_group=0,
                )
            except OSError as error:
                message = f"{name} could not be started: {command[0]}: {error.strerror}."
                raise EmbeddedError(message) from error
        return cls(name, process, log, began)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def said(self) -> str:
        """Return the end of what it has written to its log since it was started."""
        with self.log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self.log_began_at_byte, end - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace").strip()

    def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Ask it to end by each signal in turn, waiting the seconds given with it; kill it in the end.

        Ended already is stopped enough. Its whole group gets the last kill, so that nothing of it stays behind.
        """
        for number, patience_s in steps:
            if not self.is_running:
                break
            self.process.send_signal(number)
            try:
                self.process.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue
        if self.is_running:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(_KILL_SECONDS)
