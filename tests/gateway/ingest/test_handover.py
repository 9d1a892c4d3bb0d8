"""A range that changes hands again and again ends in just the rows and symptoms that one owner would have written."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.ingest.lease import Lease, LeaseLostError
from gateway.ingest.living import Living
from gateway.ingest.replay import Replays
from gateway.ingest.shares import division
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage import leases
from gateway.storage.connection import Role, connect
from tests.fakes.source import ListSource, message
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
NAMES = ["ev-1", "ev-2", "ev-3", "ev-4", "ev-5"]
MESSAGES = 260
EVERY = range(64)

SYMPTOMS = """SELECT d.name, s.monitor, s.element, s.state, s.since_at, s.noticed_at, s.noticed_value, s.confirmed_at,
    s.healed_at, s.value FROM symptom s JOIN device d USING (device_id) ORDER BY 1, 2, 3, 5"""
READINGS = """SELECT d.name, r.claimed_at, r.seq, r.cell_voltages_v FROM electric_vehicle_reading r
    JOIN device d USING (device_id) ORDER BY 1, 2, 3"""


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    for name in NAMES:
        opened.vehicle(name)
    yield opened
    opened.close()


def stream(seed: int) -> list[Message]:
    """Five vehicles of which two fall ill and one is well again; a few messages come late or twice."""
    chance = random.Random(seed)
    made: list[Message] = []
    for seq in range(MESSAGES):
        for name in NAMES:
            cells = [round(3.7 + chance.random() * 0.01, 4) for _ in range(6)]
            if name == "ev-1" or (name == "ev-2" and 60 <= seq < 150):
                cells[2] -= 0.3
            at = START + timedelta(seconds=30 * seq)
            made.append(message(topic(name), telemetry(seq, sample(at, cell_voltages_v=cells)), seq))
    for _ in range(40):
        made.insert(chance.randrange(len(made)), made.pop(chance.randrange(len(made))))
    return made


def batches(messages: list[Message], seed: int) -> Iterator[list[Message]]:
    chance = random.Random(seed)
    start = 0
    while start < len(messages):
        size = chance.randint(1, 60)
        yield messages[start : start + size]
        start += size


def worker_of(desk: SmallDesk, lease: Lease | None = None, source: ListSource | None = None) -> Worker:
    partitions = lease.partitions if lease else EVERY
    return Worker(source or ListSource(), lambda: connect(desk.dsn, Role.INGEST), partitions, lease=lease)


def outcome(desk: SmallDesk) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    return desk.rows(SYMPTOMS), desk.rows(READINGS)


def forget(desk: SmallDesk) -> None:
    desk.admin.execute(
        """TRUNCATE symptom, electric_vehicle_reading, device_presence, server_tick, detector_checkpoint, detector_anchor,
            device_sequence, rejection CASCADE"""
    )


class Two:
    """Two processes that take one range from each other."""

    def __init__(self, desk: SmallDesk) -> None:
        self.desk = desk
        self.living = [Living(desk.dsn, 1) for _ in range(2)]
        for each in self.living:
            each.show_up()

    def take(self, turn: int) -> Worker:
        each = self.living[turn % 2]
        epoch = leases.take(each.connected(), EVERY, each.process_no)
        assert epoch is not None
        return worker_of(self.desk, Lease(EVERY, epoch, each.process_no))

    def give(self, turn: int, worker: Worker, *, is_polite: bool) -> None:
        if is_polite:
            worker.stop()
            worker.run()
        each = self.living[turn % 2]
        rows = leases.standing(each.connected()).leases
        leases.give_back(each.connected(), EVERY, rows[0].epoch, each.process_no)

    def close(self) -> None:
        for each in self.living:
            each.leave()


@pytest.mark.parametrize("seed", [1, 2])
def test_symptoms_and_readings_are_bit_for_bit_those_of_a_single_owner(desk: SmallDesk, seed: int) -> None:
    messages = stream(seed)
    single = worker_of(desk)
    for batch in batches(messages, seed):
        single.take(batch)
    single.close()
    wanted = outcome(desk)
    assert {row[:4] for row in wanted[0]} >= {("ev-1", "cell_leaves_pack", 3, "confirmed")}
    forget(desk)
    two, chance = Two(desk), random.Random(seed)
    turn, worker = 0, two.take(0)
    stale: list[Worker] = []
    last: list[Message] = []
    for batch in batches(messages, seed + 100):
        worker.take(batch)
        if chance.random() < 0.2:
            two.give(turn, worker, is_polite=chance.random() < 0.5)
            stale.append(worker)
            turn += 1
            worker = two.take(turn)
            # What the former owner had not acknowledged comes again.
            worker.take([*last, *batch])
        last = batch
    assert turn > 5
    assert outcome(desk) == wanted
    for each in stale:
        each.close()
    worker.close()
    two.close()


def test_whoever_has_lost_the_lease_writes_nothing_by_any_way_and_acknowledges_nothing(desk: SmallDesk) -> None:
    two = Two(desk)
    first = two.take(0)
    first.take([message(topic("ev-1"), telemetry(1, sample(START, soc_pct=50.0)))])
    first.take([message(topic("ev-1"), b"not json")])
    desk.admin.execute("UPDATE rejection SET replay_asked_at = now()")
    two.give(0, first, is_polite=False)
    second = two.take(1)
    before = [desk.rows(f"SELECT * FROM {table}") for table in written()]
    late = message(topic("ev-1"), telemetry(2, sample(START, soc_pct=51.0)))
    for write in (
        lambda: first.take([late]),
        lambda: first.commit([late]),
        lambda: first.commit([late, message(topic("ev-1"), b"bad")]),
        lambda: first.tick(datetime.now(UTC)),
        lambda: Replays(first).look(),
    ):
        with pytest.raises(LeaseLostError, match="another process took the range"):
            write()
    with pytest.raises(LeaseLostError):
        first.connected()
    assert [desk.rows(f"SELECT * FROM {table}") for table in written()] == before
    second.take([late])
    assert desk.value("SELECT count(*) FROM electric_vehicle_reading") == 2
    first.close()
    second.close()
    two.close()


def written() -> list[str]:
    return ["electric_vehicle_reading", "rejection", "server_tick", "device_heard", "device_sequence", "symptom"]


def test_a_worker_that_loses_its_lease_while_it_runs_ends_and_leaves_its_messages_to_the_next(desk: SmallDesk) -> None:
    two = Two(desk)
    first = two.take(0)
    source = ListSource([message(topic("ev-1"), telemetry(1, sample(START)))])
    running = worker_of(
        desk, Lease(EVERY, leases.standing(desk.admin).leases[0].epoch, two.living[0].process_no), source
    )
    two.give(0, first, is_polite=False)
    with pytest.raises(LeaseLostError):
        running.run()
    assert source.acknowledged == []
    assert desk.value("SELECT count(*) FROM electric_vehicle_reading") == 0
    running.close()
    first.close()
    two.close()


def test_a_worker_that_is_stopped_leaves_a_checkpoint_and_the_next_makes_nothing_again(
    desk: SmallDesk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    two = Two(desk)
    first = two.take(0)
    for batch in batches(stream(3), 3):
        first.take(batch)
    two.give(0, first, is_polite=True)
    two.take(1).close()
    assert "rebuilt from their readings" not in caplog.text
    two.close()


def test_each_range_replays_what_was_refused_in_it_and_the_first_what_names_no_partition(desk: SmallDesk) -> None:
    odd = ["completely/else", "callout/v1/99/acme/ev-1/telemetry", "callout/v1/x/y"]
    with connect(desk.dsn, Role.ADMIN) as admin:
        for name in (*(topic(each) for each in NAMES), *odd):
            admin.execute(
                """INSERT INTO rejection (received_at, tenant_id, topic, reason, detail, payload, replay_asked_at)
                VALUES (now(), %s, %s, 'not_json', '', 'x', now())""",
                [desk.tenant_id, name],
            )
    done: list[int] = []
    for partitions in division(4):
        worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), partitions)
        done.append(Replays(worker, partitions).look())
        worker.close()
    assert sum(done) == len(NAMES) + len(odd)
    own = [sum(int(topic(each).split("/")[2]) in partitions for each in NAMES) for partitions in division(4)]
    assert done == [own[0] + len(odd), *own[1:]]
