"""Stretches of readings that are played side by side say what each says alone, from the state that was kept before it."""

import numpy as np

from devices.products import product_type
from devices.readings import Columns, Value
from diagnostics.playback import Played, Standing, known_well, play
from diagnostics.state import unpack
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


def well(played: Played, newest_us: int = START_US + MINUTE_US * (N - 1)) -> frozenset[str]:
    return known_well(EV, played.end, newest_us)


def test_only_what_was_seen_and_judged_to_be_well_is_known_to_be_well() -> None:
    (played,) = play(EV, [None], np.zeros(N, np.int64), times(), columns(99))
    # Probes alone were reported; whether one of them has fallen silent takes days to learn, and two have no peers.
    assert well(played) == {"battery_hot", "battery_failing"}


def test_what_is_wrong_or_in_between_is_not_known_to_be_well() -> None:
    wrong, between = (
        play(EV, [None], np.zeros(N, np.int64), times(), Columns({"probe_temps_degc": [[25.0, hot]] * N}, N))[0]
        for hot in (95.0, 70.0)
    )
    assert "battery_hot" not in well(wrong) | well(between)
    assert "battery_failing" in well(between)


def test_what_was_well_long_ago_is_not_known_to_be_well_but_for_what_is_told_by_codes() -> None:
    at_us = START_US + np.array([0, int(EV.late_after_s * 1e6) + MINUTE_US])
    values: dict[str, list[Value]] = {
        "insulation_kohm": [900.0, None],
        "pack_voltage_v": [400.0, None],
        "dtcs": [[], None],
        "probe_temps_degc": [None, [25.0, 26.0]],
    }
    (played,) = play(EV, [None], np.zeros(2, np.int64), at_us, Columns(values, 2))
    assert {"battery_hot", "isolation_code", "other_code"} <= well(played, int(at_us[-1]))
    assert "insulation_low" not in well(played, int(at_us[-1]))


def test_a_group_that_is_played_alone_ends_as_it_does_beside_all_others() -> None:
    given = np.zeros(N, np.int64), times(), columns(10)
    (among_all,), (alone,) = play(EV, [None], *given), play(EV, [None], *given, only={"cell_leaves_pack"})
    state, whole = unpack(alone.end), unpack(among_all.end)
    assert {name.rpartition(".")[0] for name in state} == {"", "cell_leaves_pack"}
    assert all(np.array_equal(array, whole[name], equal_nan=array.dtype.kind == "f") for name, array in state.items())


def test_of_a_device_that_was_never_heard_nothing_is_known_to_be_well() -> None:
    assert known_well(EV, Watch(EV).snapshot([1]), START_US) == frozenset()


def test_a_mode_of_the_device_that_stands_is_no_symptom() -> None:
    given = Columns({**columns(99).values, "is_updating": [1.0] * N}, N)
    (played,) = play(EV, [None], np.zeros(N, np.int64), times(), given)
    assert "updating" in {change.monitor for change in played.changes}
    assert played.standing == []
    assert well(played) == {"battery_hot", "battery_failing"}
