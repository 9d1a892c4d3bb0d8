"""Working phases: what is one, how long it is, and by what factor a day's are longer than the device's own."""

import numpy as np
import pytest

from diagnostics.phases import Phases, phases, prolongation, together, working_power


def pattern(lengths: list[float], pause_min: float = 60.0) -> Phases:
    pauses = np.full(len(lengths), pause_min)
    return Phases(np.array(lengths), pauses, pauses)


@pytest.mark.parametrize("factor", [1.0, 1.08, 1.25, 1.6, 2.0])
def test_the_factor_is_found_among_phases_of_several_programmes(factor: float) -> None:
    chance = np.random.default_rng(1)
    usual = together(
        [pattern(list(30 * chance.normal(1, 0.02, 30)), 20), pattern(list(11 * chance.normal(1, 0.02, 30)), 200)]
    )
    some = together([pattern([30 * factor, 30.5 * factor], 20), pattern([11 * factor], 200)])
    assert np.exp(prolongation(some, usual)) == pytest.approx(factor, rel=0.03)


def test_a_phase_is_held_against_those_that_came_after_a_like_pause() -> None:
    usual = together([pattern([10.0] * 20, 20), pattern([14.0] * 20, 200)])
    assert np.exp(prolongation(pattern([14.0] * 3, 200), usual)) == pytest.approx(1.0, abs=0.02)
    assert np.exp(prolongation(pattern([14.0] * 3, 20), usual)) == pytest.approx(1.4, abs=0.02)


def test_phases_at_the_edge_or_at_unknown_minutes_have_no_length() -> None:
    day = np.zeros(100)
    for begin in (0, 20, 40, 60, 95):
        day[begin : begin + 8] = 50.0
    day[44] = np.nan
    found = phases(day, 50.0)
    assert found.length_min.tolist() == [8.0, 8.0]
    assert len(phases(np.full(100, 50.0), 50.0).length_min) == 0
    assert len(phases(np.full(100, np.nan), 50.0).length_min) == 0


def test_without_power_or_without_phases_nothing_is_said() -> None:
    assert np.isnan(working_power([]))
    assert np.isnan(working_power([np.zeros(5), np.full(5, np.nan)]))
    assert len(phases(np.ones(10), float("nan")).length_min) == 0
    nothing = together([])
    assert np.isnan(prolongation(nothing, pattern([10.0])))
    assert np.isnan(prolongation(pattern([10.0]), nothing))
