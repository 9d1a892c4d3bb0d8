"""Each price that is written, changed, answered or run out stands in the audit with its lines and payers."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.audit.verifying import verify
from gateway.owners import stopping
from gateway.quotes import quoting
from gateway.storage.connection import tenant_transaction
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.pricing import set_deposit, set_prices
from tests.gateway.quotes.test_quoting import agree, decline, now, offer, open_request, quote, tap


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    set_prices(opened)
    yield opened
    opened.close()


def money(desk: SmallDesk) -> list[tuple[str, str]]:
    """The acts about prices with who did them, in order; the chain fits."""
    with tenant_transaction(desk.work, desk.tenant_id):
        assert verify(desk.work).misfit is None
    return desk.rows(
        "SELECT act, actor FROM audit_record WHERE act ~ '^(price|quote|goodwill)' AND clause IS NULL ORDER BY audit_id"
    )


def owner(desk: SmallDesk) -> str:
    return f"owner-{desk.value('SELECT owner_id FROM service_request')}"


def test_a_price_stands_with_its_lines_and_the_tap_that_agrees_to_it(desk: SmallDesk) -> None:
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    quote_id = quote(desk, request_id)
    tap(desk, request_id, quote_id)
    tap(desk, request_id, quote_id)
    assert money(desk) == [("priced", "rule-price"), ("quote_accepted", owner(desk))]
    inputs = desk.value("SELECT inputs FROM audit_record WHERE act = 'priced'")
    kept = desk.rows("SELECT quote_id, to_pay_minor, lines FROM quote")
    assert [(inputs["quote_id"], inputs["to_pay_minor"], inputs["lines"])] == kept
    assert desk.value(
        """SELECT count(*) FROM request_event e JOIN audit_record a ON a.request_id = e.request_id
            AND a.act = e.event AND a.at = e.happened_at WHERE e.event = 'priced'"""
    )


def test_goodwill_is_a_persons_and_the_price_that_follows_says_what_it_was_before(desk: SmallDesk) -> None:
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    before = quote(desk, request_id)
    staff_id = desk.value("SELECT staff_id FROM staff")
    with tenant_transaction(desk.admin, desk.tenant_id):
        quoting.grant_goodwill(
            desk.admin, request_id=request_id, staff_id=staff_id, per_mille=500, reason="A good customer.", now=now()
        )
        quoting.withdraw_goodwill(desk.admin, request_id=request_id, staff_id=staff_id, now=now())
    person = f"staff-{staff_id}"
    assert money(desk) == [
        ("priced", "rule-price"),
        ("goodwill_granted", person),
        ("priced", "rule-price"),
        ("goodwill_withdrawn", person),
    ]
    inputs = desk.value("SELECT inputs FROM audit_record WHERE act = 'priced' ORDER BY audit_id DESC LIMIT 1")
    assert inputs["instead_of"] == before
    assert inputs["to_pay_minor"] * 2 == inputs["to_pay_before_minor"]
    assert {cover["ground"] for line in inputs["lines"] for cover in line["covers"]} == {"goodwill"}


def test_a_no_is_the_owners(desk: SmallDesk) -> None:
    set_deposit(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    decline(desk, request_id, quote(desk, request_id))
    assert money(desk)[-1] == ("quote_declined", owner(desk))


def test_a_stop_is_a_no_to_the_price_that_was_asked_and_stands_in_writing_once(desk: SmallDesk) -> None:
    set_deposit(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    quote_id = quote(desk, request_id)
    for _ in range(2):
        with tenant_transaction(desk.work, desk.tenant_id):
            stopping.stop(desk.work, request_id=request_id, now=now())
    assert money(desk) == [("priced", "rule-price"), ("quote_declined", owner(desk))]
    assert desk.value("SELECT inputs ->> 'quote_id' FROM audit_record WHERE act = 'quote_declined'") == str(quote_id)
    assert desk.rows("SELECT state FROM quote") == [("declined",)]


def test_a_yes_on_the_telephone_is_that_of_who_wrote_it_down(desk: SmallDesk) -> None:
    set_deposit(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    person = f"staff-{desk.value('SELECT staff_id FROM staff')}"
    agree(desk, request_id, quote(desk, request_id), actor=person)
    assert money(desk)[-1] == ("quote_accepted", person)


def test_a_price_that_nobody_answers_ends_in_writing(desk: SmallDesk) -> None:
    set_deposit(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    with tenant_transaction(desk.work, desk.tenant_id):
        quoting.expire_quote(desk.work, request_id=request_id, now=now() + timedelta(days=60))
    assert money(desk)[-1] == ("quote_expired", "rule-price")
