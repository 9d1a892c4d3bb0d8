"""A real work process that is killed again and again while requests go from open to confirmed: nothing twice, nothing lost."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import jobs, journey
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.test_work import Work, wait_until

_SEED = 8
_EACH = 10
_KILLS = 5
_LONGEST_S = 20.0


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path, stock=50)
    yield opened
    opened.close()


def fall_ill(desk: SmallDesk) -> None:
    """Vehicles and meters with a confirmed symptom each, and the diagnoses that ingest would defer with them."""
    ill = [(desk.vehicle(f"ev-{number}"), "cell_leaves_pack", "traction_battery") for number in range(_EACH)]
    ill += [(desk.meter(f"m-{number}"), "water_back", "water_meter") for number in range(_EACH)]
    with desk.admin.transaction():
        calls: list[dict[str, int | str]] = []
        for device_id, monitor, component in ill:
            desk.symptom(device_id, monitor, component=component)
            calls.append({"tenant_id": desk.tenant_id, "device_id": device_id, "component": component})
        jobs.defer(desk.admin, jobs.DIAGNOSE, lock="device-{device_id}", calls=calls)


@contextmanager
def owners_answer(desk: SmallDesk, chance: random.Random) -> Iterator[None]:
    """Owners who tap one of their dates soon, and each tap comes twice."""
    is_over = threading.Event()
    answering = threading.Thread(target=_answer, args=(desk, chance, is_over), daemon=True)
    answering.start()
    yield
    is_over.set()
    answering.join(timeout=30)
    assert not answering.is_alive()


def _answer(desk: SmallDesk, chance: random.Random, is_over: threading.Event) -> None:
    with connect(desk.dsn, Role.SERVE) as connection:
        while not is_over.wait(0.1):
            with tenant_transaction(connection, desk.tenant_id):
                held = connection.execute(
                    """SELECT b.request_id, array_agg(b.booking_id ORDER BY b.rank) FROM booking b
                    JOIN service_request r USING (request_id)
                    WHERE r.state = 'offered' AND b.kind = 'held' AND b.released_at IS NULL GROUP BY 1"""
                ).fetchall()
            for request_id, booking_ids in held:
                tapped = chance.choice(booking_ids)
                for _ in range(2):
                    with tenant_transaction(connection, desk.tenant_id):
                        journey.confirm(connection, request_id=request_id, booking_id=tapped, now=datetime.now(UTC))


def events(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM request_event WHERE actor = 'desk'")


def confirmed(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM service_request WHERE state = 'confirmed'")


def kill_soon_after_a_step(desk: SmallDesk, work: Work, chance: random.Random) -> None:
    """Let the process do some steps and kill it a moment later, wherever it is then."""
    enough, until_s = events(desk) + chance.randint(1, 15), time.monotonic() + _LONGEST_S
    while events(desk) < enough and confirmed(desk) < 2 * _EACH and time.monotonic() < until_s:
        time.sleep(0.005)
    time.sleep(chance.uniform(0.0, 0.08))
    work.end(signal.SIGKILL)
    work.start()


@pytest.mark.slow
def test_requests_go_from_open_to_confirmed_once_each_however_often_the_work_is_killed(
    desk: SmallDesk, tmp_path: Path
) -> None:
    chance = random.Random(_SEED)
    fall_ill(desk)
    work = Work(desk.dsn, tmp_path / "work.log")
    work.start()
    try:
        with owners_answer(desk, random.Random(_SEED + 1)):
            for _ in range(_KILLS):
                kill_soon_after_a_step(desk, work, chance)
            wait_until(lambda: confirmed(desk) == 2 * _EACH, 120)
            wait_until(lambda: not unfinished(desk), 60)
    finally:
        work.end(signal.SIGKILL)
    assert_each_has_one_of_everything(desk)


def unfinished(desk: SmallDesk) -> list[tuple[str, str]]:
    """Jobs that have not succeeded, by name and state."""
    return desk.rows(  # pyright: ignore[reportReturnType]  # two texts
        "SELECT task_name, status::text FROM jobs.procrastinate_jobs WHERE status <> 'succeeded'"
    )


def assert_each_has_one_of_everything(desk: SmallDesk) -> None:
    """One request, offer, appointment, booked time and set of parts each; nothing is held beside them."""
    fleet = 2 * _EACH
    assert desk.rows("SELECT state, count(*) FROM service_request GROUP BY 1") == [("confirmed", fleet)]
    assert desk.value("SELECT count(*) FROM appointment WHERE state = 'confirmed'") == fleet
    assert desk.value("SELECT count(DISTINCT request_id) FROM appointment") == fleet
    assert desk.value("SELECT count(*) FROM appointment") == fleet
    assert desk.value("SELECT count(*) FROM offer WHERE closed_at IS NULL") == 0
    assert desk.rows("SELECT kind, count(*) FROM booking WHERE released_at IS NULL GROUP BY 1") == [("booked", fleet)]
    kept = "SELECT request_id, part_no, sum(quantity) FROM reservation WHERE released_at IS NULL GROUP BY 1, 2"
    assert desk.value(f"SELECT count(*) FROM ({kept}) AS kept WHERE sum <> 1") == 0
    assert desk.value(f"SELECT count(DISTINCT request_id) FROM ({kept}) AS kept") == fleet
    allocated = "SELECT sum(allocated) FROM stock_level"
    assert desk.value(allocated) == desk.value(f"SELECT count(*) FROM ({kept}) AS kept")
    for event in ("opened", "confirmed"):
        counted = "SELECT count(*), count(DISTINCT request_id) FROM request_event WHERE event = %s"
        assert desk.rows(counted, event) == [(fleet, fleet)]
    assert desk.value("SELECT count(*) FROM notice WHERE kind = 'confirmed'") == fleet
