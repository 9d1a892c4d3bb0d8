"""How full the broker's queue is, from a real broker's own figures."""

import time
from collections.abc import Callable

from gateway.ingest.queue_watch import Bound, QueueWatch
from gateway.settings import ServerAddress
from tests.conftest import BrokerForTests, free_port

BOUND = Bound(1000, 1_000_000)


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    until_s = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until_s, "it did not come about in time"
        time.sleep(0.05)


def test_the_account_of_ingest_may_read_the_figures(broker: BrokerForTests) -> None:
    watch = QueueWatch(broker.ingest, BOUND)
    wait_until(lambda: watch.fill() is not None)
    fill = watch.fill()
    assert fill is not None
    assert 0 <= fill.ratio <= 1
    assert watch.is_connected
    watch.close()


def test_an_account_without_the_right_says_nothing_rather_than_empty(broker: BrokerForTests) -> None:
    watch = QueueWatch(ServerAddress.parse(broker.desk_url), BOUND)
    wait_until(lambda: watch.is_connected)
    time.sleep(3)
    assert watch.fill() is None
    watch.close()


def test_a_broker_that_is_away_is_unknown_and_no_error() -> None:
    watch = QueueWatch(ServerAddress.parse(f"mqtt://127.0.0.1:{free_port()}"), BOUND)
    time.sleep(1)
    assert watch.fill() is None
    assert not watch.is_connected
    watch.close()
