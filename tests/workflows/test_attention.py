"""The seven states: every act in every state, and no sequence of happenings that ends in a lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.attention import BY_HAND, QUIET, TRANSITIONS, Act, Attention, acts, ending, next_state

A, B, C, D = Attention.NORMAL, Attention.UNACKNOWLEDGED, Attention.ACKNOWLEDGED, Attention.RETURNED
F, G, H = Attention.SHELVED, Attention.SUPPRESSED, Attention.OUT_OF_SERVICE

# Rows: the state before; columns: what happens. None: it cannot happen.
TABLE = {
    #   come  go    ack   shelve supp. out end with/without
    A: (B, None, None, F, G, H, None, None),
    B: (None, D, C, F, G, H, None, None),
    C: (None, A, None, F, G, H, None, None),
    D: (B, None, A, F, G, H, None, None),
    F: (F, F, None, F, None, H, B, A),
    G: (G, G, None, F, None, H, B, A),
    H: (H, H, None, None, None, None, B, A),
}
COLUMNS = (
    Act.COME, Act.GO, Act.ACKNOWLEDGE, Act.SHELVE, Act.SUPPRESS, Act.TAKE_OUT, Act.END_WITH_IT, Act.END_WITHOUT_IT,
)  # fmt: skip


@pytest.mark.parametrize("state", Attention)
@pytest.mark.parametrize("act", Act)
def test_what_follows_is_what_the_standard_says(state: Attention, act: Act) -> None:
    assert next_state(state, act) == TABLE[state][COLUMNS.index(act)]


def test_every_state_can_be_reached_and_left() -> None:
    assert set(TRANSITIONS.values()) == set(Attention)
    assert {before for (before, _), after in TRANSITIONS.items() if after != before} == set(Attention)


HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("look"), st.booleans(), st.booleans(), st.booleans(), st.booleans()),
        st.tuples(st.sampled_from([Act.ACKNOWLEDGE, Act.SHELVE, Act.TAKE_OUT])),
        st.tuples(st.just("put back"), st.booleans()),
    ),
    max_size=30,
)


@given(HAPPENINGS)
def test_after_every_look_the_state_says_what_is_there(happenings: list[tuple[object, ...]]) -> None:
    state = Attention.NORMAL
    for what, *rest in happenings:
        if what == "look":
            is_there, is_fresh, is_suppressed, is_over = (bool(each) for each in rest)
            before = state
            for act in acts(
                state, is_there=is_there, is_fresh=is_there and is_fresh, is_suppressed=is_there and is_suppressed,
                is_quiet_over=is_over,
            ):  # fmt: skip
                after = next_state(state, act)
                assert after is not None, f"{act} in {state}"
                state = after
            if state not in QUIET:
                assert (state in {B, C}) == is_there
            assert state not in BY_HAND or before == state, "only a person makes quiet by hand"
            assert state is not G or (is_there and is_suppressed)
            assert not (is_there and is_suppressed) or state in QUIET
        elif isinstance(what, Act):
            state = next_state(state, what) or state
        elif state in BY_HAND:
            state = next_state(state, ending(bool(rest[0]))) or state


def test_a_second_look_at_the_same_finds_nothing_new() -> None:
    for state in Attention:
        for is_there in (False, True):
            for is_suppressed in {False, is_there}:
                seen = state
                for act in acts(
                    state, is_there=is_there, is_fresh=False, is_suppressed=is_suppressed, is_quiet_over=True
                ):
                    seen = next_state(seen, act) or seen
                again = acts(seen, is_there=is_there, is_fresh=False, is_suppressed=is_suppressed, is_quiet_over=False)
                assert again == []
