"""Journeys: what is told of each request's way is what its steps have written."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import journey
from gateway.embedded.journeys import Tried, journeys
from gateway.storage.connection import tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.remedies.test_remedying import Street


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def street(desk: SmallDesk) -> Iterator[Street]:
    made = Street(desk)
    yield made
    made.close()


def test_what_is_refused_from_afar_goes_on_to_a_part_and_a_date(desk: SmallDesk, street: Street) -> None:
    desk.admin.execute(
        "INSERT INTO part (tenant_id, part_no, title) VALUES (%s, 'MTR-COMM', 'Radio')", [desk.tenant_id]
    )
    desk.receive("MTR-COMM", 1)
    street.reads()
    request_id = street.fails()
    street.offer(request_id)
    (under_way,) = journeys(desk.admin)
    assert under_way.remedy == Tried("restart_communication_module", "under_way", "sent")
    assert not under_way.is_whole
    street.passes(seconds=5)
    street.answers(street.door()[0], "refused")
    street.go_on(request_id)
    street.passes(seconds=1)
    street.offer(request_id)
    booking_id = desk.value("SELECT min(booking_id) FROM booking")
    street.passes(seconds=20)
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.confirm(desk.work, request_id=request_id, booking_id=booking_id, now=street.now)
    (told,) = journeys(desk.admin)
    assert (told.device, told.product, told.fault, told.state) == ("mtr-1", "smart_meter", "bus_lost", "confirmed")
    assert told.remedy == Tried("restart_communication_module", "failed", "refused")
    assert (told.part, told.source, told.fulfilment) == ("MTR-COMM", "on_hand", "visit")
    assert list(told.seconds) == ["opened", "remedy_sent", "remedy_failed", "part_held", "offered", "confirmed"]
    assert told.seconds["remedy_failed"] == pytest.approx(5)
    assert told.seconds["confirmed"] == pytest.approx(20)
    assert told.is_whole


def test_what_is_healed_from_afar_needs_neither_a_part_nor_a_date(desk: SmallDesk, street: Street) -> None:
    street.reads()
    request_id = street.fails()
    street.offer(request_id)
    street.answers(street.door()[0], "done")
    street.go_on(request_id)
    street.heals()
    street.passes(seconds=31)
    street.go_on(request_id)
    (told,) = journeys(desk.admin)
    assert told.remedy == Tried("restart_communication_module", "verified", "held")
    assert (told.state, told.part, told.fulfilment) == ("solved", None, "remote")
    assert list(told.seconds) == ["opened", "remedy_sent", "verified"]
    assert told.is_whole


def test_what_a_person_has_is_told_as_far_as_it_has_come(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    desk.symptom(device_id, "insulation_lost")
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(
            desk.work,
            device_id=device_id,
            component="traction_battery",
            now=desk.value("SELECT now()"),
        )
    (told,) = journeys(desk.admin)
    assert (told.state, told.remedy, told.part) == ("held", None, None)
    assert list(told.seconds) == ["opened"]
    assert not told.is_whole
