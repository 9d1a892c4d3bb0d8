"""Replays: after a fix, what was refused comes in as if received at its first time, once, and says what became of it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.ingest.replay import Replays
from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
from gateway.storage import rejections
from gateway.storage.connection import Role, connect, tenant_transaction
from tests.fakes.source import ListSource, message
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(hours=6)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    yield opened
    opened.close()


@pytest.fixture
def worker(desk: SmallDesk) -> Iterator[Worker]:
    made = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    yield made
    made.close()


def ask(desk: SmallDesk, tenant_id: int | None = None, *, rejection_id: int | None = None, reason: str = "") -> int:
    with tenant_transaction(desk.work, tenant_id or desk.tenant_id):
        return len(rejections.ask_replay(desk.work, NOW, rejection_id=rejection_id, reason=reason))


def outcomes(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT reason, outcome, outcome_detail FROM rejection ORDER BY rejection_id")


def count(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM electric_vehicle_reading")


def test_messages_of_a_device_that_was_enrolled_too_late_come_in_at_their_first_time(
    desk: SmallDesk, worker: Worker
) -> None:
    came_at = START + timedelta(seconds=1)
    worker.take([Message(topic("late"), telemetry(1, sample(START, soc_pct=50.0)), came_at, (1, 1))])
    assert outcomes(desk) == [("unknown_device", None, "")]
    desk.vehicle("late")
    assert (ask(desk), Replays(worker).look()) == (1, 1)
    assert desk.rows("SELECT claimed_at, received_at, soc_pct FROM electric_vehicle_reading") == [
        (START, came_at, 50.0)
    ]
    assert outcomes(desk) == [("unknown_device", "stored", "1 readings")]


def test_the_clock_is_judged_by_the_first_time_of_receipt(desk: SmallDesk, worker: Worker) -> None:
    came_at = NOW - timedelta(hours=2)
    ahead = telemetry(1, sample(NOW - timedelta(hours=1), soc_pct=50.0))
    worker.take([Message(topic("ev-1"), ahead, came_at, (1, 1))])
    assert (ask(desk), Replays(worker).look()) == (1, 1)
    ((reason, outcome, detail),) = outcomes(desk)
    assert (reason, outcome) == ("future", "refused")
    assert "future" in str(detail)
    assert count(desk) == 0


def test_a_replay_can_be_repeated_and_stores_once(desk: SmallDesk, worker: Worker) -> None:
    worker.take([message(topic("late"), telemetry(1, sample(START)))])
    replays = Replays(worker)
    ask(desk)
    assert replays.look() == 1
    assert outcomes(desk) == [
        ("unknown_device", "refused", desk.rows("SELECT detail FROM rejection")[0][0].join(["unknown_device: ", ""]))
    ]
    desk.vehicle("late")
    assert (ask(desk), ask(desk), Replays(worker).look()) == (1, 0, 1)
    assert (ask(desk), Replays(worker).look(), count(desk)) == (0, 0, 1)


def test_what_is_there_already_is_absorbed_and_never_changed(desk: SmallDesk, worker: Worker) -> None:
    body = telemetry(1, sample(START, soc_pct="full", soh_pct=90.0))
    worker.take([message(topic("ev-1"), body)])
    desk.admin.execute("UPDATE rejection SET place = 'samples[0].healed_since'")
    ask(desk)
    Replays(worker).look()
    assert outcomes(desk)[0][1] == "absorbed"
    assert desk.rows("SELECT soc_pct, soh_pct FROM electric_vehicle_reading") == [(None, 90.0)]


def test_an_answer_to_a_command_that_can_be_read_now_is_stored(desk: SmallDesk, worker: Worker) -> None:
    command_id = uuid4()
    body = {"schema": "callout.answer/1", "id": str(command_id), "outcome": "done"}
    worker.take([message(topic("ev-1", "answer"), json.dumps(body).encode())])
    desk.admin.execute(
        """INSERT INTO device_command (command_id, device_id, command, boot, epoch, seqs, written_at, expires_at)
        SELECT %s, device_id, 'resend', 1, 0, '{[1,2)}', now(), now() FROM device WHERE name = 'ev-1'""",
        [command_id],
    )
    assert (ask(desk), Replays(worker).look()) == (1, 1)
    assert outcomes(desk) == [("unknown_command", "stored", "answer to a command")]
    assert desk.value("SELECT outcome FROM device_command") == "done"


def test_pieces_of_a_message_that_became_readable_are_told_once(desk: SmallDesk, worker: Worker) -> None:
    worker.take([message(topic("late"), telemetry(1, sample(START, soc_pct="full", soh_pct=90.0)))])
    desk.vehicle("late")
    for _ in range(2):
        desk.admin.execute("UPDATE rejection SET replay_asked_at = now() WHERE reason = 'unknown_device'")
        Replays(worker).look()
    assert [row[:2] for row in outcomes(desk)] == [("unknown_device", "absorbed"), ("wrong_type", None)]
    assert desk.rows("SELECT soh_pct FROM electric_vehicle_reading") == [(90.0,)]


def test_a_replay_harms_no_live_rejection_and_writes_none_of_its_own(desk: SmallDesk, worker: Worker) -> None:
    worker.take([message(topic("ev-1"), b"not JSON"), message(topic("ev-1"), b"nor this")])
    first = desk.value("SELECT min(rejection_id) FROM rejection")
    assert (ask(desk, rejection_id=first), Replays(worker).look()) == (1, 1)
    assert [row[1] for row in outcomes(desk)] == ["refused", None]
    assert (ask(desk, reason="not_json"), Replays(worker).look()) == (2, 2)
    assert len(outcomes(desk)) == 2


def test_what_the_database_cannot_hold_is_settled_and_the_next_goes_on(desk: SmallDesk, worker: Worker) -> None:
    for seq, soc in ((1, 13.0), (2, 14.0)):
        worker.take([message(topic("late"), telemetry(seq, sample(START, soc_pct=soc)))])
    desk.vehicle("late")
    desk.admin.execute("ALTER TABLE electric_vehicle_reading ADD CONSTRAINT not_13 CHECK (soc_pct <> 13)")
    ask(desk)
    replays, done = Replays(worker), 0
    while more := replays.look():
        done += more
    assert done == 2
    assert [row[1] for row in outcomes(desk)] == ["refused", "stored"]
    assert "not_13" in str(outcomes(desk)[0][2])
    assert count(desk) == 1


def test_an_old_word_about_presence_does_not_undo_a_newer_one(desk: SmallDesk, worker: Worker) -> None:
    old = Message(topic("ev-1", "state"), b'{"online": false}', START, (1, 1))
    worker.take([message(topic("ev-1", "state"), b'{"online": true}')])
    worker.take([old])
    assert desk.rows("SELECT is_online FROM device_presence") == [(True,)]


def test_the_detectors_see_what_a_replay_brought(desk: SmallDesk, worker: Worker) -> None:
    event = {"schema": "callout.event/1", "boot": 1, "seq": 7, "at": START.isoformat(), "codes": ["P0AA6"]}
    worker.take([message(topic("late", "event"), json.dumps(event).encode())])
    desk.vehicle("late")
    ask(desk)
    Replays(worker).look()
    assert desk.rows("SELECT monitor, state FROM symptom") == [("isolation_code", "confirmed")]


def test_tenants_are_apart(desk: SmallDesk, worker: Worker, tmp_path: Path) -> None:
    rival = open_desk(desk.dsn, tmp_path, tenant="rival")
    worker.take([message(topic("ev-1"), b"not JSON"), message(topic("x", tenant="rival"), b"not JSON")])
    worker.take([message("somewhere/else/acme/acme/x/y", b"")])
    number = desk.value("SELECT rejection_id FROM rejection WHERE reason = 'not_json'")
    assert ask(desk, rival.tenant_id, rejection_id=number) == 0
    assert ask(desk, rival.tenant_id) == 1
    with tenant_transaction(desk.work, rival.tenant_id):
        assert [each.reason for each in rejections.counts(desk.work)] == ["unknown_device"]
        assert rejections.payload_of(desk.work, number) == b""
    rival.close()


def test_a_database_that_is_away_does_not_end_the_worker(desk: SmallDesk, worker: Worker) -> None:
    worker.take([message(topic("ev-1"), b"not JSON")])
    ask(desk)
    worker._connection.close()  # pyright: ignore[reportPrivateUsage]
    replays = Replays(worker)
    assert replays.look() == 1
    assert replays.look() == 0


def test_the_running_worker_replays_by_itself(desk: SmallDesk) -> None:
    source = ListSource([message(topic("late"), telemetry(1, sample(START)))])
    worker = Worker(source, lambda: connect(desk.dsn, Role.INGEST), range(64))
    worker.take(source.waiting)
    desk.vehicle("late")
    ask(desk)
    source.waiting.clear()
    receive = source.receive

    def receive_once(most: int, timeout_s: float) -> object:
        worker.stop()
        return receive(most, timeout_s)

    source.receive = receive_once  # type: ignore[method-assign, assignment]
    worker.run()
    assert outcomes(desk) == [("unknown_device", "stored", "1 readings")]
