"""Stock and orders while somebody else is at the same request: nobody waits in a circle, nothing is lost that has come."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway import planner
from gateway.errors import SettingsError
from gateway.journey import Confirmed
from gateway.parts import storekeeping
from gateway.planner import Done
from gateway.storage import requests
from gateway.storage.connection import Connection, Role, connect, tenant_transaction
from gateway.storage.orders import OrderRow
from gateway.suppliers.answers import Outcome, hear
from gateway.suppliers.message import OrderMessage
from gateway.suppliers.outbox import send_orders
from gateway.suppliers.port import PartOrder, Supplier, Taken, Unreachable
from gateway.sweep import sweep
from tests.gateway.beside import begin, begin_in_tenant
from tests.gateway.desk import SmallDesk
from tests.gateway.parts.test_sourcing import CELL, events, offered
from tests.gateway.store import centre, open_store, unbalanced
from tests.gateway.test_journey import confirm, now, state
from workflows.ordering import Answer


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_store(database, tmp_path)
    yield opened
    assert unbalanced(opened) == []
    opened.close()


def ordered(desk: SmallDesk, name: str = "ev-1") -> tuple[int, int]:
    """A confirmed request whose part is ordered, and the order."""
    desk.count(0, CELL)
    request_id, bookings = offered(desk, name)
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    return request_id, desk.value("SELECT max(inbound_id) FROM inbound")


def cancel(connection: Connection, request_id: int, at: datetime) -> object:
    return planner.cancel(connection, request_id=request_id, staff_id=1, reason="no", now=at)


def test_a_supplier_who_refuses_while_the_request_is_cancelled_waits_for_it(desk: SmallDesk) -> None:
    request_id, inbound_id = ordered(desk)
    supplier_id = desk.value("SELECT supplier_id FROM supplier")
    said = OrderMessage.model_validate({"order": f"co-{inbound_id}", "status": "rejected", "part": CELL, "quantity": 1})

    def listen(connection: Connection) -> Outcome:
        return hear(connection, supplier_id, "m-1", said, now())[0]

    with connect(desk.dsn, Role.SERVE) as mine, tenant_transaction(mine, desk.tenant_id):
        assert requests.lock_request(mine, request_id) is not None
        hearing = begin_in_tenant(desk, listen, Role.SERVE)
        assert cancel(mine, request_id, now()) == Done("cancelled")
    assert hearing.result(60) is Outcome.DONE
    assert state(desk, request_id) == "cancelled"


def test_a_delivery_that_comes_while_its_request_is_cancelled_waits_for_it(desk: SmallDesk) -> None:
    request_id, inbound_id = ordered(desk)

    def receive(connection: Connection) -> object:
        return storekeeping.receive(connection, inbound_id=inbound_id, staff_id=1, now=now())

    with connect(desk.dsn, Role.SERVE) as mine, tenant_transaction(mine, desk.tenant_id):
        assert requests.lock_request(mine, request_id) is not None
        receiving = begin_in_tenant(desk, receive, Role.SERVE)
        assert cancel(mine, request_id, now()) == Done("cancelled")
    assert receiving.result(60) == Done("arrived")
    assert "part_arrived" not in events(desk, request_id)


def test_a_count_while_a_request_that_has_the_part_is_cancelled_waits_for_it(desk: SmallDesk) -> None:
    request_id, bookings = offered(desk, "ev-1")
    assert isinstance(confirm(desk, request_id, bookings[0]), Confirmed)
    main = centre(desk, "main")

    def count(connection: Connection) -> object:
        return storekeeping.count(
            connection, centre_id=main, part_no=CELL, counted=0, staff_id=1, reason="gone", now=now()
        )

    with connect(desk.dsn, Role.SERVE) as mine, tenant_transaction(mine, desk.tenant_id):
        assert requests.lock_request(mine, request_id) is not None
        counting = begin_in_tenant(desk, count, Role.SERVE)
        assert cancel(mine, request_id, now()) == Done("cancelled")
    assert counting.result(60) == Done("counted")
    assert "part_missing" not in events(desk, request_id)


def test_a_late_part_that_comes_while_the_sweep_looks_for_another_is_the_requests(desk: SmallDesk) -> None:
    request_id, inbound_id = ordered(desk)
    late_at = desk.value("SELECT max(expected_at) FROM reservation WHERE released_at IS NULL") + timedelta(hours=5)
    begins_at = desk.value("SELECT lower(during) FROM appointment")
    assert begins_at > late_at
    with connect(desk.dsn, Role.SERVE) as mine, tenant_transaction(mine, desk.tenant_id):
        done = storekeeping.receive(mine, inbound_id=inbound_id, staff_id=1, now=late_at)
        assert done == Done("arrived")
        sweeping = begin(desk, lambda work: sweep(work, late_at))
    sweeping.result(60)
    assert state(desk, request_id) == "confirmed"
    assert "part_missing" not in events(desk, request_id)
    assert desk.value("SELECT count(*) FROM inbound") == 1


class Taking:
    """A supplier who takes whatever he is sent."""

    def order(self, order: PartOrder, now: datetime) -> Taken | Unreachable:
        return Taken(order.order_no)

    def cancel(self, order_no: str, now: datetime) -> Taken | Unreachable:
        return Taken(order_no)

    def status(self, order_no: str, now: datetime) -> Answer | Unreachable | None:
        return None


class Stumbling(Taking):
    """A supplier whose answers are nothing that anybody has thought of."""

    def order(self, order: PartOrder, now: datetime) -> Taken | Unreachable:
        raise ZeroDivisionError(order.order_no)


def two_orders(desk: SmallDesk) -> list[int]:
    """Two orders, each at a supplier of its own, that are due."""
    ordered(desk)
    ordered(desk, "ev-2")
    ids = [row[0] for row in desk.rows("SELECT inbound_id FROM inbound ORDER BY inbound_id")]
    desk.admin.execute(
        """WITH other AS (INSERT INTO supplier (tenant_id, name, title, url, time_zone)
            SELECT tenant_id, 'others', 'Others', url, time_zone FROM supplier RETURNING supplier_id)
        UPDATE inbound SET supplier_id = (SELECT supplier_id FROM other) WHERE inbound_id = %s""",
        [ids[1]],
    )
    desk.admin.execute("UPDATE inbound SET try_at = now() - make_interval(secs => 60 - inbound_id)")
    return ids


def taken(desk: SmallDesk) -> list[bool]:
    return [row[0] for row in desk.rows("SELECT taken_at IS NOT NULL FROM inbound ORDER BY inbound_id")]


def test_a_secret_that_cannot_be_used_keeps_no_other_supplier_from_his_orders(desk: SmallDesk) -> None:
    two_orders(desk)

    def find(tenant: str, order: OrderRow) -> Supplier | None:
        if order.supplier == "cells":
            raise SettingsError("the secret is too short")
        return Taking()

    send_orders(desk.work, find, now())
    assert taken(desk) == [False, True]
    assert "too short" in desk.value("SELECT last_error FROM inbound ORDER BY inbound_id LIMIT 1")


def test_a_supplier_who_answers_what_nobody_understands_keeps_no_other_from_his_orders(desk: SmallDesk) -> None:
    two_orders(desk)
    send_orders(desk.work, lambda _, order: Stumbling() if order.supplier == "cells" else Taking(), now())
    assert taken(desk) == [False, True]
    assert desk.value("SELECT try_at > now() FROM inbound ORDER BY inbound_id LIMIT 1")
