"""By what factor phases are longer than usual: among programmes, by season, by pauses that are only seen in part."""

import numpy as np
import pytest

from devices.readings import FloatArray
from diagnostics.phases import Phases, together
from diagnostics.prolongation import FACTORS, expected, likelihood, nearness, width


def factor(found: Phases, usual: Phases, counts: FloatArray | None = None) -> float:
    said = likelihood(found, usual, np.ones(len(usual.length_min)) if counts is None else counts, 0.03)
    return float(np.exp(expected(said[None])[0]))


def pattern(lengths: list[float], pause_min: float = 60.0, *, is_edge: bool = False) -> Phases:
    pauses, edges = np.full(len(lengths), pause_min), np.full(len(lengths), is_edge)
    return Phases(np.array(lengths), pauses, pauses, edges, edges)


@pytest.mark.parametrize("by", [1.0, 1.08, 1.25, 1.6, 2.0])
def test_the_factor_is_found_among_phases_of_several_programmes(by: float) -> None:
    chance = np.random.default_rng(1)
    usual = together(
        [pattern(list(30 * chance.normal(1, 0.02, 30)), 20), pattern(list(11 * chance.normal(1, 0.02, 30)), 200)]
    )
    some = together([pattern([30 * by, 30.5 * by], 20), pattern([11 * by], 200)])
    assert factor(some, usual) == pytest.approx(by, rel=0.03)


def test_a_phase_is_held_against_those_that_came_after_a_like_pause() -> None:
    usual = together([pattern([10.0] * 20, 20), pattern([14.0] * 20, 200)])
    assert factor(pattern([14.0] * 3, 200), usual) == pytest.approx(1.0, abs=0.02)
    assert factor(pattern([14.0] * 3, 20), usual) == pytest.approx(1.4, abs=0.02)


def test_a_pause_that_began_before_the_stretch_is_at_least_as_long_as_seen() -> None:
    usual = together([pattern([10.0] * 20, 20), pattern([14.0] * 20, 200)])
    assert factor(pattern([14.0] * 3, 100, is_edge=True), usual) == pytest.approx(1.0, abs=0.02)
    assert factor(pattern([14.0] * 3, 20, is_edge=True), usual) < 1.35


def test_a_machine_that_works_longer_in_winter_is_held_against_its_winter_days() -> None:
    summer, winter = pattern([10.0] * 20), pattern([13.0] * 20)
    counts = nearness(np.repeat([180.0, 5.0], 20))
    assert factor(pattern([13.0] * 3), together([summer, winter]), counts) == pytest.approx(1.0, abs=0.02)
    assert counts.max() == 1.0
    assert (nearness(np.array([1e4, 1e4 + 1])) > 0.9).all()
    assert len(nearness(np.zeros(0))) == 0


def test_a_device_whose_days_differ_is_believed_less() -> None:
    chance = np.random.default_rng(2)
    widths: list[float] = []
    for spread in (0.01, 0.1):
        days = [pattern(list(40 * np.exp(chance.normal(0, spread, 12)))) for _ in range(6)]
        held = [(day, together([other for other in days if other is not day]), np.ones(60)) for day in days]
        widths.append(width(held))
    assert widths[0] < widths[1]
    sure, unsure = (np.exp(likelihood(pattern([50.0]), pattern([40.0] * 9), np.ones(9), one)) for one in widths)
    assert (sure / sure.sum()).max() > (unsure / unsure.sum()).max()


def test_without_phases_nothing_is_said() -> None:
    assert np.isnan(factor(together([]), pattern([10.0])))
    assert np.isnan(factor(pattern([10.0]), together([])))
    assert likelihood(pattern([10.0]), pattern([10.0]), np.ones(1), 0.03).shape == FACTORS.shape
