"""Prices on a real database: quoted with the dates or before them, agreed once, frozen, raised, declined, run out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from gateway import journey, planner
from gateway.journey import Confirmed, NotOpen
from gateway.quotes import quoting
from gateway.quotes.quoting import Agreed, Declined, NothingToAgree, OtherPrice
from gateway.storage.connection import Role, connect, tenant_transaction
from gateway.sweep import sweep
from tests.gateway.desk import SmallDesk, open_desk
from tests.gateway.pricing import set_contract, set_deposit, set_prices, set_warranty
from workflows.mandate import USUAL, Clause
from workflows.money import Money


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Iterator[SmallDesk]:
    opened = open_desk(database, tmp_path)
    yield opened
    opened.close()


def now() -> datetime:
    return datetime.now(UTC)


def open_request(desk: SmallDesk, device_id: int) -> int:
    """A request of a vehicle whose cell has left its pack."""
    desk.symptom(device_id, "cell_leaves_pack", 81)
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="traction_battery", now=now())
    return desk.value("SELECT request_id FROM service_request WHERE device_id = %s AND closed_at IS NULL", device_id)


def offer(desk: SmallDesk, request_id: int) -> int | None:
    with tenant_transaction(desk.work, desk.tenant_id):
        return journey.offer(desk.work, request_id=request_id, now=now())


def tap(desk: SmallDesk, request_id: int, quote_id: int | None) -> object:
    """The owner taps the best date, beside which a price stands."""
    booking = desk.value(
        "SELECT min(booking_id) FROM booking WHERE request_id = %s AND offer_id = (SELECT max(offer_id) FROM offer)",
        request_id,
    )
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return journey.confirm(connection, request_id=request_id, booking_id=booking, now=now(), quote_id=quote_id)


def agree(desk: SmallDesk, request_id: int, quote_id: int, actor: str = "owner") -> object:
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return quoting.agree(connection, request_id=request_id, quote_id=quote_id, now=now(), actor=actor)


def decline(desk: SmallDesk, request_id: int, quote_id: int) -> object:
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        return quoting.decline(connection, request_id=request_id, quote_id=quote_id, now=now())


def quote(desk: SmallDesk, request_id: int, state: str = "open") -> int:
    return desk.value("SELECT quote_id FROM quote WHERE request_id = %s AND state = %s", request_id, state)


def to_pay(desk: SmallDesk, request_id: int, state: str = "open") -> int:
    return desk.value("SELECT to_pay_minor FROM quote WHERE request_id = %s AND state = %s", request_id, state)


def state(desk: SmallDesk, request_id: int) -> str:
    return desk.value("SELECT state FROM service_request WHERE request_id = %s", request_id)


def reasons(desk: SmallDesk) -> list[str]:
    return [row[0] for row in desk.rows("SELECT reason FROM human_case WHERE closed_at IS NULL ORDER BY case_id")]


def test_without_any_prices_dates_are_offered_and_nobody_is_bothered(desk: SmallDesk) -> None:
    request_id = open_request(desk, desk.vehicle("ev-1"))
    assert offer(desk, request_id) is not None
    assert desk.rows("SELECT * FROM quote") == []
    assert reasons(desk) == []
    assert isinstance(tap(desk, request_id, None), Confirmed)


def test_a_warranty_at_the_onset_pays_all_and_one_tap_is_enough(desk: SmallDesk) -> None:
    set_prices(desk)
    device_id = desk.vehicle("ev-1")
    set_warranty(desk, device_id)
    request_id = open_request(desk, device_id)
    assert offer(desk, request_id) is not None
    assert to_pay(desk, request_id, "accepted") == 0
    assert isinstance(tap(desk, request_id, None), Confirmed)


def test_a_price_is_agreed_by_the_tap_on_the_date_beside_it(desk: SmallDesk) -> None:
    set_prices(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    assert offer(desk, request_id) is not None
    assert state(desk, request_id) == "offered"
    assert to_pay(desk, request_id) >= 40_000
    open_quote = quote(desk, request_id)
    assert tap(desk, request_id, None) == NotOpen("priced")
    assert tap(desk, request_id, open_quote + 1) == NotOpen("priced")
    assert desk.rows("SELECT * FROM appointment") == []
    assert isinstance(tap(desk, request_id, open_quote), Confirmed)
    assert quote(desk, request_id, "accepted") == open_quote
    again = tap(desk, request_id, open_quote)
    assert isinstance(again, Confirmed)
    assert not again.is_new
    assert desk.value("SELECT count(*) FROM request_event WHERE event = 'quote_accepted'") == 1


def test_looking_for_dates_twice_writes_one_quote(desk: SmallDesk) -> None:
    set_prices(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    first = quote(desk, request_id)
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.expire_offer(desk.work, request_id=request_id, now=now() + timedelta(days=4))
    assert offer(desk, request_id) is not None
    assert quote(desk, request_id) == first


def test_amounts_of_a_quote_cannot_be_updated_by_any_process(desk: SmallDesk) -> None:
    set_prices(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    for role in (Role.WORK, Role.SERVE):
        with (
            connect(desk.dsn, role) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            tenant_transaction(connection, desk.tenant_id),
        ):
            connection.execute("UPDATE quote SET to_pay_minor = 1")
    with pytest.raises(psycopg.errors.CheckViolation, match="owner_pays_no_more_than_the_gross"):
        desk.admin.execute("UPDATE quote SET to_pay_minor = gross_minor + 1")


def dearer(desk: SmallDesk, request_id: int, minor: int) -> None:
    """A part costs another price, and a later diagnosis makes the desk look again."""
    desk.admin.execute("UPDATE part SET price_minor = %s", [minor])
    with tenant_transaction(desk.work, desk.tenant_id):
        quoting.look_again(desk.work, request_id, now())


def test_what_costs_more_than_was_agreed_needs_a_new_yes_and_the_date_stands(desk: SmallDesk) -> None:
    set_prices(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    tap(desk, request_id, quote(desk, request_id))
    agreed = quote(desk, request_id, "accepted")
    dearer(desk, request_id, 90_000)
    dearer(desk, request_id, 90_000)
    assert state(desk, request_id) == "confirmed"
    assert quote(desk, request_id, "accepted") == agreed
    raised = quote(desk, request_id)
    assert desk.value("SELECT count(*) FROM notice WHERE kind = 'quote'") == 1
    assert agree(desk, request_id, agreed) == Agreed(agreed, is_new=False)
    assert agree(desk, request_id, raised + 1) == OtherPrice()
    assert agree(desk, request_id, raised) == Agreed(raised, is_new=True)
    assert agree(desk, request_id, raised) == Agreed(raised, is_new=False)
    assert quote(desk, request_id, "accepted") == raised
    assert state(desk, request_id) == "confirmed"


def test_a_deposit_that_becomes_due_takes_no_shown_date_back_before_its_owner_answers(desk: SmallDesk) -> None:
    set_prices(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    assert offer(desk, request_id) is not None
    first = quote(desk, request_id)
    set_deposit(desk)
    dearer(desk, request_id, 90_000)
    assert state(desk, request_id) == "offered"
    assert desk.value("SELECT count(*) FROM offer WHERE closed_at IS NULL") == 1
    assert desk.rows("SELECT kind FROM notice") == [("offer",)]
    assert tap(desk, request_id, first) == NotOpen("priced")
    assert tap(desk, request_id, quote(desk, request_id)) == NotOpen("quoted")
    assert desk.rows("SELECT state FROM deposit") == [("wanted",)]
    assert desk.value("SELECT count(*) FROM booking WHERE released_at IS NULL") == 0
    assert desk.value("SELECT count(*) FROM reservation WHERE released_at IS NULL") == 0
    assert state(desk, request_id) == "quoted"


def test_a_deposit_that_becomes_due_after_the_date_was_chosen_is_asked_for_and_the_date_stands(desk: SmallDesk) -> None:
    set_prices(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    tap(desk, request_id, quote(desk, request_id))
    set_deposit(desk)
    dearer(desk, request_id, 90_000)
    assert state(desk, request_id) == "confirmed"
    raised = quote(desk, request_id)
    assert agree(desk, request_id, raised) == Agreed(raised, is_new=True)
    assert desk.rows("SELECT state FROM deposit") == [("wanted",)]
    assert desk.value("SELECT state FROM appointment") == "confirmed"


def test_what_costs_less_is_simply_less(desk: SmallDesk) -> None:
    set_prices(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    tap(desk, request_id, quote(desk, request_id))
    before = to_pay(desk, request_id, "accepted")
    dearer(desk, request_id, 30_000)
    assert to_pay(desk, request_id, "accepted") == before - 10_000
    assert desk.rows("SELECT * FROM quote WHERE state = 'open'") == []


def test_a_no_to_a_raised_price_goes_to_a_person_and_keeps_the_date(desk: SmallDesk) -> None:
    set_prices(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    tap(desk, request_id, quote(desk, request_id))
    dearer(desk, request_id, 90_000)
    assert decline(desk, request_id, quote(desk, request_id)) == Declined("confirmed")
    assert reasons(desk) == ["The owner does not want to pay this price: please talk about it."]
    assert desk.value("SELECT state FROM appointment") == "confirmed"


def test_a_deposit_comes_before_the_dates_and_waits_for_its_money(desk: SmallDesk) -> None:
    set_prices(desk)
    set_deposit(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    assert offer(desk, request_id) is None
    assert offer(desk, request_id) is None
    assert state(desk, request_id) == "quoted"
    assert desk.rows("SELECT kind FROM notice") == [("quote",)]
    open_quote = quote(desk, request_id)
    assert agree(desk, request_id, open_quote) == Agreed(open_quote, is_new=True)
    assert agree(desk, request_id, open_quote) == Agreed(open_quote, is_new=False)
    assert state(desk, request_id) == "quoted"
    share = desk.value("SELECT deposit_minor FROM quote WHERE quote_id = %s", open_quote)
    assert desk.rows("SELECT state, amount_minor FROM deposit") == [("wanted", share)]


def test_a_yes_on_the_telephone_needs_no_deposit(desk: SmallDesk) -> None:
    set_prices(desk)
    set_deposit(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    open_quote = quote(desk, request_id)
    assert agree(desk, request_id, open_quote, "staff-1") == Agreed(open_quote, is_new=True)
    assert state(desk, request_id) == "open"
    assert offer(desk, request_id) is not None
    assert isinstance(tap(desk, request_id, None), Confirmed)
    assert desk.rows("SELECT * FROM deposit") == []


def test_a_no_to_a_price_ends_the_request_and_a_second_no_changes_nothing(desk: SmallDesk) -> None:
    set_prices(desk)
    set_deposit(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    open_quote = quote(desk, request_id)
    assert decline(desk, request_id, open_quote + 1) == OtherPrice()
    assert decline(desk, request_id, open_quote) == Declined("cancelled")
    assert decline(desk, request_id, open_quote) == NothingToAgree("cancelled")
    assert agree(desk, request_id, open_quote) == NothingToAgree("cancelled")
    assert desk.rows("SELECT state, answered_at IS NULL FROM quote") == [("declined", False)]
    assert desk.value("SELECT count(*) FROM fault WHERE closed_at IS NULL") == 0


def test_a_price_that_nobody_answers_goes_to_a_person(desk: SmallDesk) -> None:
    set_prices(desk)
    set_deposit(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    later = now() + timedelta(days=15)
    sweep(desk.work, later)
    sweep(desk.work, later)
    assert state(desk, request_id) == "held"
    assert reasons(desk) == ["The owner has not answered the price: please ask in person."]
    with tenant_transaction(desk.admin, desk.tenant_id):
        assert isinstance(planner.approve(desk.admin, request_id=request_id, staff_id=1, now=now()), planner.Done)
    offer(desk, request_id)
    assert state(desk, request_id) == "quoted"


def test_a_part_without_a_price_is_a_persons_case_where_the_tenant_has_prices(desk: SmallDesk) -> None:
    set_prices(desk)
    desk.admin.execute("UPDATE part SET price_minor = NULL, price_currency = NULL WHERE part_no = 'EV-CELL-MODULE'")
    request_id = open_request(desk, desk.vehicle("ev-1"))
    assert offer(desk, request_id) is not None
    assert reasons(desk) == ["The price of this work is not known: agree it with the owner before any work begins."]
    covered = desk.vehicle("ev-2")
    set_warranty(desk, covered)
    assert offer(desk, open_request(desk, covered)) is not None
    assert len(reasons(desk)) == 1


def test_a_part_without_a_price_is_put_aside_on_no_limit_unless_others_pay_it(desk: SmallDesk) -> None:
    desk.admin.execute("UPDATE part SET price_minor = NULL, price_currency = NULL WHERE part_no = 'EV-CELL-MODULE'")
    limited = desk.vehicle("ev-1")
    desk.sign(limited, *USUAL, limit=Money(10_000_000, "EUR"))
    request_id = open_request(desk, limited)
    assert offer(desk, request_id) is None
    assert state(desk, request_id) == "held"
    unknown = "The owner has set how much a part may cost, and what this work needs has no price: ask the owner."
    assert reasons(desk) == [unknown]
    assert desk.value("SELECT allocated FROM stock_level WHERE part_no = 'EV-CELL-MODULE'") == 0
    with tenant_transaction(desk.admin, desk.tenant_id):
        assert isinstance(planner.approve(desk.admin, request_id=request_id, staff_id=1, now=now()), planner.Done)
    assert offer(desk, request_id) is not None
    assert desk.rows("SELECT inputs->'price', clause FROM audit_record WHERE act = 'part_reserved'") == [
        ({"unknown": ["EV-CELL-MODULE"]}, None)
    ]
    paid = desk.vehicle("ev-2")
    desk.sign(paid, *USUAL, limit=Money(10_000_000, "EUR"))
    set_contract(desk, paid, parts=1000, labour=0)
    assert offer(desk, open_request(desk, paid)) is not None
    assert desk.rows(
        "SELECT inputs->'price', clause FROM audit_record WHERE act = 'part_reserved' AND device_id = %s", paid
    ) == [(None, Clause.RESERVE_PART)]


@pytest.mark.parametrize(
    ("price_minor", "reason"),
    [
        (None, "The owner has set how much a part may cost, and what this work needs has no price: ask the owner."),
        (9_000, "The part costs more than the owner lets his device put aside: ask the owner."),
        (4_000, None),
    ],
)
def test_a_limit_is_kept_by_the_part_that_lies_there_and_not_by_the_usual_one(
    desk: SmallDesk, price_minor: int | None, reason: str | None
) -> None:
    desk.count(0, "EV-CELL-MODULE")
    with tenant_transaction(desk.admin, desk.tenant_id):
        desk.admin.execute("UPDATE part SET price_minor = 100, price_currency = 'EUR' WHERE part_no = 'EV-CELL-MODULE'")
        desk.admin.execute(
            "INSERT INTO part (part_no, title, price_minor, price_currency) VALUES ('EV-CELL-B', 'Module B', %s, %s)",
            [price_minor, None if price_minor is None else "EUR"],
        )
        desk.admin.execute("INSERT INTO part_substitute (part_no, stand_in_no) VALUES ('EV-CELL-MODULE', 'EV-CELL-B')")
    desk.receive("EV-CELL-B", 1)
    device_id = desk.vehicle("ev-1")
    desk.sign(device_id, *USUAL, limit=Money(5_000, "EUR"))
    request_id = open_request(desk, device_id)
    assert (offer(desk, request_id) is None) == (reason is not None)
    assert reasons(desk) == ([] if reason is None else [reason])
    held = desk.value("SELECT count(*) FROM reservation WHERE released_at IS NULL")
    assert held == (1 if reason is None else 0)
    assert desk.value("SELECT count(*) FROM booking WHERE released_at IS NULL") == (3 if reason is None else 0)


def test_goodwill_lowers_what_is_asked_and_is_written_down_with_its_reason(desk: SmallDesk) -> None:
    set_prices(desk)
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    before = to_pay(desk, request_id)
    with connect(desk.dsn, Role.SERVE) as connection:
        for per_mille, expected in ((500, before // 2), (1000, 0)):
            with tenant_transaction(connection, desk.tenant_id):
                assert quoting.grant_goodwill(
                    connection, request_id=request_id, staff_id=1, per_mille=per_mille, reason="loyal", now=now()
                )
            kept = "open" if expected else "accepted"
            assert to_pay(desk, request_id, kept) == expected
    assert desk.rows("SELECT per_mille, reason, withdrawn_at IS NULL FROM goodwill ORDER BY goodwill_id") == [
        (500, "loyal", False),
        (1000, "loyal", True),
    ]
    assert isinstance(tap(desk, request_id, None), Confirmed)
    with connect(desk.dsn, Role.SERVE) as connection, tenant_transaction(connection, desk.tenant_id):
        assert quoting.withdraw_goodwill(connection, request_id=request_id, staff_id=1, now=now())
    assert to_pay(desk, request_id, "accepted") == 0


def test_a_contracts_visits_are_counted_over_the_devices_requests(desk: SmallDesk) -> None:
    set_prices(desk)
    device_id = desk.vehicle("ev-1")
    set_contract(desk, device_id, parts=1000, labour=1000, visits=1)
    first = open_request(desk, device_id)
    offer(desk, first)
    assert to_pay(desk, first, "accepted") == 0
    desk.symptom(device_id, "tyre_soft", 1, component="tyres")
    with tenant_transaction(desk.work, desk.tenant_id):
        journey.diagnose(desk.work, device_id=device_id, component="tyres", now=now())
    second = desk.value("SELECT request_id FROM service_request WHERE component = 'tyres'")
    offer(desk, second)
    assert to_pay(desk, second) > 0
    with tenant_transaction(desk.admin, desk.tenant_id):
        planner.cancel(desk.admin, request_id=first, staff_id=1, reason="no fault", now=now())
        quoting.look_again(desk.admin, second, now())
    assert to_pay(desk, second, "accepted") == 0


def test_a_warranty_follows_the_day_that_the_device_was_enrolled_with(desk: SmallDesk) -> None:
    device_id = desk.vehicle("ev-1")
    assert desk.rows("SELECT * FROM warranty") == []
    set_warranty(desk, device_id, days=10)
    set_warranty(desk, device_id, days=20)
    assert desk.value("SELECT until_on = current_date + 20 FROM warranty WHERE device_id = %s", device_id)
    desk.admin.execute("UPDATE device SET warranty_until = NULL")
    assert desk.rows("SELECT * FROM warranty") == []


def test_prices_and_quotes_are_seen_by_their_own_tenant_only(desk: SmallDesk, tmp_path: Path) -> None:
    set_prices(desk)
    set_deposit(desk)
    offer(desk, open_request(desk, desk.vehicle("ev-1")))
    other = open_desk(desk.dsn, tmp_path, tenant="rival")
    try:
        with tenant_transaction(other.work, other.tenant_id):
            for table in ("labour_rate", "deposit_rule", "quote"):
                assert other.work.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    finally:
        other.close()


@pytest.mark.parametrize(("limit", "stands"), [(39_999, "held"), (40_000, "offered")])
@pytest.mark.parametrize("has_labour", [True, False])
def test_a_part_above_the_owners_limit_goes_to_a_person(
    desk: SmallDesk, limit: int, stands: str, has_labour: bool
) -> None:
    set_prices(desk)
    if not has_labour:
        desk.admin.execute("DELETE FROM labour_rate")
    device_id = desk.vehicle("ev-1")
    desk.sign(device_id, *USUAL, limit=Money(limit, "EUR"))
    request_id = open_request(desk, device_id)
    assert (offer(desk, request_id) is not None) is (stands == "offered")
    assert state(desk, request_id) == stands
    if stands == "held":
        assert reasons(desk) == ["The part costs more than the owner lets his device put aside: ask the owner."]
        assert desk.value("SELECT count(*) FROM reservation") == 0


def test_a_limit_does_not_count_what_a_warranty_pays(desk: SmallDesk) -> None:
    set_prices(desk)
    device_id = desk.vehicle("ev-1")
    set_warranty(desk, device_id)
    desk.sign(device_id, *USUAL, limit=Money(1, "EUR"))
    assert offer(desk, open_request(desk, device_id)) is not None


def test_ways_are_compared_in_the_currency_of_the_tenants_prices(desk: SmallDesk) -> None:
    set_prices(desk, part_minor=900_000, minute_minor=1500, currency="KRW")
    request_id = open_request(desk, desk.vehicle("ev-1"))
    offer(desk, request_id)
    detail = desk.value("SELECT detail FROM request_event WHERE event = 'weighed'")
    assert detail["currency"] == "KRW"
    costs = {each["way"]: each["cost_minor"] for each in detail["options"]}
    # An hour of 90,000 KRW in place of one of 9,000 cents: ten times all others, and the part at its own price.
    assert costs["drop_off"] > 900_000
    assert costs["case"] > 900_000
