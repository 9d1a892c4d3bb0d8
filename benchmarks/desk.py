"""A desk to measure: a PostgreSQL of its own in a throw-away folder, a tenant with devices, and the real ingest worker."""

import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import sql

from devices.identity import Identity, partition_of
from devices.products import product_types
from gateway.embedded.folder import open_folder
from gateway.embedded.ports import next_free_port
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.ingest.garbage import collect_rarely
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from gateway.storage.migrate import migrate
from simulators.progress import ProgressLine
from workflows.mandate import USUAL

TENANT = "measured"
_PARTITIONS = range(64)


def topic(device: str, channel: str = "telemetry") -> str:
    """A device's topic."""
    return Identity(partition_of(TENANT, device), TENANT, device).topic(channel)


@dataclass(slots=True)
class ListSource:
    """Hands messages over from a list, counts those that are acknowledged, and ends the worker with the last one."""

    messages: Iterator[Message]
    progress: ProgressLine
    total: int
    acknowledged: int = 0
    began_s: float = field(default_factory=time.monotonic)
    worker: Worker | None = None

    @property
    def is_connected(self) -> bool:
        return True

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        del timeout_s
        taken = [message for _, message in zip(range(most), self.messages, strict=False)]
        if not taken and self.worker is not None:
            self.worker.stop()
        return taken

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.acknowledged += len(messages)
        per_s = self.acknowledged / (time.monotonic() - self.began_s)
        rest_s = (self.total - self.acknowledged) / per_s
        self.progress.show(f"{self.acknowledged:,} of {self.total:,} messages, {per_s:,.0f}/s, {rest_s:,.0f} s to go")

    def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class MeasuredDesk:
    """A migrated database with one tenant."""

    dsn: str
    admin: Connection
    tenant_id: int

    def enrol(self, product: str, names: Sequence[str], *, is_searched: bool = True) -> None:
        """Put devices in, without credentials: nobody connects. A large fleet need not be found by a person's search."""
        with tenant_transaction(self.admin, self.tenant_id), self.admin.cursor() as cursor:
            if not is_searched:
                cursor.execute("ALTER TABLE device DISABLE TRIGGER USER")
            owner = cursor.execute(
                "INSERT INTO owner (name, email, language) VALUES ('Owner', %s, 'en') RETURNING owner_id",
                [f"{names[0]}@owners.example"],
            ).fetchone()
            assert owner is not None
            cursor.execute(
                """INSERT INTO device (name, partition, product, serial, owner_id, latitude, longitude)
                SELECT name, partition, %s, name, %s, 37.5, 127.0
                FROM unnest(%s::text[], %s::int[]) AS given (name, partition)""",
                [product, owner[0], list(names), [partition_of(TENANT, name) for name in names]],
            )
            cursor.execute(
                """WITH m AS (INSERT INTO mandate (device_id, owner_id, signed_at, signed_by)
                    SELECT device_id, owner_id, '2000-01-01Z', 'enrolment' FROM device WHERE name = ANY(%s)
                    RETURNING mandate_id)
                INSERT INTO mandate_clause (mandate_id, clause) SELECT mandate_id, unnest(%s::text[]) FROM m""",
                [list(names), list(USUAL)],
            )

    def take(self, messages: Iterable[Message], total: int, progress: ProgressLine) -> float:
        """Take so many messages in through one real worker; gives the seconds it took."""
        source = ListSource(iter(messages), progress, total)
        worker = Worker(source, lambda: connect(self.dsn, Role.INGEST), _PARTITIONS)
        collect_rarely()
        source.worker = worker
        began_s = time.monotonic()
        worker.run()
        assert source.acknowledged == total
        return time.monotonic() - began_s

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        row = self.admin.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def readings(self) -> int:
        """Count the readings of all products."""
        return sum(self.count(f"{product}_reading") for product in product_types())

    def symptoms(self) -> tuple[int, str]:
        """Count the symptoms that stand, and give a hash of all that they say."""
        rows = self.admin.execute(
            """SELECT d.name, s.monitor, s.element, s.state, s.since_at, s.noticed_at, s.confirmed_at, s.healed_at,
                   s.value, s.text_value
            FROM symptom s JOIN device d USING (device_id) WHERE s.state <> 'withdrawn'
            ORDER BY d.name, s.monitor, s.element, s.since_at"""
        ).fetchall()
        return len(rows), hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


@contextmanager
def server() -> Generator[str]:
    """Run a PostgreSQL of its own; gives its DSN. CALLOUT_TEST_DSN names another one."""
    outside = os.environ.get("CALLOUT_TEST_DSN")
    if outside:
        yield outside
        return
    with tempfile.TemporaryDirectory(prefix="callout-benchmark-") as name:
        # As root, the server's account has to walk through it.
        Path(name).chmod(0o755)
        with EmbeddedPostgres(
            open_folder(Path(name) / "data"), next_free_port(21000 + secrets.randbelow(8000))
        ) as postgres:
            yield postgres.dsn


@contextmanager
def fresh_desk(dsn: str) -> Generator[MeasuredDesk]:
    """Open a desk in a database of its own on a server, dropped afterwards."""
    name = f"callout_benchmark_{secrets.token_hex(4)}"
    with connect(dsn, Role.ADMIN) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    own = f"{dsn.rpartition('/')[0]}/{name}"
    migrate(own)
    admin = connect(own, Role.ADMIN)
    row = admin.execute(
        "INSERT INTO tenant (name, title) VALUES (%s, 'Measured') RETURNING tenant_id", [TENANT]
    ).fetchone()
    assert row is not None
    try:
        yield MeasuredDesk(own, admin, row[0])
    finally:
        admin.close()
        with connect(dsn, Role.ADMIN) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
