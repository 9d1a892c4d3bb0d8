"""Processes that a killed household has left behind, found by the folder that they work in.

PostgreSQL's processes all work in their data folder, so this finds the server, and also its children when the server
itself was killed. A process number in a file says less: it may have been given to somebody else since.
"""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Final

from gateway.errors import EmbeddedError

_LOOK_AGAIN_SECONDS: Final = 0.05


def processes_in(folder: Path, program: str) -> list[int]:
    """Return the numbers of the living processes of `program` whose working folder is `folder`, lowest first.

    One whose working folder we may not see counts when its command line names the folder. Empty where the system has
    no /proc.
    """
    if not folder.exists():
        return []
    wanted = folder.stat()
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        # Any may end while we look.
        with contextlib.suppress(OSError):
            if (entry / "comm").read_text().strip() != program:
                continue
            if _works_in(entry, wanted) or str(folder).encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return sorted(found)


def _works_in(entry: Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat((entry / "cwd").stat(), wanted)
    except PermissionError:
        return False


def end_processes_in(folder: Path, program: str, first: signal.Signals, patience_s: float) -> None:
    """End all processes of `program` that work in `folder`: by the signal `first`, and after `patience_s` by force.

    Raises
    ------
    EmbeddedError
        One cannot be ended, for it belongs to another user.
    """
    for number in (first, signal.SIGKILL):
        for process in processes_in(folder, program):
            try:
                os.kill(process, number)
            except ProcessLookupError:
                continue
            except PermissionError as error:
                message = f"process {process} works in {folder} and belongs to another user. End it and start again."
                raise EmbeddedError(message) from error
        deadline_s = time.monotonic() + patience_s
        while processes_in(folder, program):
            if time.monotonic() > deadline_s:
                break
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return
