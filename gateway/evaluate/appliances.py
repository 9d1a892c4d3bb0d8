"""Household appliances: which fault a day of power shows, told on a brand that was not learned from.

A kind's label is learned from the days of its other devices, so the device in question is of a brand that nobody has
seen; of a kind with one device only, its own other dates are learned from, and that is said. What opens by itself is a
label set of one label, calibrated at the stated coverage on devices of the other kinds, each of which was unseen to its
own model; a set of none or several goes to a human. The healthy day is a label, too: alone it opens nothing.

`top_1` and `top_3` are the shares of all days whose label is the likeliest, or among the three likeliest; a day without a
profile, or with a label that nobody taught, is one that missed. `precision_automatic` is of the requests that open by
themselves, `coverage` the share of days whose set holds the true label.

Every fault of this set is a share by which phases are longer, and some are the same share under two names: no one can
tell those apart by the power. The one feature and the model were chosen by comparing some forty of them on eight devices;
that choice moved top_1 between .20 and .32, the settings in `phases` move it by .03. With --crop a day loses a part of both ends, or is given more of the rest it began in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from devices.readings import FloatArray
from diagnostics.prolongation import expected
from gateway.evaluate.appliance_kinds import COVERAGE, Taught, decided, places
from gateway.evaluate.brands import Lesson, calibrated, lessons, picked, strangeness, taught_by
from gateway.evaluate.drawing import Line, Panel, draw
from gateway.evaluate.loads import NORMAL, Day, cropped, read
from gateway.evaluate.prolongations import Said, said_by
from gateway.evaluate.report import Cell, EvaluateError, Metric, Options, Plot, Progress, Report, Table


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of a day: place of its label in order of probability from 1 (0: nowhere), what opened, and the set."""

    day: Day
    prolongation: float
    rank: int
    automatic: str | None
    is_covered: bool
    is_unseen: bool


def evaluate(folder: Path, options: Options, progress: Progress) -> Report:
    """Tell every day by what the other devices of its kind teach, and score it.

    Raises
    ------
    EvaluateError
        When the set is not there or not in its own columns.
    """
    if options.labels is not None:
        raise EvaluateError("--labels: the days of `appliances` have their faults beside them. Leave it out.")
    days = [cropped(day, options.crop_seed) for day in read(folder)]
    progress("phases of every day", 0, 1)
    told = tell(days, said_by(days), progress)
    metrics: dict[str, Metric] = dict(figures(told))
    by_kind, by_fault = grouped(told, lambda one: one.day.kind), grouped(told, lambda one: one.day.fault)
    metrics |= {kind: figures(some) for kind, some in by_kind.items()}
    metrics |= {fault: of_fault(fault, some, told) for fault, some in by_fault.items()}
    return Report(metrics, [_kinds(by_kind), _faults(by_kind), _opened(told)], [_plot(told)])


def tell(days: Sequence[Day], said: Said, progress: Progress) -> list[Told]:
    """Tell days by what they say of their factor."""
    plan = lessons(days)
    scored = [(lesson, strangeness(lesson, days, said)) for lesson in plan]
    told: list[Told] = []
    for number, lesson in enumerate(plan):
        progress("days of devices", number, len(plan))
        taught = taught_by(lesson, days, said, calibrated(lesson, scored, days, said))
        told += _told(taught, lesson, days, said.told)
    return sorted(told, key=lambda one: (one.day.device, one.day.fault, one.day.name))


def _told(taught: Taught, lesson: Lesson, days: Sequence[Day], rows: FloatArray) -> list[Told]:
    its_rows, its_days = rows[lesson.of], picked(days, lesson.of)
    probability = taught.probabilities(its_rows)
    place = places(taught.labels, [day.fault for day in its_days])
    held = (
        np.ones(probability.shape, np.bool_)
        if taught.labeller is None
        else taught.labeller.label_set(its_rows, COVERAGE)
    )
    opened, factor = decided(taught, its_rows), expected(its_rows)
    return [
        Told(
            day,
            float(factor[row]),
            _rank(probability[row], int(place[row])),
            opened[row],
            bool(place[row] < len(taught.labels) and held[row, place[row]]),
            lesson.is_unseen,
        )
        for row, day in enumerate(its_days)
    ]


def _rank(probability: FloatArray, place: int) -> int:
    """Return the place of a label by its probability from 1; 0 when it was never taught or nothing was said."""
    if place >= len(probability) or np.isnan(probability).any():
        return 0
    return int(np.flatnonzero(np.argsort(-probability, kind="stable") == place)[0]) + 1


def grouped(told: Sequence[Told], key: Callable[[Told], str]) -> dict[str, list[Told]]:
    """Return days by a text, in its order."""
    groups: dict[str, list[Told]] = {}
    for one in sorted(told, key=key):
        groups.setdefault(key(one), []).append(one)
    return groups


def figures(told: Sequence[Told]) -> dict[str, float]:
    """Return the figures of some days; NaN where there is nothing to divide by."""
    opened = [one for one in told if one.automatic is not None and one.automatic != NORMAL]
    return {
        "top_1": _share([one.rank == 1 for one in told]),
        "top_3": _share([1 <= one.rank <= 3 for one in told]),
        "share_sent_to_human": _share([one.automatic is None for one in told]),
        "automatic": len(opened),
        "precision_automatic": _share([one.automatic == one.day.fault for one in opened]),
        "requests_on_healthy_days": sum(one.day.fault == NORMAL for one in opened),
        "coverage": _share([one.is_covered for one in told]),
        "coverage_stated": COVERAGE,
        "days": len(told),
        "days_without_an_answer": sum(bool(np.isnan(one.prolongation)) for one in told),
        "days_of_unseen_brands": sum(one.is_unseen for one in told),
    }


def of_fault(fault: str, some: Sequence[Told], told: Sequence[Told]) -> dict[str, float]:
    """Return the figures of one fault: of its days, and of the days that opened as it."""
    opened = [one for one in told if one.automatic == fault]
    found = figures(some)
    kept = ("top_1", "top_3", "share_sent_to_human", "coverage", "days", "days_without_an_answer")
    return {name: found[name] for name in kept} | {
        "automatic": len(opened),
        "precision_automatic": _share([one.day.fault == fault for one in opened]),
    }


def _share(hits: Sequence[bool]) -> float:
    return float(np.mean(hits)) if hits else np.nan


_COLUMNS: Final = ("top_1", "top_3", "share_sent_to_human", "automatic", "precision_automatic", "coverage", "days")


def _kinds(by_kind: Mapping[str, Sequence[Told]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for kind, some in by_kind.items():
        found = figures(some)
        taught_by = "other devices" if all(one.is_unseen for one in some) else "its own other dates"
        rows.append((kind, taught_by, *(found[name] for name in _COLUMNS)))
    return Table("Kinds", ("kind", "learned from", *_COLUMNS), rows)


def _faults(by_kind: Mapping[str, Sequence[Told]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for kind, some in by_kind.items():
        for fault, its_days in grouped(some, lambda one: one.day.fault).items():
            found = figures(its_days)
            known = [one.prolongation for one in its_days if not np.isnan(one.prolongation)]
            longer = float(np.expm1(np.median(known)) * 100) if known else None
            rows.append((kind, fault, longer, *(found[name] for name in ("top_1", "top_3", "share_sent_to_human"))))
    head = ("kind", "fault", "phases longer by % (median)", "top_1", "top_3", "share_sent_to_human")
    return Table("Faults", head, rows)


def _opened(told: Sequence[Told]) -> Table:
    rows = [
        (one.day.device, one.day.name, one.day.fault, one.automatic)
        for one in told
        if one.automatic is not None and one.automatic != NORMAL
    ]
    return Table("Requests that opened by themselves", ("device", "day", "fault", "opened as"), rows)


def _plot(told: Sequence[Told]) -> Plot:
    """Draw how much longer the phases of each day are, fault by fault, and which of them were told."""
    panels: list[Panel] = []
    for device, some in grouped(told, lambda one: one.day.device).items():
        place = {fault: number for number, fault in enumerate(sorted({one.day.fault for one in some}))}
        lines = [
            Line(
                name,
                [float(place[one.day.fault]) for one in some if is_in(one)],
                [float(np.expm1(one.prolongation) * 100) for one in some if is_in(one)],
                is_dots=True,
            )
            for name, is_in in _OUTCOMES.items()
            if any(is_in(one) for one in some)
        ]
        panels.append(
            Panel(f"{device}: {', '.join(f'{number} {fault}' for fault, number in place.items())}", "%", lines)
        )
    return draw(
        "appliances", "How much longer the phases of a day are", panels, "faults, by their numbers in the title"
    )


_OUTCOMES: Final[Mapping[str, Callable[[Told], bool]]] = {
    "likeliest": lambda one: one.rank == 1,
    "among three": lambda one: 1 < one.rank <= 3,
    "further down": lambda one: one.rank > 3,
    "never taught": lambda one: one.rank == 0,
}
