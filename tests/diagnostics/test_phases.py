"""Working phases: what is one, how long it is, and how long the rest was around it."""

import numpy as np

from diagnostics.phases import phases, together, working_power


def test_phases_at_the_edge_or_at_unknown_minutes_have_no_length() -> None:
    day = np.zeros(100)
    for begin in (0, 20, 40, 60, 95):
        day[begin : begin + 8] = 50.0
    day[44] = np.nan
    found = phases(day, 50.0)
    assert found.length_min.tolist() == [8.0, 8.0]
    assert len(phases(np.full(100, 50.0), 50.0).length_min) == 0
    assert len(phases(np.full(100, np.nan), 50.0).length_min) == 0


def test_a_pause_at_the_edge_is_known_to_be_one_unless_work_is_beyond_it() -> None:
    day = np.zeros(60)
    day[10:20] = day[40:50] = 50.0
    found = phases(day, 50.0)
    assert (found.before_min.tolist(), found.after_min.tolist()) == ([10.0, 20.0], [20.0, 10.0])
    assert (found.is_first.tolist(), found.is_last.tolist()) == ([True, False], [False, True])
    day[0] = 50.0
    assert phases(day, 50.0).before_min.tolist() == [9.0, 20.0]
    assert not phases(day, 50.0).is_first.any()


def test_a_minute_s_drop_does_not_make_two_phases_of_one() -> None:
    day = np.zeros(60)
    day[10:30] = 50.0
    day[20] = 5.0
    assert phases(day, 50.0).length_min.round(1).tolist() == [19.1]
    day[21] = 5.0
    assert len(phases(day, 50.0).length_min) == 2


def test_the_surge_of_a_start_makes_no_phase_longer() -> None:
    day = np.zeros(60)
    day[10:20] = 50.0
    day[10] = 400.0
    assert phases(day, 50.0).length_min.tolist() == [10.0]


def test_without_power_there_are_no_phases() -> None:
    assert np.isnan(working_power([]))
    assert np.isnan(working_power([np.zeros(5), np.full(5, np.nan)]))
    assert len(phases(np.ones(10), float("nan")).length_min) == 0
    assert len(together([]).is_first) == 0
