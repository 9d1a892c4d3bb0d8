"""NAB: streams of one number each, presented to the engine as a product type with one seasonal monitor.

Layout: `windows.json` (series -> windows of anomalies, as timestamps) beside folders of series (.csv or .csv.gz with
timestamp, value). Each series is a device; they run side by side, as a fleet does. An alarm is a symptom that becomes
confirmed, at the row that confirmed it. How it is scored stands in `nab_score`.

The benchmark lets an optimiser choose one threshold for the whole corpus and each profile after the run. Here one
threshold stands in the monitor below, the same for all series and all three profiles. It and the other settings were
chosen by comparing runs over 28 of the benchmark's 58 series: on those the figures flatter, much as an optimiser's do, and
only other series say how well they hold.

With --crop a series loses a random part of its start and of its end, and with it the windows that are no longer there; or
its first days, as far as they stand ahead of its first window, come twice, and it loses a part of its end.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

import numpy as np

from devices.instants import to_us
from devices.monitors import Seasonal
from devices.product import Feature, ProductType
from devices.readings import Columns, FloatArray, IntArray
from devices.signals import Kind, Signal
from diagnostics.scores import Score
from diagnostics.watch import Watch
from gateway.evaluate.crop import ahead, crop
from gateway.evaluate.drawing import Band, Line, Mark, Panel, draw
from gateway.evaluate.folder import find_files, read_rows
from gateway.evaluate.messageless import no_messages
from gateway.evaluate.nab_score import PROFILES, Marks, Tally, marks, tally, total
from gateway.evaluate.report import EvaluateError, Options, Plot, Progress, Report, Table

_BATCH: Final = 200
_DAY_S: Final = 86_400.0
_DAY_US: Final = 86_400_000_000

MONITOR: Final = Seasonal(
    "unusual",
    "The value is not what it usually is",
    "stream",
    "value",
    "ewma",
    learn=100,
    level_s=2 * _DAY_S,
    tau_s=3600.0,
    slack=0.0,
    clip=20.0,
    scale_floor=0.001,
    limit=2.2,
    clear=1.5,
    refractory_s=_DAY_S,
    on_delay_s=0.0,
    off_delay_s=0.0,
)


STREAM: Final = ProductType(
    name="nab_stream",
    title="Stream",
    signals={"value": Signal("value", "Value", "", Kind.SCALAR, (-1e12, 1e12))},
    features={"value": Feature("value", "Value", "", lambda columns: columns.array("value")[:, None])},
    monitors=(MONITOR,),
    faults={},
    remedies={},
    components={"stream": "Stream"},
    plots={},
    decode=no_messages,
    cadence_s=600.0,
    lateness_s=_DAY_S,
    false_requests_per_device_year=0.0,
    late_after_s=_DAY_S,
)


@dataclass(frozen=True, slots=True)
class Series:
    """One series: instants int64 [n], values float64 [n], first and last row of each window."""

    name: str
    at_us: IntArray
    values: FloatArray
    windows: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the engine said of a series: its score at each row (NaN: nothing), and the rows of its alarms in order."""

    score: FloatArray
    alarms: list[int]


def evaluate(folder: Path, options: Options, progress: Progress) -> Report:
    """Run every series as a device of its own through one monitor, and score its alarms by the three profiles.

    Raises
    ------
    EvaluateError
        When windows or series are missing, or not in the set's layout.
    """
    if options.labels is not None:
        raise EvaluateError("--labels: the series of `nab` have their labels in windows.json. Leave it out.")
    every = [cropped(series, options.crop_seed) for series in read(folder)]
    judged = run(every, progress)
    of_rows = [marks(len(series.at_us), series.windows) for series in every]
    tallies = [tally(of, np.array(each.alarms, np.int64)) for of, each in zip(of_rows, judged, strict=True)]
    over_all = total(tallies)
    metrics = {name: over_all.score(profile) for name, profile in PROFILES.items()}
    beside = {
        "windows": over_all.windows,
        "windows_found": over_all.found,
        "false_alarms": over_all.false_alarms,
        "series": len(every),
        "limit": MONITOR.limit,
    }
    rows = [_row(series, of, each) for series, of, each in zip(every, of_rows, tallies, strict=True)]
    table = Table("Series", ("series", "rows", "windows", "found", "false alarms", "standard"), rows)
    return Report(metrics | beside, [table], [plot(*pair) for pair in zip(every, judged, strict=True)])


def _row(series: Series, of: Marks, counted: Tally) -> tuple[str, int, int, int, int, float]:
    standard = counted.score(PROFILES["standard"])
    return series.name, len(series.at_us) - of.probation, of.windows, counted.found, counted.false_alarms, standard


def read(folder: Path) -> list[Series]:
    """Read all series of a folder that windows.json names.

    Raises
    ------
    EvaluateError
        When there is no windows.json or no series, or one cannot be read.
    """
    windows_file = find_files(folder, "nab", "windows.json")[0]
    home = windows_file.parent
    try:
        windows = json.loads(windows_file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluateError(f"{windows_file} cannot be read: {error}. Get it again from its source.") from error
    if not isinstance(windows, dict):
        raise EvaluateError(f"{windows_file} is no mapping from series to windows. Give it in the set's own layout.")
    named = cast("Mapping[str, list[tuple[str, str]]]", windows)
    found: list[Series] = []
    for file in find_files(home, "nab", "*/*.csv", "*/*.csv.gz"):
        name = file.relative_to(home).as_posix().removesuffix(".gz")
        if name not in named:
            raise EvaluateError(f"{windows_file} does not name {name}: write its windows there, [] if it has none.")
        found.append(_series(file, name, named[name]))
    return found


def _series(file: Path, name: str, windows: Sequence[tuple[str, str]]) -> Series:
    rows = list(read_rows(file, ["timestamp", "value"]))
    if not rows:
        raise EvaluateError(f"{file} has no rows. Get it again from its source.")
    try:
        at_us = np.array([_at_us(row["timestamp"]) for row in rows])
        values = np.array([float(row["value"] or "nan") for row in rows])
        places = [(_place(at_us, first), _place(at_us, last)) for first, last in windows]
    except (TypeError, ValueError) as error:
        raise EvaluateError(f"{file}: {error}. Give it and its windows in the set's own layout.") from error
    return Series(name, at_us, values, sorted(places))


def _at_us(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


def _place(at_us: IntArray, text: str) -> int:
    """Return the first row at an instant."""
    found = np.flatnonzero(at_us == _at_us(text))
    if not len(found):
        raise ValueError(f"a window begins or ends at {text}, at which there is no row")
    return int(found[0])


def cropped(series: Series, seed: int | None) -> Series:
    """Cut a series at both ends, or let its first days come twice and cut its end, and windows with it; as it is without a seed."""
    first_us = min((int(series.at_us[first]) for first, _ in series.windows), default=None)
    twice, shift_us = ahead(seed, series.name, series.at_us, _DAY_US, first_us)
    kept = crop(seed, series.name, len(series.at_us), start=0.0 if twice else 0.25)
    cut = [
        (max(first, kept.start) - kept.start + twice, min(last, kept.stop - 1) - kept.start + twice)
        for first, last in series.windows
    ]
    return Series(
        series.name,
        np.concatenate([series.at_us[:twice] - shift_us, series.at_us[kept]]),
        np.concatenate([series.values[:twice], series.values[kept]]),
        [(first, last) for first, last in cut if first <= last],
    )


def run(every: Sequence[Series], progress: Progress) -> list[Judged]:
    """Take series side by side through production's engine, one device each."""
    watch = Watch(STREAM)
    judged = [Judged(np.full(len(series.at_us), np.nan), []) for series in every]
    longest = max(len(series.at_us) for series in every)
    for begin in range(0, longest, _BATCH):
        lengths = [max(0, min(_BATCH, len(series.at_us) - begin)) for series in every]
        device = np.repeat(np.arange(len(every)), lengths)
        row = np.concatenate([np.arange(begin, begin + length) for length in lengths])
        at_us = np.concatenate([series.at_us[begin : begin + _BATCH] for series in every])
        values = np.concatenate([series.values[begin : begin + _BATCH] for series in every])
        scores: list[Score] = []
        changes = watch.step(device + 1, at_us, Columns({"value": values.tolist()}, len(values)), scores)
        for score in scores:
            for sample, value in zip(score.rows.tolist(), score.value.tolist(), strict=True):
                judged[int(device[sample])].score[row[sample]] = value
        for change in changes:
            if change.phase == "confirmed":
                judged[change.device_id - 1].alarms.append(int(row[change.row]))
        progress("streams side by side", min(begin + _BATCH, longest), longest)
    return judged


def plot(series: Series, judged: Judged) -> Plot:
    """Draw a series and its score over days, with windows and alarms."""
    days = (series.at_us - series.at_us[0]) / 8.64e10
    windows = [Band(float(days[first]), float(days[last]), "window") for first, last in series.windows]
    alarms = [Mark(float(days[row]), "") for row in judged.alarms]
    panels = [
        Panel("Value", "", [Line("", days, series.values)], windows, alarms),
        Panel("Score", "σ", [Line("", days, judged.score)], windows, limits=[MONITOR.limit]),
    ]
    return draw(
        series.name.replace("/", "-").removesuffix(".csv"), f"{series.name}: alarms and windows", panels, "days"
    )
