"""Alarms in the database."""

from datetime import UTC, datetime

from gateway.health.alarms import THRESHOLDS, Alarm, Kind
from gateway.storage.alarms import keep_alarms, open_alarms
from gateway.storage.connection import Role, connect


def test_an_alarm_of_every_kind_can_be_kept_and_has_a_threshold(database: str) -> None:
    now = datetime.now(UTC)
    with connect(database, Role.INGEST) as connection:
        keep_alarms(connection, [Alarm(kind, False, now, now, 1.0) for kind in Kind])
        assert {alarm.kind for alarm in open_alarms(connection)} == set(Kind) == set(THRESHOLDS)
