"""Orders at a supplier: sent, confirmed, late, refused, answered twice, wrongly or never; over real HTTP."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
import uvicorn
from pydantic import SecretStr

from dashboards.app import create
from gateway import planner
from gateway.journey import Confirmed
from gateway.settings import Settings
from gateway.storage.connection import tenant_transaction
from gateway.suppliers.outbox import by_http, send_orders
from gateway.suppliers.port import PartOrder, Taken
from gateway.suppliers.signature import signed
from simulators.supplier.shop import Manners, Shop
from tests.conftest import free_port
from tests.gateway.desk import SmallDesk
from tests.gateway.parts.test_sourcing import CELL, events, level, offered, put_at_other
from tests.gateway.store import open_store, unbalanced
from tests.gateway.test_journey import confirm, now, offer, state

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@dataclass
class Street:
    """A desk with its HTTP door open, and a supplier who listens."""

    desk: SmallDesk
    settings: Settings
    shop: Shop
    door: str

    def send(self, at: datetime | None = None) -> None:
        """The outbox of orders is looked after."""
        send_orders(self.desk.work, by_http(self.settings), at or now())

    def say(self, order: str, status: str, *, message_id: str = "m-1", secret: str = SECRET, **more: object) -> int:
        """The supplier says something; return the status of our answer."""
        body = json.dumps({"order": order, "status": status, "part": CELL, "quantity": 1} | more)
        return self.post(body, signed(secret, message_id, body, now()))

    def post(self, body: str, headers: dict[str, str]) -> int:
        return httpx2.post(self.door, content=body, headers=headers, trust_env=False, timeout=60.0).status_code

    def order(self, name: str = "ev-1") -> tuple[int, str]:
        """A confirmed request whose part is ordered: the request, and the order's number."""
        request_id, bookings = offered(self.desk, name)
        assert isinstance(confirm(self.desk, request_id, bookings[0]), Confirmed)
        inbound_id = self.desk.value("SELECT max(inbound_id) FROM inbound")
        return request_id, f"co-{inbound_id}"

    def inbound(self) -> str:
        return self.desk.value("SELECT state FROM inbound ORDER BY inbound_id LIMIT 1")

    def promised(self) -> int:
        return self.desk.value("SELECT promised FROM inbound ORDER BY inbound_id LIMIT 1")


def serve(application: object, port: int) -> uvicorn.Server:
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="warning"))  # type: ignore[arg-type]
    threading.Thread(target=server.run, daemon=True).start()
    until = time.monotonic() + 60
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    assert server.started
    return server


@pytest.fixture
def street(database: str, tmp_path: Path) -> Iterator[Street]:
    shop_port, desk_port = free_port(), free_port()
    settings = Settings(
        data_dir=tmp_path,
        database_url=database,
        secret=SecretStr("s" * 40),
        supplier_secrets=SecretStr(f"acme/cells={SECRET}"),
    )
    desk = open_store(database, tmp_path, url=f"http://127.0.0.1:{shop_port}")
    desk.count(0, CELL)
    door = f"http://127.0.0.1:{desk_port}/api/v1/suppliers/acme/cells/messages"
    shop = Shop(door, SECRET, Manners(answer_s=0.0, deliver_s=0.0), 1)
    servers = [serve(shop.application(), shop_port), serve(create(settings), desk_port)]
    yield Street(desk, settings, shop, door)
    for server in servers:
        server.should_exit = True
    assert unbalanced(desk) == []
    desk.close()


def test_an_order_is_sent_once_confirmed_shipped_and_arrives_as_its_requests_part(street: Street) -> None:
    request_id, _ = street.order()
    street.send()
    street.send()
    assert street.desk.value("SELECT count(*) FROM inbound WHERE taken_at IS NOT NULL") == 1
    street.shop.send_due()
    assert street.shop.answers == [200, 200, 200]
    assert street.inbound() == "arrived"
    assert level(street.desk, "main") == (1, 0, 1, 0)
    assert events(street.desk, request_id)[-3:] == ["part_confirmed", "part_shipped", "part_arrived"]
    assert state(street.desk, request_id) == "confirmed"


def test_a_message_that_is_sent_twice_is_heard_once(street: Street) -> None:
    request_id, order = street.order()
    assert [street.say(order, "confirmed") for _ in range(2)] == [200, 200]
    assert events(street.desk, request_id).count("part_confirmed") == 1
    assert street.desk.value("SELECT count(*) FROM supplier_message") == 1


def test_only_the_supplier_is_believed_and_only_now(street: Street) -> None:
    _, order = street.order()
    other = "whsec_" + base64.b64encode(b"another key of just some length.").decode()
    assert street.say(order, "rejected", secret=other) == 401
    body = json.dumps({"order": order, "status": "rejected", "part": CELL, "quantity": 1})
    assert street.post(body, {}) == 401
    assert street.post(body, signed(SECRET, "m-2", body, now() - timedelta(minutes=6))) == 401
    assert street.post(body, signed(SECRET, "m-2", body, now() + timedelta(minutes=6))) == 401
    assert street.post(body.replace("rejected", "delivered"), signed(SECRET, "m-2", body, now())) == 401
    assert street.post(body, signed(SECRET, "m-2", body, now()) | {"webhook-signature": "v1"}) == 401
    assert street.inbound() == "asked"


def test_an_order_that_nobody_knows_and_a_message_that_is_too_large_are_refused(street: Street) -> None:
    street.order()
    assert street.say("co-999", "confirmed") == 404
    assert street.say("nonsense", "confirmed") == 404
    assert street.say("co-1", "confirmed", reason="x" * 20_000) == 413
    assert street.say("co-1", "flying") == 422


def test_an_answer_about_another_part_is_a_persons_case_and_changes_nothing(street: Street) -> None:
    request_id, order = street.order()
    assert street.say(order, "confirmed", part="EV-TYRE-REPAIR") == 422
    assert street.inbound() == "asked"
    reason = street.desk.value("SELECT reason FROM human_case WHERE request_id = %s", request_id)
    assert reason == "A supplier's answer does not fit the order: ask the supplier what is true."
    assert street.desk.rows("SELECT outcome FROM supplier_message") == [("other_part",)]


def test_an_arrival_in_the_past_and_another_quantity_are_not_believed(street: Street) -> None:
    _, order = street.order()
    assert street.say(order, "confirmed", arrivesAt=(now() - timedelta(days=2)).isoformat()) == 422
    assert street.say(order, "delivered", quantity=3, message_id="m-2") == 422
    assert street.inbound() == "asked"


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2206-03-02T08:00:00Z"])
def test_an_arrival_that_nobody_lives_to_see_is_not_believed_and_no_date_is_offered_then(
    street: Street, at: str
) -> None:
    _, order = street.order()
    before = street.desk.value("SELECT expected_at FROM inbound")
    assert street.say(order, "delayed", arrivesAt=at) == 422
    assert street.desk.rows("SELECT state, expected_at FROM inbound") == [("asked", before)]


def test_a_rejected_part_comes_from_another_centre_and_the_date_stands(street: Street) -> None:
    request_id, order = street.order()
    put_at_other(street.desk, 1)
    assert street.say(order, "rejected") == 200
    assert state(street.desk, request_id) == "confirmed"
    assert street.desk.rows("SELECT kind, state FROM inbound ORDER BY inbound_id") == [
        ("order", "rejected"),
        ("transfer", "shipped"),
    ]


def test_a_delay_beyond_the_date_gives_the_owner_other_dates_and_a_person_the_case(street: Street) -> None:
    request_id, order = street.order()
    assert street.say(order, "delayed", arrivesAt=(now() + timedelta(days=60)).isoformat()) == 200
    assert state(street.desk, request_id) == "open"
    assert "date_lost" in events(street.desk, request_id)
    assert street.desk.value("SELECT count(*) FROM human_case WHERE closed_at IS NULL") == 1


def test_a_delay_that_does_not_touch_the_date_is_written_down(street: Street) -> None:
    request_id, order = street.order()
    begins_at: datetime = street.desk.value("SELECT lower(during) FROM appointment")
    at = begins_at - timedelta(hours=1)
    assert street.say(order, "delayed", arrivesAt=at.isoformat()) == 200
    assert state(street.desk, request_id) == "confirmed"
    assert street.desk.value("SELECT expected_at FROM reservation WHERE released_at IS NULL") == at


def shown(street: Street) -> tuple[int, datetime]:
    """A second request with dates to choose from, which stand on what was ordered for a first one that is cancelled."""
    first, order = street.order()
    assert street.say(order, "confirmed") == 200
    with tenant_transaction(street.desk.work, street.desk.tenant_id):
        planner.cancel(street.desk.work, request_id=first, staff_id=1, reason="sold", now=now())
    request_id, _ = offered(street.desk, "ev-2")
    assert street.desk.rows("SELECT state, promised FROM inbound") == [("confirmed", 1)]
    begins_at = street.desk.value(
        "SELECT min(lower(during)) FROM booking WHERE request_id = %s AND released_at IS NULL", request_id
    )
    return request_id, begins_at


def test_a_delay_beyond_a_date_that_is_shown_takes_it_back_and_others_are_looked_for(street: Street) -> None:
    request_id, begins_at = shown(street)
    at = begins_at + timedelta(minutes=1)
    assert street.say("co-1", "delayed", message_id="m-2", arrivesAt=at.isoformat()) == 200
    assert state(street.desk, request_id) == "open"
    assert street.desk.value("SELECT outcome FROM offer WHERE request_id = %s", request_id) == "replaced"
    assert events(street.desk, request_id)[-2:] == ["part_missing", "part_delayed"]
    assert offer(street.desk, request_id) is not None
    rows = street.desk.rows(
        """SELECT lower(k.during) >= v.expected_at FROM booking k JOIN reservation v USING (request_id)
        WHERE k.request_id = %s AND k.released_at IS NULL AND v.released_at IS NULL""",
        request_id,
    )
    assert rows == [(True,)] * 3


def test_a_delay_that_ends_before_the_dates_that_are_shown_leaves_them(street: Street) -> None:
    request_id, begins_at = shown(street)
    at = begins_at - timedelta(minutes=1)
    assert street.say("co-1", "delayed", message_id="m-2", arrivesAt=at.isoformat()) == 200
    assert state(street.desk, request_id) == "offered"


def test_a_supplier_who_never_answers_is_given_up_after_a_day(street: Street) -> None:
    request_id, _ = street.order()
    put_at_other(street.desk, 1)
    street.desk.admin.execute("UPDATE inbound SET taken_at = now(), try_at = now()")
    street.send(now() + timedelta(hours=25))
    assert "part_missing" in events(street.desk, request_id)
    assert state(street.desk, request_id) == "confirmed"
    assert street.desk.value("SELECT count(*) FROM human_case WHERE closed_at IS NULL") == 1


def test_a_supplier_who_is_away_is_asked_again_later_and_later(street: Street) -> None:
    street.order()
    street.desk.admin.execute("UPDATE supplier SET url = 'http://127.0.0.1:1'")
    street.send()
    first: datetime = street.desk.value("SELECT try_at FROM inbound")
    street.send(first)
    second: datetime = street.desk.value("SELECT try_at FROM inbound")
    assert second - first > timedelta(seconds=15)
    assert street.desk.value("SELECT taken_at FROM inbound") is None


def test_an_order_that_nobody_waits_for_is_taken_back(street: Street) -> None:
    request_id, _ = street.order()
    street.send()
    with tenant_transaction(street.desk.work, street.desk.tenant_id):
        planner.cancel(street.desk.work, request_id=request_id, staff_id=1, reason="sold", now=now())
    street.send()
    assert street.desk.value("SELECT cancel_asked_at FROM inbound") is not None
    assert street.promised() == 0


def test_what_a_supplier_told_while_we_were_away_is_asked_for(street: Street) -> None:
    _, order = street.order()
    street.send()
    street.shop.orders[order].status = "confirmed"
    street.send(datetime.now(UTC) + timedelta(hours=5))
    assert street.inbound() == "confirmed"


class Gone(BaseException):
    """The process is killed."""


@dataclass
class Watched:
    """A supplier who looks whether the order is locked while he is asked, and lets the asking process die afterwards."""

    desk: SmallDesk
    dies: bool = False
    orders: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def _heard(self) -> None:
        with self.desk.admin.transaction():
            self.desk.admin.execute("SELECT FROM inbound FOR UPDATE NOWAIT")
        if self.dies:
            self.dies = False
            raise Gone

    def order(self, order: PartOrder, now: datetime) -> Taken:
        self.orders.append(order.order_no)
        self._heard()
        return Taken("theirs")

    def cancel(self, order_no: str, now: datetime) -> Taken:
        self.cancelled.append(order_no)
        self._heard()
        return Taken("theirs")

    def status(self, order_no: str, now: datetime) -> None:
        self._heard()


def test_nothing_is_locked_while_a_supplier_is_asked_and_a_kill_sends_the_same_order_again(street: Street) -> None:
    _, order_no = street.order()
    shop = Watched(street.desk, dies=True)

    def send(minutes: int) -> None:
        send_orders(street.desk.work, lambda _tenant, _order: shop, now() + timedelta(minutes=minutes))

    with pytest.raises(Gone):
        send(0)
    send(0)
    assert shop.orders == [order_no], "somebody may still be at it"
    send(2)
    assert shop.orders == [order_no, order_no], "under the same number, by which the supplier knows it"
    assert street.desk.rows("SELECT supplier_ref, calling_until FROM inbound") == [("theirs", None)]
    send(2)
    assert len(shop.orders) == 2


def test_what_a_killed_process_may_have_ordered_is_taken_back_with_its_request(street: Street) -> None:
    request_id, order_no = street.order()
    shop = Watched(street.desk, dies=True)

    def send(minutes: int) -> None:
        send_orders(street.desk.work, lambda _tenant, _order: shop, now() + timedelta(minutes=minutes))

    with pytest.raises(Gone):
        send(0)
    with tenant_transaction(street.desk.admin, street.desk.tenant_id):
        planner.cancel(street.desk.admin, request_id=request_id, staff_id=1, reason="no", now=now())
    send(2)
    assert shop.cancelled == [order_no]
    assert street.inbound() == "asked", "the supplier says himself whether he takes it back"
