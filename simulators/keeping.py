"""Keeping files that are nobody else's business, whole or not at all."""

import os
from pathlib import Path

from simulators.errors import SimulatorError


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all.

    Raises
    ------
    SimulatorError
        When the folder is full or cannot be written.
    """
    attempt = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(attempt, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        attempt.replace(path)
    except OSError as error:
        raise SimulatorError(f"Cannot write {path}: {error.strerror}. Is the folder full or read-only?") from error
