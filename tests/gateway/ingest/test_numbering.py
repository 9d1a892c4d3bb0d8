"""Numbers in the batch's transaction: every readable message counts, and what they show is told."""

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic
from tests.gateway.ingest.numbers import START, message, new_worker, two_vehicles


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    yield from two_vehicles(database, tmp_path)


@pytest.fixture
def worker(desk: SmallDesk) -> Iterator[Worker]:
    with closing(new_worker(desk)) as made:
        yield made


def received(desk: SmallDesk) -> list[tuple[str, int, int, str]]:
    return [
        (row[0], row[1], row[2], row[3])
        for row in desk.rows(
            """SELECT d.name, s.boot, s.epoch, s.received::text FROM device_sequence s JOIN device d USING (device_id)
            ORDER BY 1, 2, 3"""
        )
    ]


def troubles(desk: SmallDesk) -> list[tuple[str, int]]:
    rows = desk.rows("SELECT kind, count FROM door_trouble WHERE closed_at IS NULL ORDER BY kind")
    return [(row[0], row[1]) for row in rows]


def count(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM electric_vehicle_reading")


def test_numbers_are_the_same_in_any_order_of_batches_and_doubles(desk: SmallDesk, worker: Worker) -> None:
    messages = [message(seq, boot, device) for device in ("ev-1", "ev-2") for boot in (1, 2) for seq in range(1, 41)]
    doubled = [*messages, *messages[::3]]
    random.Random(3).shuffle(doubled)
    for start in range(0, len(doubled), 17):
        worker.take(doubled[start : start + 17])
    assert received(desk) == [(device, boot, 0, "{[1,41)}") for device in ("ev-1", "ev-2") for boot in (1, 2)]
    assert desk.rows("SELECT suspect_at FROM device_sequence WHERE suspect_at IS NOT NULL") == []
    assert (troubles(desk), count(desk)) == ([], 160)


def test_a_message_counts_when_its_pieces_are_refused_and_when_it_was_there_already(
    desk: SmallDesk, worker: Worker
) -> None:
    worker.take([message(1), message(2, values={"soc_pct_wrong": "x", "odometer_m": 1.5})])
    worker.take([message(3, at=datetime(1970, 1, 1, tzinfo=UTC)), message(2), message(4)])
    body = b'{"schema":"callout.telemetry/1","boot":1,"seq":5,"samples":[{"at":"yesterday"}]}'
    event = b'{"schema":"callout.event/1","boot":1,"seq":6,"at":"' + START.isoformat().encode() + b'","codes":[]}'
    worker.take([Message(topic("ev-1"), body, START, (1, 5)), Message(topic("ev-1", "event"), event, START, (1, 6))])
    assert received(desk) == [("ev-1", 1, 0, "{[1,7)}")]


def test_foreign_messages_have_no_numbers(desk: SmallDesk, worker: Worker) -> None:
    pack = f'[{{"n":"soc_pct","u":"%","v":50,"t":{START.timestamp()}}}]'.encode()
    worker.take([Message(topic("ev-1"), pack, START, (1, 1))])
    assert (count(desk), received(desk)) == (1, [])


@pytest.mark.parametrize(
    ("boot", "seq", "is_stored"),
    [(1, 2**63 - 1, True), (2**63 - 1, 5, True), (0, 0, True), (-1, 3, False), (1, -7, False), (1, 2**63, False)],
)
def test_numbers_at_the_edge_harm_nobody(desk: SmallDesk, worker: Worker, boot: int, seq: int, is_stored: bool) -> None:
    wild = Message(topic("ev-1"), telemetry(seq, sample(START, soc_pct=1.0), boot=boot), START, (1, 9))
    worker.take([message(1, device="ev-2"), wild, message(2, device="ev-2")])
    worker.take([message(3), message(3, device="ev-2")])
    assert ("ev-2", 1, 0, "{[1,4)}") in received(desk)
    assert count(desk) == 4 + is_stored


def test_numbers_that_began_anew_are_told_and_nothing_of_them_is_lost(desk: SmallDesk, worker: Worker) -> None:
    worker.take([message(seq) for seq in range(1, 31)])
    worker.take([message(seq, at=START + timedelta(seconds=100 + seq)) for seq in range(1, 11)])
    assert (troubles(desk), count(desk)) == ([("seq_restarted", 1)], 40)
    assert received(desk) == [("ev-1", 1, 0, "{[1,31)}"), ("ev-1", 1, 1, "{[1,11)}")]
    detail = {"boot": 1, "from_seq": 30, "to_seq": 1}
    assert desk.value("SELECT detail FROM door_trouble") == detail


def test_two_devices_with_one_identity_are_told_and_both_are_stored(desk: SmallDesk, worker: Worker) -> None:
    for seq in range(1, 11):
        worker.take([message(seq, at=START + timedelta(seconds=10 * seq + apart)) for apart in (0, 3)])
    ((kind, times),) = troubles(desk)
    assert (kind, count(desk)) == ("two_devices", 20)
    assert times > 3


def test_two_boots_that_take_turns_are_told_and_a_batch_that_comes_again_counts_nothing(
    desk: SmallDesk, worker: Worker
) -> None:
    turns = [
        message(number + turn, boot, at=START + timedelta(seconds=20 * turn + boot))
        for turn in range(6)
        for boot, number in ((5, 500), (7, 20))
    ]
    worker.take(turns)
    before = troubles(desk)
    worker.take(turns)
    assert [kind for kind, _ in before] == ["two_devices"]
    assert troubles(desk) == before


def test_a_clock_that_is_off_is_told_until_it_is_right(desk: SmallDesk, worker: Worker) -> None:
    worker.take([message(seq, delay_s=-100.0) for seq in range(1, 11)])
    assert troubles(desk) == [("clock_off", 1)]
    assert desk.value("SELECT round(skew_s::numeric) FROM device_clock WHERE is_off") == 100
    worker.take([message(seq, delay_s=1.0) for seq in range(11, 30)])
    assert troubles(desk) == []
    assert desk.value("SELECT round(skew_s::numeric) FROM device_clock WHERE NOT is_off") == -1
    assert desk.value("SELECT closed_at IS NOT NULL FROM door_trouble")
    assert desk.value("SELECT min(claimed_at) FROM electric_vehicle_reading") == START + timedelta(seconds=1)


@pytest.mark.parametrize("year", [1970, 2038])
def test_a_clock_is_learned_from_messages_whose_times_were_refused(desk: SmallDesk, worker: Worker, year: int) -> None:
    wrong = datetime(year, 1, 19, tzinfo=UTC)
    for seq in range(1, 13):
        payload = telemetry(seq, sample(wrong + timedelta(seconds=10 * seq), soc_pct=50.0))
        worker.take([Message(topic("ev-1"), payload, START + timedelta(seconds=10 * seq), (1, seq))])
    assert (troubles(desk), count(desk)) == ([("clock_off", 1)], 0)
    skew_s = desk.value("SELECT skew_s FROM device_clock WHERE is_off")
    assert skew_s == pytest.approx((wrong - START).total_seconds(), abs=1.0)


def test_a_store_that_is_sent_late_is_no_clock_trouble(desk: SmallDesk, worker: Worker) -> None:
    sent = [message(seq) for seq in range(1, 200)]
    worker.take(
        [Message(m.topic, m.payload, START + timedelta(hours=1, milliseconds=i), m.receipt) for i, m in enumerate(sent)]
    )
    assert troubles(desk) == []
    assert desk.rows("SELECT * FROM device_clock") == []


def test_a_device_that_reboots_without_end_keeps_a_few_boots_only(desk: SmallDesk, worker: Worker) -> None:
    for start in range(1, 301, 100):
        worker.take([message(1, boot) for boot in range(start, start + 100)])
    assert desk.value("SELECT count(*) FROM device_sequence") == 64
    assert desk.value("SELECT max(boot) FROM device_sequence WHERE is_current") == 300


def test_a_device_that_sends_every_second_number_takes_bounded_room_and_is_told(
    desk: SmallDesk, worker: Worker
) -> None:
    for start in range(1, 3000, 1000):
        worker.take([message(seq) for seq in range(start, start + 1000, 2)])
    assert desk.value("SELECT count(*) FROM device_sequence s, unnest(s.received)") == 64
    assert [kind for kind, _ in troubles(desk)] == ["gap_lost"]
    assert count(desk) == 1500


def test_a_batch_that_is_undone_counts_nothing(desk: SmallDesk, worker: Worker) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        worker.take([message(1), message(2)], fail)
    assert received(desk) == []
    again = new_worker(desk)
    again.take([message(1), message(2)])
    again.close()
    assert received(desk) == [("ev-1", 1, 0, "{[1,3)}")]


def test_pages_see_troubles_gaps_and_clocks_of_their_own_tenant_only(
    desk: SmallDesk, worker: Worker, tmp_path: Path
) -> None:
    worker.take([message(seq, delay_s=-100.0) for seq in range(1, 11)])
    rival = open_desk(desk.dsn, tmp_path, tenant="rival")
    rival.close()
    with connect(desk.dsn, Role.SERVE) as connection:
        for tenant_id, expected in ((desk.tenant_id, 1), (rival.tenant_id, 0)):
            with connection.transaction():
                connection.execute("SELECT set_config('callout.tenant', %s, true)", [str(tenant_id)])
                for table in ("door_trouble", "device_clock"):
                    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]
                    assert row == (expected,), table
