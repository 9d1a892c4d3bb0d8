"""The drift detector: what creeps is told once it matters; what jumps, flickers or ages with the reference is not."""

import numpy as np

from devices.monitors import Drift, Periods
from diagnostics.detectors.drift import Drifts

DAY_US = 86_400_000_000
DAILY = Periods(86_400.0, fewest=1)


def row(*, side: str = "below", forget_days: float = 3650.0, limit: float = 0.1) -> Drift:
    return Drift(
        "ebbs", "Ebbs", "b", "battery_v", "V", side, DAILY, learn=20, scale_floor=0.01, slack=0.5, evidence=8,
        limit=limit, clear=limit / 2, forget_s=forget_days * 86_400, on_delay_s=0, off_delay_s=0,
    )  # type: ignore[arg-type]  # fmt: skip


def wrong_days(levels: np.ndarray, monitor: Drift | None = None) -> list[int]:
    drifts = Drifts(monitor or row())
    drifts.memory.grow(1, 1)
    told = []
    for day, level in enumerate(levels.tolist()):
        at_us = np.array([1_000 * DAY_US + day * DAY_US])
        said = drifts.judge(np.array([0]), drifts.read(np.array([[level]])), at_us, np.array([86_400.0]))
        if said.wrong[0, 0]:
            told.append(day)
    return told


def noisy(days: int, level: float = 3.6, noise: float = 0.01, seed: int = 1) -> np.ndarray:
    return level + noise * np.random.default_rng(seed).standard_normal(days)


def creeping(per_day: float, days: int = 120, begins: int = 40) -> np.ndarray:
    return noisy(days) + per_day * np.clip(np.arange(days) - begins, 0, None)


def test_a_level_that_creeps_is_found_soon_after_it_has_crept_to_the_limit() -> None:
    first = wrong_days(creeping(-0.01))[0]
    assert 40 + 10 <= first <= 40 + 21, "ten days of a hundredth make the limit; the smoothing takes some more"


def test_it_stays_wrong_while_the_level_stays_away() -> None:
    levels = np.maximum(creeping(-0.01), 3.4)
    told = wrong_days(levels)
    assert told == list(range(told[0], 120))


def test_it_is_well_again_when_the_level_comes_back() -> None:
    levels = np.concatenate([creeping(-0.01, days=80), noisy(40, seed=2)])
    assert max(wrong_days(levels)) < 90


def test_a_step_is_not_told_as_a_drift() -> None:
    levels = noisy(120)
    levels[60:] -= 0.4
    assert wrong_days(levels) == []


def test_single_odd_days_are_not() -> None:
    levels = noisy(200)
    levels[50::9] -= 1.0
    assert wrong_days(levels) == []


def test_the_other_side_is_another_monitor_s_matter() -> None:
    assert wrong_days(creeping(0.01)) == []
    assert wrong_days(creeping(0.01), row(side="above"))


def test_what_is_certain_but_small_is_not_told() -> None:
    assert wrong_days(np.maximum(creeping(-0.01), 3.55)) == []


def test_a_drift_slower_than_the_reference_forgets_is_followed() -> None:
    ageing = noisy(2000) - 0.0005 * np.arange(2000)
    assert wrong_days(ageing, row(forget_days=90)) == []
    assert wrong_days(ageing, row(forget_days=3650))


def test_a_thousand_steady_devices_say_nothing_in_a_year() -> None:
    drifts = Drifts(row())
    drifts.memory.grow(1000, 1)
    chance = np.random.default_rng(5)
    slots, count = np.arange(1000), 0
    for day in range(365):
        levels = 3.6 + 0.02 * chance.standard_t(4, (1000, 1))
        at_us = np.full(1000, 1_000 * DAY_US + day * DAY_US)
        count += int(drifts.judge(slots, drifts.read(levels), at_us, np.full(1000, 86_400.0)).wrong.sum())
    assert count == 0
