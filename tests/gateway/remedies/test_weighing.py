"""What weighing gives to a person keeps nothing aside, on a real database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import journey
from gateway.storage.connection import tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.test_visits import expire, ill, now, offer, state

BACK, RESTARTS = ("water_back", "water_meter"), "water_restarts"


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def test_a_part_that_an_expired_offer_has_left_goes_back_when_nobody_has_to_come(desk: SmallDesk) -> None:
    request_id = ill(desk, "m-1", BACK)
    assert offer(desk, request_id) is not None
    device_id = desk.value("SELECT device_id FROM service_request")
    desk.symptom(device_id, RESTARTS, component=BACK[1])
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component=BACK[1], now=now())
    assert desk.value("SELECT f.code FROM service_request JOIN fault f USING (fault_id)") == "water_meter_exchanged"
    expire(desk, request_id)
    assert state(desk, request_id) == "open"
    assert desk.value("SELECT count(*) FROM reservation WHERE released_at IS NULL") == 1
    assert offer(desk, request_id) is None
    assert state(desk, request_id) == "held"
    assert desk.value("SELECT count(*) FROM reservation WHERE released_at IS NULL") == 0
