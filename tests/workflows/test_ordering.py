"""Answers of suppliers: what each means for an order, and what cannot be true."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.ordering import Answer, Known, Order, OrderState, Refuse, Said, Take, judge

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
IN_A_WEEK = NOW + timedelta(days=7)


def order(state: OrderState = OrderState.ASKED) -> Order:
    return Order("PUMP", 1, state, IN_A_WEEK)


def answer(said: Said, **changes: object) -> Answer:
    values: dict[str, object] = {"part_no": "PUMP", "quantity": 1, "arrives_at": None}
    return Answer(said, **{**values, **changes})  # type: ignore[arg-type]


def test_a_confirmation_with_a_day_moves_the_day() -> None:
    at = NOW + timedelta(days=3)
    assert judge(order(), answer(Said.CONFIRMED, arrives_at=at), NOW) == Take(OrderState.CONFIRMED, at)


def test_a_second_answer_of_the_same_kind_says_nothing_new() -> None:
    assert judge(order(OrderState.CONFIRMED), answer(Said.CONFIRMED), NOW) == Known()
    assert judge(order(OrderState.ARRIVED), answer(Said.DELIVERED), NOW) == Known()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (answer(Said.CONFIRMED, part_no="PACK"), "other_part"),
        (answer(Said.DELIVERED, quantity=2), "other_quantity"),
        (answer(Said.CONFIRMED, arrives_at=NOW - timedelta(days=1)), "arrival_in_the_past"),
        (answer(Said.DELAYED, arrives_at=NOW + timedelta(days=5 * 365)), "arrival_too_far"),
        (answer(Said.CANCELLED), "out_of_order"),
    ],
)
def test_what_cannot_be_true_is_refused(wrong: Answer, why: str) -> None:
    assert judge(order(OrderState.SHIPPED), wrong, NOW) == Refuse(why)


@given(st.sampled_from(OrderState), st.sampled_from(Said), st.integers(-100, 100))
def test_what_has_ended_never_lives_again(state: OrderState, said: Said, hours: int) -> None:
    ended = {OrderState.ARRIVED, OrderState.REJECTED, OrderState.CANCELLED, OrderState.LOST}
    found = judge(order(state), answer(said, arrives_at=NOW + timedelta(hours=hours)), NOW)
    if state in ended:
        assert not isinstance(found, Take)
