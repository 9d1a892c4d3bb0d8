"""The transition table of deposits: money that was taken always ends as paid or given back."""

from hypothesis import given
from hypothesis import strategies as st

from workflows.deposit import TRANSITIONS, Fact, Stage, next_stage

_HAS_MONEY = {Stage.CAPTURED, Stage.REFUNDING, Stage.SETTLED}


def test_every_stage_can_be_reached_and_only_what_is_settled_ends_for_good() -> None:
    assert {Stage.WANTED, *TRANSITIONS.values()} == set(Stage)
    assert {stage for stage in Stage if not any(first is stage for first, _ in TRANSITIONS)} == {Stage.SETTLED}


@given(st.lists(st.sampled_from(Fact), max_size=20))
def test_money_that_was_taken_is_never_forgotten(facts: list[Fact]) -> None:
    stage = Stage.WANTED
    for fact in facts:
        after = next_stage(stage, fact) or stage
        if stage in _HAS_MONEY:
            assert after in _HAS_MONEY
        if after in _HAS_MONEY and stage not in _HAS_MONEY:
            assert fact is Fact.TAKEN
        stage = after


@given(st.lists(st.sampled_from(Fact), max_size=20))
def test_every_fact_may_come_twice(facts: list[Fact]) -> None:
    once = twice = Stage.WANTED
    for fact in facts:
        once = next_stage(once, fact) or once
        for _ in range(2):
            after = next_stage(twice, fact)
            twice = after or twice
        if fact in {Fact.TAKEN, Fact.GIVEN_BACK, Fact.CANCELLED, Fact.WORK_DONE}:
            assert once == twice
        twice = once
