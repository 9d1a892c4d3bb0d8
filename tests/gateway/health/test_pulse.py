"""The pulse on a real database: it beats, notices that the database is away, and writes down afterwards what was."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from gateway.health.alarms import Alarm, Kind, NotTaken
from gateway.health.pulse import Pulse
from gateway.storage.alarms import keep_alarms, open_alarms, processes
from gateway.storage.connection import Connection, Role, connect
from tests.conftest import free_port

KINDS = (Kind.QUEUE_FILLS, Kind.DATABASE_AWAY)
NOW = datetime.now(UTC)


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    until_s = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until_s, "it did not come about in time"
        time.sleep(0.05)


class Gauge:
    """A value that a test turns."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, _connection: Connection | None, _now: datetime) -> Mapping[Kind, float | None]:
        return {Kind.QUEUE_FILLS: self.value}


def test_it_says_that_its_process_is_alive_and_keeps_an_alarm_from_its_beginning_to_its_end(database: str) -> None:
    gauge = Gauge(0.7)
    pulse = Pulse("ingest", database, Role.INGEST, KINDS, gauge)
    pulse.start()
    with connect(database, Role.SERVE) as reader:
        wait_until(lambda: bool(open_alarms(reader)))
        (alarm,) = open_alarms(reader)
        assert (alarm.kind, alarm.value, alarm.is_critical) == (Kind.QUEUE_FILLS, 0.7, False)
        (process,) = processes(reader)
        assert process.process == "ingest"
        assert process.silent_s < 30
        assert pulse.trouble() == ""
        gauge.value = 0.1
        wait_until(lambda: not open_alarms(reader))
        assert reader.execute("SELECT count(*) FROM desk_alarm WHERE closed_at > since_at").fetchone() == (1,)
    pulse.stop()


def test_an_alarm_that_the_process_before_left_open_is_ended_by_the_next(database: str) -> None:
    since = NOW - timedelta(hours=2)
    with connect(database, Role.INGEST) as connection:
        keep_alarms(connection, [Alarm(Kind.QUEUE_FILLS, True, since, since, 0.99)])
    pulse = Pulse("ingest", database, Role.INGEST, KINDS, Gauge(0.0))
    pulse.start()
    with connect(database, Role.SERVE) as reader:
        wait_until(lambda: not open_alarms(reader))
        row = reader.execute("SELECT since_at, is_critical FROM desk_alarm").fetchone()
        assert row == (since, True)
    pulse.stop()


def test_an_alarm_is_closed_when_the_present_set_up_does_not_take_its_measure(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    since = NOW - timedelta(hours=2)
    with connect(database, Role.INGEST) as connection:
        keep_alarms(connection, [Alarm(Kind.QUEUE_FILLS, False, since, since, 0.7)])
    reason = "messages come from Kafka, and no broker's queue is read"
    pulse = Pulse("ingest", database, Role.INGEST, KINDS, lambda _, __: {Kind.QUEUE_FILLS: NotTaken(reason)})
    pulse.start()
    with connect(database, Role.SERVE) as reader:
        wait_until(lambda: not open_alarms(reader))
    pulse.stop()
    assert reason in caplog.text


def test_two_that_look_after_the_same_alarm_keep_one_row(database: str) -> None:
    pulses = [Pulse("ingest", database, Role.INGEST, KINDS, Gauge(0.8)) for _ in range(2)]
    for pulse in pulses:
        pulse.start()
    with connect(database, Role.SERVE) as reader:
        wait_until(lambda: bool(open_alarms(reader)))
        time.sleep(3)
        assert reader.execute("SELECT count(*) FROM desk_alarm").fetchone() == (1,)
    for pulse in pulses:
        pulse.stop()


def test_a_database_that_is_away_is_a_trouble_and_measuring_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    pulse = Pulse("ingest", f"postgresql://x:y@127.0.0.1:{free_port()}/x", Role.INGEST, KINDS, Gauge(0.95))
    pulse.start()
    wait_until(lambda: "alarm queue_fills" in caplog.text and "alarm database_away" in caplog.text)
    assert "does not answer" in pulse.trouble()
    pulse.stop()


def test_a_schema_that_is_newer_is_a_trouble(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO callout.schema_migration (name, checksum) VALUES ('9999_later', 'x')")
    pulse = Pulse("work", database, Role.WORK, (), Gauge(0.0))
    pulse.start()
    wait_until(lambda: "newer version" in pulse.trouble())
    pulse.stop()
