"""A meter at the same door as the vehicles: exact registers stored, and a register that was turned back is a symptom."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect
from tests.fakes.source import ListSource, message
from tests.gateway.desk import open_desk, sample, telemetry, topic

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)


def test_a_register_is_stored_exactly_and_its_rollback_is_confirmed_with_its_reading(
    database: str, tmp_path: Path
) -> None:
    desk = open_desk(database, tmp_path)
    desk.vehicle("m-1")
    desk.rows("UPDATE device SET product = 'smart_meter' WHERE name = 'm-1' RETURNING 1")
    worker = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    registers = (987_654_321, 987_654_322, 987_600_000)
    for number, register in enumerate(registers):
        at = START + timedelta(hours=number)
        worker.take([message(topic("m-1"), telemetry(number + 1, sample(at, water_l=register)))])
    assert [row[0] for row in desk.rows("SELECT water_l FROM smart_meter_reading ORDER BY claimed_at")] == list(
        registers
    )
    assert desk.rows("SELECT monitor, state, value FROM symptom") == [("water_back", "confirmed", -54_322.0)]
    worker.close()
    desk.close()
