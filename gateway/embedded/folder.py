"""The data folder: where the embedded parts live, and what has to be remembered from one start to the next.

It holds secrets (readable by their owner only), the ports chosen at the first start, and a lock that says who is at
home. It does not know what the parts keep in their own folders below it.
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import EmbeddedError

# An empty PostgreSQL with its write-ahead log takes 60 MB; below this a start would fail half-way.
_LEAST_FREE_BYTES: Final = 200_000_000
_FOLDER_MODE: Final = 0o755
_PRIVATE_MODE: Final = 0o600
_SECRET_BYTES: Final = 32


def write_privately(path: Path, text: str) -> None:
    """Put a text into a file that its owner alone can read, so that a reader sees the old or the new text, no mixture.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@dataclass(frozen=True, slots=True)
class DataFolder:
    """One data folder that exists and can be written; made by `open_folder`."""

    path: Path

    def part(self, name: str) -> Path:
        """Return the folder of one embedded part, made where it is absent."""
        path = self.path / name
        path.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        return path

    def log(self, name: str) -> Path:
        """Return the log file of one process."""
        return self.part("logs") / f"{name}.log"

    def secret(self, name: str) -> str:
        """Return a random secret: made at the first call, the same one ever after."""
        path = self.part("secrets") / name
        if not path.exists():
            write_privately(path, secrets.token_urlsafe(_SECRET_BYTES))
        return path.read_text(encoding="utf-8").strip()

    def remembered_ports(self) -> dict[str, int]:
        """Return the ports that an earlier start has chosen, by the name of who listens."""
        path = self.path / "ports.json"
        if not path.exists():
            return {}
        try:
            ports: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            message = f"{path} cannot be read ({error}). Delete it: free ports are chosen anew."
            raise EmbeddedError(message) from error
        return ports

    def remember_ports(self, ports: dict[str, int]) -> None:
        """Keep the chosen ports for the next start."""
        write_privately(self.path / "ports.json", json.dumps(ports, indent=2) + "\n")

    @contextlib.contextmanager
    def locked(self, who: str) -> Generator[None]:
        """Be the only one at home while the block runs; the lock ends with the process, however it ends.

        Parameters
        ----------
        who
            What is running, told to whoever finds the door locked: ``"callout up"``.

        Raises
        ------
        EmbeddedError
            Another process is at home.
        """
        path = self.path / "lock"
        # Opened for appending: whoever comes second must not wipe out who was first.
        with path.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "another process"
                message = (
                    f"{holder} is already running on the data folder {self.path}. Stop that one first (Ctrl-C), "
                    "or give this one a folder of its own with CALLOUT_DATA_DIR."
                )
                raise EmbeddedError(message) from None
            file.truncate(0)
            file.write(f"{who} (process {os.getpid()})")
            file.flush()
            yield


def open_folder(path: Path) -> DataFolder:
    """Make the data folder where it is absent, and see that it can be written and has room.

    Raises
    ------
    EmbeddedError
        It cannot be made or written, or its disk is full.
    """
    next_move = "Free or mend it, or name another folder with CALLOUT_DATA_DIR."
    try:
        path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        probe = path / f".probe-{secrets.token_hex(4)}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        reason = {errno.EROFS: "is on a read-only disk", errno.ENOSPC: "is on a full disk"}.get(
            error.errno or 0, f"cannot be written ({error.strerror})"
        )
        message = f"the data folder {path} {reason}. {next_move}"
        raise EmbeddedError(message) from error
    free_bytes = shutil.disk_usage(path).free
    if free_bytes < _LEAST_FREE_BYTES:
        message = (
            f"the data folder {path} has {free_bytes // 1_000_000} MB left on its disk, "
            f"and {_LEAST_FREE_BYTES // 1_000_000} MB are needed to start. {next_move}"
        )
        raise EmbeddedError(message)
    return DataFolder(path)
