"""The register detector: steps that consumption cannot explain, told apart."""

import numpy as np
import pytest

from devices.monitors import Register, StepKind
from diagnostics.conditions import Conditions
from diagnostics.detectors.register import KINDS, NO_STEP, Registers, classify

HOUR_US = 3_600_000_000
DAY_S = 86_400.0


def monitor(*steps: StepKind, limit: float = 1.0) -> Register:
    return Register("r", "R", "m", "water_l", frozenset(steps), 10.0, 4000.0, 30 * DAY_S, limit, limit / 2, 0.0, DAY_S)


def read(row: Register, values: list[float], every_h: float = 1.0) -> list[Conditions]:
    """What a detector says of one meter's register, hour by hour."""
    registers = Registers([row])
    registers.memory.grow(1, 1)
    said: list[Conditions] = []
    for number, value in enumerate(values):
        at_us = np.array([int((1 + number * every_h) * HOUR_US)])
        said.append(registers.judge(np.array([0]), registers.read(np.array([[value]])), at_us, np.array([3600.0])))
    return said


def wrong_at(said: list[Conditions]) -> list[int]:
    return [number for number, now in enumerate(said) if now.wrong[0, 0]]


def kind_of(older: float, before: float, now: float, possible: float = 4000.0) -> str:
    kind = classify(np.array([now]), np.array([before]), np.array([older]), np.array([possible]), 10.0)[0]
    return "" if kind == NO_STEP else str(KINDS[kind])


@pytest.mark.parametrize("digits", range(4, 12))
def test_a_register_of_any_digits_that_goes_on_through_zero_has_rolled_over(digits: int) -> None:
    end = 10.0**digits
    assert kind_of(end - 60, end - 20, 15.0) == "rollover"


def test_a_reset_near_the_end_of_the_digits_is_no_rollover_when_so_much_cannot_have_flowed() -> None:
    assert kind_of(949_990, 950_000, 3.0) == "reset"
    assert kind_of(949_990, 950_000, 3.0, possible=60_000.0) == "rollover"


def test_a_reading_between_the_last_two_was_overtaken_and_is_jitter() -> None:
    assert kind_of(52_000, 52_288, 52_176) == "jitter"


@pytest.mark.parametrize("too_high", [300.0, 3_000.0, 248_203.0])
def test_the_return_from_a_single_reading_that_was_far_too_high_is_a_spike(too_high: float) -> None:
    assert kind_of(207_774, 207_814 + too_high, 207_814) == "spike"
    hourly = [207_700.0, 207_774.0, 207_790.0 + too_high, 207_814.0, 207_830.0]
    assert wrong_at(read(monitor(StepKind.SPIKE), hourly)) == [3]


def test_nothing_is_said_of_a_first_reading_of_a_missing_one_and_of_the_one_after_it() -> None:
    row = monitor(*StepKind)
    nothing = float("nan")
    said = read(row, [5000.0, nothing, nothing, 5020.0, 5021.0])
    assert wrong_at(said) == []
    assert [bool(now.known[0, 0]) for now in said] == [True, False, False, True, True]
    assert wrong_at(read(row, [nothing, 9_000_000.0, 9_000_001.0])) == []


def test_what_flowed_in_a_long_gap_is_no_jump() -> None:
    row = monitor(StepKind.JUMP)
    assert wrong_at(read(row, [1000.0, 60_000.0], every_h=24.0)) == []
    assert wrong_at(read(row, [1000.0, 60_000.0], every_h=1.0)) == [1]


def test_one_rollback_is_wrong_once_and_is_forgotten_after_weeks() -> None:
    said = read(monitor(StepKind.ROLLBACK), [90_000.0, 80_000.0, *(80_000.0 + day for day in range(40))], every_h=24.0)
    assert wrong_at(said) == [1]
    assert said[1].value[0, 0] == -10_000
    assert not said[10].well[0, 0]
    assert said[-1].well[0, 0]


def test_kinds_that_the_monitor_does_not_name_pass_by_it() -> None:
    assert wrong_at(read(monitor(StepKind.ROLLBACK), [90_000.0, 12.0, 14.0])) == []


def test_a_unit_back_now_and_then_is_no_symptom_but_again_and_again_is() -> None:
    seldom = [float(value) for value in (100, 99, 120, 140, 139, 160)]
    often = [100.0 + (number % 2) for number in range(20)]
    assert wrong_at(read(monitor(StepKind.JITTER, limit=5.0), seldom)) == []
    assert wrong_at(read(monitor(StepKind.JITTER, limit=5.0), often))


def test_registers_beyond_single_precision_are_told_apart_to_the_last_unit() -> None:
    assert kind_of(987_654_321.0, 987_654_322.0, 987_654_321.0) == "jitter"
    assert kind_of(987_654_321.0, 987_654_322.0, 987_654_323.0) == ""
