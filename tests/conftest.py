"""What the tests share: a real PostgreSQL, a real broker, and a fresh migrated database for each test that asks."""

import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import hypothesis
import psycopg
import pytest
from psycopg import sql

from gateway.admission.broker_accounts import DESK_USER, INGEST_USER, hash_password
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import DataFolder, open_folder
from gateway.embedded.ports import next_free_port
from gateway.embedded.postgres import EmbeddedPostgres
from gateway.settings import ServerAddress

# Runs beside each other on one server have templates of their own, and make roles one after the other.
TEMPLATE = f"callout_test_template_{secrets.token_hex(4)}"
_ROLES_LOCK = 0x0CA1_7E57

# How long an example takes says something about the machine, and nothing about the code.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


def free_port() -> int:
    """A free port, from a random first one, so that test runs beside each other do not race for the same."""
    return next_free_port(20000 + secrets.randbelow(12000))


@pytest.fixture
def data_folder(tmp_path: Path) -> DataFolder:
    """An empty data folder that servers under another account may enter."""
    make_enterable(tmp_path)
    return open_folder(tmp_path / "data")


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """A data folder for the servers that live as long as the session."""
    path = tmp_path_factory.mktemp("session")
    make_enterable(path)
    return open_folder(path / "data")


def make_enterable(path: Path) -> None:
    """Let others walk through pytest's folders, which it closes: as root the servers run as nobody."""
    if os.geteuid() != 0:
        return
    for folder in (path, *path.parents):
        if folder.name.startswith(("pytest", "popen-")) or folder == path:
            folder.chmod(0o755)


@pytest.fixture(scope="session")
def postgres_dsn(session_folder: DataFolder) -> Iterator[str]:
    """A PostgreSQL server of its own, for the whole session; CALLOUT_TEST_DSN names another one."""
    outside = os.environ.get("CALLOUT_TEST_DSN")
    if outside:
        yield outside
        return
    # A test's data need not outlive a power cut.
    hasty = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with EmbeddedPostgres(session_folder, free_port(), hasty) as server:
        yield server.dsn


@pytest.fixture(scope="session")
def template_database(postgres_dsn: str) -> Iterator[str]:
    """The name of a migrated database that each test's own is copied from."""
    from gateway.storage.migrate import migrate  # tests without a database need not load it

    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_ROLES_LOCK])
        recreate_database(postgres_dsn, TEMPLATE, "template0")
        migrate(at_database(postgres_dsn, TEMPLATE))
        # TimescaleDB's own workers would sit in it, and a database with somebody in it cannot be copied.
        name = sql.Identifier(TEMPLATE)
        connection.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(name))
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [TEMPLATE])
    yield TEMPLATE
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        drop_database(connection, TEMPLATE)


@pytest.fixture
def database(postgres_dsn: str, template_database: str) -> Iterator[str]:
    """The DSN of a fresh migrated database of this test's own."""
    name = f"callout_test_{secrets.token_hex(6)}"
    recreate_database(postgres_dsn, name, template_database)
    yield at_database(postgres_dsn, name)
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        drop_database(connection, name)


@pytest.fixture
def empty_database(postgres_dsn: str) -> Iterator[str]:
    """The DSN of a database of this test's own that nobody has migrated."""
    name = f"callout_test_{secrets.token_hex(6)}"
    # Nobody can be in template0.
    recreate_database(postgres_dsn, name, "template0")
    yield at_database(postgres_dsn, name)
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        drop_database(connection, name)


def recreate_database(dsn: str, name: str, template: str) -> None:
    """Make a database as a copy of another; one of that name is dropped first."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        drop_database(connection, name)
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))


def drop_database(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    """Drop a database with whoever is in it."""
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def at_database(dsn: str, name: str) -> str:
    """The same server, another database."""
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


@dataclass
class BrokerForTests:
    """A running mosquitto with a way to let devices in."""

    server: EmbeddedBroker
    accounts: dict[str, str] = field(default_factory=dict[str, str])
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def port(self) -> int:
        """The devices' door."""
        return self.server.port

    @property
    def ingest_url(self) -> str:
        """The services' door with the account that reads all that devices say."""
        return self.server.service_url(INGEST_USER)

    @property
    def desk_url(self) -> str:
        """The services' door with the account that asks devices and hears their answers."""
        return self.server.service_url(DESK_USER)

    @property
    def ingest(self) -> ServerAddress:
        return ServerAddress.parse(self.ingest_url)

    def add_account(self, username: str, password: str) -> None:
        """Let a device in from now on."""
        with self.lock:
            self.accounts[username] = hash_password(password)
            self.server.accounts.write(self.accounts)

    def remove_account(self, username: str) -> None:
        """Let a device in no longer."""
        with self.lock:
            del self.accounts[username]
            self.server.accounts.write(self.accounts)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerForTests]:
    """A mosquitto for one file's tests, under the launcher that `callout up` uses.

    What a device leaves retained comes to every later session, so no file meets another one's devices.
    """
    path = tmp_path_factory.mktemp("broker")
    make_enterable(path)
    first = free_port()
    with EmbeddedBroker(open_folder(path / "data"), first, next_free_port(first + 1)) as server:
        yield BrokerForTests(server)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own CALLOUT_ variables must not reach the code under test."""
    for name in os.environ:
        if name.startswith("CALLOUT_") and not name.startswith("CALLOUT_TEST_"):
            monkeypatch.delenv(name)
