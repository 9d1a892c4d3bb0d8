"""Retiring a device cuts it off and ends what is open for it; taking it back ends neither its story nor its silence."""

from collections.abc import Iterator

import pytest

from gateway import journey
from gateway.admission import retiring
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from tests.dashboards.scene import NOW, WEAK_CELL, Scene


@pytest.fixture
def scene(database: str) -> Iterator[Scene]:
    scene = Scene.open(database)
    yield scene
    scene.close()


@pytest.fixture
def serve(database: str) -> Iterator[Connection]:
    with connect(database, Role.SERVE) as connection:
        yield connection


def vehicle(scene: Scene) -> tuple[int, int]:
    """A vehicle with credentials whose owner knows of dates; returns device and request."""
    device_id = scene.device()
    scene.conn.execute("INSERT INTO device_credential (device_id, password_hash) VALUES (%s, 'x')", [device_id])
    request_id = scene.request(device_id, WEAK_CELL)
    scene.reserve(request_id)
    scene.offer(request_id)
    return device_id, request_id


def retire(scene: Scene, serve: Connection, device_id: int) -> None:
    with tenant_transaction(serve, scene.tenant_id):
        retiring.retire(serve, device_id=device_id, staff_id=scene.planner_id, reason="Scrapped", now=NOW)


def test_a_retired_device_is_cut_off_and_nothing_is_held_for_it(scene: Scene, serve: Connection) -> None:
    device_id, request_id = vehicle(scene)
    retire(scene, serve, device_id)
    assert scene.one("SELECT retired_at FROM device") == NOW
    assert scene.one("SELECT count(*) FROM device_credential WHERE revoked_at IS NULL") == 0
    assert scene.one("SELECT state FROM service_request") == "cancelled"
    assert scene.one("SELECT count(*) FROM reservation WHERE released_at IS NULL") == 0
    assert scene.one("SELECT count(*) FROM booking WHERE released_at IS NULL") == 0
    assert scene.one("SELECT count(*) FROM fault WHERE closed_at IS NULL") == 0
    assert scene.one("SELECT kind FROM notice WHERE request_id = %s", request_id) == "cancelled"
    assert scene.one("SELECT detail ->> 'reason' FROM request_event WHERE event = 'cancelled'") == "Scrapped"


def test_done_twice_it_is_done_once(scene: Scene, serve: Connection) -> None:
    device_id, _ = vehicle(scene)
    for _ in range(2):
        retire(scene, serve, device_id)
    assert scene.one("SELECT count(*) FROM device_history") == 1
    assert scene.one("SELECT count(*) FROM notice") == 1


def test_a_device_that_is_taken_back_waits_for_new_credentials(scene: Scene, serve: Connection) -> None:
    device_id, _ = vehicle(scene)
    retire(scene, serve, device_id)
    with tenant_transaction(serve, scene.tenant_id):
        retiring.take_back(serve, device_id=device_id, staff_id=scene.planner_id, reason="A mistake", now=NOW)
    assert scene.one("SELECT retired_at FROM device") is None
    assert scene.one("SELECT count(*) FROM device_credential WHERE revoked_at IS NULL") == 0
    assert [row[0] for row in scene.conn.execute("SELECT act FROM device_history ORDER BY history_id")] == [
        "retired",
        "returned",
    ]


def test_another_tenants_device_stays_as_it_is(scene: Scene, serve: Connection, database: str) -> None:
    other = Scene.open(database, "sakura", "Sakura Motors")
    device_id = other.device()
    retire(scene, serve, device_id)
    other.close()
    assert scene.one("SELECT count(*) FROM device WHERE retired_at IS NOT NULL") == 0
    assert scene.one("SELECT count(*) FROM device_history") == 0


def test_a_late_finding_on_a_retired_device_opens_nothing(scene: Scene, serve: Connection, database: str) -> None:
    device_id, _ = vehicle(scene)
    retire(scene, serve, device_id)
    scene.insert(
        "symptom",
        "symptom_id",
        device_id=device_id,
        component="traction_battery",
        monitor="cell_too_low",
        element=3,
        state="confirmed",
        since_at=NOW,
        noticed_at=NOW,
        confirmed_at=NOW,
        decided_by_ingest_no=2,
        decided_received_at=NOW,
    )
    with connect(database, Role.WORK) as work, tenant_transaction(work, scene.tenant_id):
        journey.diagnose(work, device_id=device_id, component="traction_battery", now=NOW)
    assert scene.one("SELECT count(*) FROM service_request WHERE closed_at IS NULL") == 0
