"""What every detector has to be, for each file below diagnostics/detectors before its author wrote a test of its own."""

import itertools
from collections.abc import Iterable

import numpy as np
import pytest

from devices.monitors import Calibrated, Monitor
from diagnostics.watch import SymptomChange, Watch
from tests.diagnostics.detectors.subjects import (
    SUBJECTS,
    WITHOUT_NUMBERS,
    Life,
    detector_files,
    documented,
    life_of,
    product_of,
)

NAMES = sorted(SUBJECTS)
SILENT, GAPPY = 104, 105


def run(watch: Watch, life: Life, cuts: Iterable[int] = ()) -> list[tuple[object, ...]]:
    """Take a life in pieces; what changed, without the place in its batch."""
    bounds = [0, *cuts, len(life.ids)]
    told: list[tuple[object, ...]] = []
    for begin, end in itertools.pairwise(bounds):
        part = life.part(slice(begin, end))
        told += [without_row(change, begin) for change in watch.step(part.ids, part.at_us, part.columns)]
    return sorted(told, key=repr)


def without_row(change: SymptomChange, offset: int) -> tuple[object, ...]:
    fields = [getattr(change, name) for name in change.__slots__ if name != "row"]
    return (change.row + offset, *fields)


def confirmed(told: list[tuple[object, ...]]) -> set[object]:
    """Devices with a confirmed symptom; what a reporting cycle confirms is pending for a detector."""
    cycles = {monitor.name for each in SUBJECTS.values() if isinstance(monitor := each.monitor, Calibrated)}
    phases = {"confirmed", "pending"} if cycles & {change[2] for change in told} else {"confirmed"}
    return {change[1] for change in told if change[4] in phases}


def test_every_detector_file_is_a_subject_of_this_suite_and_has_a_monitor() -> None:
    assert set(detector_files()) == set(SUBJECTS) | WITHOUT_NUMBERS
    kinds = {name.replace("_", "") for name in detector_files()}
    assert {kind.__name__.lower() for kind in Monitor.__args__} == kinds


@pytest.mark.parametrize("name", detector_files())
def test_a_detector_says_what_it_is_and_where_it_comes_from(name: str) -> None:
    text = documented(name)
    assert text.lower().startswith(name.replace("_", " ")), "the first word is the detector's name"
    assert len(text) > 100


@pytest.mark.parametrize("name", NAMES)
def test_it_finds_what_it_is_for_in_every_device_that_reports(name: str) -> None:
    told = run(Watch(product_of(SUBJECTS[name])), life_of(name))
    assert confirmed(told) == {100, 101, 102, 103, GAPPY}
    values = [change[6] for change in told if change[4] == "confirmed"]
    assert np.isfinite(np.array(values, dtype=float)).all(), "a confirmed symptom has a value"


@pytest.mark.parametrize("name", NAMES)
def test_it_says_nothing_of_a_device_without_values(name: str) -> None:
    assert SILENT not in {change[1] for change in run(Watch(product_of(SUBJECTS[name])), life_of(name))}


@pytest.mark.parametrize("name", NAMES)
def test_it_says_nothing_before_anything_is_wrong(name: str) -> None:
    life = life_of(name)
    half = life.part(slice(0, len(life.ids) // 2 - 6))
    assert confirmed(run(Watch(product_of(SUBJECTS[name])), half)) == set()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 7, 5000])
def test_where_the_samples_are_cut_into_batches_changes_nothing(name: str, size: int) -> None:
    life = life_of(name)
    life = life.part(slice(0, len(life.ids) // 4)) if size < 10 else life
    one, other = Watch(product_of(SUBJECTS[name])), Watch(product_of(SUBJECTS[name]))
    assert run(one, life, range(size, len(life.ids), size)) == run(other, life)
    ids = sorted(set(life.ids.tolist()))
    assert one.snapshot(ids) == other.snapshot(ids)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_devices_changes_nothing(name: str) -> None:
    life = life_of(name)
    # Another order within each hour; every device's own samples stay in their order.
    order = np.lexsort((-life.ids, np.arange(len(life.ids)) // 6))
    other = life.part(order)
    watch, mixed = Watch(product_of(SUBJECTS[name])), Watch(product_of(SUBJECTS[name]))
    assert sorted(change[1:] for change in run(watch, life)) == sorted(change[1:] for change in run(mixed, other))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.1, 0.52, 0.8])
def test_a_detector_that_is_put_back_goes_on_as_if_nothing_had_happened(name: str, share: float) -> None:
    life = life_of(name)
    middle = int(len(life.ids) * share)
    head, tail = life.part(slice(0, middle)), life.part(slice(middle, None))
    whole, lost, found = (Watch(product_of(SUBJECTS[name])) for _ in range(3))
    run(whole, head)
    run(lost, head)
    ids = sorted(set(life.ids.tolist()))
    found.restore(lost.snapshot(ids))
    assert run(found, tail) == run(whole, tail)
    assert found.snapshot(ids) == whole.snapshot(ids)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_values_end_nothing_and_begin_nothing(name: str) -> None:
    life = life_of(name)
    watch = Watch(product_of(SUBJECTS[name]))
    run(watch, life)
    later = Life(life.ids, life.at_us + 40 * 86_400_000_000, [None] * len(life.ids))
    assert run(watch, later) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, -1.0, 1e30, -1e30])
def test_impossible_values_raise_no_warning_and_leave_no_value_that_is_none(name: str, value: float) -> None:
    life, subject = life_of(name), SUBJECTS[name]
    rng = np.random.default_rng(2)
    wild = [
        each if rng.random() < 0.7 or each is None else [value] * 6 if subject.is_vector else value
        for each in life.values
    ]
    told = run(Watch(product_of(subject)), Life(life.ids, life.at_us, wild))
    values = np.array([change[6] for change in told if change[4] == "confirmed"], dtype=float)
    assert not np.isnan(values).any()


@pytest.mark.parametrize("name", NAMES)
def test_what_it_remembers_of_a_device_does_not_grow_with_time(name: str) -> None:
    life = life_of(name)
    watch = Watch(product_of(SUBJECTS[name]))
    run(watch, life.part(slice(0, 600)))
    early = len(watch.snapshot([100]))
    run(watch, life.part(slice(600, None)))
    assert len(watch.snapshot([100])) == early
