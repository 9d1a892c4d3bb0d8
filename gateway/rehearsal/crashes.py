"""Crashes: a process that dies before a chosen statement, so that whatever it had not committed never was.

It knows nothing of the steps: a fuse burns down by one with each statement of a connection, and blows at its end.
"""

from dataclasses import dataclass
from typing import Any

import psycopg

from gateway.storage.connection import Connection


class CrashError(BaseException):
    """The process is gone; nobody can catch that, for nobody is left."""


@dataclass(slots=True)
class Fuse:
    """How many statements are left until the process dies; None: it lives on."""

    left: int | None = None

    def light(self, statements: int) -> None:
        """Let the process die before the statement after so many."""
        self.left = statements

    def put_out(self) -> None:
        """Let it live."""
        self.left = None

    def burn(self) -> None:
        """Take note of a statement.

        Raises
        ------
        CrashError
            It was one too many.
        """
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise CrashError


def wire(connection: Connection, fuse: Fuse) -> None:
    """Let every statement of a connection burn a fuse."""

    class Wired(psycopg.Cursor[Any]):
        def execute(self, *args: Any, **options: Any) -> "Wired":
            fuse.burn()
            super().execute(*args, **options)
            return self

        def executemany(self, *args: Any, **options: Any) -> None:
            fuse.burn()
            super().executemany(*args, **options)

    connection.cursor_factory = Wired
