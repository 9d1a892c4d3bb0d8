"""Replaying: decisions made again from what is stored, by the engine that makes them, and held against their receipts.

What was an input is taken from the receipt: which readings, the state before them, the time, the request that was open.
All else is recomputed. Many decisions are replayed side by side, for little more than the longest of them costs.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from devices.chatter import steady
from devices.instants import from_us, to_us
from devices.monitors import Calibrated, Monitor, Silence
from devices.product import ProductType
from devices.products import UnknownProductError, product_type
from devices.readings import IntArray
from diagnostics import diagnosis as diagnosing
from diagnostics.detectors.silence import Remembered, Silences
from diagnostics.playback import Played, Standing, known_well, play
from diagnostics.receipt import Circumstances, Difference, Seen, build, canonical, differences, read
from diagnostics.rules import of_component
from diagnostics.state import unpack
from diagnostics.watch import SymptomChange
from gateway.decisions.citing import Cycles, Recited, changed_calibrations, cited_cycles, cited_hashes, recite
from gateway.decisions.receipting import feature, outcome, request_of, stretches
from gateway.decisions.regional import regional_differences
from gateway.decisions.surveying import of_name
from gateway.storage import receipts
from gateway.storage.connection import Connection
from gateway.storage.readings import Readings
from gateway.storage.receipts import Basis, Decision
from gateway.storage.stretches import Span, readings_of
from workflows.triage import triage

_NONE: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Replayed:
    """A decision that was made again; without differences it is identical. `software` is what decided it then."""

    decision_id: int
    sha256: str
    differences: Sequence[Difference]
    software: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Script:
    """A decision with what its receipt says."""

    decision: Decision
    told: Mapping[str, Any]
    bases: Sequence[Basis]


@dataclass(frozen=True, slots=True)
class _Scene:
    """What was loaded and played for a decision: its readings with the stretch that each belongs to, and what they said.

    `cycles` are the reporting cycles that receipts name, as they are published now.

    `rows` are the places of these readings among all that were played, to which changes refer.
    """

    place: IntArray
    readings: Readings
    played: Sequence[Played]
    first_row: int
    kept: Mapping[str, bytes]
    cycles: Cycles


def replay(
    connection: Connection,
    decisions: Sequence[Decision],
    product_of: Callable[[str], ProductType] = product_type,
) -> list[Replayed]:
    """Make decisions again and return how each compares with its receipt.

    Parameters
    ----------
    connection : Connection
        In the role of work, in a transaction of the decisions' tenant.
    decisions : sequence of Decision
        Any.
    product_of : callable
        Product types by name, with the rules of today.
    """
    by_product: defaultdict[str, list[_Script]] = defaultdict(list)
    done: dict[int, Replayed] = {}
    for decision in decisions:
        if decision.incident_id is not None:
            found, its_software = regional_differences(connection, decision)
            done[decision.decision_id] = Replayed(decision.decision_id, decision.sha256, found, its_software)
            continue
        script = _script(decision)
        if isinstance(script, Replayed):
            done[decision.decision_id] = script
        else:
            by_product[script.told["product"]].append(script)
    for name, scripts in by_product.items():
        try:
            product = product_of(name)
        except UnknownProductError:
            absent = Difference("product", name, None)
            done |= {each.decision.decision_id: _ended(each.decision, [absent], each.told) for each in scripts}
            continue
        done |= {each.decision_id: each for each in _of_product(connection, product, scripts)}
    return [done[decision.decision_id] for decision in decisions]


def _script(decision: Decision) -> _Script | Replayed:
    try:
        told = read(decision.receipt)
        bases = [_basis(told["device"]["device_id"], each) for each in told["readings"]]
        return _Script(decision, told, bases)
    except (ValueError, KeyError, TypeError) as error:
        return _ended(decision, [Difference("receipt", f"cannot be read: {error!r}", None)], {})


def _ended(decision: Decision, found: Sequence[Difference], told: Mapping[str, Any]) -> Replayed:
    return Replayed(decision.decision_id, decision.sha256, found, told.get("software", {}))


def _basis(device_id: int, told: Mapping[str, Any]) -> Basis:
    begins_us = None if told["begins_at"] is None else _us(told["begins_at"])
    return Basis(told["state_before_sha256"], Span(device_id, begins_us, _us(told["ends_at"]), told["last_ingest_no"]))


def _us(written: str) -> int:
    return to_us(datetime.strptime(written, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC))


def _of_product(connection: Connection, product: ProductType, scripts: Sequence[_Script]) -> Iterator[Replayed]:
    bases = [basis for script in scripts for basis in script.bases]
    kept = receipts.contents(connection, _cited(scripts))
    place, readings = readings_of(connection, product, [basis.span for basis in bases])
    states = [kept.get(basis.state_sha256) if basis.state_sha256 else None for basis in bases]
    cycles = cited_cycles(connection, [script.told for script in scripts])
    played = play(product, states, place, readings.at_us, readings.columns())
    first = 0
    for script in scripts:
        rows = np.flatnonzero((place >= first) & (place < first + len(script.bases)))
        scene = _Scene(
            place[rows] - first,
            readings.at(rows),
            played[first : first + len(script.bases)],
            int(rows[0]) if len(rows) else 0,
            kept,
            cycles,
        )
        first += len(script.bases)
        yield _ended(script.decision, list(_differences(product, script, scene)), script.told)


def _cited(scripts: Sequence[_Script]) -> set[str]:
    hashes = {script.decision.rules_sha256 for script in scripts} | {script.decision.ticks_sha256 for script in scripts}
    hashes |= {each for script in scripts for each in cited_hashes(script.told)}
    return {each for each in hashes | {basis.state_sha256 for script in scripts for basis in script.bases} if each}


def _differences(product: ProductType, script: _Script, scene: _Scene) -> Iterator[Difference]:
    decision = script.decision
    found_sha256 = hashlib.sha256(decision.receipt).hexdigest()
    if found_sha256 != decision.sha256:
        yield Difference("sha256", decision.sha256, found_sha256)
    rules = of_component(product, decision.component)
    before = scene.kept.get(decision.rules_sha256)
    yield from differences(read(before) if before else None, read(canonical(rules)), "rules")
    for basis in script.bases:
        if basis.state_sha256 and basis.state_sha256 not in scene.kept:
            yield Difference("kept_content", basis.state_sha256, None)
    yield from changed_calibrations(script.told, scene.cycles, scene.kept)
    made = canonical(_document(product, rules, script, scene))
    if made != decision.receipt:
        yield from differences(script.told, read(made))


def _document(product: ProductType, rules: Mapping[str, Any], script: _Script, scene: _Scene) -> dict[str, Any]:
    """Make the decision again, and its receipt."""
    told, component = script.told, script.decision.component
    monitors = of_name(product, component)
    recited = recite(told, monitors, scene.cycles, scene.played, scene.readings.at_us, scene.first_row)
    seen = _seen(product, monitors, script, scene, recited)
    well = _well(product, monitors, script, scene)
    diagnosis = diagnosing.diagnose(product, component, [each.evidence for each in seen], well)
    present = request_of(told["request_before"])
    decided_us = _us(told["decided_at"])
    return build(
        rules,
        monitors,
        Circumstances(
            device_id=told["device"]["device_id"],
            device=told["device"]["name"],
            decided_us=decided_us,
            software=told["software"],
            request=told["request_before"],
            ticks_sha256=script.decision.ticks_sha256,
            quiet=_quiet(told),
            unheard=told.get("unheard", ()),
        ),
        stretches(script.bases, scene.place, scene.readings),
        seen,
        diagnosis,
        outcome(None if diagnosis is None else triage(product, diagnosis, present), from_us(decided_us)),
        recited.documents,
    )


def _well(product: ProductType, monitors: Mapping[str, Monitor], script: _Script, scene: _Scene) -> Collection[str]:
    """Return the monitors that are known to be well at the end of the newest readings, without those that are quiet."""
    if not scene.played or all(isinstance(monitor, Silence) for monitor in monitors.values()):
        return ()
    well = known_well(product, scene.played[0].end, script.bases[0].span.ends_us)
    return well - {monitor for monitor, _, _ in _quiet(script.told)} - set(script.told.get("unheard", ()))


def _seen(
    product: ProductType, monitors: Mapping[str, Monitor], script: _Script, scene: _Scene, recited: Recited
) -> list[Seen]:
    """Return the symptoms that stand at the end of the newest readings, and the silences that the ticks tell.

    What is for reporting cycles to confirm is seen when the cycles that the receipt names confirm it again.
    """
    recorded = {(each["monitor"], each["element"], _us(each["since_at"])): each for each in script.told["symptoms"]}
    quiet = set(_quiet(script.told))
    standing = [
        each
        for played in scene.played[:1]
        for each in played.standing
        if (monitor := monitors.get(each.monitor)) is not None
        and (each.monitor, each.element, each.since_us) not in quiet
        and (not isinstance(monitor, Calibrated) or (each.monitor, each.element) in recited.confirmed)
    ]
    seen = [
        _confirmed(
            product, monitors[each.monitor], each, recorded.get((each.monitor, each.element, each.since_us)), scene
        )
        for each in standing
    ]
    for (name, _, since_us), each in recorded.items():
        monitor = monitors.get(name)
        if steady(name) is not None:
            seen.append(_chattering(each, since_us))
        if isinstance(monitor, Silence):
            seen += _silent(script, scene, monitor, each["symptom_id"], since_us)
    return sorted(seen, key=lambda each: (each.since_us, each.symptom_id))


def _quiet(told: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Return the symptoms that were not to be heard: what people and modes had put aside is an input."""
    return [(each["monitor"], each["element"], _us(each["since_at"])) for each in told["quiet"]]


def _chattering(recorded: Mapping[str, Any], since_us: int) -> Seen:
    """Return the symptom that a monitor chatters: how often it came is counted over the desk's days, and is an input."""
    return Seen(
        symptom_id=recorded["symptom_id"],
        monitor=recorded["monitor"],
        element=recorded["element"],
        since_us=since_us,
        value=recorded["value"],
        threshold=recorded["threshold"],
        text=recorded["text"],
        decided_received_us=_us(recorded["decided_received_at"]),
        stretch=None,
        feature=None,
    )


def _confirmed(
    product: ProductType, monitor: Monitor, standing: Standing, recorded: Mapping[str, Any] | None, scene: _Scene
) -> Seen:
    """Return a symptom with what the readings that confirmed it say; a symptom that nobody has recorded has no number."""
    stretch = 0 if recorded is None else recorded["readings"]
    changes: Sequence[SymptomChange] = ()
    if stretch is not None and stretch < len(scene.played):
        changes = scene.played[stretch].changes
    deciding = [
        change
        for change in changes
        if change.phase == ("pending" if isinstance(monitor, Calibrated) else "confirmed")
        and (change.monitor, change.element, change.since_us) == (standing.monitor, standing.element, standing.since_us)
    ]
    change = deciding[-1] if deciding else None
    row = np.array([change.row - scene.first_row], dtype=np.int64) if change else _NONE
    return Seen(
        symptom_id=recorded["symptom_id"] if recorded else 0,
        monitor=standing.monitor,
        element=standing.element,
        since_us=standing.since_us,
        value=change.value if change else None,
        threshold=change.threshold if change else None,
        text=change.text if change else "",
        decided_received_us=int(scene.readings.received_us[row[0]]) if change else 0,
        stretch=stretch,
        feature=feature(product, monitor, scene.readings, row),
    )


def _silent(script: _Script, scene: _Scene, monitor: Silence, symptom_id: int, since_us: int) -> Iterator[Seen]:
    """Give the silence that the kept ticks tell of a device that was last heard at an instant."""
    content = scene.kept.get(script.decision.ticks_sha256 or "")
    ticks_us: IntArray = _NONE if content is None else unpack(content)["ticks_us"]
    ticks_us = ticks_us[ticks_us >= since_us]
    name, device_id = script.told["product"], script.told["device"]["device_id"]
    silences = Silences({name: monitor}, ticks_us[:-2], [Remembered(device_id, name, since_us)])
    for tick_us in ticks_us[-2:].tolist():
        for change in silences.tick(tick_us):
            if change.turn == "silent":
                yield Seen(
                    symptom_id=symptom_id,
                    monitor=monitor.name,
                    element=0,
                    since_us=change.since_us,
                    value=change.quiet_h,
                    threshold=monitor.after_s / 3600.0,
                    text="",
                    decided_received_us=tick_us,
                    stretch=None,
                    feature=None,
                )
