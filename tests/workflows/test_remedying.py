"""An attempt from afar: every way through the table ends, nothing but readings proves, and a cure has to last."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from devices.products import product_type
from devices.remote import Rung
from workflows.remedying import (
    ENDED,
    HAS_TO_LAST,
    TRANSITIONS,
    Happening,
    Past,
    Seen,
    Spent,
    State,
    next_rung,
    planned,
    steps,
)

NOW = datetime(2026, 3, 2, tzinfo=UTC)
RUNG = product_type("smart_meter").ladders["bus_lost"][0]
SIGHTS = st.builds(
    Seen, st.just(True), st.booleans(), st.sampled_from(["", "done", "partly", "refused"]), st.booleans()
)


@given(st.lists(st.tuples(st.integers(0, 7200), SIGHTS), max_size=40))
def test_an_attempt_ends_by_its_clocks_whatever_is_seen_and_is_proven_by_readings_alone(
    seen: list[tuple[int, Seen]],
) -> None:
    attempt, now, happened = planned(RUNG, NOW), NOW, [Happening.WITHDRAWN][:0]
    quiet = Seen(is_wanted=True, is_ready=False, answer="", is_well=False)
    for wait_s, sight in [*seen, *[(86_400, quiet)] * 4]:
        now += timedelta(seconds=wait_s)
        for what, after in steps(attempt, sight, RUNG, now):
            attempt = after
            happened.append(what)
    assert attempt.state in ENDED
    if attempt.state is State.PROVEN:
        assert happened[-2:] == [Happening.HEALED, Happening.HELD]
        assert happened[0] is Happening.SENT


@given(SIGHTS, st.sampled_from(sorted({state for state, _ in TRANSITIONS})))
def test_what_is_not_wanted_any_more_is_withdrawn_from_every_state(sight: Seen, state: State) -> None:
    attempt = replace(planned(RUNG, NOW), state=state)
    ((what, after),) = steps(attempt, replace(sight, is_wanted=False), RUNG, NOW)
    assert (what, after.state) == (Happening.WITHDRAWN, State.WITHDRAWN)


def past(why: Happening, state: State = State.FAILED, rung: str = RUNG.name, days: float = 1) -> Past:
    return Past(rung, state, why, NOW - timedelta(days=days))


def test_a_second_reset_within_thirty_days_is_not_tried_and_after_that_it_is() -> None:
    proven = past(Happening.HELD, State.PROVEN, days=29)
    assert next_rung([RUNG], [proven], NOW) == Spent("came_back", proven.ended_at)
    assert next_rung([RUNG], [replace(proven, ended_at=NOW - HAS_TO_LAST)], NOW) is RUNG


def test_a_device_that_refused_or_lied_is_not_asked_the_same_again_but_one_that_was_away_is() -> None:
    twice: Rung = replace(RUNG, attempts=2)
    other: Rung = replace(RUNG, name="other")
    for hopeless in (Happening.REFUSED, Happening.NOT_PROVEN):
        assert next_rung([twice], [past(hopeless)], NOW) == Spent("no_rung")
        assert next_rung([twice, other], [past(hopeless)], NOW) is other
    assert next_rung([twice], [past(Happening.UNANSWERED)], NOW) is twice
    assert next_rung([twice], [past(Happening.UNANSWERED)] * 2, NOW) == Spent("no_rung")
    assert next_rung([twice], [past(Happening.WITHDRAWN, State.WITHDRAWN)] * 5, NOW) is twice


def test_the_budget_of_a_device_and_fault_ends_whatever_rungs_are_left() -> None:
    many = [replace(RUNG, name=f"rung_{number}") for number in range(9)]
    tried = [past(Happening.UNANSWERED, rung=rung.name) for rung in many[:3]]
    assert next_rung(many, tried, NOW) == Spent("budget")
    assert next_rung([replace(RUNG, is_staged=True)], [], NOW) == Spent("no_rung")
