"""A whole desk for one trial: PostgreSQL, mosquitto and `callout ingest` as processes that can be killed.

PostgreSQL writes to its disk as it does for users: no setting is softened. What is killed is started again here, where
`callout up` would do it.
"""

import secrets
import signal
import tempfile
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from devices.identity import partition_of
from gateway.admission.broker_accounts import INGEST_USER, hash_password
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import DataFolder, open_folder
from gateway.embedded.orphans import end_processes_in
from gateway.embedded.ports import LOOPBACK, next_free_port
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.embedded.program import Program
from gateway.embedded.service import Service
from gateway.ingest.mqtt import SUBSCRIBED
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from gateway.storage.migrate import migrate
from tests.trust import street
from tests.trust.outside import OutsideDatabase

TENANT = "trusting"
_PATIENCE_S = 60.0


class NotOursError(Exception):
    """A scenario wants to kill what somebody else runs."""


@dataclass(slots=True)
class Desk:
    """The processes of one desk, each of which can be killed and started."""

    folder: DataFolder
    postgres: EmbeddedPostgres | OutsideDatabase
    broker: EmbeddedBroker
    ingest: Service
    crashes: list[str] = field(default_factory=list[str])

    @property
    def dsn(self) -> str:
        return self.postgres.dsn

    @property
    def address(self) -> tuple[str, int]:
        """The devices' door."""
        return LOOPBACK, self.broker.port

    def connect(self) -> Connection:
        """A connection of the database's owner, waited for while the server is on its way."""
        until_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return connect(self.dsn, Role.ADMIN)
            except Exception:
                if time.monotonic() > until_s:
                    raise
                time.sleep(0.05)

    def enrol(self, devices: int) -> None:
        """Put the devices of a street in, and let the broker know them."""
        names = [street.device_name(number) for number in range(devices)]
        with self.connect() as admin:
            row = admin.execute(
                "INSERT INTO tenant (name, title) VALUES (%s, 'Trusting') RETURNING tenant_id", [TENANT]
            ).fetchone()
            assert row is not None
            with tenant_transaction(admin, row[0]), admin.cursor() as cursor:
                owner = cursor.execute(
                    "INSERT INTO owner (name, email, language) VALUES ('Owner', 'o@owners.example', 'en') RETURNING owner_id"
                ).fetchone()
                assert owner is not None
                cursor.executemany(
                    """INSERT INTO device (name, partition, product, serial, owner_id, latitude, longitude)
                    VALUES (%s, %s, 'electric_vehicle', %s, %s, 52.4, 13.3)""",
                    [(name, partition_of(TENANT, name), name, owner[0]) for name in names],
                )
        known = street.accounts(TENANT, devices)
        self.broker.accounts.write({user: hash_password(password) for user, password in known.items()})

    def kill_ingest(self) -> None:
        """Kill -9 the worker."""
        kill(_program(self.ingest), signal.SIGKILL)

    def start_ingest_and_kill_it(self, after_s: float) -> None:
        """Start the worker and kill it after some seconds, wherever it is by then."""
        program = replace(self.ingest, says="")
        program.start()
        time.sleep(after_s)
        kill(_program(program), signal.SIGKILL)

    def kill_broker(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the broker by a signal."""
        kill(_program(self.broker), number)

    def stop_database_at_once(self) -> None:
        """PostgreSQL's immediate shutdown: no checkpoint, recovery at the next start."""
        kill(_program(self.postgres), signal.SIGQUIT)

    def kill_database(self) -> None:
        """Kill -9 the postmaster and all of its children."""
        end_processes_in(self.folder.part("postgres") / "data", "postgres", signal.SIGKILL, _PATIENCE_S)
        _program(self.postgres).process.wait(_PATIENCE_S)

    def kill_everything(self) -> None:
        """Kill -9 all processes, before any can notice that another is gone."""
        parts = (self.ingest, self.broker, self.postgres)
        for part in parts:
            _program(part).process.send_signal(signal.SIGKILL)
        self.kill_database()
        for part in parts:
            _program(part).process.wait(_PATIENCE_S)

    def look_after(self) -> None:
        """Start again what has ended, whoever ended it, as a household does; what was not struck is written down."""
        for part in (self.postgres, self.broker, self.ingest):
            if not part.is_running:
                program = _program(part)
                self.crashes.append(
                    f"{program.name}, return code {program.process.returncode}: {program.said()[-300:]}"
                )
                part.start()

    def close(self) -> None:
        """Stop all of them in order."""
        for part in (self.ingest, self.broker, self.postgres):
            part.stop()


@contextmanager
def open_desk(devices: int, outside_dsn: str = "") -> Generator[Desk]:
    """Start a desk with enrolled devices in a throw-away folder; ingest runs and is subscribed.

    `outside_dsn` names a server to make the database on, instead of a PostgreSQL of the desk's own.
    """
    with tempfile.TemporaryDirectory(prefix="callout-trust-", ignore_cleanup_errors=True) as name:
        # As root, the servers' account has to walk through it.
        Path(name).chmod(0o755)
        folder = open_folder(Path(name) / "data")
        desk = _made(folder, outside_dsn)
        try:
            desk.postgres.start()
            migrate(desk.dsn)
            desk.broker.start()
            desk.enrol(devices)
            desk.ingest.start()
            yield desk
        finally:
            desk.close()


def _made(folder: DataFolder, outside_dsn: str) -> Desk:
    first = 20000 + secrets.randbelow(12000)
    ports: list[int] = []
    for _ in range(3):
        ports.append(next_free_port(first, taken=frozenset(ports)))
    own = EmbeddedPostgres(folder, ports[0], ends_orphans=True)
    postgres = OutsideDatabase(outside_dsn) if outside_dsn else own
    broker = EmbeddedBroker(folder, ports[1], ports[2], ends_orphans=True)

    def environment() -> dict[str, str]:
        return {
            "CALLOUT_DATABASE_URL": postgres.dsn,
            "CALLOUT_BROKER_URL": broker.service_url(INGEST_USER),
            "CALLOUT_DATA_DIR": str(folder.path),
        }

    ingest = Service("ingest", ("gateway", "ingest"), folder, environment, says=SUBSCRIBED)
    return Desk(folder, postgres, broker, ingest)


def kill(program: Program, number: signal.Signals) -> None:
    """Send a signal and wait for the end."""
    program.process.send_signal(number)
    program.process.wait(_PATIENCE_S)


def is_inside_a_batch(connection: Connection) -> bool:
    """Whether ingest has a transaction open just now."""
    row = connection.execute(
        """SELECT count(*) FROM pg_stat_activity
        WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()
            AND backend_type = 'client backend'"""
    ).fetchone()
    assert row is not None
    return bool(row[0])


def newest(connection: Connection, names: Iterable[str], since_at: object) -> list[object]:
    """Of each device the newest claimed instant that is stored, not before an instant; None where there is none."""
    rows = connection.execute(
        """SELECT n.name, (SELECT max(r.claimed_at) FROM electric_vehicle_reading r
            WHERE r.device_id = d.device_id AND r.claimed_at >= %(since_at)s)
        FROM unnest(%(names)s::text[]) WITH ORDINALITY AS n(name, place) JOIN device d USING (name) ORDER BY n.place""",
        {"names": list(names), "since_at": since_at},
    ).fetchall()
    return [at for _, at in rows]


def _program(part: EmbeddedPostgres | OutsideDatabase | EmbeddedBroker | Service) -> Program:
    if isinstance(part, OutsideDatabase):
        raise NotOursError("this scenario kills PostgreSQL, and the one of --dsn is not ours to kill: run it without")
    program = part._program
    assert program is not None, f"{part.name} has not been started"
    return program


AWAY = (psycopg.OperationalError, psycopg.InterfaceError)
