"""Unsteadiness: three times is too often, within a window that each monitor's own delays make possible."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.chatter import Chatter, chatter_of, steady, unsteady
from devices.monitors import Calibrated, Silence
from devices.products import product_types
from workflows.unsteadiness import Coming, unsteadiness

T0 = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
CHATTER = Chatter(times=3, window_s=3600)


def comings(*minutes: float) -> list[Coming]:
    return [Coming(T0 + timedelta(minutes=each), T0 + timedelta(minutes=each, seconds=5)) for each in minutes]


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def test_two_comings_are_none_and_three_are_chatter_until_a_window_has_passed_in_quiet() -> None:
    assert unsteadiness(comings(0, 20), CHATTER, at(21)) is None
    found = unsteadiness(comings(0, 20, 40), CHATTER, at(41))
    assert found is not None
    assert (found.since_at, found.newest_at, found.count) == (at(0), at(40), 3)
    assert unsteadiness(comings(0, 20, 40), CHATTER, at(99)) is not None
    assert unsteadiness(comings(0, 20, 40), CHATTER, at(101)) is None


def test_three_comings_over_a_longer_time_are_none() -> None:
    assert unsteadiness(comings(0, 31, 62), CHATTER, at(63)) is None


@given(st.lists(st.integers(0, 500), max_size=12), st.integers(0, 700), st.randoms(use_true_random=False))
def test_the_order_of_comings_does_not_matter(minutes, now, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = comings(*minutes)
    random.shuffle(shuffled)
    assert unsteadiness(shuffled, CHATTER, at(now)) == unsteadiness(comings(*minutes), CHATTER, at(now))


@pytest.mark.parametrize("product", product_types().values(), ids=lambda product: product.name)
def test_every_monitor_can_come_often_enough_to_chatter_and_rests_long_enough_not_to(product) -> None:  # type: ignore[no-untyped-def]
    for monitor in product.monitors:
        chatter = chatter_of(monitor, product.cadence_s)
        on_s = monitor.after_s if isinstance(monitor, Silence) else monitor.on_delay_s
        if isinstance(monitor, Calibrated):
            on_s = 2 * monitor.cycle_s
        fastest_s = (chatter.times - 1) * (on_s + monitor.off_delay_s)
        assert fastest_s < chatter.window_s, monitor.name
        assert chatter.window_s >= 60 * product.cadence_s


def test_the_name_of_a_chatter_leads_back_to_its_monitor() -> None:
    assert steady(unsteady("clock_off")) == "clock_off"
    assert steady("water_unsteady") is None, "a register's own monitor has that name"
