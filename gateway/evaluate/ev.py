"""Real electric vehicles: recordings after GB/T 32960, presented to the engine as the product type `electric_vehicle`.

Layout: one file for each vehicle (.csv, .csv.gz, or a .zip with one), in the columns of Nie et al., Energy 323 (2025):
tboxTime, cells V_1 and so on, probes T_1 and so on, BMSWarningInformation. Times are the wall clock of China, and are
given back so. 511 and 255 are no value. Raw probes may carry an offset of 40: it is told by holding them against the
battery's own highest probe; where that is missing they are taken as raw, which is what the standard writes.

With --crop a recording loses a part of its start, or its beginning up to a stop comes twice, with whatever was wrong
with the vehicle then: of a real one nobody knows a healthy part.

A BMS level says that something is wrong, not which cell; the set has no labels of cells. So what is given is who was
named and when, beside the first warning of the battery itself (level 2 or 3; level 1 is a notice).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import numpy as np

from devices.products import product_type
from devices.readings import Columns, FloatArray, IntArray, Value
from diagnostics.watch import SymptomChange, Watch
from gateway.evaluate.crop import crop, generator
from gateway.evaluate.desk import Decision, Desk
from gateway.evaluate.drawing import Band, Line, Mark, Panel, draw
from gateway.evaluate.folder import find_files
from gateway.evaluate.report import EvaluateError, Metric, Options, Plot, Progress, Report, Table
from gateway.evaluate.vehicles import Recording, clock, cropped, driven_twice, read
from workflows.triage import Queue

PATTERNS: Final = ("*.zip", "*.csv", "*.csv.gz")
_BATCH: Final = 2000
_WARNS: Final = 2.0
_CELL_MONITORS: Final = frozenset({"cell_leaves_pack"})
_CELL_FAULTS: Final = frozenset({"weak_cell", "cell_measuring_line"})
_BATTERY: Final = "traction_battery"


@dataclass(slots=True)
class Findings:
    """What the engine said of one vehicle, in order."""

    confirmed: list[tuple[int, SymptomChange]] = field(default_factory=list[tuple[int, SymptomChange]])
    decisions: list[Decision] = field(default_factory=list[Decision])

    def first_us(self, *monitors: str) -> int | None:
        """Return when the first symptom of some monitors was confirmed, of any with none named."""
        return min(
            (at_us for at_us, change in self.confirmed if not monitors or change.monitor in monitors), default=None
        )

    def cells_us(self) -> dict[int, int]:
        """Return each cell that was named, by its place from one, with when."""
        found: dict[int, int] = {}
        for at_us, change in self.confirmed:
            if change.monitor in _CELL_MONITORS:
                found.setdefault(change.element, at_us)
        return found

    def decided_us(self, queue: Queue | None, faults: frozenset[str] | None = None) -> list[int]:
        """Return when requests were opened by themselves (queue None) or cases in a queue, for some faults or any."""
        return [one.at_us for one in self.decisions if one.queue is queue and (faults is None or one.fault in faults)]


def evaluate(folder: Path, options: Options, progress: Progress) -> Report:
    """Run every vehicle of a folder through its own monitors, alone, and tell who was named when.

    Raises
    ------
    EvaluateError
        When there is no such file, or one is not in the set's columns.
    """
    if options.labels is not None:
        raise EvaluateError("--labels: the vehicles of `ev` are real and bear no injected faults. Leave it out.")
    of_vehicle: dict[str, dict[str, Metric]] = {}
    plots: list[Plot] = []
    for file in find_files(folder, "ev_battery", *PATTERNS):
        recording = _cropped(read(file), options.crop_seed)
        findings = run(recording, progress)
        of_vehicle[recording.name] = told(recording, findings)
        plots.append(plot(recording, findings))
    names = list(next(iter(of_vehicle.values())))
    metrics = {name: {vehicle: figures[name] for vehicle, figures in of_vehicle.items()} for name in names}
    return Report(metrics, [_table(of_vehicle)], plots)


def _cropped(recording: Recording, seed: int | None) -> Recording:
    """Cut up to half of a recording off its start, or let its beginning come twice; as it is without a seed."""
    if seed is None:
        return recording
    chance = generator(seed, f"{recording.name} ahead")
    if chance.random() < 0.5:
        return driven_twice(recording, chance)
    # The end stays: a pack that fails does so there.
    return cropped(recording, crop(seed, recording.name, len(recording.at_us), start=0.5, end=0.0))


def run(recording: Recording, progress: Progress) -> Findings:
    """Take a recording through production's engine and desk, as one device."""
    product = product_type("electric_vehicle")
    watch, findings = Watch(product), Findings()
    desk = Desk(product, watch)
    for number, (columns, at_us) in enumerate(_batches(recording)):
        changes = watch.step(np.full(len(at_us), 1, np.int64), at_us, columns)
        for change in sorted(changes, key=lambda change: change.row):
            now_us = int(at_us[change.row])
            if change.phase == "confirmed":
                findings.confirmed.append((now_us, change))
            if (decision := desk.take(change, now_us)) is not None:
                findings.decisions.append(decision)
        progress(recording.name, number * _BATCH, len(recording.at_us))
    return findings


def _batches(recording: Recording) -> Iterator[tuple[Columns, IntArray]]:
    for begin in range(0, len(recording.at_us), _BATCH):
        rows = slice(begin, begin + _BATCH)
        values: dict[str, Sequence[Value]] = {name: _listed(signal[rows]) for name, signal in recording.signals.items()}
        cells = values["cell_voltages_v"]
        values["cell_voltages_v"] = [
            row if carries else None for row, carries in zip(cells, recording.carries_cells[rows], strict=True)
        ]
        at_us = recording.at_us[rows]
        yield Columns(values, len(at_us)), at_us


def _listed(values: FloatArray) -> list[Value]:
    """Return numbers as a decoder hands them over: None for no value, a list for each row of a vector."""
    listed = values.astype(object)
    listed[np.isnan(values)] = None
    return cast("list[Value]", listed.tolist())


def told(recording: Recording, findings: Findings) -> dict[str, Metric]:
    """Return what was found as metrics; instants in the recording's own clock, null where there was none."""
    begin_us = int(recording.at_us[0])
    cells_us = findings.cells_us()
    named = {recording.cell_names[place - 1]: at_us for place, at_us in cells_us.items()}
    levels = recording.signals.get("bms_level", np.zeros(0))
    warned = np.flatnonzero(levels >= _WARNS)
    warned_us = int(recording.at_us[warned[0]]) if len(warned) else None
    alarm_us, safety_us = findings.first_us(), findings.decided_us(Queue.SAFETY)
    cell_requests_us = findings.decided_us(None, _CELL_FAULTS)
    return {
        "cells_named": list(named),
        "cells_named_within_an_hour": [cell for cell, at_us in named.items() if at_us - begin_us <= 3_600_000_000],
        "cell_named_after_h": {cell: round((at_us - begin_us) / 3.6e9, 3) for cell, at_us in named.items()},
        "first_alarm_at": clock(alarm_us),
        "first_alarm_by": _first_names(findings),
        "bms_first_warning_at": clock(warned_us),
        "first_alarm_ahead_of_bms_h": _ahead_h(alarm_us, warned_us),
        "first_cell_request_at": clock(min(cell_requests_us, default=None)),
        "cell_requests": len(cell_requests_us),
        "first_safety_case_at": clock(min(safety_us, default=None)),
        "safety_cases": len(safety_us),
        "other_cases": len(findings.decided_us(Queue.JUDGEMENT)),
        "rows": len(recording.at_us),
        "rows_without_a_time": recording.untimed,
    }


def _ahead_h(alarm_us: int | None, warned_us: int | None) -> float | None:
    return None if alarm_us is None or warned_us is None else round((warned_us - alarm_us) / 3.6e9, 3)


def _first_names(findings: Findings) -> list[str]:
    first_us = findings.first_us()
    return sorted({change.monitor for at_us, change in findings.confirmed if at_us == first_us})


def _table(of_vehicle: Mapping[str, Mapping[str, Metric]]) -> Table:
    head = ("vehicle", "rows", "first alarm", "by", "BMS warns", "cells named", "cell request", "safety case")
    rows = [
        (
            vehicle,
            *(
                _cell(figures[name])
                for name in (
                    "rows",
                    "first_alarm_at",
                    "first_alarm_by",
                    "bms_first_warning_at",
                    "cells_named",
                    "first_cell_request_at",
                    "first_safety_case_at",
                )
            ),
        )
        for vehicle, figures in of_vehicle.items()
    ]
    return Table("Vehicles", head, rows)


def _cell(metric: Metric) -> str | float | int | None:
    if isinstance(metric, str | float | int) or metric is None:
        return metric
    return " ".join(metric) or None


def plot(recording: Recording, findings: Findings) -> Plot:
    """Draw each cell against the middle of its pack, the hottest probe, and the battery's own level, over days."""
    days = (recording.at_us - recording.at_us[0]) / 8.64e10
    cells = recording.signals["cell_voltages_v"]
    possible = np.where((cells >= 1.5) & (cells <= 4.6), cells, np.nan)
    with np.errstate(all="ignore"):
        apart_mv = (possible - _middle(possible)) * 1000.0
    named = list(findings.cells_us())
    lines = [Line(recording.cell_names[place - 1], days, apart_mv[:, place - 1]) for place in named[:5]]
    others = np.delete(apart_mv, [place - 1 for place in named], axis=1)
    lines += [
        Line("lowest of the others", days, np.fmin.reduce(others, axis=1, initial=np.inf)),
        Line("highest", days, np.fmax.reduce(others, axis=1, initial=-np.inf)),
    ]
    marks = _marks(recording, findings)
    probes = recording.signals.get("probe_temps_degc", np.full((len(days), 1), np.nan))
    levels = recording.signals.get("bms_level", np.full(len(days), np.nan))
    panels = [
        Panel("Cells against the middle of their pack", "mV", lines, marks=marks),
        Panel("Hottest probe", "°C", [Line("", days, np.fmax.reduce(probes, axis=1, initial=-np.inf))], marks=marks),
        Panel("Battery's own warning level", "", [Line("", days, levels)], _warned(days, levels), marks),
    ]
    return draw(
        recording.name,
        f"{recording.name}: what was found, and when",
        panels,
        f"days since {clock(int(recording.at_us[0]))}",
    )


def _marks(recording: Recording, findings: Findings) -> list[Mark]:
    wanted = {
        "first alarm": findings.first_us(),
        "safety case": min(findings.decided_us(Queue.SAFETY), default=None),
    }
    at_us = {name: us for name, us in wanted.items() if us is not None}
    if len(set(at_us.values())) < len(at_us):
        at_us = {" and ".join(at_us): next(iter(at_us.values()))}
    return [Mark((us - int(recording.at_us[0])) / 8.64e10, name) for name, us in at_us.items()]


def _warned(days: FloatArray, levels: FloatArray) -> list[Band]:
    """Stretches of the recording in which the battery warns."""
    is_on = np.r_[False, levels >= _WARNS, False]
    turns = np.flatnonzero(np.diff(is_on.astype(np.int8)))
    return [
        Band(float(days[on]), float(days[min(off, len(days) - 1)]), "the BMS warns")
        for on, off in zip(turns[::2], turns[1::2], strict=True)
    ][:200]


def _middle(cells: FloatArray) -> FloatArray:
    ordered = np.sort(cells, axis=1)
    known = (~np.isnan(cells)).sum(axis=1)
    return np.where(
        known[:, None] > 0,
        np.take_along_axis(ordered, (np.maximum(known, 1) // 2)[:, None].clip(max=cells.shape[1] - 1), axis=1),
        np.nan,
    )
