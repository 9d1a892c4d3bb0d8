"""The work process on a real database: jobs run, and what a killed worker leaves behind is run again."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway import jobs
from gateway.settings import CHECKOUT
from gateway.storage.connection import Role, connect
from tests.gateway.desk import SmallDesk, open_desk


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path, stock=50)
    yield opened
    opened.close()


@pytest.fixture
def work(desk: SmallDesk, tmp_path: Path) -> Iterator["Work"]:
    started = Work(desk.dsn, tmp_path / "work.log")
    started.start()
    yield started
    started.end(signal.SIGKILL)


class Work:
    """`callout work` as a process of its own."""

    def __init__(self, dsn: str, log: Path) -> None:
        self._dsn, self._log = dsn, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "work"],
                cwd=CHECKOUT,
                env={**os.environ, "CALLOUT_DATABASE_URL": self._dsn, "CALLOUT_SMTP_URL": ""},
                stdout=log,
                stderr=log,
            )

    def end(self, number: int) -> int | None:
        if self._process is None:
            return None
        self._process.send_signal(number)
        code = self._process.wait(timeout=30)
        self._process = None
        return code


def fall_ill(desk: SmallDesk, name: str) -> None:
    """A confirmed symptom and its deferred diagnosis, in one transaction, as ingest writes them."""
    device_id = desk.vehicle(name)
    with desk.admin.transaction():
        desk.symptom(device_id, "cell_leaves_pack", 3)
        call: dict[str, int | str] = {
            "tenant_id": desk.tenant_id,
            "device_id": device_id,
            "component": "traction_battery",
        }
        jobs.defer(desk.admin, jobs.DIAGNOSE, lock="device-{device_id}", calls=[call])


def wait_until(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    until_s = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until_s, "it did not come about in time"
        time.sleep(0.05)


def offers(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM service_request WHERE state = 'offered'")


def test_a_symptom_becomes_an_offer_within_two_seconds_and_the_process_ends_in_order(
    desk: SmallDesk, work: Work
) -> None:
    fall_ill(desk, "ev-0")
    wait_until(lambda: offers(desk) == 1)
    fall_ill(desk, "ev-1")
    wait_until(lambda: offers(desk) == 2)
    waited = desk.value(
        """SELECT max(extract(epoch FROM o.made_at - r.decided_received_at)) FROM offer o JOIN service_request r
        USING (request_id) JOIN device d USING (device_id) WHERE d.name = 'ev-1'"""
    )
    assert waited < 2
    assert work.end(signal.SIGTERM) == 0


def test_no_date_waits_for_errands_that_take_long(desk: SmallDesk, work: Work) -> None:
    with connect(desk.dsn, Role.ADMIN) as other, other.transaction(force_rollback=True):
        other.execute("LOCK TABLE route_plan IN ACCESS EXCLUSIVE MODE")
        calls: list[dict[str, int | str]] = [{"tenant_id": number, "plan_id": 1} for number in range(1, 9)]
        jobs.defer(desk.admin, jobs.REPLAN, lock="replan-{tenant_id}", calls=calls)
        doing = "SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'replan' AND status = 'doing'"
        wait_until(lambda: desk.value(doing) > 0)
        fall_ill(desk, "ev-0")
        wait_until(lambda: offers(desk) == 1)
        assert 0 < desk.value(doing) < len(calls)


def test_a_job_that_was_deferred_in_a_transaction_that_was_undone_does_not_exist(desk: SmallDesk) -> None:
    with desk.admin.transaction(force_rollback=True):
        jobs.defer(desk.admin, jobs.OFFER, lock="request-{request_id}", calls=[{"tenant_id": 1, "request_id": 1}])
    assert desk.value("SELECT count(*) FROM jobs.procrastinate_jobs") == 0


def is_at_work(desk: SmallDesk) -> bool:
    return desk.value("SELECT count(*) FROM procrastinate_workers") == 2


def test_a_job_is_never_given_up_however_often_it_failed(desk: SmallDesk, work: Work) -> None:
    with desk.admin.transaction():
        # Without its request the step cannot be taken.
        jobs.defer(desk.admin, jobs.OFFER, lock="{tenant_id}", calls=[{"tenant_id": desk.tenant_id}])
        desk.admin.execute("UPDATE jobs.procrastinate_jobs SET attempts = 100")
    wait_until(lambda: desk.value("SELECT max(attempts) FROM jobs.procrastinate_jobs") == 101)
    assert desk.value(
        """SELECT count(*) FROM jobs.procrastinate_jobs WHERE status = 'todo'
           AND scheduled_at BETWEEN now() + interval '30 s' AND now() + interval '2 minutes'"""
    )


def test_a_process_that_was_taken_for_dead_while_it_stood_still_begins_anew(desk: SmallDesk, work: Work) -> None:
    wait_until(lambda: is_at_work(desk))
    # What a process does at its start with workers that gave no sign of life for a while.
    desk.admin.execute("DELETE FROM procrastinate_workers")
    fall_ill(desk, "ev-0")
    wait_until(lambda: offers(desk) == 1)
    assert work.end(signal.SIGTERM) == 0


def test_a_process_that_is_a_moment_late_for_a_job_goes_on(desk: SmallDesk, work: Work) -> None:
    wait_until(lambda: is_at_work(desk))
    calls: list[dict[str, int | str]] = [{"tenant_id": desk.tenant_id, "request_id": 0}]
    with connect(desk.dsn, Role.ADMIN) as other, other.transaction():
        # Another process has just taken a job with the same lock, which this one cannot see yet.
        jobs.defer(other, jobs.OFFER, lock="request-{request_id}", calls=calls)
        other.execute("UPDATE procrastinate_jobs SET status = 'doing'")
        jobs.defer(desk.admin, jobs.OFFER, lock="request-{request_id}", calls=calls)
        waits = "SELECT count(*) > 0 FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
        wait_until(lambda: desk.value(waits, other.info.backend_pid))
    fall_ill(desk, "ev-0")
    wait_until(lambda: offers(desk) == 1)
    assert work.end(signal.SIGTERM) == 0


def test_a_worker_killed_between_any_steps_leaves_each_vehicle_with_one_request_one_offer_and_one_part(
    desk: SmallDesk, work: Work
) -> None:
    chance = random.Random(11)
    fleet = 18
    for number in range(fleet):
        fall_ill(desk, f"ev-{number}")
        if number % 3 == 2:
            time.sleep(chance.uniform(0.0, 0.6))
            work.end(signal.SIGKILL)
            work.start()
    wait_until(lambda: offers(desk) == fleet, 120)
    assert desk.value("SELECT count(*) FROM service_request") == fleet
    assert desk.value("SELECT count(*) FROM offer") == fleet
    assert desk.value("SELECT count(*) FROM reservation") == fleet
    assert desk.value("SELECT allocated FROM stock_level WHERE part_no = 'EV-CELL-MODULE'") == fleet
    assert desk.value("SELECT count(*) FROM notice WHERE kind = 'offer'") == fleet
    assert desk.value("SELECT max(count) FROM (SELECT count(*) FROM diagnosis GROUP BY device_id) AS each") == 1
