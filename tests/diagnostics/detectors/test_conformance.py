"""What every detector has to be, for each file below diagnostics/detectors before its author wrote a test of its own."""

import itertools
from collections.abc import Iterable

import numpy as np
import pytest

from devices.monitors import Calibrated, Monitor
from diagnostics.scores import Score
from diagnostics.state import unpack
from diagnostics.watch import SymptomChange, Watch
from tests.diagnostics.detectors.subjects import (
    SUBJECTS,
    VARIANTS,
    WITHOUT_NUMBERS,
    Life,
    detector_files,
    documented,
    life_of,
    product_of,
    subject_of,
)

NAMES = sorted(SUBJECTS) + sorted(VARIANTS)
SILENT, GAPPY = 104, 105
# Of one element's phase in a snapshot.
PHASE_BYTES = {"phase": 1, "since_us": 8, "wrong_s": 4, "well_s": 4}


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
    told = run(Watch(product_of(subject_of(name))), life_of(name))
    assert confirmed(told) == {100, 101, 102, 103, GAPPY}
    values = [change[6] for change in told if change[4] == "confirmed"]
    assert np.isfinite(np.array(values, dtype=float)).all(), "a confirmed symptom has a value"


@pytest.mark.parametrize("name", NAMES)
def test_it_says_nothing_of_a_device_without_values(name: str) -> None:
    assert SILENT not in {change[1] for change in run(Watch(product_of(subject_of(name))), life_of(name))}


@pytest.mark.parametrize("name", NAMES)
def test_it_says_nothing_before_anything_is_wrong(name: str) -> None:
    life = life_of(name)
    half = life.part(slice(0, len(life.ids) // 2 - 6))
    assert confirmed(run(Watch(product_of(subject_of(name))), half)) == set()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 7, 5000])
def test_where_the_samples_are_cut_into_batches_changes_nothing(name: str, size: int) -> None:
    life = life_of(name)
    life = life.part(slice(0, len(life.ids) // 4)) if size < 10 else life
    one, other = Watch(product_of(subject_of(name))), Watch(product_of(subject_of(name)))
    assert run(one, life, range(size, len(life.ids), size)) == run(other, life)
    ids = sorted(set(life.ids.tolist()))
    assert one.snapshot(ids) == other.snapshot(ids)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_devices_changes_nothing(name: str) -> None:
    life = life_of(name)
    # Another order within each hour; every device's own samples stay in their order.
    order = np.lexsort((-life.ids, np.arange(len(life.ids)) // 6))
    other = life.part(order)
    watch, mixed = Watch(product_of(subject_of(name))), Watch(product_of(subject_of(name)))
    assert sorted(change[1:] for change in run(watch, life)) == sorted(change[1:] for change in run(mixed, other))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.1, 0.52, 0.8])
def test_a_detector_that_is_put_back_goes_on_as_if_nothing_had_happened(name: str, share: float) -> None:
    life = life_of(name)
    middle = int(len(life.ids) * share)
    head, tail = life.part(slice(0, middle)), life.part(slice(middle, None))
    whole, lost, found = (Watch(product_of(subject_of(name))) for _ in range(3))
    run(whole, head)
    run(lost, head)
    ids = sorted(set(life.ids.tolist()))
    found.restore(lost.snapshot(ids))
    assert run(found, tail) == run(whole, tail)
    assert found.snapshot(ids) == whole.snapshot(ids)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_values_end_nothing_and_begin_nothing(name: str) -> None:
    life = life_of(name)
    watch = Watch(product_of(subject_of(name)))
    run(watch, life)
    later = Life(life.ids, life.at_us + 40 * 86_400_000_000, [None] * len(life.ids))
    assert run(watch, later) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, -1.0, 1e30, -1e30])
def test_impossible_values_raise_no_warning_and_leave_no_value_that_is_none(name: str, value: float) -> None:
    life, subject = life_of(name), subject_of(name)
    rng = np.random.default_rng(2)
    wild = [
        each if rng.random() < 0.7 or each is None else [value] * len(each) if isinstance(each, list) else value
        for each in life.values
    ]
    told = run(Watch(product_of(subject)), Life(life.ids, life.at_us, wild))
    values = np.array([change[6] for change in told if change[4] == "confirmed"], dtype=float)
    assert not np.isnan(values).any()


@pytest.mark.parametrize("name", NAMES)
def test_what_it_remembers_of_a_device_does_not_grow_with_time(name: str) -> None:
    life = life_of(name)
    watch = Watch(product_of(subject_of(name)))
    elements = max(len(each) if isinstance(each, list) else 1 for each in life.values)
    early: dict[str, int] = {}
    for begin, end in itertools.pairwise([0, 600, *range(1200, len(life.ids), 600), len(life.ids)]):
        run(watch, life.part(slice(begin, end)))
        now = {array: values.nbytes for array, values in unpack(watch.snapshot([100])).items()}
        early = early or now
        assert now.keys() == early.keys()
        grown = {array: count for array, count in now.items() if count != early[array]}
        # Phases of elements that are all well are left out; there are as many as elements where one of them is not.
        told = {array: elements * PHASE_BYTES.get(array.rpartition(".")[2], 0) for array in grown}
        assert grown in ({}, told)


def scored(watch: Watch, life: Life, cuts: Iterable[int] = ()) -> list[tuple[int, int, float]]:
    """Take a life in pieces; sample, element and score, wherever something was said."""
    told: list[tuple[int, int, float]] = []
    for begin, end in itertools.pairwise([0, *cuts, len(life.ids)]):
        part = life.part(slice(begin, end))
        scores: list[Score] = []
        watch.step(part.ids, part.at_us, part.columns, scores)
        for score in scores:
            told += zip((score.rows + begin).tolist(), score.element.tolist(), score.value.tolist(), strict=True)
    return sorted(told)


STATISTICAL = sorted({"cross_channel", "drift", "peer", "seasonal", "seasonal, smoothed", "shift"})


@pytest.mark.parametrize("name", STATISTICAL)
def test_scores_rise_with_what_is_wrong_and_do_not_hang_on_where_batches_are_cut(name: str) -> None:
    life = life_of(name)
    scores = scored(Watch(product_of(subject_of(name))), life)
    assert scores == scored(Watch(product_of(subject_of(name))), life, range(701, len(life.ids), 701))
    assert np.isfinite([value for _, _, value in scores]).all()
    half = len(life.ids) // 2
    before = [value for sample, _, value in scores if sample < half]
    assert max(value for _, _, value in scores) > max(before)


@pytest.mark.parametrize("name", STATISTICAL)
def test_asking_for_scores_changes_no_symptom(name: str) -> None:
    life = life_of(name)
    asked, unasked = Watch(product_of(subject_of(name))), Watch(product_of(subject_of(name)))
    run(unasked, life)
    scored(asked, life)
    ids = sorted(set(life.ids.tolist()))
    assert asked.snapshot(ids) == unasked.snapshot(ids)


@pytest.mark.parametrize("name", NAMES)
def test_a_device_with_one_reading_is_not_judged(name: str) -> None:
    life = life_of(name)
    assert confirmed(run(Watch(product_of(subject_of(name))), life.part(slice(0, 1)))) == set()


@pytest.mark.parametrize("name", NAMES)
def test_rows_without_a_value_in_between_change_nothing(name: str) -> None:
    life = life_of(name)
    watch, gappy = Watch(product_of(subject_of(name))), Watch(product_of(subject_of(name)))
    twice = np.repeat(np.arange(len(life.ids)), 2)
    is_extra = np.arange(len(twice)) % 2 == 1
    values = [None if extra else life.values[row] for row, extra in zip(twice.tolist(), is_extra.tolist(), strict=True)]
    told = run(gappy, Life(life.ids[twice], life.at_us[twice] + is_extra * 1_000_000, values))
    assert sorted(change[1:] for change in told) == sorted(change[1:] for change in run(watch, life))


@pytest.mark.parametrize("name", [name for name in NAMES if subject_of(name).is_vector])
@pytest.mark.parametrize("told", [None, 0.0], ids=["without a value", "that never moves"])
def test_a_channel_says_nothing_and_hides_nothing_of_the_others(name: str, told: float | None) -> None:
    life = life_of(name)
    # The last element; the faulty one stands before it.
    values = [value if value is None else [*value[:-1], told] for value in life.values]  # type: ignore[misc]
    first_known = next(value for value in life.values if value is not None)
    changes = run(Watch(product_of(subject_of(name))), Life(life.ids, life.at_us, values))
    found = {(change[1], change[3]) for change in changes if change[4] == "confirmed"}
    assert {device for device, _ in found} == {100, 101, 102, 103, GAPPY}
    # What never moves among peers that do is the peers' detector's matter.
    if told is None or not name.startswith(("peer", "misread")):
        assert len(first_known) not in {element for _, element in found}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in NAMES if not subject_of(name).is_vector])
def test_a_value_that_never_moves_is_at_most_stuck(name: str) -> None:
    life = life_of(name)
    values = [None if value is None else 50.0 for value in life.values]
    assert confirmed(run(Watch(product_of(subject_of(name))), Life(life.ids, life.at_us, values))) == set()


# Bytes of one device's state: latch and time of the group, whether it has judged anything, and what the detector's file says of its memory.
LATCH_BYTES, TIME_BYTES, JUDGED_BYTES = 17, 8, 1
MEMORY_BYTES = {
    "cross_channel": 4 * (LATCH_BYTES + 28 + 8 * 4) + TIME_BYTES + JUDGED_BYTES,
    "seasonal": LATCH_BYTES + TIME_BYTES + JUDGED_BYTES + 1008 + 28,
    "seasonal, smoothed": LATCH_BYTES + TIME_BYTES + JUDGED_BYTES + 1008 + 32,
}


@pytest.mark.parametrize("name", sorted(MEMORY_BYTES))
def test_what_it_remembers_is_as_small_as_it_says(name: str) -> None:
    life = life_of(name)
    watch = Watch(product_of(subject_of(name)))
    run(watch, life)
    arrays = unpack(watch.snapshot([100]))
    assert (
        sum(a.nbytes for key, a in arrays.items() if key.startswith("m.") and key != "m.monitors") == MEMORY_BYTES[name]
    )
