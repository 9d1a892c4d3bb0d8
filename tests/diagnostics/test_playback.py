"""Stretches of readings that are played side by side say what each says alone, from the state that was kept before it."""

import numpy as np

from devices.products import product_type
from devices.readings import Columns
from diagnostics.playback import Standing, play
from diagnostics.watch import Watch

EV = product_type("electric_vehicle")
MINUTE_US = 60_000_000
START_US = 1_760_000_000_000_000
N = 40


def columns(hot_from: int, first: int = 0, last: int = N) -> Columns:
    probes = [[25.0, 95.0 if minute >= hot_from else 25.0] for minute in range(first, last)]
    return Columns({"probe_temps_degc": probes}, last - first)


def times(first: int = 0, last: int = N) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return START_US + MINUTE_US * np.arange(first, last, dtype=np.int64)


def test_a_stretch_goes_on_from_the_state_before_it_whatever_is_played_beside_it() -> None:
    watch = Watch(EV)
    device = np.full(20, 4711, np.int64)
    watch.step(device, times(0, 20), columns(10, 0, 20))
    state = watch.snapshot([4711])
    live = watch.step(device, times(20, 40), columns(10, 20, 40))
    both = Columns(
        {
            "probe_temps_degc": [
                *columns(99).values["probe_temps_degc"],
                *columns(10, 20, 40).values["probe_temps_degc"],
            ]
        },
        60,
    )
    place = np.r_[np.zeros(40, np.int64), np.ones(20, np.int64)]
    healthy, ill = play(EV, [None, state], place, np.r_[times(), times(20, 40)], both)
    assert healthy.changes == []
    assert healthy.standing == []
    assert [(each.monitor, each.phase, each.since_us, each.value) for each in ill.changes] == [
        (each.monitor, each.phase, each.since_us, each.value) for each in live
    ]
    assert Standing("battery_hot", 0, START_US + 10 * MINUTE_US) in ill.standing


def test_a_stretch_without_readings_stands_as_it_stood() -> None:
    watch = Watch(EV)
    watch.step(np.full(N, 7, np.int64), times(), columns(3))
    (played,) = play(EV, [watch.snapshot([7])], np.zeros(0, np.int64), np.zeros(0, np.int64), Columns({}, 0))
    assert played.changes == []
    assert "battery_hot" in {each.monitor for each in played.standing}


def test_a_mode_of_the_device_that_stands_is_no_symptom() -> None:
    given = Columns({**columns(99).values, "is_updating": [1.0] * N}, N)
    (played,) = play(EV, [None], np.zeros(N, np.int64), times(), given)
    assert "updating" in {change.monitor for change in played.changes}
    assert played.standing == []
