"""The shift detector: a lasting small change is evidence that adds up; likeness of neighbours and wild readings are not."""

import numpy as np

from devices.monitors import Periods, Shift
from diagnostics.conditions import Conditions
from diagnostics.detectors.shift import Shifts

HOUR_US = 3_600_000_000
DEVICES = 400


def row(*, side: str = "either", hold: int = 10_000, periods: Periods | None = None) -> Shift:
    return Shift(
        "s", "S", "p", "f", "K", shift=1.5, first=24, learn=120, remember=672, hold=hold, scale_floor=1e-3, limit=8,
        clear=4, off_delay_s=0, side=side, periods=periods,
    )  # type: ignore[arg-type]  # fmt: skip


def noise(hours: int, likeness: float = 0.5, seed: int = 1, devices: int = DEVICES) -> np.ndarray:
    """Heavy-tailed noise whose neighbours are alike, with a standard deviation of one; [hours, devices]."""
    chance = np.random.default_rng(seed)
    value = np.zeros(devices)
    values = np.empty((hours, devices))
    for hour in range(-100, hours):
        value = likeness * value + chance.standard_t(4, devices)
        values[hour] = value
    return values / (2 / (1 - likeness**2)) ** 0.5


def said(values: np.ndarray, monitor: Shift | None = None) -> list[Conditions]:
    shifts = Shifts(monitor or row())
    shifts.memory.grow(values.shape[1], 1)
    slots = np.arange(values.shape[1])
    dt_s = np.full(len(slots), 3600.0)
    return [
        shifts.judge(slots, shifts.read(each[:, None]), np.full(len(slots), (1000 + hour) * HOUR_US), dt_s)
        for hour, each in enumerate(values)
    ]


def scores(values: np.ndarray, monitor: Shift | None = None) -> np.ndarray:
    return np.array([each.score[:, 0] for each in said(values, monitor) if each.score is not None])


def test_nothing_is_said_while_it_learns() -> None:
    told = scores(noise(200))
    assert np.isnan(told[:120]).all()
    assert not np.isnan(told[121:]).any()


def test_a_lasting_shift_by_one_and_a_half_sigmas_is_beyond_all_noise_within_two_days() -> None:
    values = noise(400)
    values[300:, :40] += 1.5
    values[300:, 40:80] -= 1.5
    after = scores(values)[348]
    # Most have passed what one healthy device in a hundred thousand comes to.
    assert (after[:80] > 12).mean() > 0.6
    assert (after[80:] > 12).mean() < 0.01


def test_likeness_of_neighbours_is_no_evidence() -> None:
    for likeness in (0.0, 0.5, 0.8):
        told = scores(noise(600, likeness, seed=3))[200:]
        assert np.mean(told > 8) < 0.01, f"likeness {likeness}"


def test_one_wild_reading_is_worth_less_than_the_limit_whatever_its_size() -> None:
    values = noise(400)
    values[300] += 1e6
    told = scores(values)
    assert np.median(told[301]) < 4


def test_a_shift_is_not_learned_as_usual_while_it_lasts_until_it_was_held_for_long() -> None:
    values = noise(900, devices=100)
    values[300:] += 3.0
    assert np.median(scores(values)[-1]) > 20
    held = scores(values, row(hold=200))
    assert np.nanmedian(held[-1]) < 4


def test_it_is_well_again_when_the_level_is_back() -> None:
    values = noise(900, devices=100)
    values[300:400] += 3.0
    told = said(values)
    assert told[399].wrong.mean() > 0.95
    assert told[-1].well.mean() > 0.95


def test_each_side_sees_its_own_shifts() -> None:
    values = noise(400, devices=100)
    values[300:] -= 2.0
    assert np.median(scores(values, row(side="below"))[-1]) > 12
    assert np.median(scores(values, row(side="above"))[-1]) < 1


def test_the_value_is_the_change_in_the_unit_of_the_feature() -> None:
    values = 20.0 + 0.1 * noise(400, devices=100)
    values[300:] += 0.2
    assert abs(float(np.median(said(values)[-1].value)) - 0.2) < 0.05


def test_levels_may_be_whole_periods() -> None:
    daily = row(periods=Periods(86_400.0, fewest=12))
    told = [each for each in said(noise(24 * 30, devices=5), daily) if each.score is not None]
    assert not any(each.known.any() for each in told), "thirty days are fewer than it learns"
