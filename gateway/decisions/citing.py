"""Citing: which reporting cycles a decision rests on is put into its receipt, and reckoned again when it is replayed.

Published values, calibrations and what cycles asked, are read where they are published; a receipt holds them by hash, and
a copy of them is kept with it. The scores are the device's own, said again by its own readings.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from devices.instants import from_us, to_us
from devices.monitors import Calibrated, Monitor
from devices.readings import IntArray
from diagnostics.calibration.citation import Answer, Asked, Citation
from diagnostics.calibration.cycle import ends_us
from diagnostics.playback import Played, Said
from diagnostics.receipt import Difference, canonical, differences, read
from gateway.storage import receipts
from gateway.storage.citations import passed_cycles, published_cycles
from gateway.storage.connection import Connection
from gateway.storage.receipts import Basis, Grounds

Cycles = Mapping[tuple[str, str, int], Asked]
_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


def cite(connection: Connection, grounds: Grounds, place_of: Callable[[Basis], int]) -> list[Citation]:
    """Return what the symptoms that reporting cycles have confirmed cite, and keep the calibrations that they name.

    Parameters
    ----------
    connection : Connection
        In the decision's transaction.
    grounds : Grounds
        What was gathered before it was decided.
    place_of : callable
        Gives readings a place among those of the receipt.
    """
    citations: list[Citation] = []
    for ground in grounds.open:
        if ground.cycle_id is None:
            continue
        symptom = ground.symptom
        passed = passed_cycles(connection, grounds.device_id, symptom.monitor, symptom.element, ground.cycle_id)
        answers = [
            Answer(each.asked, each.score, None if each.basis is None else place_of(each.basis)) for each in passed
        ]
        citations.append(Citation(symptom.symptom_id, symptom.monitor, symptom.element, answers))
        for each in passed:
            receipts.keep_content(connection, canonical(each.asked.published.document))
    return citations


def cited_hashes(told: Mapping[str, Any]) -> set[str]:
    """Return the hashes of the calibrations that a receipt names."""
    return {cycle["calibration"]["sha256"] for each in told["calibration"] for cycle in each["cycles"]}


def cited_cycles(connection: Connection, documents: Sequence[Mapping[str, Any]]) -> Cycles:
    """Return what the cycles that receipts name have asked, as it is published now."""
    wanted = {
        (told["product"], each["monitor"], from_us(_us(cycle["ends_at"])))
        for told in documents
        for each in told["calibration"]
        for cycle in each["cycles"]
    }
    return published_cycles(connection, wanted)


@dataclass(frozen=True, slots=True)
class Recited:
    """The citations of a decision made again: as its receipt would name them, and the symptoms that they confirm."""

    documents: Sequence[Mapping[str, Any]]
    confirmed: frozenset[tuple[str, int]]


def recite(
    told: Mapping[str, Any],
    monitors: Mapping[str, Monitor],
    cycles: Cycles,
    played: Sequence[Played],
    at_us: IntArray,
    first_row: int,
) -> Recited:
    """Reckon the citations of a receipt again.

    Parameters
    ----------
    told : mapping
        The receipt: of it are taken which cycles it names, and which readings say the scores.
    monitors : mapping of str to Monitor
        The component's monitors by name.
    cycles : mapping
        What cycles asked, as it is published.
    played : sequence of Played
        What the receipt's stretches said.
    at_us : int64 [n]
        Claimed times of the readings that were played, of which the first was in row `first_row`.
    first_row : int
        See `at_us`.
    """
    documents: list[Mapping[str, Any]] = []
    confirmed: set[tuple[str, int]] = set()
    for each in told["calibration"]:
        monitor, element = monitors.get(each["monitor"]), each["element"]
        if not isinstance(monitor, Calibrated):
            continue
        answers: list[Answer] = []
        for cycle in each["cycles"]:
            asked = cycles.get((told["product"], monitor.name, _us(cycle["ends_at"])))
            if asked is not None:
                said = _said(played, cycle["readings"])
                score = _last_score(said, monitor, element, asked.ends_us, at_us, first_row)
                answers.append(Answer(asked, score, cycle["readings"]))
        citation = Citation(each["symptom_id"], monitor.name, element, answers)
        documents.append(citation.document)
        if citation.is_confirmed(monitor.cycle_s):
            confirmed.add((monitor.name, element))
    return Recited(documents, frozenset(confirmed))


def _said(played: Sequence[Played], stretch: int | None) -> Sequence[Said]:
    return [] if stretch is None or stretch >= len(played) else played[stretch].said


def _last_score(
    said: Sequence[Said], monitor: Calibrated, element: int, end_us: int, at_us: IntArray, first_row: int
) -> float | None:
    """Return the last score that readings said in the cycle that ends at an instant."""
    mine = [each for each in said if (each.monitor, each.element) == (monitor.name, element)]
    rows: IntArray = np.array([each.row - first_row for each in mine], dtype=np.int64)
    within = np.flatnonzero(ends_us(monitor, at_us[rows]) == end_us)
    return mine[int(within[-1])].score if len(within) else None


def changed_calibrations(told: Mapping[str, Any], cycles: Cycles, kept: Mapping[str, bytes]) -> Iterator[Difference]:
    """Give what is published otherwise than it was when a receipt named it, value by value."""
    for each in told["calibration"]:
        for cycle in each["cycles"]:
            named = cycle["calibration"]
            asked = cycles.get((told["product"], each["monitor"], _us(cycle["ends_at"])))
            content = kept.get(named["sha256"])
            now = None if asked is None else read(canonical(asked.published.document))
            before = None if content is None else read(content)
            yield from differences(before, now, f"published.{each['monitor']}.{named['version']}")


def _us(written: str) -> int:
    return to_us(datetime.strptime(written, _FORMAT).replace(tzinfo=UTC))
