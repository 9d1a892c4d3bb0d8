"""Alarms begin, stay through the values between, become critical, and end; what cannot be measured changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.health.alarms import THRESHOLDS, Alarms, Kind, NotTaken

START = datetime(2026, 11, 22, 8, tzinfo=UTC)


def looks(kind: Kind, *values: float | None) -> list[tuple[int, bool, bool]]:
    """For each change: at which look, whether it is critical, whether it has ended."""
    alarms = Alarms()
    return [
        (number, changed.is_critical, changed.closed_at is not None)
        for number, value in enumerate(values)
        for changed in alarms.look({kind: value}, START + timedelta(seconds=number))
    ]


def test_a_value_that_swings_around_the_threshold_is_one_alarm() -> None:
    assert looks(Kind.QUEUE_FILLS, 0.2, 0.51, 0.49, 0.52, 0.45, 0.55, 0.39) == [(1, False, False), (6, False, True)]


def test_an_alarm_that_becomes_critical_says_so_once_and_stays_critical_to_its_end() -> None:
    said = looks(Kind.QUEUE_FILLS, 0.6, 0.95, 0.97, 0.6, 0.95, 0.1)
    assert said == [(0, False, False), (1, True, False), (5, True, True)]


def test_what_cannot_be_measured_neither_begins_nor_ends_an_alarm() -> None:
    assert looks(Kind.QUEUE_FILLS, None, 0.7, None, None, 0.0) == [(1, False, False), (4, False, True)]


def test_an_alarm_whose_measure_is_not_taken_any_more_ends_with_that_reason() -> None:
    alarms, gone = Alarms(), NotTaken("messages come from Kafka")
    alarms.look({Kind.QUEUE_FILLS: 0.7}, START)
    (ended,) = alarms.look({Kind.QUEUE_FILLS: gone}, START + timedelta(hours=1))
    assert (ended.closed_at, ended.reason) == (START + timedelta(hours=1), "messages come from Kafka")
    assert alarms.look({Kind.QUEUE_FILLS: gone}, START + timedelta(hours=2)) == []


def test_dropped_messages_are_critical_from_the_first() -> None:
    assert looks(Kind.QUEUE_DROPS, 0, 1, 1, 0) == [(1, True, False), (3, True, True)]


def test_an_alarm_left_open_by_the_process_before_goes_on_with_its_first_time() -> None:
    before = Alarms()
    before.look({Kind.DISK_FULL: 0.96}, START)
    after = Alarms()
    after.adopt(before.open.values())
    (ended,) = after.look({Kind.DISK_FULL: 0.5}, START + timedelta(hours=1))
    assert (ended.since_at, ended.closed_at) == (START, START + timedelta(hours=1))


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_ends_below_where_it_begins_and_is_critical_no_earlier(kind: Kind) -> None:
    threshold = THRESHOLDS[kind]
    assert threshold.clear_below <= threshold.raise_at <= threshold.critical_at
    assert threshold.unit in {"share", "s", "messages"}
    ((_, is_critical, _),) = looks(kind, threshold.critical_at)
    assert is_critical
