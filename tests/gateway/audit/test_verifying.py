"""The audit's chain: nobody changes it unseen, and writers at once do not fork it."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.audit import auditing
from gateway.audit.verifying import Verified, verify
from gateway.cli.app import app
from gateway.owners import mandates, owning
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from workflows.audit import Head, link_hash
from workflows.mandate import Allowed, Clause
from workflows.money import Money

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    desk = open_desk(database, tmp_path)
    yield desk
    desk.close()


def act(connection: Connection, desk: SmallDesk, device_id: int, inputs: dict[str, object]) -> int:
    with tenant_transaction(connection, desk.tenant_id):
        allowed = mandates.allow(connection, device_id, Clause.REPORT, NOW)
        assert isinstance(allowed, Allowed)
        return auditing.record(
            connection, "opened", device_id=device_id, request_id=None, permission=allowed, inputs=inputs, now=NOW
        )


def verified(desk: SmallDesk, noted: Head | None = None) -> Verified:
    with tenant_transaction(desk.work, desk.tenant_id):
        return verify(desk.work, noted)


@pytest.fixture
def ten(desk: SmallDesk) -> list[int]:
    """The numbers of ten records."""
    car = desk.vehicle("car-1")
    return [act(desk.work, desk, car, {"fault": "x", "probability": 0.1 + n, "größe": [n, None]}) for n in range(10)]


def tamper(desk: SmallDesk, *statements: bytes) -> None:
    """Do what only who owns the server can: without triggers and constraints."""
    with desk.admin.transaction():
        desk.admin.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            desk.admin.execute(statement)


def test_an_untouched_chain_fits_from_its_first_record_to_its_last(desk: SmallDesk, ten: list[int]) -> None:
    found = verified(desk)
    assert found.misfit is None
    assert found.records == len(ten)
    # A later look goes through the head of an earlier one.
    act(desk.work, desk, desk.vehicle("car-2"), {})
    assert verified(desk, found.head).misfit is None
    assert verified(desk, found.head).records == len(ten) + 1


@pytest.mark.parametrize(
    ("statements", "number"),
    [
        pytest.param([b"UPDATE audit_record SET inputs = '{}' WHERE audit_id = 4"], 4, id="inputs changed"),
        pytest.param(
            [b"UPDATE audit_record SET actor = 'staff-1', mandate_id = NULL, clause = NULL WHERE audit_id = 4"],
            4,
            id="actor changed",
        ),
        pytest.param(
            [b"UPDATE audit_record SET at = at + interval '1 microsecond' WHERE audit_id = 4"], 4, id="time changed"
        ),
        pytest.param([b"DELETE FROM audit_record WHERE audit_id = 4"], 4, id="record deleted"),
        pytest.param(
            [b"DELETE FROM audit_record WHERE audit_id = 4", b"DELETE FROM audit_link WHERE audit_id = 4"],
            4,
            id="record and link deleted",
        ),
        pytest.param(
            [
                b"DELETE FROM audit_link WHERE audit_id = 4",
                b"UPDATE audit_link SET number = number - 1 WHERE number > 4 AND number < 6",
            ],
            4,
            id="gap closed",
        ),
        pytest.param(
            [
                b"UPDATE audit_link SET number = -1 WHERE number = 4",
                b"UPDATE audit_link SET number = 4 WHERE number = 5",
                b"UPDATE audit_link SET number = 5 WHERE number = -1",
            ],
            4,
            id="two swapped",
        ),
        pytest.param(
            [
                b"UPDATE audit_link SET audit_id = -1 WHERE number = 4",
                b"UPDATE audit_link SET audit_id = 4 WHERE number = 5",
                b"UPDATE audit_link SET audit_id = 5 WHERE number = 4",
            ],
            4,
            id="records of two links swapped",
        ),
        pytest.param(
            [
                b"""INSERT INTO audit_record (tenant_id, at, actor, act, device_id, request_id, mandate_id, clause, inputs, sha256)
                SELECT tenant_id, at, actor, act, device_id, request_id, mandate_id, clause, inputs, sha256
                FROM audit_record WHERE audit_id = 4"""
            ],
            11,
            id="record put in",
        ),
        pytest.param(
            [b"DELETE FROM audit_record WHERE audit_id = 10", b"DELETE FROM audit_link WHERE audit_id = 10"],
            10,
            id="last cut off",
        ),
        pytest.param([b"DELETE FROM audit_link", b"DELETE FROM audit_record"], 1, id="all gone"),
        pytest.param([b"UPDATE audit_link SET previous = hash WHERE number = 4"], 4, id="previous changed"),
        pytest.param([b"UPDATE audit_head SET hash = sha256('')"], 11, id="head changed"),
    ],
)
def test_what_a_superuser_does_to_the_chain_is_found_at_its_first_record(
    desk: SmallDesk, ten: list[int], statements: list[bytes], number: int
) -> None:
    assert ten == list(range(1, 11))
    tamper(desk, *statements)
    found = verified(desk).misfit
    assert found is not None
    assert found.number == number


def test_an_end_that_was_cut_off_with_its_head_shows_only_against_a_head_that_was_noted_before(
    desk: SmallDesk, ten: list[int]
) -> None:
    noted = verified(desk).head
    assert noted.number == len(ten)
    tamper(
        desk,
        b"DELETE FROM audit_record WHERE audit_id > 8",
        b"DELETE FROM audit_link WHERE number > 8",
        b"UPDATE audit_head SET number = 8, hash = (SELECT hash FROM audit_link WHERE number = 8)",
    )
    assert verified(desk).misfit is None
    cut = verified(desk, noted).misfit
    assert cut is not None
    assert "cut off" in cut.why


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(b"UPDATE mandate_clause SET limit_minor = 900000 WHERE limit_minor > 0", id="limit raised"),
        pytest.param(b"UPDATE mandate_clause SET limit_minor = NULL, currency = NULL", id="limit taken away"),
        pytest.param(
            b"INSERT INTO mandate_clause (mandate_id, tenant_id, clause) SELECT mandate_id, tenant_id, 'remote_reset' "
            b"FROM mandate_clause WHERE limit_minor > 0",
            id="clause put in",
        ),
        pytest.param(b"UPDATE mandate SET expires_at = expires_at + interval '1 year'", id="prolonged"),
        pytest.param(b"UPDATE mandate SET signed_at = signed_at - interval '1 day'", id="signed earlier"),
        pytest.param(
            b"UPDATE mandate SET ended_at = NULL, ended_why = NULL, ended_by = NULL WHERE ended_why = 'revoked'",
            id="revived",
        ),
        pytest.param(b"DELETE FROM mandate", id="gone"),
    ],
)
def test_what_a_superuser_does_to_a_mandate_is_found_by_what_the_chain_says_of_it(
    desk: SmallDesk, ten: list[int], statement: bytes
) -> None:
    car = desk.vehicle("car-2")
    owner = desk.value("SELECT owner_id FROM device WHERE device_id = %s", car)
    signed = {Clause.RESERVE_PART: Money(20_000, "EUR")}
    with tenant_transaction(desk.admin, desk.tenant_id):
        for until in (NOW + timedelta(days=30), NOW + timedelta(days=60)):
            owning.sign(desk.admin, device_id=car, owner_id=owner, clauses=signed, expires_at=until, now=NOW)
        owning.revoke(desk.admin, device_id=car, owner_id=owner, now=NOW)
    assert verified(desk).misfit is None
    tamper(desk, statement)
    found = verified(desk).misfit
    assert found is not None
    assert found.number > len(ten)
    assert "mandate" in found.why


def test_writers_at_once_make_one_chain_without_forks(desk: SmallDesk) -> None:
    cars = [desk.vehicle(f"car-{number}") for number in range(4)]
    gate = threading.Barrier(len(cars))

    def write(car: int) -> None:
        with connect(desk.dsn, Role.WORK) as connection:
            gate.wait(timeout=60)
            for number in range(25):
                act(connection, desk, car, {"number": number})

    threads = [threading.Thread(target=write, args=[car]) for car in cars]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    found = verified(desk)
    assert found.misfit is None
    assert found.records == 25 * len(cars)


def test_the_database_links_as_the_program_does(desk: SmallDesk, ten: list[int]) -> None:
    rows = desk.rows("SELECT number, previous, hash, sha256 FROM audit_link JOIN audit_record USING (audit_id)")
    assert len(rows) == len(ten)
    for number, previous, hashed, act_sha256 in rows:
        assert link_hash(number, previous, act_sha256) == hashed


def test_a_writer_that_waits_does_not_make_others_wait(desk: SmallDesk) -> None:
    """The head is locked when a transaction ends, not when it writes."""
    car, other = desk.vehicle("car-1"), desk.vehicle("car-2")
    with connect(desk.dsn, Role.WORK) as slow, tenant_transaction(slow, desk.tenant_id):
        allowed = mandates.allow(slow, car, Clause.REPORT, NOW)
        assert isinstance(allowed, Allowed)
        auditing.record(slow, "opened", device_id=car, request_id=None, permission=allowed, inputs={}, now=NOW)
        act(desk.work, desk, other, {})
    assert verified(desk).records == 2
    assert verified(desk).misfit is None


def test_the_command_proves_the_chain_and_names_the_first_record_that_does_not_fit(
    desk: SmallDesk, ten: list[int], tmp_path: Path
) -> None:
    environment = {"CALLOUT_DATABASE_URL": desk.dsn, "CALLOUT_DATA_DIR": str(tmp_path / "none")}
    proven = CliRunner().invoke(app, ["verify-audit", "--tenant", "acme"], env=environment)
    assert proven.exit_code == 0, proven.output
    last = json.loads(proven.stdout.strip().splitlines()[-1])
    assert last["records"] == len(ten)
    noted = tmp_path / "noted.json"
    noted.write_text(proven.stdout, encoding="utf-8")
    assert CliRunner().invoke(app, ["verify-audit", "--since", str(noted)], env=environment).exit_code == 0
    tamper(desk, b"UPDATE audit_record SET act = 'offered' WHERE audit_id = 7")
    broken = CliRunner().invoke(app, ["verify-audit"], env=environment)
    assert broken.exit_code == 1
    assert "number 7 (record 7) does not: its record was changed" in broken.stdout
