"""A database of the trial's own on a server that somebody else runs: a TimescaleDB, say. It is there, and is not ours to kill."""

import secrets
from dataclasses import dataclass, field
from typing import Final

from psycopg import sql

from gateway.storage.connection import Role, connect

_PREFIX: Final = "callout_trust_"


@dataclass(slots=True)
class OutsideDatabase:
    """Stands where the embedded PostgreSQL does: made at the start, dropped at the end.

    Parameters
    ----------
    server_dsn
        A database on the server, as a user who may make databases.
    """

    server_dsn: str
    name: str = field(default_factory=lambda: f"{_PREFIX}{secrets.token_hex(6)}")
    is_running: bool = field(default=False, init=False)

    @property
    def dsn(self) -> str:
        return f"{self.server_dsn.rpartition('/')[0]}/{self.name}"

    def start(self) -> str:
        """Make the database, and return its DSN."""
        with connect(self.server_dsn, Role.ADMIN) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.name)))
        self.is_running = True
        return self.dsn

    def stop(self) -> None:
        """Drop the database."""
        if self.is_running:
            with connect(self.server_dsn, Role.ADMIN) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))
            self.is_running = False
