"""Every decision is made again from what is stored, bit for bit; and whatever was changed since is noticed."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway import journey
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.replaying import Replayed, replay
from gateway.storage import receipts
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.fakes.source import ListSource
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.ingest import test_order


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def work(desk: SmallDesk, now: datetime) -> int:
    """Do the diagnoses that wait, as the work process does; return how many there were."""
    jobs = desk.rows(
        """DELETE FROM jobs.procrastinate_jobs WHERE status = 'todo' AND task_name = 'diagnose' RETURNING args"""
    )
    for (args,) in jobs:
        with tenant_transaction(desk.work, desk.tenant_id):
            journey.diagnose(desk.work, device_id=args["device_id"], component=args["component"], now=now)
    return len(jobs)


def live(desk: SmallDesk, messages: Sequence[Message], size: int) -> None:
    """Let messages come in batches, each with the diagnoses that it asks for."""
    worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    for start in range(0, len(messages), size):
        worker.take(messages[start : start + size])
        work(desk, test_order.START + timedelta(minutes=start))
    worker.close()


def replayed(desk: SmallDesk) -> list[Replayed]:
    with tenant_transaction(desk.work, desk.tenant_id):
        return replay(desk.work, receipts.decisions_after(desk.work, 0, 100_000))


def test_what_three_vehicles_made_decided_is_decided_again(desk: SmallDesk) -> None:
    for name in ("ev-1", "ev-2", "ev-3"):
        desk.vehicle(name)
    live(desk, test_order.story(), 5)
    found = replayed(desk)
    assert len(found) > 3
    outcomes = [row[0] for row in desk.rows("SELECT outcome FROM decision_receipt ORDER BY decision_id")]
    print(outcomes)
    print(desk.value("SELECT convert_from(receipt,'UTF8') FROM decision_receipt WHERE decision_id=1"))
    print(desk.rows("SELECT octet_length(content) FROM kept_content"), desk.rows("SELECT * FROM symptom_basis"))
    assert [each.differences for each in found] == [[]] * len(found)
