"""Silence by the server's clock: whatever the order between two ticks, and however often it is begun anew."""

import random

import numpy as np
import pytest

from devices.monitors import Silence
from diagnostics.detectors.silence import LONGEST_US, Remembered, SilenceChange, Silences, listened_us

MINUTE = 60_000_000
MONITORS = {"meter": Silence("silent", "Silent", "radio", after_s=1800.0, off_delay_s=600.0)}


def fresh(ticks: list[int] | None = None, devices: list[Remembered] | None = None) -> Silences:
    return Silences(MONITORS, np.array(ticks or [], dtype=np.int64), devices or [])


def turns(changes: list[SilenceChange]) -> list[tuple[int, str]]:
    return [(change.device_id, change.turn) for change in changes]


def test_a_device_is_silent_once_the_server_has_listened_for_long_enough() -> None:
    silences = fresh()
    silences.hear([1], ["meter"], [10 * MINUTE])
    said = {minute: turns(silences.tick(minute * MINUTE)) for minute in range(9, 90)}
    assert {minute: what for minute, what in said.items() if what} == {40: [(1, "silent")]}


def test_time_between_ticks_counts_two_minutes_at_most() -> None:
    silences = fresh()
    silences.hear([1], ["meter"], [MINUTE])
    minutes = [1, 2, 3, 500, 501, 900, *range(1000, 1060)]
    said = [minute for minute in minutes if silences.tick(minute * MINUTE)]
    # 1 + 1 + 2 + 1 + 2 + 2 minutes until minute 1000, and 21 more.
    assert said == [1021]


def test_a_clock_that_was_set_back_moves_nothing() -> None:
    silences = fresh()
    silences.hear([1], ["meter"], [MINUTE])
    assert silences.tick(60 * MINUTE) == []
    assert [silences.tick(minute * MINUTE) for minute in range(60)] == [[]] * 60
    assert turns([change for minute in range(61, 95) for change in silences.tick(minute * MINUTE)]) == [(1, "silent")]


def test_a_single_word_is_heard_but_heals_nothing() -> None:
    silences = fresh()
    silences.hear([1], ["meter"], [MINUTE])
    said: list[tuple[int, int, str]] = []
    for minute in range(1, 130):
        if minute in {60, 110, 120, 121}:
            silences.hear([1], ["meter"], [minute * MINUTE])
        said += [(minute, *each) for each in turns(silences.tick(minute * MINUTE))]
    assert said == [
        (31, 1, "silent"),
        (60, 1, "returned"),
        (90, 1, "lost"),
        (110, 1, "returned"),
        (120, 1, "healed"),
    ]


def test_a_product_without_a_limit_is_never_silent_and_a_forgotten_device_is_not_either() -> None:
    silences = fresh()
    silences.hear([1, 2, 3], ["meter", "vehicle", "meter"], [MINUTE] * 3)
    silences.forget([3])
    assert turns([change for minute in range(1, 99) for change in silences.tick(minute * MINUTE)]) == [(1, "silent")]


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_the_same_messages_and_any_new_beginning_gives_the_same(seed: int) -> None:
    chance = random.Random(seed)
    heard = sorted((chance.randrange(1, 600) * MINUTE + chance.randrange(MINUTE), device) for device in range(40) for _ in range(chance.randrange(1, 12)))  # fmt: skip
    minutes = sorted(chance.sample(range(700), 500))

    def story(*, shuffled: bool, begun_anew: bool) -> list[tuple[int, SilenceChange]]:
        silences, ticks, said = fresh(), [], []
        kept: dict[int, Remembered] = {}
        since = 0
        for minute in minutes:
            at = minute * MINUTE
            part = [each for each in heard if since < each[0] <= at]
            if shuffled:
                chance.shuffle(part)
                part += part[:2]
            for heard_us, device in part:
                silences.hear([device], ["meter"], [heard_us])
                old = kept.get(device, Remembered(device, "meter", 0))
                kept[device] = Remembered(device, "meter", max(old.heard_us, heard_us), old.since_us, old.returned_us)
            ticks.append(at)
            changes = silences.tick(at)
            said += [(minute, change) for change in sorted(changes, key=lambda change: change.device_id)]
            for change in changes:
                old = kept[change.device_id]
                since_us = 0 if change.turn == "healed" else change.since_us
                returned_us = at if change.turn == "returned" else 0
                kept[change.device_id] = Remembered(change.device_id, "meter", old.heard_us, since_us, returned_us)
            since = at
            if begun_anew and chance.random() < 0.2:
                silences = fresh(ticks, list(kept.values()))
        return said

    ordered = story(shuffled=False, begun_anew=False)
    assert {change.turn for _, change in ordered} >= {"silent", "returned", "lost", "healed"}
    assert story(shuffled=True, begun_anew=False) == ordered
    assert story(shuffled=True, begun_anew=True) == ordered


def test_the_clock_of_listening_never_goes_back() -> None:
    chance = np.random.default_rng(1)
    ticks = np.unique(chance.integers(0, 10**10, 200))
    instants = np.sort(chance.integers(-(10**9), 2 * 10**10, 1000))
    listened = listened_us(ticks, instants)
    assert (np.diff(listened) >= 0).all()
    assert (np.diff(listened) <= np.diff(instants)).all()
    assert listened[0] >= -LONGEST_US
