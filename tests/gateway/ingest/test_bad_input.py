"""What real devices get wrong, at the door: each piece is refused with its reason and kept, and nothing good is lost."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.ingest.worker import Worker
from gateway.storage.connection import Role, connect
from tests.devices.codecs.test_dsmr import telegram
from tests.fakes.source import ListSource, message
from tests.gateway.desk import SmallDesk, open_desk, sample, telemetry, topic

NOW = datetime.now(UTC).replace(microsecond=0)
EXAMPLES = Path(__file__).parents[3] / "devices/products/smart_meter/examples"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    for name in ("m-1", "m-2"):
        opened.vehicle(name)
    opened.rows("UPDATE device SET product = 'smart_meter' RETURNING 1")
    yield opened
    opened.close()


@pytest.fixture
def worker(desk: SmallDesk) -> Iterator[Worker]:
    made = Worker(ListSource(), lambda: connect(desk.dsn, Role.INGEST), range(64))
    yield made
    made.close()


def refused(desk: SmallDesk) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in desk.rows("SELECT reason, detail FROM rejection ORDER BY rejection_id")]


def registers(desk: SmallDesk) -> list[int]:
    return [
        row[0] for row in desk.rows("SELECT water_l FROM smart_meter_reading WHERE water_l > 0 ORDER BY claimed_at")
    ]


def good(seq: int, litres: int, at: datetime = NOW) -> bytes:
    return telemetry(seq, sample(at, water_l=litres))


def test_a_telegram_with_a_bad_checksum_is_kept_whole_and_the_next_one_is_stored(
    desk: SmallDesk, worker: Worker
) -> None:
    sound = telegram(f"0-0:1.0.0({NOW - timedelta(hours=2):%y%m%d%H%M%S}W)", "1-0:1.8.1(001234.567*kWh)")
    damaged = sound.replace(b"1234.567", b"1234.667")
    worker.take([message(topic("m-1"), damaged), message(topic("m-1"), sound)])
    ((reason, detail),) = refused(desk)
    assert reason == "bad_checksum"
    assert "damaged on its way" in detail
    assert bytes(desk.value("SELECT payload FROM rejection")) == damaged
    assert desk.value("SELECT import_tariff1_wh FROM smart_meter_reading") == 1_234_567


def test_a_pack_with_unknown_units_loses_those_values_alone(desk: SmallDesk, worker: Worker) -> None:
    pack = [
        {"bn": "urn:dev:1:", "bt": int(NOW.timestamp()), "n": "water_l", "u": "hogshead", "v": 3},
        {"n": "battery_v", "u": "V", "v": 3.6},
        {"n": "gas_l", "u": "W", "v": 3},
    ]
    worker.take([message(topic("m-1"), json.dumps(pack).encode())])
    assert [reason for reason, _ in refused(desk)] == ["unknown_unit", "wrong_unit"]
    assert "hogshead" in refused(desk)[0][1]
    assert desk.rows("SELECT battery_v, water_l FROM smart_meter_reading") == [(pytest.approx(3.6), None)]


def test_json_that_no_mapping_reads_is_kept_with_the_paths_that_are_wanted(desk: SmallDesk, worker: Worker) -> None:
    worker.take(
        [
            message(topic("m-1"), b'{"StatusSNS": {"Time": "2026-11-21T22:14:40"}}'),
            message(topic("m-2"), (EXAMPLES / "telemetry-tasmota.json").read_bytes()),
        ]
    )
    ((reason, detail),) = refused(desk)
    assert reason == "nothing_mapped"
    assert "ENERGY.Total" in detail
    assert desk.value("SELECT import_wh FROM smart_meter_reading") == 1_204_377


@pytest.mark.parametrize(
    "head", [b'{"schema": "callout.telemetry/1"', b'[{"n": "water_l"', b"/ISk5\\2MT382-1000", b'{"ENERGY": {"Total": 1}', b"\x00"]
)  # fmt: skip
def test_five_megabytes_are_refused_before_they_are_read_and_harm_nobody(
    desk: SmallDesk, worker: Worker, head: bytes
) -> None:
    payload = head + b" " * 5_000_000
    worker.take(
        [message(topic("m-1"), good(1, 100)), message(topic("m-2"), payload), message(topic("m-2"), good(1, 7))]
    )
    ((reason, detail),) = refused(desk)
    assert reason in {"oversized", "not_json"}
    assert detail
    assert desk.value("SELECT length(payload) FROM rejection") == len(payload)
    assert registers(desk) == [100, 7]


def test_a_bad_message_that_is_delivered_again_is_kept_once_and_one_that_is_sent_again_twice(
    desk: SmallDesk, worker: Worker
) -> None:
    bad = message(topic("m-1"), b'{"schema": "callout.telemetry/1", "boot": 1}')
    worker.take([bad])
    worker.take([msgspec.structs.replace(bad, is_redelivered=True)])
    assert len(refused(desk)) == 1
    worker.take([bad])
    worker.take([msgspec.structs.replace(message(topic("m-2"), bad.payload), is_redelivered=True)])
    assert len(refused(desk)) == 3


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC), "too_old"),
        (datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC), "future"),
        (datetime(9999, 12, 31, tzinfo=UTC), "future"),
    ],
)
def test_a_clock_that_cannot_be_right_is_named_and_the_samples_beside_it_are_stored(
    desk: SmallDesk, worker: Worker, at: datetime, reason: str
) -> None:
    worker.take(
        [
            message(topic("m-1"), telemetry(1, sample(at, water_l=1), sample(NOW, water_l=2))),
            message(topic("m-2"), good(1, 3, NOW - timedelta(minutes=1))),
        ]
    )
    ((told, detail),) = refused(desk)
    assert told == reason
    assert "set the device's clock" in detail
    assert f"{at:%Y}" in detail
    assert sorted(registers(desk)) == [2, 3]


def test_a_meter_that_was_exchanged_is_named_so_and_its_readings_go_on(desk: SmallDesk, worker: Worker) -> None:
    begins_at = NOW - timedelta(hours=10)
    for number, litres in enumerate((912_345, 912_360, 12, 25, 31)):
        worker.take([message(topic("m-1"), good(number + 1, litres, begins_at + timedelta(hours=number)))])
    assert registers(desk) == [912_345, 912_360, 12, 25, 31]
    assert refused(desk) == []
    assert desk.rows("SELECT monitor, state FROM symptom") == [("water_restarts", "confirmed")]
