"""Migrations: applied once, in order, and never over a schema that this program does not know."""

import threading

import pytest

from gateway.storage.connection import DatabaseUnreachableError, Role, connect
from gateway.storage.migrate import SchemaError, check_schema, migrate, migrations


def test_an_empty_database_gets_every_migration_once(empty_database: str) -> None:
    assert migrate(empty_database) == [migration.name for migration in migrations()]
    assert migrate(empty_database) == []


def test_several_processes_may_migrate_at_once(empty_database: str) -> None:
    applied: list[str] = []
    threads = [threading.Thread(target=lambda: applied.extend(migrate(empty_database))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [migration.name for migration in migrations()]


def test_a_newer_schema_is_left_alone_with_a_message_that_says_the_next_move(database: str) -> None:
    with connect(database, Role.ADMIN) as connection:
        connection.execute("INSERT INTO schema_migration (name, checksum) VALUES ('9999_future', 'x')")
        for attempt in (lambda: migrate(database), lambda: check_schema(connection)):
            with pytest.raises(SchemaError, match="9999_future.*newer.*restore a backup"):
                attempt()


def test_an_edited_migration_is_noticed(database: str) -> None:
    with connect(database, Role.ADMIN) as connection:
        connection.execute("UPDATE schema_migration SET checksum = 'other' WHERE name = '0001_desk'")
    with pytest.raises(SchemaError, match="0001_desk was applied from another text"):
        migrate(database)


def test_a_process_on_an_empty_database_says_to_migrate_first(empty_database: str) -> None:
    with connect(empty_database, Role.ADMIN) as connection, pytest.raises(SchemaError, match="callout migrate"):
        check_schema(connection)


def test_every_role_can_check_the_schema(database: str) -> None:
    for role in Role:
        with connect(database, role) as connection:
            check_schema(connection)


def test_a_database_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(DatabaseUnreachableError, match=r"127\.0\.0\.1:1/callout does not answer") as refused:
        connect("postgresql://callout:s3cret@127.0.0.1:1/callout", Role.ADMIN)
    assert "s3cret" not in str(refused.value)
