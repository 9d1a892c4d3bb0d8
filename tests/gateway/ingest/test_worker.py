"""The ingest worker on a real database: nothing good is lost, nothing is stored twice, and bad input harms nobody else."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from gateway.ingest.source import Message
from gateway.ingest.worker import Worker
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


def new_worker(desk: SmallDesk, source: ListSource | None = None) -> Worker:
    return Worker(source or ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))


@pytest.fixture
def worker(desk: SmallDesk) -> Iterator[Worker]:
    made = new_worker(desk)
    yield made
    made.close()


def reasons(desk: SmallDesk) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in desk.rows("SELECT reason, place FROM rejection ORDER BY rejection_id")]


def count(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM electric_vehicle_reading")


def test_values_come_back_as_they_were_sent(desk: SmallDesk, worker: Worker) -> None:
    values = {
        "pack_voltage_v": 341.5,
        "cell_voltages_v": [3.5, None, 255, 3],
        "odometer_m": 123_456_789,
        "bms_level": 2,
        "is_charging": True,
        "dtcs": ["p0aa6", "B1000"],
        "wiper_speed": {"front": 3},
    }
    worker.take([message(topic("ev-1"), telemetry(1, sample(START, **values)))])
    row = desk.rows(
        """SELECT pack_voltage_v, cell_voltages_v, odometer_m, bms_level, is_charging, dtcs, other, claimed_at, seq
        FROM electric_vehicle_reading"""
    )
    assert row == [
        (
            341.5,
            [3.5, None, None, 3.0],
            123_456_789,
            2,
            True,
            ["B1000", "P0AA6"],
            {"wiper_speed": {"front": 3}},
            START,
            1,
        )
    ]
    assert reasons(desk) == []


BAD_MESSAGES = {
    b"": "not_json",
    b"\xff\xfe": "not_json",
    b'{"schema": "callout.telemetry/1", "boot": 1, "seq": 1, "samples": [{"at": "x", "soc_pct": NaN}]}': "not_json",
    b"[" * 100_000: "not_json",
    b"/ISk5 telegram": "other_form",
    b'[{"bver": 99}]': "unknown_schema",
    b'{"schema": "callout.telemetry/1", "boot": 1, "seq": 1, "samples": [{"at": ' + b"[" * 100_000: "not_json",
    b'"text"': "wrong_form",
    b'{"schema": "callout.telemetry/1", "boot": 1}': "wrong_form",
    b'{"schema": "other/9", "boot": 1, "seq": 1, "samples": [{}]}': "unknown_schema",
    b'{"schema": "callout.telemetry/1", "boot": -1, "seq": 1, "samples": [{}]}': "wrong_form",
    b'{"schema": "callout.telemetry/1", "boot": 1, "seq": 1, "samples": []}': "wrong_form",
    b'{"schema": "callout.telemetry/1", "boot": 99999999999999999999, "seq": 1, "samples": [{}]}': "wrong_form",
    b" " * 300_000: "oversized",
}


def test_each_unreadable_message_is_kept_with_its_reason_and_bytes_and_the_others_live(
    desk: SmallDesk, worker: Worker
) -> None:
    good = [message(topic("ev-1"), telemetry(seq, sample(START, soc_pct=50.0))) for seq in (1, 2)]
    bad = [message(topic("ev-2"), payload) for payload in BAD_MESSAGES]
    worker.take([good[0], *bad, good[1]])
    kept = desk.rows("SELECT reason, payload, tenant_id, device_id IS NOT NULL FROM rejection ORDER BY rejection_id")
    assert [(row[0], bytes(row[1])) for row in kept] == [(reason, payload) for payload, reason in BAD_MESSAGES.items()]
    assert all(row[2] == desk.tenant_id and row[3] for row in kept)
    assert count(desk) == 2


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"soc_pct": "full"}, "samples[0].soc_pct"),
        ({"soc_pct": True}, "samples[0].soc_pct"),
        ({"soc_pct": 1e300}, "samples[0].soc_pct"),
        ({"odometer_m": 1.5}, "samples[0].odometer_m"),
        ({"odometer_m": 2**70}, "samples[0].odometer_m"),
        ({"bms_level": 40_000}, "samples[0].bms_level"),
        ({"is_charging": 1}, "samples[0].is_charging"),
        ({"cell_voltages_v": 3.7}, "samples[0].cell_voltages_v"),
        ({"cell_voltages_v": [3.7, "x"]}, "samples[0].cell_voltages_v[1]"),
        ({"cell_voltages_v": [3.7] * 2000}, "samples[0].cell_voltages_v"),
        ({"dtcs": [5]}, "samples[0].dtcs[0]"),
        ({"note": "a\0b"}, "samples[0]"),
    ],
)
def test_a_bad_value_is_refused_alone_and_its_sample_lives(
    desk: SmallDesk, worker: Worker, values: dict[str, object], place: str
) -> None:
    worker.take([message(topic("ev-1"), telemetry(1, sample(START, ambient_temp_degc=20.0, **values)))])
    assert [found for _, found in reasons(desk)] == [place]
    assert desk.rows("SELECT ambient_temp_degc FROM electric_vehicle_reading") == [(20.0,)]


def test_impossible_values_are_stored_as_evidence_not_dropped(desk: SmallDesk, worker: Worker) -> None:
    worker.take([message(topic("ev-1"), telemetry(1, sample(START, probe_temps_degc=[900.0], soc_pct=-5.0)))])
    assert desk.rows("SELECT probe_temps_degc, soc_pct FROM electric_vehicle_reading") == [([900.0], -5.0)]
    assert reasons(desk) == []


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2038-01-19T03:14:07Z", "future"),
        ("1970-01-01T00:00:00Z", "too_old"),
        ("2023-01-01T00:00:00Z", "too_old"),
        ("2026-01-01T00:00:00", "bad_time"),
        ("yesterday", "bad_time"),
        (1_700_000_000, "bad_time"),
        ("0001-01-01T00:00:00+14:00", "too_old"),
    ],
)
def test_a_time_that_cannot_be_believed_is_refused_with_its_sample_alone(
    desk: SmallDesk, worker: Worker, at: object, reason: str
) -> None:
    worker.take([message(topic("ev-1"), telemetry(1, {"at": at, "soc_pct": 1.0}, sample(START, soc_pct=2.0)))])
    assert reasons(desk) == [(reason, "samples[0].at")]
    assert desk.rows("SELECT soc_pct, sample FROM electric_vehicle_reading") == [(2.0, 1)]


def test_a_declared_backfill_may_be_old_but_not_from_the_future(desk: SmallDesk, worker: Worker) -> None:
    old, ahead = {"at": "2019-04-15T18:09:06Z"}, {"at": "2039-01-01T00:00:00Z"}
    worker.take([message(topic("ev-1"), telemetry(1, old, ahead, backfill=True))])
    assert reasons(desk) == [("future", "samples[1].at")]
    assert desk.rows("SELECT is_backfill FROM electric_vehicle_reading") == [(True,)]


def test_unknown_devices_and_foreign_topics_are_kept_and_refused(desk: SmallDesk, worker: Worker) -> None:
    body = telemetry(1, sample(START))
    worker.take(
        [
            message(topic("nobody"), body),
            message(topic("ev-1", tenant="rival"), body),
            message("callout/v1/63/acme/ev-1/telemetry", body),
            message("callout/v1/64/acme/ev-1/telemetry", body),
            message("callout/v1/1/acme/ev-1/gossip", body),
            message("completely/else", body),
            message(topic("ev-1", "state"), b'{"online": "maybe"}'),
        ]
    )
    found = [reason for reason, _ in reasons(desk)]
    assert sorted(found) == sorted(["wrong_topic"] * 3 + ["unknown_device"] * 2 + ["wrong_partition", "wrong_form"])
    assert count(desk) == 0


def test_duplicates_are_absorbed_by_the_key_within_a_batch_and_across_batches(desk: SmallDesk, worker: Worker) -> None:
    first = message(topic("ev-1"), telemetry(1, sample(START), sample(START + timedelta(seconds=10))))
    second = message(topic("ev-1"), telemetry(2, sample(START + timedelta(seconds=20))))
    worker.take([first, first, second])
    worker.take([second, first, message(topic("ev-1"), telemetry(3, sample(START + timedelta(seconds=30))))])
    assert count(desk) == 4
    assert desk.value("SELECT count(DISTINCT (partition, ingest_no)) FROM electric_vehicle_reading") == 4


def test_shuffled_and_doubled_messages_store_just_what_ordered_ones_do(desk: SmallDesk, worker: Worker) -> None:
    messages = [
        message(
            topic(f"ev-{1 + seq % 2}"), telemetry(seq, sample(START + timedelta(seconds=seq), soc_pct=float(seq % 90)))
        )
        for seq in range(300)
    ]
    chance = random.Random(5)
    mixed = messages + chance.sample(messages, 60)
    chance.shuffle(mixed)
    for start in range(0, len(mixed), 47):
        worker.take(mixed[start : start + 47])
    stored = desk.rows("SELECT seq, soc_pct FROM electric_vehicle_reading ORDER BY seq")
    assert stored == [(seq, float(seq % 90)) for seq in range(300)]


def drifting(seq: int) -> Message:
    cells = [3.7] * 20
    cells[4] -= 0.06
    values = {"cell_voltages_v": cells, "pack_voltage_v": 350.0}
    samples = [sample(START + timedelta(minutes=6 * seq + minute), **values) for minute in range(6)]
    return message(topic("ev-1"), telemetry(seq, *samples))


def symptoms(desk: SmallDesk) -> list[tuple[object, ...]]:
    return desk.rows(
        """SELECT device_id, monitor, element, state, since_at, confirmed_at, value, decided_by_ingest_no
        FROM symptom ORDER BY symptom_id"""
    )


def test_a_drifting_cell_is_confirmed_and_one_diagnosis_is_deferred_in_the_same_transaction(
    desk: SmallDesk, worker: Worker
) -> None:
    for seq in range(15):
        worker.take([drifting(seq)])
    ((_, monitor, element, state, since_at, _, value, _),) = symptoms(desk)
    assert (monitor, element, state) == ("cell_leaves_pack", 5, "confirmed")
    assert since_at - START < timedelta(minutes=30)
    assert value == pytest.approx(-0.05, abs=0.02)
    assert desk.rows("SELECT task_name, args ->> 'component' FROM jobs.procrastinate_jobs") == [
        ("diagnose", "traction_battery")
    ]


@pytest.mark.parametrize("crash_after", [1, 5, 8, 13])
def test_a_worker_that_begins_anew_rebuilds_its_detectors_from_checkpoint_and_readings(
    desk: SmallDesk, worker: Worker, crash_after: int
) -> None:
    for seq in range(crash_after):
        worker.take([drifting(seq)])
    successor = new_worker(desk)
    for seq in range(crash_after, 15):
        successor.take([drifting(seq)])
    successor.close()
    with_crash = symptoms(desk)
    desk.admin.execute(
        "TRUNCATE symptom, electric_vehicle_reading, detector_checkpoint, detector_anchor, jobs.procrastinate_jobs CASCADE"
    )
    desk.admin.execute("UPDATE ingest_partition SET last_ingest_no = 0, settled_ingest_no = 0")
    straight = new_worker(desk)
    for seq in range(15):
        straight.take([drifting(seq)])
    straight.close()
    assert with_crash == symptoms(desk)
    assert len(with_crash) == 1


def test_a_worker_that_begins_anew_reads_only_what_came_since_the_checkpoint(desk: SmallDesk, worker: Worker) -> None:
    for seq in range(8):
        worker.take([drifting(seq)])
    (checkpoint_no,) = {number for (number,) in desk.rows("SELECT last_ingest_no FROM detector_checkpoint")}
    # What the checkpoint has seen need not be read again: here it is not even there any more, nor are anchors.
    desk.admin.execute("DELETE FROM electric_vehicle_reading WHERE ingest_no <= %s", [checkpoint_no])
    desk.admin.execute("DELETE FROM detector_anchor")
    successor = new_worker(desk)
    for seq in range(8, 15):
        successor.take([drifting(seq)])
    successor.close()
    ((_, monitor, element, state, since_at, _, _, _),) = symptoms(desk)
    assert (monitor, element, state) == ("cell_leaves_pack", 5, "confirmed")
    assert since_at - START < timedelta(minutes=30)


def test_a_batch_that_was_undone_leaves_no_trace_in_the_detectors(desk: SmallDesk) -> None:
    source = ListSource([drifting(seq) for seq in range(15)])
    worker = new_worker(desk, source)
    for seq in range(7):
        worker.take([source.waiting[seq]])
    desk.admin.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)""",
        [desk.work.info.backend_pid],
    )
    worker.commit(source.waiting[7:15])
    worker.close()
    assert [(row[1], row[2]) for row in symptoms(desk)] == [("cell_leaves_pack", 5)]
    assert count(desk) == 90


def test_nothing_is_acknowledged_before_its_commit(desk: SmallDesk) -> None:
    source = ListSource([message(topic("ev-1"), telemetry(seq, sample(START)), seq) for seq in range(5)])
    worker = new_worker(desk, source)
    desk.admin.execute("ALTER TABLE electric_vehicle_reading RENAME TO elsewhere")
    with pytest.raises(psycopg.errors.UndefinedTable):
        worker.run()
    assert source.acknowledged == []
    assert count_of(desk, "elsewhere") == 0


def count_of(desk: SmallDesk, table: str) -> int:
    return desk.value(f"SELECT count(*) FROM {table}")


def test_a_message_that_the_database_cannot_hold_is_refused_alone(desk: SmallDesk, worker: Worker) -> None:
    desk.admin.execute(
        "ALTER TABLE electric_vehicle_reading ADD CONSTRAINT not_thirteen CHECK (soc_pct IS DISTINCT FROM 13)"
    )
    messages = [message(topic("ev-1"), telemetry(seq, sample(START, soc_pct=float(seq)))) for seq in range(10, 20)]
    worker.commit(messages)
    assert count(desk) == 9
    ((reason, detail),) = desk.rows("SELECT reason, detail FROM rejection")
    assert reason == "not_storable"
    assert "not_thirteen" in detail
    assert desk.value("SELECT d.name FROM rejection JOIN device d USING (device_id)") == "ev-1"
    # Its number came: what is sent again would be refused again.
    worker.commit([message(topic("ev-1"), telemetry(20, sample(START + timedelta(seconds=1), soc_pct=20.0)))])
    assert desk.rows("SELECT received::text, suspected::text, noticed::text FROM device_sequence") == [
        ("{[10,21)}", "{}", "{}")
    ]


def test_a_signal_nested_too_deep_is_refused_and_its_sample_lives(desk: SmallDesk, worker: Worker) -> None:
    nested = "[" * 940 + "]" * 940
    body = telemetry(1, sample(START, soc_pct=5.0, deep=0)).replace(b'"deep": 0', f'"deep": {nested}'.encode())
    worker.commit([message(topic("ev-1"), body)])
    assert reasons(desk) == [("unknown_signals", "samples[0]")]
    assert count(desk) == 1


def test_many_bad_pieces_of_one_message_are_told_in_a_few_rows(desk: SmallDesk, worker: Worker) -> None:
    body = telemetry(1, *(sample(START + timedelta(seconds=i), cell_voltages_v=["x"] * 200) for i in range(50)))
    worker.take([message(topic("ev-1"), body)])
    found = reasons(desk)
    assert len(found) == 9
    assert found[-1] == ("and_more", "")
    assert count(desk) == 50


def test_a_recording_may_claim_many_days_without_a_partition_for_each(desk: SmallDesk, worker: Worker) -> None:
    days = [
        {"at": f"{2005 + month // 12}-{1 + month % 12:02d}-{day:02d}T00:00:00Z"}
        for month in range(60)
        for day in (1, 9, 17)
    ]
    worker.commit([message(topic("ev-1"), telemetry(1, *days, backfill=True))])
    assert count(desk) == 180
    partitions = desk.value(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'callout.electric_vehicle_reading'::regclass"
    )
    assert partitions == 60


def test_a_database_that_is_away_is_waited_for(desk: SmallDesk) -> None:
    tries = []

    def connect_at_the_third_try() -> object:
        tries.append(1)
        return connect("postgresql://127.0.0.1:1/nowhere" if len(tries) in {2, 3} else desk.dsn, Role.INGEST)

    worker = Worker(ListSource(), connect_at_the_third_try, range(64))  # type: ignore[arg-type]
    worker.close()
    worker.commit([message(topic("ev-1"), telemetry(1, sample(START)))])
    worker.close()
    assert (len(tries), count(desk)) == (4, 1)


def test_a_message_split_in_two_at_one_instant_is_in_time(desk: SmallDesk, worker: Worker) -> None:
    for seq in range(3):
        at = START + timedelta(seconds=seq)
        worker.take([message(topic("ev-1"), telemetry(2 * seq, sample(at, soc_pct=50.0)))])
        worker.take([message(topic("ev-1"), telemetry(2 * seq + 1, sample(at, low_voltage_v=13.0)))])
    assert count(desk) == 6
    desk.admin.execute("DELETE FROM electric_vehicle_reading")  # nothing could be taken in again from the table now
    for minute in range(1, 20):
        body = telemetry(100 + minute, sample(START + timedelta(minutes=minute), low_voltage_v=11.0))
        worker.take([message(topic("ev-1"), body)])
    assert [row[1] for row in symptoms(desk)] == ["low_voltage_low"]


def test_presence_is_the_devices_last_word(desk: SmallDesk, worker: Worker) -> None:
    for online in (True, False):
        worker.take([message(topic("ev-1", "state"), json.dumps({"online": online}).encode())])
    assert desk.rows("SELECT is_online FROM device_presence") == [(False,)]


def test_an_event_is_a_reading_of_trouble_codes(desk: SmallDesk, worker: Worker) -> None:
    event = {"schema": "callout.event/1", "boot": 1, "seq": 7, "at": START.isoformat(), "codes": ["P0AA6"]}
    worker.take([message(topic("ev-1", "event"), json.dumps(event).encode())])
    assert desk.rows("SELECT dtcs FROM electric_vehicle_reading") == [(["P0AA6"],)]
    assert desk.rows("SELECT monitor, state, text_value FROM symptom") == [("isolation_code", "confirmed", "P0AA6")]


def test_a_senml_pack_is_stored_once_however_often_it_is_published(desk: SmallDesk, worker: Worker) -> None:
    pack = [
        {"bn": "urn:dev:ev-1:", "bt": START.timestamp(), "n": "pack_voltage_v", "u": "mV", "v": 341_500},
        {"n": "Vehicle.Speed", "u": "m/s", "v": 10},
        {"n": "soc_pct", "u": "furlong", "v": 1},
        {"n": "soc_pct", "t": 60, "u": "/", "v": 0.5},
    ]
    for _ in range(2):
        worker.take([message(topic("ev-1"), json.dumps(pack).encode())] * 2)
    worker.take([message(topic("ev-1"), json.dumps(pack[:1]).encode())])
    assert desk.rows(
        "SELECT claimed_at, boot, pack_voltage_v, speed_kmh, soc_pct FROM electric_vehicle_reading ORDER BY ingest_no"
    ) == [
        (START, -1, 341.5, 36.0, None),
        (START + timedelta(seconds=60), -1, None, None, 50.0),
        (START, -1, 341.5, None, None),
    ]
    assert set(reasons(desk)) == {("unknown_unit", "[2]")}


def test_a_payload_without_a_time_gets_that_of_its_receipt(desk: SmallDesk, worker: Worker) -> None:
    came = message(topic("ev-1"), b'[{"n": "soc_pct", "v": 50}, {"n": "soc_pct", "t": -10, "v": 51}]')
    worker.take([came])
    worker.take([came])
    assert desk.rows("SELECT claimed_at, soc_pct FROM electric_vehicle_reading ORDER BY claimed_at") == [
        (came.received_at - timedelta(seconds=10), 51.0),
        (came.received_at, 50.0),
    ]
