"""Playback: stored readings run again through the engine, from a kept state on; many stretches at once, side by side.

It is the `Watch` of the ingest worker, given for each stretch a device of its own: so a thousand decisions cost little
more than the longest of them. It knows neither receipts nor databases.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from devices.monitors import Calibrated, OfReadings, Reported, Silence
from devices.product import ProductType
from devices.readings import Columns, IntArray
from diagnostics.latch import CLEAR, CONFIRMED, PENDING
from diagnostics.scores import Score
from diagnostics.state import Array, pack, unpack
from diagnostics.watch import SymptomChange, Watch


@dataclass(frozen=True, slots=True)
class Standing:
    """A symptom that stands at the end of a stretch: it is confirmed, or pending until a reporting cycle confirms it.

    `element` counts from 1, 0 where there is one only.
    """

    monitor: str
    element: int
    since_us: int


@dataclass(frozen=True, slots=True)
class Said:
    """What a statistical monitor said of one reading: how abnormal it is; `row` and `element` as in a change."""

    row: int
    monitor: str
    element: int
    score: float


@dataclass(frozen=True, slots=True)
class Played:
    """What a stretch of readings said: the symptoms that changed in it, in their order, and those that stand at its end.

    `said` has the scores of the monitors that leave the decision to reporting cycles, in the order of the readings; `end`
    is what the detectors remember at its end, see `known_well`.
    """

    changes: Sequence[SymptomChange]
    standing: Sequence[Standing]
    said: Sequence[Said]
    end: bytes


def play(
    product: ProductType,
    states: Sequence[bytes | None],
    place: IntArray,
    at_us: IntArray,
    columns: Columns,
    only: Collection[str] | None = None,
) -> list[Played]:
    """Run stretches of readings through the engine.

    Parameters
    ----------
    product : ProductType
        Whose monitors are run.
    states : sequence of bytes or None
        What the detectors remembered of the device before each of m stretches (`Watch.snapshot`); None: nothing.
    place : int64 [n]
        Stretch of each reading, from 0.
    at_us : int64 [n]
        Claimed time of each reading, in the order of the device's detectors within each stretch.
    columns : Columns
        The n readings.
    only : collection of str, optional
        Play these monitors, and those that run beside them in their groups; all when it is not given.

    Returns
    -------
    list of Played
        One for each stretch; `row` of a change is the reading's index among all n.
    """
    watch = Watch(product, only)
    # A device's row of its own for each stretch, also for those of the same device; ids begin with one.
    ids: IntArray = np.arange(1, len(states) + 1, dtype=np.int64)
    watch.slots(ids)
    for number, state in zip(ids.tolist(), states, strict=True):
        if state is not None:
            watch.restore(pack(unpack(state) | {"device_ids": np.array([number], dtype=np.int64)}))
    changes: list[list[SymptomChange]] = [[] for _ in states]
    scores: list[Score] = []
    if len(place):
        for change in watch.step(ids[place], at_us, columns, scores):
            changes[change.device_id - 1].append(change)
    said = _said(product, scores, place, len(states))
    ends = watch.snapshots(ids) if len(ids) else []
    return [
        Played(changed, standing(product, end), told, end)
        for changed, end, told in zip(changes, ends, said, strict=True)
    ]


def _said(product: ProductType, scores: Sequence[Score], place: IntArray, count: int) -> list[list[Said]]:
    calibrated = {monitor.name for monitor in product.monitors if isinstance(monitor, Calibrated)}
    said: list[list[Said]] = [[] for _ in range(count)]
    for score in scores:
        if score.monitor in calibrated:
            order = np.argsort(score.rows, kind="stable")
            told = zip(*(each[order].tolist() for each in (score.rows, score.element, score.value)), strict=True)
            for row, element, value in told:
                said[place[row]].append(Said(row, score.monitor, element, value))
    return said


def standing(product: ProductType, state: bytes) -> list[Standing]:
    """Return the symptoms that stand in the state of one device, by onset."""
    arrays = unpack(state)
    monitors = {monitor.name: monitor for monitor in product.monitors if not isinstance(monitor, Silence)}
    found: list[Standing] = []
    for name, array in arrays.items():
        group, _, of = name.rpartition(".")
        if of == "monitors":
            names: list[str] = array.tolist()
            found += _standing(product, monitors, names, arrays[f"{group}.phase"][0], arrays[f"{group}.since_us"][0])
    return sorted(found, key=lambda each: (each.since_us, each.monitor, each.element))


def _standing(
    product: ProductType, monitors: Mapping[str, OfReadings], names: Sequence[str], phase: Array, since_us: IntArray
) -> list[Standing]:
    found: list[Standing] = []
    for element in np.flatnonzero(phase != CLEAR).tolist():
        monitor = monitors.get(names[element if len(names) > 1 else 0])
        # A mode of the device stands, too, and is no symptom.
        if monitor is None:
            continue
        if phase[element] != (PENDING if isinstance(monitor, Calibrated) else CONFIRMED):
            continue
        counted = element + 1 if product.features[monitor.feature].element else 0
        found.append(Standing(monitor.name, counted, int(since_us[element])))
    return found


def known_well(product: ProductType, state: bytes, newest_us: int) -> frozenset[str]:
    """Return the monitors that are known to be well in the state of one device.

    A monitor that has never been judged, that is still learning, or whose feature has not come for longer than a device
    may be silent is not known to be well; nor is one of which any element is pending, or in between wrong and well. What
    a device reports by codes it need not repeat.

    Parameters
    ----------
    product : ProductType
        Of the device.
    state : bytes
        What the detectors remember, as `Watch.snapshot` gives it.
    newest_us : int
        Claimed time of the newest reading that they have taken in.
    """
    arrays = unpack(state)
    # A device that was never heard is held by no detector.
    if not len(arrays["device_ids"]):
        return frozenset()
    monitors = {monitor.name: monitor for monitor in product.monitors if not isinstance(monitor, Silence)}
    oldest_us = newest_us - int(max(product.late_after_s, product.lateness_s) * 1e6)
    found: set[str] = set()
    for name, array in arrays.items():
        group, _, of = name.rpartition(".")
        if of == "monitors":
            names: list[str] = array.tolist()
            phase, since_us, last_us = (arrays[f"{group}.{each}"][0] for each in ("phase", "since_us", "last_us"))
            # What is clear with no onset was well when it was last judged, or was never judged. A limit and a code are
            # judged by each value that comes; a detector says for itself whether it has judged anything yet.
            is_calm = (phase == CLEAR) & (since_us == 0)
            is_judged = arrays[f"{group}.judged"][0] if f"{group}.judged" in arrays else last_us > 0
            if len(names) == 1:
                is_calm = is_calm.all(keepdims=True)
            for place, monitor in enumerate(map(monitors.get, names)):
                if monitor is None or not (is_calm[place] and is_judged[place]):
                    continue
                if isinstance(monitor, Reported) or last_us[place] >= oldest_us:
                    found.add(monitor.name)
    return frozenset(found)
