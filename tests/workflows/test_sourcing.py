"""Sourcing: the earliest of all ways to have a kit, and never what is not there."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from workflows.dates import Place
from workflows.money import Money
from workflows.parts import Need
from workflows.sourcing import (
    Coming,
    Depot,
    Lacking,
    Lying,
    OnHand,
    OnItsWay,
    Plan,
    Shelves,
    SupplierOrder,
    Supply,
    Transfer,
    order_arrives_at,
    plans,
    transfer_arrives_at,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday, ten in the morning in Berlin
BERLIN = Depot(1, "Europe/Berlin", Place(52.5, 13.4))
HAMBURG = Depot(2, "Europe/Berlin", Place(53.5, 10.0))
EUR = Money(0, "EUR")


def need(role: str = "PUMP", *more: str) -> Need:
    return Need(role, [role, *more], frozenset({role, *more}))


def shelves(*things: object, prices: dict[str, Money] | None = None) -> Shelves:
    return Shelves(
        [BERLIN, HAMBURG],
        [each for each in things if isinstance(each, Lying)],
        [each for each in things if isinstance(each, Coming)],
        [each for each in things if isinstance(each, Supply)],
        prices or {},
        Money(1900, "EUR"),
    )


def supply(part_no: str = "PUMP", lead_days: int = 3, price: int = 100) -> Supply:
    return Supply(7, part_no, lead_days, "Europe/Berlin", time(15), Money(price, "EUR"))


def at_berlin(found: list[Plan | Lacking]) -> Plan:
    (plan,) = (each for each in found if each.centre_id == 1)
    assert isinstance(plan, Plan)
    return plan


def test_what_lies_there_is_there_now() -> None:
    plan = at_berlin(plans([need()], shelves(Lying(1, "PUMP", 1), supply()), NOW))
    assert (plan.lines[0].source, plan.ready_at) == (OnHand(), NOW)


def test_a_transfer_comes_the_next_working_day_by_noon_and_later_after_the_cut_off_hour() -> None:
    noon_on = datetime(2026, 3, 3, 11, tzinfo=UTC)
    assert transfer_arrives_at(HAMBURG, BERLIN, NOW) == noon_on
    assert transfer_arrives_at(HAMBURG, BERLIN, NOW + timedelta(hours=6)) == noon_on + timedelta(days=1)
    friday_evening = datetime(2026, 3, 6, 20, tzinfo=UTC)
    assert transfer_arrives_at(HAMBURG, BERLIN, friday_evening) == datetime(2026, 3, 10, 11, tzinfo=UTC)


def test_a_day_on_which_nobody_is_there_is_no_day_of_delivery() -> None:
    closed = Depot(1, "Europe/Berlin", BERLIN.place, frozenset({datetime(2026, 3, 3, tzinfo=UTC).date()}))
    assert transfer_arrives_at(HAMBURG, closed, NOW) == datetime(2026, 3, 4, 11, tzinfo=UTC)


def test_a_carrier_comes_on_the_weekdays_on_which_the_centre_is_open() -> None:
    from_wednesday_on = Depot(1, "Europe/Berlin", BERLIN.place, open_on=frozenset({2, 3, 4, 5}))
    assert transfer_arrives_at(HAMBURG, from_wednesday_on, NOW) == datetime(2026, 3, 4, 11, tzinfo=UTC)
    friday = datetime(2026, 3, 6, 9, tzinfo=UTC)
    assert transfer_arrives_at(HAMBURG, from_wednesday_on, friday) == datetime(2026, 3, 11, 11, tzinfo=UTC)
    at_weekends = Depot(1, "Europe/Berlin", BERLIN.place, open_on=frozenset({5, 6}))
    assert transfer_arrives_at(HAMBURG, at_weekends, NOW) == datetime(2026, 3, 7, 11, tzinfo=UTC)


def test_a_supplier_counts_in_working_days_and_arrivals_are_local_across_a_clock_change() -> None:
    friday = datetime(2026, 3, 27, 9, tzinfo=UTC)  # the clocks change on the 29th
    assert order_arrives_at(supply(lead_days=1), BERLIN, friday) == datetime(2026, 3, 30, 10, tzinfo=UTC)


def test_a_suppliers_days_are_his_own_where_they_are_known() -> None:
    def arrives_at(lead_days: int, ordered_at: datetime) -> datetime:
        # He rests on Fridays and Saturdays, works on Sundays, and Monday the ninth is a holiday of his.
        his = replace(supply(lead_days=lead_days), open_on=frozenset({0, 1, 2, 3, 6}), closed_on={date(2026, 3, 9)})
        return order_arrives_at(his, BERLIN, ordered_at)

    thursday, holiday = datetime(2026, 3, 5, 9, tzinfo=UTC), datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert arrives_at(1, thursday) == datetime(2026, 3, 9, 11, tzinfo=UTC)  # ready on Sunday, taken in on Monday
    assert arrives_at(2, thursday) == datetime(2026, 3, 10, 11, tzinfo=UTC)
    assert arrives_at(1, holiday) == datetime(2026, 3, 11, 11, tzinfo=UTC)


def test_days_on_which_a_supplier_is_closed_count_beside_the_centres_calendar() -> None:
    away = replace(supply(lead_days=1), closed_on={date(2026, 3, 3), date(2026, 3, 4)})
    assert order_arrives_at(away, BERLIN, NOW) == datetime(2026, 3, 5, 11, tzinfo=UTC)


def test_the_earliest_way_is_taken_and_then_the_part_that_fits_best() -> None:
    plan = at_berlin(plans([need("PUMP", "PUMP-2")], shelves(Lying(1, "PUMP-2", 1), Lying(2, "PUMP", 1)), NOW))
    assert (plan.lines[0].part_no, plan.lines[0].source) == ("PUMP-2", OnHand())
    both = plans([need("PUMP", "PUMP-2")], shelves(Lying(1, "PUMP-2", 1), Lying(1, "PUMP", 1)), NOW)
    assert at_berlin(both).lines[0].part_no == "PUMP"


def test_of_two_ways_that_come_together_the_cheaper_one_is_taken() -> None:
    dear, cheap = supply(price=500), Supply(8, "PUMP", 3, "Europe/Berlin", time(15), Money(90, "EUR"))
    assert at_berlin(plans([need()], shelves(dear, cheap), NOW)).lines[0].source == SupplierOrder(8)


def test_a_free_delivery_on_its_way_comes_before_a_new_order() -> None:
    coming = Coming(5, 1, "PUMP", 1, NOW + timedelta(hours=30))
    assert at_berlin(plans([need()], shelves(coming, supply()), NOW)).lines[0].source == OnItsWay(5)


def test_what_has_been_replaced_is_used_up_and_not_bought() -> None:
    replaced = Need("PUMP", ["PUMP", "PUMP-2"], frozenset({"PUMP-2"}))
    offers = shelves(supply("PUMP", 1), supply("PUMP-2", 9))
    assert at_berlin(plans([replaced], offers, NOW)).lines[0].part_no == "PUMP-2"


def test_the_kit_is_there_with_its_last_part_and_one_part_is_not_counted_twice() -> None:
    twice = [need(), Need("OTHER", ["PUMP"], frozenset({"PUMP"}))]
    plan = at_berlin(plans(twice, shelves(Lying(1, "PUMP", 1), Lying(2, "PUMP", 1)), NOW))
    assert {type(line.source) for line in plan.lines} == {OnHand, Transfer}
    assert plan.ready_at == max(line.arrives_at for line in plan.lines)


def test_what_cannot_be_had_is_named() -> None:
    assert plans([need(), need("PACK")], shelves(Lying(1, "PUMP", 1)), NOW) == [
        Lacking(1, ["PACK"]),
        Lacking(2, ["PACK"]),
    ]


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from(["A", "B", "C"]), st.integers(0, 2)), max_size=8),
    st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from(["A", "B"]), st.integers(1, 99)), max_size=3),
    st.lists(st.tuples(st.sampled_from(["A", "B", "C"]), st.integers(0, 12)), max_size=2),
    st.lists(st.sampled_from(["A", "B", "C"]), min_size=1, max_size=3),
    st.integers(0, 24 * 14),
)
def test_a_plan_takes_only_what_is_there_and_nothing_comes_earlier(
    lying: list[tuple[int, str, int]],
    coming: list[tuple[int, str, int]],
    supplied: list[tuple[str, int]],
    roles: list[str],
    hours: int,
) -> None:
    now = NOW + timedelta(hours=hours)
    stock = {(centre, part): quantity for centre, part, quantity in lying}
    offers = shelves(
        *(Lying(centre, part, quantity) for (centre, part), quantity in stock.items()),
        *(Coming(at, centre, part, 1, now + timedelta(hours=h)) for at, (centre, part, h) in enumerate(coming)),
        *(Supply(at, part, days, "Europe/Berlin", time(15), None) for at, (part, days) in enumerate(supplied)),
    )
    found = plans([Need(str(at), [part], frozenset({part})) for at, part in enumerate(roles)], offers, now)
    ready = [plan for plan in found if isinstance(plan, Plan)]
    assert [plan.ready_at for plan in ready] == sorted(plan.ready_at for plan in ready)
    for plan in ready:
        taken = [
            (plan.centre_id if line.source == OnHand() else line.source.from_centre_id, line.part_no)
            for line in plan.lines
            if isinstance(line.source, OnHand | Transfer)
        ]
        assert all(taken.count(each) <= stock.get(each, 0) for each in taken)
        deliveries = [line.source.inbound_id for line in plan.lines if isinstance(line.source, OnItsWay)]
        assert len(deliveries) == len(set(deliveries))
        assert all(line.arrives_at >= now for line in plan.lines)
        for line in plan.lines:
            if stock.get((plan.centre_id, line.part_no), 0) >= roles.count(line.part_no):
                assert line.source == OnHand()
