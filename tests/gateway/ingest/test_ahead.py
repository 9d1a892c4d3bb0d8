"""Under pressure the next batch is decoded while the database has the one before; nothing is lost or doubled by it."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.ingest.ahead import Ahead
from gateway.ingest.directory import Directory
from gateway.ingest.mqtt import SessionTakenError
from gateway.ingest.source import Message
from gateway.ingest.worker import MOST_MESSAGES, Worker
from gateway.storage.connection import Role, connect
from tests.fakes.source import ListSource, message
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    opened.vehicle("ev-1")
    opened.vehicle("ev-2")
    yield opened
    opened.close()


def spoken(name: str, seq: int) -> tuple[str, bytes]:
    return topic(name), telemetry(seq, sample(START + timedelta(seconds=seq), soc_pct=50.0))


class EndingSource(ListSource):
    """Stops its worker once it has nothing more to give; knows how often it was asked beside the worker's own thread."""

    def __init__(self, messages: Sequence[Message]) -> None:
        super().__init__(messages)
        self.ahead = 0
        self.worker: Worker | None = None

    def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
        self.ahead += threading.current_thread() is not threading.main_thread()
        if not self.waiting and self.worker is not None:
            self.worker.stop()
        return super().receive(most, timeout_s)


def test_full_batches_with_something_bad_in_each_are_stored_once_and_acknowledged(desk: SmallDesk) -> None:
    count = 3 * MOST_MESSAGES + 100
    sent = [message(*spoken(f"ev-{1 + seq % 2}", seq), seq) for seq in range(1, count + 1)]
    for place in (10, MOST_MESSAGES + 10, 2 * MOST_MESSAGES + 10):
        sent[place] = message(topic("ev-1"), b"{", place)
    # Somebody whom the directory does not know comes in the middle: that batch is not decoded ahead.
    sent[2 * MOST_MESSAGES + 20] = message(topic("ev-9"), spoken("ev-9", 1)[1], 0)
    source = EndingSource(sent)
    source.worker = Worker(source, lambda: connect(desk.dsn, Role.INGEST), range(64))
    source.worker.run()

    assert source.acknowledged == sent
    assert source.ahead >= 3
    assert desk.value("SELECT count(*) FROM electric_vehicle_reading") == count - 4
    found = desk.rows("SELECT reason FROM rejection ORDER BY reason")
    assert [row[0] for row in found] == ["not_json", "not_json", "not_json", "unknown_device"]


def test_what_came_ahead_and_was_not_taken_is_not_acknowledged(desk: SmallDesk) -> None:
    sent = [message(*spoken("ev-1", seq), seq) for seq in range(1, 2 * MOST_MESSAGES + 1)]
    source = EndingSource(sent)
    worker = Worker(source, lambda: connect(desk.dsn, Role.INGEST), range(64))
    acknowledge = source.acknowledge

    def stop_after_the_first(messages: Sequence[Message]) -> None:
        acknowledge(messages)
        worker.stop()

    source.acknowledge = stop_after_the_first  # type: ignore[method-assign]
    worker.run()
    assert source.acknowledged == sent[:MOST_MESSAGES]
    assert desk.value("SELECT count(*) FROM electric_vehicle_reading") == MOST_MESSAGES


def test_a_source_that_refuses_while_a_batch_comes_ahead_says_so_when_it_is_taken() -> None:
    class Taken(ListSource):
        def receive(self, most: int, timeout_s: float) -> Sequence[Message]:
            raise SessionTakenError("another process has the session")

    ahead = Ahead(Taken(), Directory(), MOST_MESSAGES)
    assert ahead.take() is None
    ahead.begin()
    with pytest.raises(SessionTakenError):
        ahead.take()
    ahead.close()
