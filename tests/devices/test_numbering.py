"""Numbering: any order and doubling of good messages leaves no gap; two devices and restarts are told, and nothing else."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.numbering import (
    HIGHEST_SEQ,
    MOST_EPOCHS,
    MOST_RANGES,
    RECENT,
    UNMARKED,
    Finding,
    Forgotten,
    Lane,
    Numbered,
    SeqRestarted,
    TwoDevices,
    take_in,
)

SECOND_US = 1_000_000
START_US = 1_790_000_000 * SECOND_US


def sent(seq: int, at_s: float, boot: int = 1, mark: int | None = None, *, is_backfill: bool = False) -> Numbered:
    """A message whose newest sample is `at_s` seconds after the start, received a second later."""
    at_us = START_US + round(at_s * SECOND_US)
    return Numbered(boot, seq, at_us, at_us, at_us + SECOND_US, seq if mark is None else mark, is_backfill)


def taken(messages: list[Numbered]) -> tuple[list[Lane], list[Finding]]:
    lanes: list[Lane] = []
    found: list[Finding] = []
    for message in messages:
        found += take_in(lanes, message)
        assert sum(lane.is_current for lane in lanes) == 1
        assert all(len(lane.received) <= MOST_RANGES and len(lane.recent) <= RECENT for lane in lanes)
    return lanes, found


@settings(max_examples=200)
@given(st.integers(1, 60), st.randoms(use_true_random=False), st.data())
def test_any_order_and_doubling_of_all_messages_leaves_the_same_set_and_no_gap(
    count: int, chance: random.Random, data: st.DataObject
) -> None:
    messages = [sent(seq, 10.0 * seq) for seq in range(1, count + 1)]
    doubled = [*messages, *data.draw(st.lists(st.sampled_from(messages), max_size=20))]
    chance.shuffle(doubled)
    lanes, found = taken(doubled)
    assert [(lane.boot, lane.epoch, lane.received, lane.missing) for lane in lanes] == [(1, 0, [(1, count)], [])]
    assert found == []


@settings(max_examples=100)
@given(st.integers(2, 40), st.integers(2, 40), st.randoms(use_true_random=False))
def test_two_boots_in_any_order_are_no_two_devices_unless_they_take_turns_in_time(
    first: int, second: int, chance: random.Random
) -> None:
    old = [sent(seq, 10.0 * seq, boot=1) for seq in range(1, first + 1)]
    new = [sent(seq, 10.0 * (first + seq), boot=2) for seq in range(1, second + 1)]
    backlog = list(old)
    chance.shuffle(backlog)
    merged = [*new, *backlog]
    lanes, found = taken(merged)
    assert {lane.boot: lane.received for lane in lanes} == {1: [(1, first)], 2: [(1, second)]}
    assert [each for each in found if isinstance(each, TwoDevices)] == []


def test_what_is_missing_is_a_gap_until_it_comes() -> None:
    lanes, _ = taken([sent(seq, seq) for seq in (1, 2, 5, 9)])
    assert lanes[0].missing == [(3, 4), (6, 8)]
    for seq in (7, 3, 4, 6, 8):
        take_in(lanes, sent(seq, seq))
    assert (lanes[0].missing, lanes[0].received) == ([], [(1, 9)])


def test_the_first_boot_that_is_heard_begins_where_it_is_heard_and_a_later_one_at_1() -> None:
    lanes, _ = taken([sent(57, 0.0), sent(3, 10.0, boot=2)])
    assert [(lane.boot, lane.missing) for lane in lanes] == [(1, []), (2, [(1, 2)])]


def test_a_device_that_counts_on_over_its_restarts_has_no_gap_at_their_beginning() -> None:
    lanes, _ = taken([sent(57, 0.0), sent(59, 10.0, boot=2), sent(60_000, 20.0, boot=3)])
    assert [lane.missing for lane in lanes] == [[], [], []]


def test_numbers_that_begin_anew_in_a_boot_are_told_once_and_counted_apart() -> None:
    messages = [sent(seq, 10.0 * seq) for seq in range(1, 501)]
    messages += [sent(seq, 6000.0 + 10.0 * seq) for seq in range(1, 701)]
    lanes, found = taken(messages)
    assert found == [SeqRestarted(1, 500, 1)]
    assert [(lane.epoch, lane.received, lane.missing, lane.is_current) for lane in lanes] == [
        (0, [(1, 500)], [], False),
        (1, [(1, 700)], [], True),
    ]


def test_gaps_are_found_after_numbers_began_anew() -> None:
    messages = [sent(seq, 10.0 * seq) for seq in range(1, 101)]
    messages += [sent(seq, 2000.0 + 10.0 * seq) for seq in range(1, 50) if seq != 20]
    lanes, found = taken(messages)
    assert found == [SeqRestarted(1, 100, 1)]
    assert lanes[-1].missing == [(20, 20)]


def test_one_number_that_leaps_does_not_keep_those_after_it_from_being_counted() -> None:
    messages = [sent(seq, seq) for seq in range(1, 6)] + [sent(HIGHEST_SEQ, 6.0)]
    messages += [sent(seq, seq + 1) for seq in range(6, 20)]
    lanes, found = taken(messages)
    assert found == [SeqRestarted(1, HIGHEST_SEQ, 6)]
    assert (lanes[-1].received, lanes[-1].missing) == ([(6, 19)], [])


def test_a_number_that_no_range_can_hold_is_not_counted() -> None:
    lanes, found = taken([sent(1, 1.0)])
    assert (take_in(lanes, sent(2**63 - 1, 2.0)), lanes[0].received, found) == ([], [(1, 1)], [])


def test_numbers_that_never_move_are_told_and_take_no_more_than_a_few_lanes() -> None:
    lanes, found = taken([sent(1, float(second), mark=second) for second in range(400)])
    assert len(lanes) == MOST_EPOCHS
    assert all(isinstance(each, SeqRestarted) for each in found)
    assert len(found) > 100


@pytest.mark.parametrize("apart_s", [0.3, 3.0])
def test_two_devices_with_the_same_boot_and_like_numbers_are_told(apart_s: float) -> None:
    messages = [
        each for seq in range(1, 8) for each in (sent(seq, 10.0 * seq, mark=1), sent(seq, 10.0 * seq + apart_s, mark=2))
    ]
    lanes, found = taken(messages)
    assert {type(each) for each in found} == {TwoDevices}
    assert [lane.missing for lane in lanes] == [[]]


def test_two_devices_with_the_same_numbers_and_times_are_told_by_their_content() -> None:
    messages = [sent(seq, 60.0 * seq, mark=mark) for seq in range(1, 6) for mark in (1, 2)]
    assert {type(each) for each in taken(messages)[1]} == {TwoDevices}


def test_two_devices_of_which_one_is_behind_by_an_hour_are_told_by_their_content() -> None:
    messages = [each for seq in range(1, 8) for each in (sent(seq, 60.0 * seq), sent(seq, 60.0 * seq - 3600))]
    assert {type(each) for each in taken(messages)[1]} == {TwoDevices}


def test_two_devices_with_different_boots_are_told_when_each_came_back_twice() -> None:
    messages = [
        each
        for turn in range(5)
        for each in (sent(500 + turn, 20.0 * turn, boot=5), sent(20 + turn, 20.0 * turn + 7, boot=7))
    ]
    _, found = taken(messages)
    assert {type(each) for each in found} == {TwoDevices}
    assert taken(messages[:4])[1] == []


def test_two_devices_with_the_same_boot_and_far_numbers_are_told_and_no_gap_lies_between_them() -> None:
    messages: list[Numbered] = []
    for second in range(120):
        messages.append(sent(20 + second, float(second), mark=2))
        if second % 10 == 0:
            messages.append(sent(5000 + second // 10, second + 0.5, mark=1))
    messages.insert(0, sent(4999, -10.0, mark=1))
    lanes, found = taken(messages)
    assert any(isinstance(each, TwoDevices) for each in found)
    assert all(lane.missing == [] for lane in lanes)


def test_messages_sent_again_from_an_older_boot_are_no_second_device() -> None:
    messages = [sent(seq, 10.0 * seq, boot=1) for seq in range(1, 50) if seq not in {7, 8, 9, 30}]
    for turn, seq in enumerate((7, 8, 9, 30), 1):
        messages += [sent(turn, 600.0 + 10 * turn, boot=2), sent(seq, 10.0 * seq, boot=1)]
    lanes, found = taken(messages)
    assert found == []
    assert all(lane.missing == [] for lane in lanes)


def test_a_clock_that_is_set_back_over_a_restart_is_no_second_device() -> None:
    """The old boot's backlog is an hour ahead by a clock that was wrong; the new boot's is right."""
    old = [sent(seq, 3600.0 + 10.0 * seq, boot=1) for seq in range(1, 40)]
    new = [sent(seq, 10.0 * (seq + 40), boot=2) for seq in range(1, 800)]
    merged = [*old[:20], *(each for pair in zip(new, old[20:], strict=False) for each in pair), *new[19:]]
    assert taken(merged)[1] == []


def test_events_that_are_counted_apart_are_told_as_numbers_that_fall_back_and_not_as_a_second_device() -> None:
    messages: list[Numbered] = []
    for number in range(1, 60):
        messages.append(sent(number, 10.0 * number))
        if number % 7 == 0:
            event = sent(number // 7, 10.0 * number + 5)
            messages.append(event._replace(is_event=True, mark=99))
    lanes, found = taken(messages)
    assert {type(each) for each in found} == {SeqRestarted}
    assert [(lane.received, lane.missing) for lane in lanes] == [([(1, 59)], [])]


def test_recorded_data_shows_neither_clocks_nor_second_devices() -> None:
    messages = [
        sent(seq, 1000.0 * seq, boot=boot, is_backfill=True) for boot in (1, 2) for seq in (1, 2, 3, 2, 1, 3, 4)
    ]
    lanes, found = taken(messages)
    assert found == []
    assert all(lane.recent == [] for lane in lanes)


def test_a_device_that_sends_every_second_number_takes_no_more_room_than_others_and_is_told() -> None:
    lanes, found = taken([sent(seq, float(seq)) for seq in range(1, 1000, 2)])
    lost = sum(each.count for each in found if isinstance(each, Forgotten))
    assert len(lanes[0].received) == MOST_RANGES
    assert lost + len(lanes[0].missing) == 499
    assert {type(each) for each in found} == {Forgotten}


def refused(seq: int, boot: int = 1) -> Numbered:
    """A message that was refused as a whole."""
    return Numbered(boot, seq, None, None, START_US, UNMARKED)


def test_what_was_refused_is_not_missing_and_what_never_came_is() -> None:
    lanes, found = taken([sent(1, 1.0), refused(2), refused(3), refused(5), sent(7, 7.0)])
    assert (lanes[0].missing, found) == ([(4, 4), (6, 6)], [])


@pytest.mark.parametrize("order", [(5, 6, 7, 8), (8, 7, 6, 5), (6, 8, 5, 7)])
def test_what_was_refused_comes_corrected_in_any_order_and_looks_like_no_restart(order: tuple[int, ...]) -> None:
    messages = [*(sent(seq, float(seq)) for seq in range(1, 5)), *map(refused, (5, 6, 7, 8))]
    lanes, found = taken([*messages, *(sent(seq, float(seq)) for seq in order), sent(9, 9.0)])
    assert [(lane.received, lane.missing) for lane in lanes] == [([(1, 9)], [])]
    assert found == []


def test_what_was_refused_for_its_time_comes_corrected_and_looks_like_no_restart() -> None:
    ahead = [sent(seq, 9e6 + seq)._replace(claimed_us=None) for seq in (5, 6, 7, 8)]
    right = [sent(seq, float(seq)) for seq in range(1, 10)]
    lanes, found = taken([*right[:4], *ahead, *right[4:]])
    assert ([lane.received for lane in lanes], found) == ([[(1, 9)]], [])


def test_a_boot_whose_first_messages_are_refused_begins_with_them() -> None:
    lanes, found = taken([sent(57, 1.0), refused(1, boot=2), refused(2, boot=2), sent(4, 9.0, boot=2)])
    assert [(lane.boot, lane.missing) for lane in lanes] == [(1, []), (2, [(3, 3)])]
    assert found == []


def test_a_refused_number_that_leaps_says_nothing() -> None:
    lanes, found = taken([sent(1, 1.0), refused(10**15), sent(2, 2.0), sent(3, 3.0)])
    assert [(lane.received, lane.missing) for lane in lanes] == [([(1, 3)], [])]
    assert found == []


def test_refused_messages_without_end_take_bounded_room() -> None:
    lanes, _ = taken([sent(1, 1.0), *(refused(seq) for seq in range(3, 100_000, 2))])
    assert len(lanes[0].noticed) <= MOST_RANGES


@settings(max_examples=200)
@given(st.lists(st.sampled_from("rdl"), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_any_mixture_of_read_refused_and_lost_leaves_exactly_what_was_lost(
    fates: list[str], chance: random.Random
) -> None:
    """Read (r), refused (d) or lost (l), within the disorder of a batch; two that are read are about them."""
    numbers = range(2, len(fates) + 2)
    coming = [
        (seq + 3 * chance.random(), sent(seq, float(seq)) if fate == "r" else refused(seq))
        for seq, fate in zip(numbers, fates, strict=True)
        if fate != "l"
    ]
    middle = [message for _, message in sorted(coming, key=lambda each: each[0])]
    lanes, found = taken([sent(1, 1.0), *middle, sent(len(fates) + 2, len(fates) + 2.0)])
    lost = [seq for seq, fate in zip(numbers, fates, strict=True) if fate == "l"]
    assert [seq for first, last in lanes[0].missing for seq in range(first, last + 1)] == lost
    assert found == []
