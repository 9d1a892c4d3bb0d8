"""The transition table of requests."""

from hypothesis import given
from hypothesis import strategies as st

from workflows.request import CLOSED, TRANSITIONS, Command, State, next_state


def test_every_state_can_be_reached_and_every_open_one_can_be_cancelled() -> None:
    assert set(TRANSITIONS.values()) == set(State)
    for state in set(State) - CLOSED:
        assert next_state(state, Command.CANCEL) is State.CANCELLED


def test_nothing_follows_a_closed_request() -> None:
    assert not any(state in CLOSED for state, _ in TRANSITIONS)


def test_a_later_reading_never_unsends_an_offer_or_a_date() -> None:
    assert next_state(State.OFFERED, Command.ESCALATE) is State.OFFERED
    assert next_state(State.CONFIRMED, Command.ESCALATE) is State.CONFIRMED


@given(st.lists(st.sampled_from(Command), max_size=30))
def test_a_date_is_confirmed_only_straight_from_an_offer(commands: list[Command]) -> None:
    state = State.OPEN
    for command in commands:
        after = next_state(state, command)
        if after is State.CONFIRMED and state is not State.CONFIRMED:
            assert state is State.OFFERED
        state = after or state
