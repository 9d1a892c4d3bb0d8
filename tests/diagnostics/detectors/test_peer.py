"""The peer detector: an element that leaves its peers."""

import numpy as np
import pytest

from devices.monitors import Peer
from diagnostics.detectors.peer import PeerState, residuals, row_median

MONITOR = Peer("p", "P", "battery", "cell_v", 0.005, 1800.0, 4.0, 2.0, 0.0, 0.0)


def test_the_median_of_a_row_passes_over_missing_elements() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.normal(3.7, 0.01, (50, 17))
    matrix[rng.random(matrix.shape) < 0.3] = np.nan
    expected = np.nanmedian(matrix, axis=1)
    assert row_median(matrix)[:, 0] == pytest.approx(expected)


def test_with_fewer_than_four_peers_nothing_is_said() -> None:
    assert np.isnan(residuals(MONITOR, np.array([[3.7, 3.6, 3.7, np.nan]])).score).all()
    assert np.isnan(residuals(MONITOR, np.array([[3.7, 3.6]])).score).all()


def test_what_moves_all_peers_moves_no_residual() -> None:
    pack = np.array([[3.70, 3.71, 3.69, 3.70, 3.66]])
    assert residuals(MONITOR, pack).residual == pytest.approx(residuals(MONITOR, pack - 0.4).residual)


def test_one_spike_cannot_poison_the_state() -> None:
    spiked = residuals(MONITOR, np.array([[3.7, 3.7, 3.7, 3.7, 0.1]]))
    assert spiked.score.min() == -6.0


def test_a_lasting_gap_reaches_the_limit_in_about_one_time_constant() -> None:
    state = PeerState(np.zeros((1, 5), np.float32), np.zeros((1, 5), np.float32))
    gap = residuals(MONITOR, np.array([[3.7, 3.7, 3.7, 3.7, 3.66]]))
    waited_s = 0.0
    while not state.smooth(MONITOR, np.array([0]), gap, np.array([60.0])).wrong[0, 4]:
        waited_s += 60.0
        assert waited_s < 2 * MONITOR.tau_s
    assert MONITOR.tau_s < waited_s
    assert not state.smooth(MONITOR, np.array([0]), gap, np.array([60.0])).wrong[0, :4].any()


def test_half_of_a_device_s_first_sample_is_believed_and_a_single_one_is_never_enough() -> None:
    state = PeerState(np.zeros((1, 5), np.float32), np.zeros((1, 5), np.float32))
    gap = residuals(MONITOR, np.array([[3.7, 3.7, 3.7, 3.7, 0.1]]))
    assert not state.smooth(MONITOR, np.array([0]), gap, np.array([0.0])).wrong.any()
    assert state.score[0].tolist() == [0.0, 0.0, 0.0, 0.0, -3.0]
    waited_s = 0.0
    while not state.smooth(MONITOR, np.array([0]), gap, np.array([60.0])).wrong[0, 4]:
        waited_s += 60.0
    assert waited_s < MONITOR.tau_s / 2


def test_a_glitch_in_the_first_sample_fades() -> None:
    state = PeerState(np.zeros((1, 5), np.float32), np.zeros((1, 5), np.float32))
    state.smooth(MONITOR, np.array([0]), residuals(MONITOR, np.array([[3.7, 3.7, 3.7, 3.7, 0.1]])), np.array([0.0]))
    sound = residuals(MONITOR, np.array([[3.7, 3.7, 3.7, 3.7, 3.7]]))
    assert not any(state.smooth(MONITOR, np.array([0]), sound, np.array([60.0])).wrong.any() for _ in range(200))
    assert abs(float(state.score[0, 4])) < 0.01


def test_a_sensor_that_reports_often_is_not_found_sooner_than_one_that_reports_seldom() -> None:
    gap = residuals(MONITOR, np.array([[3.7, 3.7, 3.7, 3.7, 3.66]]))
    often = PeerState(np.zeros((1, 5), np.float32), np.zeros((1, 5), np.float32))
    seldom = PeerState(np.zeros((1, 5), np.float32), np.zeros((1, 5), np.float32))
    for _ in range(600):
        often.smooth(MONITOR, np.array([0]), gap, np.array([1.0]))
    for _ in range(10):
        seldom.smooth(MONITOR, np.array([0]), gap, np.array([60.0]))
    assert often.score == pytest.approx(seldom.score, rel=1e-3)
