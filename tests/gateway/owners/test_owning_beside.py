"""A device that is given away while something else is done about it: nothing of the former owner's outlives it."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from gateway import journey
from gateway.owners import beginning, owning, stopping
from gateway.owners.beginning import NotHis, Report
from gateway.owners.owning import NotAnOwner
from gateway.storage import owners
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from tests.gateway.beside import begin_in_tenant
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.owners.test_owning import ill, now, offer, owner_of, state
from workflows.beginning import Wish
from workflows.mandate import USUAL, Clause


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path, stock=500)
    yield opened
    opened.close()


@pytest.fixture
def serve(desk: SmallDesk) -> Iterator[Connection]:
    with connect(desk.dsn, Role.SERVE) as connection:
        yield connection


def give_away(serve: Connection, car: int) -> int:
    """The device goes to a new owner, in a transaction that is not over yet."""
    buyer = owners.known_owner(serve, name="Bea", email="bea@owners.example", language="en", time_zone="UTC")
    owning.transfer(serve, device_id=car, owner_id=buyer, actor="staff-1", now=now())
    return buyer


def of_others(desk: SmallDesk, buyer: int) -> list[tuple[Any, ...]]:
    """Open requests and living mandates that are not the present owner's."""
    return desk.rows(
        """SELECT 'request', owner_id FROM service_request WHERE closed_at IS NULL AND owner_id <> %s
        UNION ALL SELECT 'mandate', owner_id FROM mandate WHERE ended_at IS NULL AND owner_id <> %s""",
        buyer,
        buyer,
    )


def test_who_signs_while_his_device_is_given_away_signs_nothing_for_its_new_owner(
    desk: SmallDesk, serve: Connection
) -> None:
    car = desk.vehicle("ev-1")
    former = owner_of(desk, car)

    def sign(connection: Connection) -> object:
        clauses = {Clause.REPORT: None, Clause.OFFER_DATES: None}
        return owning.sign(connection, device_id=car, owner_id=former, clauses=clauses, expires_at=None, now=now())

    with tenant_transaction(serve, desk.tenant_id):
        buyer = give_away(serve, car)
        signing = begin_in_tenant(desk, sign, Role.SERVE)
    assert signing.result(60) == NotAnOwner()
    assert of_others(desk, buyer) == []


def test_a_fault_that_is_found_while_a_device_is_given_away_is_its_new_owners(
    desk: SmallDesk, serve: Connection
) -> None:
    car = desk.vehicle("ev-1")
    desk.sign(car, *USUAL)
    desk.symptom(car, "cell_leaves_pack", 81)

    def diagnose(connection: Connection) -> None:
        journey.diagnose(connection, device_id=car, component="traction_battery", now=now())

    with tenant_transaction(serve, desk.tenant_id):
        buyer = give_away(serve, car)
        diagnosing = begin_in_tenant(desk, diagnose)
    diagnosing.result(60)
    assert desk.value("SELECT owner_id FROM service_request WHERE closed_at IS NULL") == buyer
    assert of_others(desk, buyer) == []
    assert desk.rows("SELECT kind FROM notice WHERE recipient = 'ev-1@owners.example'") == []


def test_a_device_that_is_given_away_while_a_fault_is_found_takes_it_along(desk: SmallDesk, serve: Connection) -> None:
    car = desk.vehicle("ev-1")
    desk.sign(car, *USUAL)
    desk.symptom(car, "cell_leaves_pack", 81)

    def hand_over(connection: Connection) -> int:
        return give_away(connection, car)

    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=car, component="traction_battery", now=now())
        handing: Future[int] = begin_in_tenant(desk, hand_over, Role.SERVE)
    assert of_others(desk, handing.result(60)) == []


def test_who_reports_while_his_device_is_given_away_is_told_that_it_is_not_his(
    desk: SmallDesk, serve: Connection
) -> None:
    car = desk.vehicle("ev-1")
    former = owner_of(desk, car)

    def tell(connection: Connection) -> object:
        said = Report("traction_battery", "", "it smells", Wish.DATE)
        return beginning.report(connection, device_id=car, owner_id=former, report=said, now=now())

    with tenant_transaction(serve, desk.tenant_id):
        buyer = give_away(serve, car)
        telling = begin_in_tenant(desk, tell, Role.SERVE)
    assert telling.result(60) == NotHis()
    assert of_others(desk, buyer) == []


def test_a_stop_that_is_taken_back_while_the_device_is_given_away_is_its_new_owners(
    desk: SmallDesk, serve: Connection
) -> None:
    car, request_id = ill(desk, "ev-1", *USUAL)
    assert offer(desk, request_id) is not None
    with tenant_transaction(serve, desk.tenant_id):
        stopping.stop(serve, request_id=request_id, now=now())
    assert state(desk, request_id) == "cancelled"

    def resume(connection: Connection) -> object:
        return stopping.resume(connection, request_id=request_id, now=now())

    with tenant_transaction(serve, desk.tenant_id):
        buyer = give_away(serve, car)
        resuming = begin_in_tenant(desk, resume, Role.SERVE)
    assert isinstance(resuming.result(60), stopping.Resumed)
    assert of_others(desk, buyer) == []
    assert desk.value("SELECT count(*) FROM human_case WHERE closed_at IS NULL") == 1
