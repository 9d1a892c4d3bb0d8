"""A device that is retired while something else is done about it: whoever comes second sees what the first has done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import journey
from gateway.admission import enrolment, retiring
from gateway.admission.enrolment import EnrolmentError
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from tests.gateway.beside import begin, begin_in_tenant
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.test_journey import now


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def ill(desk: SmallDesk) -> int:
    car = desk.vehicle("ev-1")
    desk.symptom(car, "cell_leaves_pack", 81)
    return car


def diagnose(connection: Connection, car: int) -> None:
    journey.diagnose(connection, device_id=car, component="traction_battery", now=now())


def retire(connection: Connection, car: int) -> None:
    retiring.retire(connection, device_id=car, staff_id=1, reason="scrapped", now=now())


def test_a_device_that_is_retired_while_it_is_diagnosed_has_no_open_request(desk: SmallDesk) -> None:
    car = ill(desk)
    with tenant_transaction(desk.work, desk.tenant_id):
        diagnose(desk.work, car)
        retired = begin_in_tenant(desk, lambda serve: retire(serve, car), Role.SERVE)
    retired.result(60)
    assert desk.rows("SELECT state FROM service_request") == [("cancelled",)]


def test_a_device_that_is_diagnosed_while_it_is_retired_is_left_alone(desk: SmallDesk) -> None:
    car = ill(desk)
    with connect(desk.dsn, Role.SERVE) as serve, tenant_transaction(serve, desk.tenant_id):
        retire(serve, car)
        diagnosed = begin_in_tenant(desk, lambda work: diagnose(work, car))
    diagnosed.result(60)
    assert desk.rows("SELECT state FROM service_request") == []


def valid_credentials(desk: SmallDesk) -> int:
    return desk.value("SELECT count(*) FROM device_credential WHERE revoked_at IS NULL")


def reissue(connection: Connection) -> str:
    return enrolment.reissue(connection, "acme", "ev-1", wait_s=0).password


def test_a_device_that_is_retired_while_its_credentials_are_made_anew_has_none(desk: SmallDesk) -> None:
    car = desk.vehicle("ev-1")
    with connect(desk.dsn, Role.SERVE) as serve, tenant_transaction(serve, desk.tenant_id):
        retire(serve, car)
        reissued = begin(desk, reissue, Role.SERVE)
    with pytest.raises(EnrolmentError, match="is retired"):
        reissued.result(60)
    assert valid_credentials(desk) == 0


def test_of_two_who_make_credentials_anew_at_once_the_later_one_has_the_valid_ones(desk: SmallDesk) -> None:
    desk.vehicle("ev-1")
    with connect(desk.dsn, Role.SERVE) as serve:
        first = reissue(serve)
        with tenant_transaction(serve, desk.tenant_id):
            second = reissue(serve)
            third = begin(desk, reissue, Role.SERVE)
    assert len({first, second, third.result(60)}) == 3
    assert valid_credentials(desk) == 1
