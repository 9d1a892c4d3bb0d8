"""Shares: whatever processes come and go, every range gets one owner, evenly, and nobody moves without need."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ingest.shares import Plan, division, plan, share
from gateway.settings import DIVISIONS
from gateway.storage.leases import LeaseRow, Standing

numbers = st.lists(st.integers(1, 99), min_size=1, max_size=8, unique=True).map(lambda found: tuple(sorted(found)))


@given(numbers, st.sampled_from(DIVISIONS))
def test_shares_are_equal_but_for_one_range_and_leave_none_out(processes: tuple[int, ...], ranges: int) -> None:
    shares = [share(number, processes, ranges) for number in processes]
    assert sum(shares) == ranges
    assert max(shares) - min(shares) <= 1


def undivided(ranges: int, wanted: int, processes: tuple[int, ...]) -> Standing:
    return Standing(tuple(LeaseRow(each, 0, None) for each in division(ranges)), processes, wanted, division(ranges))


def acted(now: Standing, process_no: int, todo: Plan) -> Standing:
    """How things stand after a process did what it had planned, as the database would have it."""
    rows = [
        replace(row, owner=process_no, epoch=row.epoch + 1)
        if row.partitions in todo.take and row.owner is None
        else replace(row, owner=None)
        if row in todo.give_back
        else row
        for row in now.leases
    ]
    if todo.divides:
        new = division(now.wanted_ranges)
        return replace(now, leases=tuple(LeaseRow(each, 0, None) for each in new), sessions=new)
    return replace(now, leases=tuple(rows))


@given(numbers, st.sampled_from(DIVISIONS), st.sampled_from(DIVISIONS), st.randoms(use_true_random=False))
def test_whatever_the_order_in_which_they_look_all_ranges_are_served_in_the_end_and_then_nothing_moves(
    processes: tuple[int, ...], ranges: int, wanted: int, chance: "object"
) -> None:
    now = undivided(ranges, wanted, processes)
    for _ in range(6):
        order = list(processes)
        chance.shuffle(order)  # type: ignore[attr-defined]
        for number in order:
            now = acted(now, number, plan(number, now))
    plans = {number: plan(number, now) for number in processes}
    assert all(not (each.take or each.give_back or each.is_short or each.divides) for each in plans.values())
    served = [row.partitions for each in plans.values() for row in each.serve]
    assert sorted(served, key=lambda each: each.start) == list(division(wanted))


def test_a_process_that_joins_gets_its_share_and_the_others_keep_the_rest_of_theirs() -> None:
    now = Standing(tuple(LeaseRow(each, 3, 1) for each in division(4)), (1, 2), 4, division(4))
    todo = plan(1, now)
    assert [row.partitions.start for row in todo.serve] == [0, 16]
    assert [row.partitions.start for row in todo.give_back] == [32, 48]
    assert plan(2, now) == Plan(is_short=True)


def test_while_the_partitions_are_divided_anew_nobody_else_serves() -> None:
    rows = tuple(LeaseRow(each, 3, owner) for each, owner in zip(division(2), (5, 7), strict=True))
    now = Standing(rows, (5, 7), 4, tuple(row.partitions for row in rows))
    assert plan(7, now).give_back == rows[1:]
    assert not plan(5, now).divides
    alone = replace(now, leases=tuple(replace(row, owner=5) for row in rows))
    assert plan(5, alone).divides


@pytest.mark.parametrize("sessions", [(*division(4), range(64)), division(4)[1:], ()])
def test_what_a_division_has_left_behind_half_way_is_put_in_order_before_anything_is_served(
    sessions: tuple[range, ...],
) -> None:
    rows = tuple(LeaseRow(each, 3, 5) for each in division(4))
    assert plan(5, Standing(rows, (5,), 4, sessions)) == Plan(divides=True)
    assert plan(5, Standing(rows, (5,), 4, division(4))).serve == rows
