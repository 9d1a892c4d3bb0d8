"""Rights: what each role may touch, and what it sees of tenants."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.storage.connection import Role, connect, tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    yield opened
    opened.close()


PEOPLE = ("owner", "staff", "notice", "access_token", "service_request", "human_case")


@pytest.mark.parametrize("table", PEOPLE)
def test_ingest_sees_nothing_of_people(desk: SmallDesk, table: str) -> None:
    with connect(desk.dsn, Role.INGEST) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SELECT * FROM {table}")  # type: ignore[arg-type]


def test_ingest_sees_a_devices_name_but_not_its_place_or_owner(desk: SmallDesk) -> None:
    with connect(desk.dsn, Role.INGEST) as connection:
        assert connection.execute("SELECT name FROM device").fetchall() == [("ev-1",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT latitude, owner_id FROM device")


@pytest.mark.parametrize("role", [Role.INGEST, Role.WORK, Role.SERVE])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE electric_vehicle_reading SET soc_pct = 1",
        "DELETE FROM electric_vehicle_reading",
        "UPDATE request_event SET event = 'x'",
        "DELETE FROM request_event",
        "DROP TABLE owner",
        "CREATE TABLE mine (a int)",
        "DELETE FROM service_request",
        "DELETE FROM rejection",
        "UPDATE rejection SET payload = ''",
        "UPDATE rejection SET reason = 'x'",
    ],
)
def test_nobody_changes_readings_or_history_or_tables(desk: SmallDesk, role: Role, statement: str) -> None:
    with connect(desk.dsn, role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)  # type: ignore[arg-type]


def test_pages_see_readings_of_their_own_tenant_only(desk: SmallDesk, tmp_path: Path) -> None:
    rival = open_desk(desk.dsn, tmp_path, tenant="rival")
    desk.admin.execute("SELECT ensure_day('callout.electric_vehicle_reading', now()::date)")
    desk.admin.execute(
        """INSERT INTO electric_vehicle_reading
            (device_id, claimed_at, boot, seq, sample, partition, ingest_no, received_at, is_backfill)
        SELECT device_id, now(), 1, 1, 0, partition, 1, now(), false FROM device"""
    )
    seen = {}
    with connect(desk.dsn, Role.SERVE) as connection:
        for name, tenant_id in (("own", desk.tenant_id), ("rival", rival.tenant_id)):
            with tenant_transaction(connection, tenant_id):
                seen[name] = connection.execute("SELECT count(*) FROM electric_vehicle_reading_seen").fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM electric_vehicle_reading")
    rival.close()
    assert seen == {"own": (1,), "rival": (0,)}


@pytest.mark.parametrize("role", [Role.WORK, Role.SERVE])
def test_no_role_can_write_a_row_for_another_tenant(desk: SmallDesk, tmp_path: Path, role: Role) -> None:
    rival = open_desk(desk.dsn, tmp_path, tenant="rival")
    rival.close()
    with (
        connect(desk.dsn, role) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        tenant_transaction(connection, desk.tenant_id),
    ):
        connection.execute(
            """INSERT INTO access_token (token_hash, tenant_id, purpose, staff_id, expires_at)
            VALUES ('x', %s, 'planner_login', 1, now())""",
            [rival.tenant_id],
        )


def test_ingest_may_make_days_of_reading_tables_and_nothing_else(desk: SmallDesk) -> None:
    with connect(desk.dsn, Role.INGEST) as connection:
        for _ in range(2):
            connection.execute("SELECT ensure_day('callout.electric_vehicle_reading', '2026-01-01')")
        for table in ("callout.owner", "callout.electric_vehicle_hour", "pg_catalog.pg_class"):
            with pytest.raises(psycopg.errors.NoDataFound):
                connection.execute("SELECT ensure_day(%s::regclass, '2026-01-01')", [table])


@pytest.mark.parametrize("role", [Role.WORK, Role.SERVE])
def test_the_desk_may_ask_for_a_replay_and_never_say_what_became_of_it(desk: SmallDesk, role: Role) -> None:
    with connect(desk.dsn, role) as connection, tenant_transaction(connection, desk.tenant_id):
        connection.execute("UPDATE rejection SET replay_asked_at = now()")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("UPDATE rejection SET outcome = 'stored', replayed_at = now()")
