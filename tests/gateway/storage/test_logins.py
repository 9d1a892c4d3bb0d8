"""Roles log in with the passwords that they were given, and with no other; whoever has none is let alone."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gateway.storage.logins import allow_logins

ROLE = "callout_ingest"


@pytest.fixture
def closed_again(database: str) -> Iterator[str]:
    """A database whose role cannot log in any more after the test: roles belong to the whole server."""
    try:
        psycopg.connect(make_conninfo(database, password="nobody's")).close()
    except psycopg.OperationalError:
        yield database
    else:
        pytest.skip("this server asks nobody on this machine for a password")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER ROLE callout_ingest NOLOGIN PASSWORD NULL")


def test_a_role_logs_in_with_its_password_alone(closed_again: str) -> None:
    assert allow_logins(closed_again, {ROLE: "first"}) == [ROLE]
    with psycopg.connect(make_conninfo(closed_again, user=ROLE, password="first")) as connection:
        assert connection.execute("SELECT session_user").fetchone() == (ROLE,)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(make_conninfo(closed_again, user=ROLE, password="other"))


def test_a_new_password_takes_the_old_one_s_place(closed_again: str) -> None:
    allow_logins(closed_again, {ROLE: "first"})
    allow_logins(closed_again, {ROLE: "second"})
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(make_conninfo(closed_again, user=ROLE, password="first"))


def test_the_server_keeps_a_verifier_and_is_never_sent_the_password(closed_again: str) -> None:
    allow_logins(closed_again, {ROLE: "first"})
    with psycopg.connect(closed_again) as connection:
        row = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [ROLE]).fetchone()
    assert row is not None
    assert str(row[0]).startswith("SCRAM-SHA-256$")


def test_without_passwords_nothing_is_done_and_no_database_is_asked() -> None:
    assert allow_logins("postgresql://nobody@127.0.0.1:9/none", {}) == []
