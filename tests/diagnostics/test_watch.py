"""The watch over a batch: the same symptoms however the samples are cut into batches, kept, and put back."""

from collections.abc import Iterator

import numpy as np
import pytest

from devices.products import product_type
from devices.readings import Columns, Value
from diagnostics.state import unpack
from diagnostics.watch import SymptomChange, Watch, rounds

EV = product_type("electric_vehicle")
MINUTE_US = 60_000_000


def drifting_fleet(devices: int, samples: int) -> tuple[np.ndarray, np.ndarray, dict[str, list[Value]]]:
    """Samples of a fleet in order of time; in the first vehicle, cell 7 of 12 sinks by 1 mV a minute."""
    rng = np.random.default_rng(7)
    ids, at_us, cells, levels, codes = [], [], [], [], []
    for minute in range(samples):
        for device in range(devices):
            pack = rng.normal(3.7, 0.003, 12)
            if device == 0:
                pack[6] -= 0.001 * minute
            ids.append(100 + device)
            at_us.append((1_000_000 + minute) * MINUTE_US)
            cells.append([float(cell) for cell in pack])
            levels.append(0)
            codes.append(["P0AA6"] if device == 1 and minute >= 30 else [] if minute % 10 == 0 else None)
    return np.array(ids), np.array(at_us), {"cell_voltages_v": cells, "bms_level": levels, "dtcs": codes}


def cut(values: dict[str, list[Value]], part: slice, length: int) -> Columns:
    return Columns({name: column[part] for name, column in values.items()}, length)


def run(watch: Watch, size: int, devices: int = 3, samples: int = 200) -> Iterator[SymptomChange]:
    ids, at_us, values = drifting_fleet(devices, samples)
    for start in range(0, len(ids), size):
        part = slice(start, min(len(ids), start + size))
        for change in watch.step(ids[part], at_us[part], cut(values, part, part.stop - part.start)):
            yield SymptomChange(**{**{f: getattr(change, f) for f in change.__slots__}, "row": change.row + start})


def key(change: SymptomChange) -> tuple[object, ...]:
    return tuple(getattr(change, field) for field in change.__slots__)


def test_the_drifting_cell_and_the_reported_code_are_found_and_nothing_else() -> None:
    confirmed = [change for change in run(Watch(EV), 64) if change.phase == "confirmed"]
    assert {(c.device_id, c.monitor, c.element) for c in confirmed} == {
        (100, "cell_leaves_pack", 7),
        (101, "isolation_code", 0),
    }
    drift = next(change for change in confirmed if change.monitor == "cell_leaves_pack")
    assert drift.value < -drift.threshold
    assert next(change for change in confirmed if change.monitor == "isolation_code").text == "P0AA6"


@pytest.mark.parametrize("size", [1, 7, 600])
def test_how_the_samples_are_cut_into_batches_changes_nothing(size: int) -> None:
    assert sorted(map(key, run(Watch(EV), size))) == sorted(map(key, run(Watch(EV), 64)))


def test_a_watch_that_is_put_back_goes_on_as_if_nothing_had_happened() -> None:
    ids, at_us, values = drifting_fleet(3, 200)
    whole, first, second = Watch(EV), Watch(EV), Watch(EV)
    half = 90 * 3
    head, tail = slice(0, half), slice(half, len(ids))
    whole.step(ids[head], at_us[head], cut(values, head, half))
    first.step(ids[head], at_us[head], cut(values, head, half))
    assert second.restore(first.snapshot([100, 101, 102])) == [100, 101, 102]
    rest = cut(values, tail, len(ids) - half)
    assert list(map(key, second.step(ids[tail], at_us[tail], rest))) == list(
        map(key, whole.step(ids[tail], at_us[tail], rest))
    )
    assert second.snapshot([100, 101, 102]) == whole.snapshot([100, 101, 102])


def test_a_sample_older_than_what_was_seen_moves_no_detector() -> None:
    watch = Watch(EV)
    # As wide as the one that follows, so that no array has to grow for it.
    sick: dict[str, list[Value]] = {"bms_level": [0], "probe_temps_degc": [[20.0]]}
    watch.step(np.array([1]), np.array([2_000_000_000]), Columns(sick, 1))
    before = watch.snapshot([1])
    hot: dict[str, list[Value]] = {"probe_temps_degc": [[120.0]]}
    assert watch.step(np.array([1]), np.array([1_000_000_000]), Columns(hot, 1)) == []
    assert watch.snapshot([1]) == before


def test_events_that_run_ahead_of_buffered_telemetry_do_not_make_it_late() -> None:
    watch = Watch(EV)
    ahead: dict[str, list[Value]] = {"dtcs": [["P0AA6"]]}
    buffered: dict[str, list[Value]] = {"cell_voltages_v": [[3.7] * 5 + [5.0]], "probe_temps_degc": [[120.0]]}
    watch.step(np.array([1]), np.array([2_000_000_000]), Columns(ahead, 1))
    found = watch.step(np.array([1]), np.array([1_900_000_000]), Columns(buffered, 1))
    assert "battery_failing" in {change.monitor for change in found if change.phase == "confirmed"}


def test_each_limit_keeps_its_own_time_among_signals_of_another_cadence() -> None:
    watch = Watch(EV)
    seconds = np.arange(1, 20 * 60)
    low: list[Value] = [11.0 if second % 60 == 0 else None for second in seconds.tolist()]
    values: dict[str, list[Value]] = {"low_voltage_v": low, "coolant_temp_degc": [40.0] * len(seconds)}
    changes = watch.step(np.full(len(seconds), 1), seconds * 1_000_000, Columns(values, len(seconds)))
    assert [change.monitor for change in changes if change.phase == "confirmed"] == ["low_voltage_low"]


def test_one_tyre_sensor_stuck_at_an_impossible_value_does_not_make_the_others_look_soft() -> None:
    watch = Watch(EV)
    at_us = np.arange(1, 60) * 60_000_000
    values: dict[str, list[Value]] = {"tyre_pressures_kpa": [[65000.0, 250.0, 248.0, 252.0]] * 59}
    assert watch.step(np.full(59, 1), at_us, Columns(values, 59)) == []


def test_missing_and_impossible_cells_are_evidence() -> None:
    watch = Watch(EV)
    pack: list[float | None] = [3.7] * 10
    pack[3], pack[4] = None, 5.0
    at_us = np.arange(1, 11) * 1_000_000
    values: dict[str, list[Value]] = {"cell_voltages_v": [pack] * 10}
    found = {c.monitor for c in watch.step(np.full(10, 1), at_us, Columns(values, 10)) if c.phase == "confirmed"}
    assert found == {"cells_missing", "cell_too_high"}


def test_rounds_keep_each_devices_order_and_never_hold_a_device_twice() -> None:
    slots = np.random.default_rng(3).integers(0, 20, 500)
    seen: dict[int, int] = {}
    for rows in rounds(slots):
        assert len(set(slots[rows])) == len(rows)
        for row in rows:
            assert seen.get(int(slots[row]), -1) < row
            seen[int(slots[row])] = int(row)
    assert sum(len(rows) for rows in rounds(slots)) == 500


def test_the_states_of_devices_taken_together_are_those_taken_one_by_one() -> None:
    watch = Watch(EV)
    assert list(run(watch, 1000))
    together = [contents(state) for state in watch.snapshots(np.array([102, 100]))]
    assert together == [contents(watch.snapshot([device])) for device in (102, 100)]
    assert together[0] != together[1]
    assert watch.snapshots(np.array([], np.int64)) == []


def contents(state: bytes) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in unpack(state).items()}
