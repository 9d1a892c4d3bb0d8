"""Real water meters with faults: presented to the engine as the product type `smart_meter`, scored by fault.

Layout: ``readings.csv.gz`` (or .csv) with the columns meter, ts, register_l, as DAIAD's meters are; times are the wall
clock of Spain. Without labels the faults of `water.toml` are injected, each into a copy of its own of each recording;
with a label file (device, fault, onset, end) the data are taken as they are.

What counts as found, and what as another onset, is in `onsets`. A crop comes before anything is injected: a recording
loses a part of its start, or its first weeks come twice, as they stand ahead of any label; and it loses a part of its end.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from devices.products import product_type
from devices.readings import Columns, FloatArray
from diagnostics.watch import Watch
from gateway.evaluate.crop import ahead, crop
from gateway.evaluate.drawing import Line, Mark, Panel, draw
from gateway.evaluate.folder import find_files
from gateway.evaluate.injection import Label, Series, injected, load_plan
from gateway.evaluate.onsets import Found, Onset, Scores, score
from gateway.evaluate.recordings import read, read_labels
from gateway.evaluate.report import Metric, Options, Plot, Progress, Report, Table

_ROWS_TOGETHER: Final = 200
_H_US: Final = 3_600_000_000
_LONG_H: Final = 1000.0
_DAY_US: Final = 24 * _H_US


def evaluate(folder: Path, options: Options, progress: Progress) -> Report:
    """Run the meters of a folder, with the plan's faults or with those that are labelled, and score them by fault.

    Raises
    ------
    EvaluateError
        When there are no such files, or one cannot be read.
    """
    plan = load_plan()
    given = [] if options.labels is None else read_labels(options.labels, list(plan.faults))
    recorded = [
        cropped(
            series, options.crop_seed, min((one.onset_us for one in given if one.device == series.device), default=None)
        )
        for file in find_files(folder, "water_daiad", "readings.csv.gz", "readings.csv")
        for series in read(file)
    ]
    if options.labels is None:
        pairs = [pair for series in recorded for pair in injected(plan, series, options.crop_seed)]
        labels, series = [label for _, label in pairs], [*recorded, *(copy for copy, _ in pairs)]
    else:
        series = recorded
        labels = _within(given, series)
    scores = score(plan, recorded, labels, run(series, progress))
    metrics: dict[str, Metric] = {fault: scores.of(fault) for fault in plan.faults}
    metrics |= {"meters": len(recorded), "meter_years": scores.meter_years, "injected": len(labels)}
    plots = [_found_plot(scores), *_example_plot(scores, {one.device: one for one in series})]
    return Report(metrics, [_table(scores), _natural(scores), _missed(scores)], plots)


def cropped(series: Series, seed: int | None, first_onset_us: int | None = None) -> Series:
    """Cut a recording, or let its first whole weeks come twice: the register has then grown by them once more."""
    twice, shift_us = ahead(seed, series.device, series.at_us, 7 * _DAY_US, first_onset_us)
    if twice and not _joins(series, twice, shift_us):
        twice = 0
    kept = crop(seed, series.device, len(series.at_us), start=0.0 if twice else 0.25)
    at_us, register_l = series.at_us[kept], series.register_l[kept]
    if not twice:
        return Series(series.device, at_us, register_l)
    grown_l = series.register_l[twice] - series.register_l[0]
    return Series(
        series.device,
        np.concatenate([series.at_us[:twice] - shift_us, at_us]),
        np.concatenate([series.register_l[:twice], register_l + grown_l]),
    )


def _joins(series: Series, twice: int, shift_us: int) -> bool:
    """Whether the register is known on both sides of the join, and no gap is there that would let a flow seem quicker."""
    is_known = bool(np.isfinite(series.register_l[[0, twice]]).all())
    return is_known and int(series.at_us[twice]) - int(series.at_us[0]) - shift_us <= 2 * _H_US


def _within(labels: Sequence[Label], series: Sequence[Series]) -> list[Label]:
    """Return the labels whose onset a recording still has after it was cropped."""
    spans = {one.device: (one.at_us[0], one.at_us[-1]) for one in series if len(one.at_us)}
    return [one for one in labels if one.device in spans and spans[one.device][0] < one.onset_us < spans[one.device][1]]


def run(series: Sequence[Series], progress: Progress) -> list[Onset]:
    """Take recordings through production's engine side by side, and return every symptom that was confirmed."""
    watch = Watch(product_type("smart_meter"))
    longest = max((len(one.at_us) for one in series), default=0)
    begun: dict[tuple[int, str], tuple[int, int, float]] = {}
    onsets: list[Onset] = []
    for begin in range(0, longest, _ROWS_TOGETHER):
        rows = slice(begin, begin + _ROWS_TOGETHER)
        ids = np.concatenate([np.full(len(one.at_us[rows]), place + 1) for place, one in enumerate(series)])
        at_us = np.concatenate([one.at_us[rows] for one in series])
        register = np.concatenate([one.register_l[rows] for one in series])
        for change in watch.step(ids, at_us, Columns({"water_l": _counted(register)}, len(ids))):
            key, now_us = (change.device_id, change.monitor), int(at_us[change.row])
            if change.phase == "confirmed":
                begun[key] = (now_us, change.since_us, change.value)
            elif change.phase == "healed" and key in begun:
                onsets.append(Onset(series[key[0] - 1].device, key[1], *begun.pop(key), healed_us=now_us))
        progress(f"{len(series)} recordings", begin, longest)
    return onsets + [Onset(series[key[0] - 1].device, key[1], *rest, healed_us=None) for key, rest in begun.items()]


def _counted(register: FloatArray) -> list[int | None]:
    """Return a register as a decoder hands it over: whole litres, None for no value."""
    return [None if np.isnan(value) else int(value) for value in register.tolist()]


def _table(scores: Scores) -> Table:
    rows: list[tuple[str, float | None, int, float, float, float, float]] = []
    for fault, kind in scores.plan.faults.items():
        found = scores.found[fault]
        for severity in sorted({one.label.severity for one in found}, key=lambda strength: strength or 0.0):
            some = [one for one in found if one.label.severity == severity]
            first, last = (scores.recall(some, within_h) for within_h in (kind.within_h[0], kind.within_h[-1]))
            rows.append((fault, severity, len(some), kind.within_h[0], first, last, scores.median_delay_h(some)))
    head = ("fault", "severity", "injected", "within h", "recall", "recall in the end", "median delay h")
    return Table("Found after their onset", head, rows)


def _natural(scores: Scores) -> Table:
    rows = [
        (
            onset.device,
            onset.monitor,
            f"{_utc(onset.at_us)}",
            onset.value,
            "natural leak" if is_natural else "other onset",
        )
        for onset, is_natural in scores.other
    ]
    return Table("Onsets that nobody injected", ("meter", "symptom", "confirmed (UTC)", "value", "which is"), rows)


def _missed(scores: Scores) -> Table:
    rows = [
        (
            one.label.fault,
            one.label.device,
            _utc(one.label.onset_us),
            one.delay_h,
            "open already" if one.was_open else "",
        )
        for fault, kind in scores.plan.faults.items()
        for one in scores.found[fault]
        if one.delay_h is None or one.delay_h > kind.within_h[0]
    ]
    return Table("Not found within the first stated time", ("fault", "recording", "onset (UTC)", "delay h", ""), rows)


def _utc(at_us: int) -> str:
    return str(np.datetime64(at_us, "us").astype("datetime64[m]"))


def _found_plot(scores: Scores) -> Plot:
    """Draw the share of each fault that was found, over the share of the time in which it has to be."""
    share = np.linspace(0, 1, 201)
    lines = [
        Line(
            f"{fault} ({kind.within_h[-1]:g} h)",
            share,
            np.array([scores.recall(scores.found[fault], part * kind.within_h[-1]) for part in share]),
        )
        for fault, kind in scores.plan.faults.items()
        if scores.found[fault]
    ]
    title = "Share found, by the time since the onset"
    panels = [Panel("Share found", "", some, limits=[1.0, 0.0]) for some in (lines[:3], lines[3:]) if some]
    return draw("water-found", title, panels, "share of the longest stated time of the fault (in brackets)")


def _example_plot(scores: Scores, series: dict[str, Series]) -> list[Plot]:
    """Draw the flow around one onset of each fault: the one that took longest among those that were found in time."""
    panels: dict[str, list[Panel]] = {"quick": [], "slow": []}
    for fault, kind in scores.plan.faults.items():
        timely = [one for one in scores.found[fault] if one.delay_h is not None and one.delay_h <= kind.within_h[-1]]
        if timely:
            # What takes weeks does not share an axis with what takes hours.
            pace = "slow" if kind.within_h[-1] > _LONG_H else "quick"
            panels[pace].append(_example(max(timely, key=lambda one: one.delay_h or 0.0), series))
    return [
        draw(f"water-{pace}", "The longest delays among those found in time", some, "days since the onset")
        for pace, some in panels.items()
        if some
    ]


def _example(found: Found, series: dict[str, Series]) -> Panel:
    one, label, delay_d = series[found.label.device], found.label, (found.delay_h or 0.0) / 24
    days = (one.at_us[1:] - label.onset_us) / _DAY_US
    with np.errstate(divide="ignore", invalid="ignore"):
        flow = np.diff(one.register_l) / (np.diff(one.at_us) / _H_US)
    shown = (days > -max(3.0, delay_d)) & (days < max(3.0, 1.2 * delay_d))
    marks = [Mark(0.0, "onset"), Mark(delay_d, "found")]
    title = f"{label.fault} of {label.severity:g}" if label.severity is not None else label.fault
    return Panel(
        f"{title}, meter {label.device.split(' ', maxsplit=1)[0]}",
        "l/h",
        [Line("", days[shown], flow[shown])],
        marks=marks,
    )
