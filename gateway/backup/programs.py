"""PostgreSQL's own programs for dump and restore: which of those on this machine fits a server, and how one is run.

They know every kind of object and its order; a dump of our own would have to learn all that. Passwords go by the
environment, never by the command line, which every user of the machine can read.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.backup.manifest import BackupError
from gateway.embedded.postgres import binaries
from gateway.errors import EmbeddedError

ProgramName = Literal["pg_dump", "pg_restore"]
_LAST_WORDS: Final = 5
_PRIVATE: Final = 0o077


@dataclass(frozen=True, slots=True)
class Tool:
    """One of the programs, with its major version."""

    path: Path
    major: int


def find_program(name: ProgramName, server_major: int, *, at_least: int = 0) -> Tool:
    """Return the program on this machine whose version is nearest to the server's, and not below it.

    Parameters
    ----------
    name
        Which one.
    server_major
        Major version of the server.
    at_least
        Major version of the program that wrote what is to be read; an older one may not understand it.

    Raises
    ------
    BackupError
        There is none that is new enough.
    """
    tools = [Tool(path, _major(path)) for path in _candidates(name)]
    least = max(server_major, at_least)
    fitting = [tool for tool in tools if tool.major >= least]
    if not fitting:
        have = ", ".join(f"{tool.path} of PostgreSQL {tool.major}" for tool in tools) or "none"
        raise BackupError(
            f"{name} of PostgreSQL {least} or newer is needed here, and there is {have}. "
            "Install PostgreSQL's client programs of that version."
        )
    return min(fitting, key=lambda tool: tool.major)


def _candidates(name: str) -> Iterator[Path]:
    """Those of the PATH first: they speak TLS, which those of the wheel cannot."""
    if on_path := shutil.which(name):
        yield Path(on_path)
    try:
        yield binaries() / name
    except EmbeddedError:
        return


def _major(program: Path) -> int:
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    number = re.search(r"\d+", said)
    return int(number[0]) if number else 0


def run(tool: Tool, database_url: str, words: Sequence[str], hear: Callable[[str], None]) -> None:
    """Run a program on a database until it ends, each line that it says handed to `hear`.

    Raises
    ------
    BackupError
        It failed; the message has its last words.
    """
    where = conninfo_to_dict(database_url)
    password = where.pop("password", None)
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    place = make_conninfo("", **where)
    command = [str(tool.path), f"--dbname={place}", "--verbose", "--no-password", *words]
    last: list[str] = []
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        umask=_PRIVATE,
    ) as process:
        try:
            for line in process.stderr or ():
                hear(line)
                last = [*last, line.strip()][-_LAST_WORDS:]
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        told = " / ".join(line for line in last if "error" in line or "rror:" in line) or " / ".join(last)
        raise BackupError(f"{tool.path.name} failed: {told}")
