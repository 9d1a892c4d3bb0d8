"""The latch: pending, confirmed, healed, with delays in time that the device reported."""

import numpy as np

from diagnostics.conditions import Conditions
from diagnostics.latch import CLEAR, CONFIRMED, PENDING, Changes, Latch

ROW = np.array([0])


def said(*, wrong: bool = False, well: bool = False, known: bool = True) -> Conditions:
    return Conditions(np.array([[1.0]]), np.array([[known]]), np.array([[wrong]]), np.array([[well]]))


def step(
    latch: Latch, now: Conditions, at_s: float, dt_s: float, on_s: float = 0.0, off_s: float = 0.0
) -> Changes | None:
    return latch.step(np.array([0]), now, np.array([int(at_s * 1e6)]), np.array([[dt_s]]), [on_s], [off_s])


def test_without_a_delay_the_first_wrong_sample_confirms() -> None:
    changes = step(Latch(1, 1), said(wrong=True), 100, 0)
    assert changes is not None
    assert (changes.before[0], changes.after[0], changes.since_us[0]) == (CLEAR, CONFIRMED, 100_000_000)


def test_a_delay_makes_it_pending_first_and_confirms_when_it_has_lasted() -> None:
    latch = Latch(1, 1)
    first = step(latch, said(wrong=True), 100, 0, on_s=60)
    assert first is not None
    assert first.after[0] == PENDING
    assert step(latch, said(wrong=True), 130, 30, on_s=60) is None
    last = step(latch, said(wrong=True), 160, 30, on_s=60)
    assert last is not None
    assert last.after[0] == CONFIRMED
    assert last.since_us[0] == 100_000_000


def test_between_the_limits_nothing_changes_but_the_running_delay_begins_anew() -> None:
    latch = Latch(1, 1)
    step(latch, said(wrong=True), 0, 0, on_s=60)
    step(latch, said(wrong=True), 50, 50, on_s=60)
    assert step(latch, said(), 60, 10, on_s=60) is None
    assert step(latch, said(wrong=True), 70, 10, on_s=60) is None
    assert step(latch, said(wrong=True), 100, 30, on_s=60) is None
    confirmed = step(latch, said(wrong=True), 130, 30, on_s=60)
    assert confirmed is not None
    assert confirmed.after[0] == CONFIRMED


def test_the_onset_is_the_instant_from_which_it_was_no_longer_well() -> None:
    latch = Latch(1, 1)
    step(latch, said(well=True), 10, 0)
    step(latch, said(), 20, 10)
    changes = step(latch, said(wrong=True), 30, 10)
    assert changes is not None
    assert changes.since_us[0] == 20_000_000


def test_unknown_values_let_everything_stand_still() -> None:
    latch = Latch(1, 1)
    step(latch, said(wrong=True), 0, 0, on_s=60)
    assert step(latch, said(known=False), 50, 50, on_s=60) is None
    assert latch.take(ROW).wrong_s[0, 0] == 0
    assert latch.take(ROW).phase[0, 0] == PENDING


def test_it_heals_only_after_being_well_for_long_enough_and_names_its_onset() -> None:
    latch = Latch(1, 1)
    step(latch, said(wrong=True), 5, 0, off_s=60)
    assert step(latch, said(well=True), 10, 5, off_s=60) is None
    assert step(latch, said(), 20, 10, off_s=60) is None
    assert step(latch, said(well=True), 30, 10, off_s=60) is None
    healed = step(latch, said(well=True), 90, 60, off_s=60)
    assert healed is not None
    assert (healed.before[0], healed.after[0], healed.since_us[0]) == (CONFIRMED, CLEAR, 5_000_000)
    assert latch.take(ROW).since_us[0, 0] == 0


def test_what_was_only_pending_is_clear_as_soon_as_it_is_well() -> None:
    latch = Latch(1, 1)
    step(latch, said(wrong=True), 5, 0, on_s=60, off_s=600)
    changes = step(latch, said(well=True), 10, 5, on_s=60, off_s=600)
    assert changes is not None
    assert (changes.before[0], changes.after[0]) == (PENDING, CLEAR)
