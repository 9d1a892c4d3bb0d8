"""Credentials on their way from the real database to the real broker."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from gateway.admission.broker_accounts import DESK_USER, INGEST_USER, hash_password, password_matches
from gateway.embedded.account_sync import AccountSync, outside_accounts, sync_once
from gateway.embedded.broker import EmbeddedBroker
from gateway.embedded.folder import DataFolder
from gateway.settings import ServerAddress, Settings
from gateway.storage.connection import Connection, Role, connect
from tests.conftest import free_port
from tests.gateway.embedded.test_broker import connected


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database, Role.ADMIN) as connection:
        connection.execute("INSERT INTO tenant (name, title) VALUES ('acme', 'Acme')")
        connection.execute("INSERT INTO owner (tenant_id, name, email) VALUES (1, 'Ada', 'ada@example.com')")
        yield connection


@pytest.fixture
def broker(data_folder: DataFolder) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(data_folder, free_port(), free_port()) as broker:
        yield broker


def enrol(connection: psycopg.Connection, name: str, password: str) -> None:
    with connection.transaction():
        connection.execute(
            """INSERT INTO device (tenant_id, name, partition, product, serial, owner_id)
               VALUES (1, %s, 7, 'electric_vehicle', %s, 1)""",
            [name, name],
        )
        issue(connection, name, password)


def issue(connection: psycopg.Connection, name: str, password: str) -> None:
    connection.execute(
        """INSERT INTO device_credential (device_id, password_hash)
           SELECT device_id, %s FROM device WHERE name = %s""",
        [hash_password(password), name],
    )


def revoke(connection: psycopg.Connection, name: str) -> None:
    connection.execute(
        """UPDATE device_credential c SET revoked_at = now() FROM device d
           WHERE d.device_id = c.device_id AND d.name = %s AND revoked_at IS NULL""",
        [name],
    )


def is_let_in(broker: EmbeddedBroker, name: str, password: str) -> bool:
    with connected(ServerAddress("127.0.0.1", broker.port, f"7/acme/{name}", password, tls=False)) as client:
        return str(client.answer) == "Success"


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_a_device_is_let_in_right_after_its_enrolment_and_no_longer_after_it_is_revoked(
    connection: Connection, database: str, broker: EmbeddedBroker
) -> None:
    told: list[str] = []
    sync = AccountSync(database, broker.accounts, told.append)
    sync.start()
    enrol(connection, "ev-1", "one")
    assert within(3, lambda: is_noted(connection, "ev-1"))
    assert is_let_in(broker, "ev-1", "one")
    with connection.transaction():
        revoke(connection, "ev-1")
        issue(connection, "ev-1", "two")
    assert within(3, lambda: is_noted(connection, "ev-1"))
    assert is_let_in(broker, "ev-1", "two")
    assert not is_let_in(broker, "ev-1", "one")
    revoke(connection, "ev-1")
    assert within(3, lambda: not is_let_in(broker, "ev-1", "two"))
    sync.stop()
    assert told == []


def is_noted(connection: Connection, name: str) -> bool:
    row = connection.execute(
        """SELECT in_broker_at IS NOT NULL FROM device_credential JOIN device USING (device_id)
           WHERE name = %s AND revoked_at IS NULL""",
        [name],
    ).fetchone()
    return row == (True,)


def test_a_hundred_enrolments_at_once_are_noted_together(
    connection: Connection, database: str, broker: EmbeddedBroker
) -> None:
    for number in range(100):
        enrol(connection, f"ev-{number}", "x")
    assert sync_once(connection, broker.accounts).new == 100
    assert sync_once(connection, broker.accounts).new == 0
    assert is_let_in(broker, "ev-99", "x")


def test_it_goes_on_by_itself_after_its_connection_was_cut(
    connection: Connection, database: str, broker: EmbeddedBroker
) -> None:
    told: list[str] = []
    sync = AccountSync(database, broker.accounts, told.append)
    sync.start()
    enrol(connection, "ev-1", "one")
    assert within(3, lambda: is_noted(connection, "ev-1"))
    connection.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    )
    enrol(connection, "ev-2", "two")
    assert within(5, lambda: is_noted(connection, "ev-2"))
    sync.stop()
    assert len(told) == 1


def test_what_the_broker_cannot_be_given_does_not_keep_the_others_out(
    connection: Connection, broker: EmbeddedBroker
) -> None:
    enrol(connection, "good", "x")
    enrol(connection, "bad+name", "x")
    assert sync_once(connection, broker.accounts).refused == {"7/acme/bad+name"}
    assert is_let_in(broker, "good", "x")


@pytest.mark.parametrize(
    ("given", "ingest", "desk"),
    [
        ({"ingest_password": SecretStr("one"), "desk_password": SecretStr("two")}, "one", "two"),
        ({"broker_url": "mqtt://callout-desk:shared@b", "ingest_password": SecretStr("one")}, "one", "shared"),
        ({"broker_url": "mqtt://callout-desk:shared@b"}, "shared", "shared"),
    ],
)
def test_at_a_broker_of_one_s_own_each_service_has_its_own_password_or_that_of_the_url(
    given: dict[str, object], ingest: str, desk: str, tmp_path: Path
) -> None:
    settings = Settings(broker_accounts_file=tmp_path / "passwords").model_copy(update=given)
    services = outside_accounts(settings).services
    assert password_matches(ingest, services[INGEST_USER])
    assert password_matches(desk, services[DESK_USER])


def test_services_get_no_password_that_is_somebody_else_s(tmp_path: Path) -> None:
    settings = Settings(broker_accounts_file=tmp_path / "passwords", broker_url="mqtt://operator:his@b")
    assert outside_accounts(settings).services == {}
