"""Suppression: which mode a symptom came in, whatever the order in which that was told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from devices.products import product_type
from workflows.suppression import Spell, came_in, suppression

METER = product_type("smart_meter")
T0 = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def spell(begins_h: float, ends_h: float | None, mode: str = "mains_outage") -> Spell:
    ends_at = None if ends_h is None else T0 + ends_h * HOUR
    return Spell(mode, T0 + begins_h * HOUR, ends_at, ends_at or T0 + begins_h * HOUR)


def test_what_comes_in_an_outage_is_suppressed_until_its_traces_are_gone() -> None:
    spells = [spell(0, 5)]
    found = suppression(METER, "voltage_low", T0 + 3 * HOUR, spells, T0 + 6 * HOUR)
    assert found is not None
    assert (found.mode, found.until_at) == ("mains_outage", T0 + 11 * HOUR)
    assert suppression(METER, "voltage_low", T0 + 3 * HOUR, spells, T0 + 11 * HOUR) is None


def test_what_came_before_the_outage_or_long_after_it_is_heard() -> None:
    for at_h in (-0.1, 11.1):
        assert suppression(METER, "voltage_low", T0 + at_h * HOUR, [spell(0, 5)], T0 + 5 * HOUR) is None


def test_a_danger_and_what_the_mode_does_not_name_are_heard() -> None:
    for name in ("phases_apart", "terminal_hot", "water_bursts"):
        assert suppression(METER, name, T0 + HOUR, [spell(0, None)], T0 + HOUR) is None


def test_a_mode_whose_end_was_never_told_suppresses_for_so_long_and_no_longer() -> None:
    spells = [spell(0, None)]
    assert suppression(METER, "silent", T0 + 24 * HOUR, spells, T0 + 71 * HOUR) is not None
    assert suppression(METER, "silent", T0 + 24 * HOUR, spells, T0 + 72 * HOUR) is None
    assert came_in(METER, "silent", T0 + 24 * HOUR, spells) == METER.modes[0]
    assert came_in(METER, "silent", T0 + 100 * HOUR, spells) is None, "it came long after"


def test_a_visit_in_progress_suppresses_all_but_dangers() -> None:
    visit = [spell(0, 2, "in_workshop")]
    for monitor in METER.monitors:
        found = suppression(METER, monitor.name, T0 + HOUR, visit, T0 + HOUR)
        assert (found is None) == monitor.is_safety, monitor.name


SPELLS = st.lists(
    st.builds(
        lambda begins, lasts, mode: spell(begins, None if lasts is None else begins + lasts, mode),
        st.integers(-50, 50),
        st.none() | st.integers(0, 60),
        st.sampled_from([mode.name for mode in METER.modes]),
    ),
    max_size=6,
)


@given(SPELLS, st.integers(-60, 90), st.integers(0, 100), st.randoms(use_true_random=False))
def test_the_order_in_which_modes_are_known_does_not_matter(spells, at_h, later_h, random) -> None:  # type: ignore[no-untyped-def]
    at, now = T0 + at_h * HOUR, T0 + (at_h + later_h) * HOUR
    shuffled = [*spells, *spells]
    random.shuffle(shuffled)
    assert suppression(METER, "voltage_low", at, shuffled, now) == suppression(METER, "voltage_low", at, spells, now)


@given(SPELLS, st.integers(-60, 90))
def test_nothing_is_suppressed_for_ever(spells: list[Spell], at_h: int) -> None:
    late = T0 + timedelta(days=30)
    assert suppression(METER, "voltage_low", T0 + at_h * HOUR, spells, late) is None
    heard_late = [replace(each, told_at=late) for each in spells]
    assert suppression(METER, "voltage_low", T0 + at_h * HOUR, heard_late, late + timedelta(days=4)) is None
