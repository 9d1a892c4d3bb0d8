"""A ledger that could not see a loss would be worth nothing: rows are taken away, doubled and forged by hand."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.gateway.desk import SmallDesk, open_desk
from tests.trust.ledger import Ledger, weigh, wrong_symptoms
from tests.trust.street import BOOT, STEP, Said

BEGINS_AT = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
SAID = Said("ev-1", 4, 3, BEGINS_AT, 4, 0, is_faulty=True, is_forgetful=False)


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    device_id = opened.vehicle("ev-1")
    for day in range(3):
        at = (BEGINS_AT + timedelta(days=day)).date()
        opened.admin.execute("SELECT ensure_day('callout.electric_vehicle_reading'::regclass, %s)", [at])
    for number in range(SAID.messages * SAID.samples):
        store(opened, device_id, number)
    yield opened
    opened.close()


def store(desk: SmallDesk, device_id: int, number: int, later: timedelta = timedelta(), ingest_no: int = 0) -> None:
    desk.admin.execute(
        """INSERT INTO electric_vehicle_reading (device_id, claimed_at, boot, seq, sample, partition, ingest_no,
            received_at, is_backfill, odometer_m, cell_voltages_v)
        VALUES (%s, %s, %s, %s, %s, 1, %s, now(), true, %s, '{1,2,3,4,5,6}')""",
        [
            device_id,
            BEGINS_AT + number * STEP + later,
            BOOT,
            number // SAID.samples + 1,
            number % SAID.samples,
            ingest_no or number + 1,
            number,
        ],
    )


def test_what_is_stored_as_it_was_sent_is_neither_lost_nor_doubled(desk: SmallDesk) -> None:
    balance = weigh(desk.admin, [SAID])
    assert (balance.sent, balance.acknowledged, balance.stored) == (12, 12, 12)
    assert (balance.lost, balance.doubled, balance.foreign, balance.examples) == (0, 0, 0, [])


def test_a_message_that_is_not_there_is_lost_and_named(desk: SmallDesk) -> None:
    desk.admin.execute("DELETE FROM electric_vehicle_reading WHERE seq = 3")
    balance = weigh(desk.admin, [SAID])
    assert (balance.lost, balance.stored) == (3, 9)
    assert balance.examples == ["lost: ev-1, 1 of 4 messages, the first is 3"]


def test_one_sample_of_a_message_that_is_not_there_is_lost(desk: SmallDesk) -> None:
    desk.admin.execute("DELETE FROM electric_vehicle_reading WHERE seq = 3 AND sample = 1")
    assert weigh(desk.admin, [SAID]).lost == 1


def test_a_device_of_which_nothing_is_stored_has_lost_all(desk: SmallDesk) -> None:
    desk.admin.execute("DELETE FROM electric_vehicle_reading")
    assert weigh(desk.admin, [SAID]).lost == 12


def test_a_reading_under_another_time_is_foreign(desk: SmallDesk) -> None:
    device_id = desk.value("SELECT device_id FROM device")
    store(desk, device_id, 5, later=timedelta(seconds=1), ingest_no=99)
    balance = weigh(desk.admin, [SAID])
    assert (balance.lost, balance.foreign) == (0, 1)
    assert balance.examples == ["doubled or foreign: ev-1"]


def test_a_reading_that_is_stored_once_more_under_another_sample_number_is_doubled(desk: SmallDesk) -> None:
    desk.admin.execute(
        """INSERT INTO electric_vehicle_reading (device_id, claimed_at, boot, seq, sample, partition, ingest_no,
            received_at, is_backfill, odometer_m, cell_voltages_v)
        SELECT device_id, claimed_at, boot, seq, 9, partition, 99, received_at, is_backfill, odometer_m, cell_voltages_v
        FROM electric_vehicle_reading WHERE odometer_m = 4"""
    )
    assert weigh(desk.admin, [SAID]).doubled == 1


def test_two_readings_with_one_ingest_number_are_doubled(desk: SmallDesk) -> None:
    desk.admin.execute("UPDATE electric_vehicle_reading SET ingest_no = 7 WHERE odometer_m = 7")
    assert weigh(desk.admin, [SAID]).doubled == 1


def test_a_fault_is_found_once_or_it_is_said(desk: SmallDesk) -> None:
    assert wrong_symptoms(desk.admin, [SAID]) == ["not found: ('ev-1', 'cell_leaves_pack', 3, 'confirmed')"]
    device_id = desk.value("SELECT device_id FROM device")
    desk.symptom(device_id, "cell_leaves_pack", 3)
    assert wrong_symptoms(desk.admin, [SAID]) == []
    assert wrong_symptoms(desk.admin, [replace(SAID, is_faulty=False)]) != []


def test_a_ledger_with_a_loss_is_not_clean(desk: SmallDesk) -> None:
    balance = weigh(desk.admin, [SAID])
    ledger = Ledger("a test", 1, balance, None, 0, 0, 0, 0, (), ())
    assert ledger.is_clean
    for spoilt in (
        replace(ledger, balance=replace(balance, lost=1)),
        replace(ledger, balance=replace(balance, doubled=1)),
        replace(ledger, balance=replace(balance, foreign=1)),
        replace(ledger, refused=1),
        replace(ledger, wrong_symptoms=("not found",)),
    ):
        assert not spoilt.is_clean
        assert "NOT CLEAN" in "\n".join(spoilt.lines())
    assert replace(ledger, forgetful=replace(balance, lost=1)).is_clean
