"""SKAB: a pump's test rig at 1 Hz, eight sensors, presented to the engine as a product type with one monitor over all eight.

Layout: folders of files (valve1/0.csv and so on; `;` between columns: datetime, eight sensors, anomaly, changepoint).
Each file is a device of its own. Its first 400 rows teach, the rest is tested, as the set's authors have it; files
without labels (anomaly-free) are passed over. Rows are scored one by one over all files together: a row is flagged while
a symptom is confirmed, from the row that confirmed it to the row that healed it. F1 of the flagged rows, FAR the share of
healthy rows that are flagged, MAR the share of anomalous rows that are not, AUC of the engine's score.

The anomaly stands at nearly the same rows in every file, so an alarm by the row's number would score F1 .98. The monitor
sees values and the time between them only. With --crop a file loses a part of its start or is given more of it: healthy
rows, mirrored, ahead of its first one; and it loses a part of its end.

One setting for all files, named below; it was chosen by comparing runs over the sixteen files of valve1 and crops of
them, so other files may come out worse. Floors are the sensors' resolution, save that of the two temperatures: what is less
than 3 K is the room's and the water's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from devices.instants import to_us
from devices.monitors import CrossChannel
from devices.product import Feature, ProductType
from devices.readings import Columns, FloatArray, IntArray
from devices.signals import Kind, Signal
from diagnostics.conditions import BoolArray
from diagnostics.scores import Score
from diagnostics.watch import Watch
from gateway.evaluate.crop import crop, generator
from gateway.evaluate.drawing import Band, Line, Panel, draw
from gateway.evaluate.folder import find_files, read_rows
from gateway.evaluate.messageless import no_messages
from gateway.evaluate.report import EvaluateError, Options, Plot, Progress, Report, Table

TEACHING_ROWS: Final = 400
_BATCH: Final = 100
# The anomalies begin after 566 rows at the earliest: what is cut off must leave 400 healthy rows.
_MOST_CUT: Final = 0.14
_MOST_MIRRORED: Final = 300

SENSORS: Final[Mapping[str, tuple[str, str, float]]] = {
    "vibration_1": ("Accelerometer1RMS", "g", 0.0001),
    "vibration_2": ("Accelerometer2RMS", "g", 0.0001),
    "current": ("Current", "A", 0.01),
    "pressure": ("Pressure", "bar", 0.01),
    "temperature": ("Temperature", "°C", 3.0),
    "thermocouple": ("Thermocouple", "°C", 3.0),
    "voltage": ("Voltage", "V", 0.1),
    "flow": ("Volume Flow RateRMS", "l/min", 0.1),
}

MONITOR: Final = CrossChannel(
    "sensors_apart",
    "A sensor no longer agrees with the others",
    "pump",
    "sensors",
    channels=len(SENSORS),
    learn=TEACHING_ROWS,
    scale_floors=tuple(floor for _, _, floor in SENSORS.values()),
    ridge=0.1,
    tau_s=15.0,
    forget_s=600.0,
    limit=5.0,
    clear=3.5,
    on_delay_s=0.0,
    off_delay_s=0.0,
)


RIG: Final = ProductType(
    name="skab_rig",
    title="Pump test rig",
    signals={name: Signal(name, column, unit, Kind.SCALAR, (-1e9, 1e9)) for name, (column, unit, _) in SENSORS.items()},
    features={
        "sensors": Feature(
            "sensors",
            "Sensors",
            "",
            lambda columns: np.column_stack([columns.array(name) for name in SENSORS]),
            element="Sensor",
        )
    },
    monitors=(MONITOR,),
    faults={},
    remedies={},
    components={"pump": "Pump"},
    plots={},
    decode=no_messages,
    cadence_s=1.0,
    lateness_s=60.0,
    false_requests_per_device_year=0.0,
    late_after_s=60.0,
)


@dataclass(frozen=True, slots=True)
class Recording:
    """One file: instants int64 [n], sensors float64 [n, 8] with NaN, and which rows are labelled anomalous."""

    name: str
    at_us: IntArray
    sensors: FloatArray
    is_anomalous: BoolArray


@dataclass(frozen=True, slots=True)
class Judged:
    """What the engine said of a recording's rows: flagged, and its largest score over the sensors (0: none)."""

    is_flagged: BoolArray
    score: FloatArray


def evaluate(folder: Path, options: Options, progress: Progress) -> Report:
    """Run every labelled file as a device of its own through one monitor, and score the rows after the first 400.

    Raises
    ------
    EvaluateError
        When there is no labelled file, or one is not in the set's columns.
    """
    if options.labels is not None:
        raise EvaluateError("--labels: the files of `skab` bear their own labels. Leave it out.")
    recordings = [
        cropped(recording, options.crop_seed)
        for file in find_files(folder, "skab", "**/*.csv")
        if (recording := read(file)) is not None
    ]
    if not recordings:
        raise EvaluateError(f"--data {folder}: no file has the column `anomaly`. Name the folder that holds skab/.")
    if max(len(recording.at_us) for recording in recordings) <= TEACHING_ROWS:
        raise EvaluateError(
            f"--data {folder}: no file has more than the {TEACHING_ROWS} rows that teach. Give whole files."
        )
    judged = run(recordings, progress)
    tested = [(recording.name, *_tested(recording, of)) for recording, of in zip(recordings, judged, strict=True)]
    rows = [(name, *figures(truth, flagged, score).values(), len(truth)) for name, truth, flagged, score in tested]
    over_all = figures(*(np.concatenate([each[place] for each in tested]) for place in (1, 2, 3)))
    table = Table("Files", ("file", *over_all, "rows"), rows)
    always = np.concatenate([truth for _, truth, _, _ in tested]).mean()
    beside = {"f1_always_on": 2 * always / (1 + always), "files": len(recordings)}
    plots = [plot(recording, of) for recording, of in zip(recordings, judged, strict=True)]
    return Report(over_all | beside, [table], plots)


def read(file: Path) -> Recording | None:
    """Read a file; None when it has no labels.

    Raises
    ------
    EvaluateError
        When a column is missing, or it has no rows.
    """
    columns = [column for column, _, _ in SENSORS.values()]
    rows = list(read_rows(file, ["datetime", *columns], delimiter=";"))
    if not rows:
        raise EvaluateError(f"{file} has no rows. Get it again from its source.")
    if "anomaly" not in rows[0]:
        return None
    try:
        at_us = np.array([to_us(datetime.fromisoformat(row["datetime"]).replace(tzinfo=UTC)) for row in rows])
        sensors = np.array([[float(row[column] or "nan") for column in columns] for row in rows])
        is_anomalous = np.array([float(row["anomaly"]) > 0.5 for row in rows])
    except (TypeError, ValueError) as error:
        raise EvaluateError(f"{file}: {error}. Give it in the set's own layout.") from error
    return Recording(f"{file.parent.name}-{file.stem}", at_us, sensors, is_anomalous)


def cropped(recording: Recording, seed: int | None) -> Recording:
    """Cut a recording at both ends, or mirror some of its first rows ahead of it and cut its end; as it is without a seed."""
    if seed is None:
        return recording
    chance = generator(seed, f"{recording.name} mirrored")
    kept = crop(seed, recording.name, len(recording.at_us), start=_MOST_CUT, end=0.25)
    mirrored = int(chance.integers(1, _MOST_MIRRORED)) if chance.random() < 0.5 else 0
    mirrored = min(mirrored, len(recording.at_us) - 1)
    first = 0 if mirrored else kept.start
    places: IntArray = np.arange(int(first) - mirrored, int(kept.stop))
    rows = np.abs(places)
    at_us = recording.at_us[0] + np.arange(len(rows)) * 1_000_000
    return Recording(recording.name, at_us, recording.sensors[rows], recording.is_anomalous[rows])


def run(recordings: Sequence[Recording], progress: Progress) -> list[Judged]:
    """Take recordings side by side through production's engine, one device each."""
    watch = Watch(RIG)
    judged = [Judged(np.zeros(len(each.at_us), np.bool_), np.zeros(len(each.at_us))) for each in recordings]
    open_elements: list[set[int]] = [set() for _ in recordings]
    longest = max(len(each.at_us) for each in recordings)
    for begin in range(0, longest, _BATCH):
        device, row = _side_by_side(recordings, begin)
        sensors = np.concatenate([recordings[each].sensors[begin : begin + _BATCH] for each in range(len(recordings))])
        at_us = np.concatenate([each.at_us[begin : begin + _BATCH] for each in recordings])
        columns = Columns({name: sensors[:, place].tolist() for place, name in enumerate(SENSORS)}, len(device))
        scores: list[Score] = []
        changes = watch.step(device + 1, at_us, columns, scores)
        for score in scores:
            for sample, value in zip(score.rows.tolist(), score.value.tolist(), strict=True):
                of = judged[int(device[sample])].score
                of[row[sample]] = max(of[row[sample]], value)
        for change in sorted(changes, key=lambda change: change.row):
            _flag(judged[change.device_id - 1], open_elements[change.device_id - 1], change.phase, change.element,
                  int(row[change.row]))  # fmt: skip
        progress("files of the rig", min(begin + _BATCH, longest), longest)
    return judged


def _side_by_side(recordings: Sequence[Recording], begin: int) -> tuple[IntArray, IntArray]:
    """Return recording and row of each sample of a batch."""
    lengths = [max(0, min(_BATCH, len(each.at_us) - begin)) for each in recordings]
    device = np.repeat(np.arange(len(recordings)), lengths)
    return device, np.concatenate([np.arange(begin, begin + length) for length in lengths])


def _flag(judged: Judged, open_elements: set[int], phase: str, element: int, row: int) -> None:
    """Flag from a row on while any sensor's symptom is confirmed."""
    if phase == "confirmed":
        open_elements.add(element)
    elif phase == "healed":
        open_elements.discard(element)
    judged.is_flagged[row:] = bool(open_elements)


def _tested(recording: Recording, judged: Judged) -> tuple[BoolArray, BoolArray, FloatArray]:
    rows = slice(TEACHING_ROWS, None)
    return recording.is_anomalous[rows], judged.is_flagged[rows], judged.score[rows]


def figures(truth: BoolArray, flagged: BoolArray, score: FloatArray) -> dict[str, float]:
    """Return F1, false-alarm rate, missing-alarm rate and AUC of rows; NaN where there is nothing to divide by.

    >>> said = figures(np.array([True, True, False, False]), np.array([True, False, True, False]), np.array([3.0, 1, 2, 0]))
    >>> {name: round(value, 2) for name, value in said.items()}
    {'f1': 0.5, 'far': 0.5, 'mar': 0.5, 'auc': 0.75}
    """
    hits, false = int((truth & flagged).sum()), int((~truth & flagged).sum())
    wrong, well = int(truth.sum()), int((~truth).sum())
    return {
        "f1": 2 * hits / (hits + false + wrong) if wrong else float("nan"),
        "far": false / well if well else float("nan"),
        "mar": 1 - hits / wrong if wrong else float("nan"),
        "auc": _auc(score[truth], score[~truth]) if wrong and well else float("nan"),
    }


def _auc(wrong: FloatArray, well: FloatArray) -> float:
    """Return how often a wrong row's score is above a healthy row's; a tie counts half."""
    ordered = np.sort(well)
    beneath = np.searchsorted(ordered, wrong, "left") + np.searchsorted(ordered, wrong, "right")
    return float(beneath.mean() / (2 * len(well)))


def plot(recording: Recording, judged: Judged) -> Plot:
    """Draw the score and the flow of one file, with what is labelled and what was flagged."""
    rows = np.arange(len(recording.at_us), dtype=np.float64)
    labelled = _bands(recording.is_anomalous, "labelled")
    panels = [
        Panel("Largest score", "σ", [Line("", rows, judged.score)], labelled, limits=[MONITOR.limit]),
        Panel("Flagged", "", [Line("", rows, judged.is_flagged.astype(np.float64))], labelled),
        Panel("Flow", "l/min", [Line("", rows, recording.sensors[:, -1])], labelled),
    ]
    return draw(recording.name, f"{recording.name}: labelled, flagged", panels, "rows, one a second")


def _bands(is_on: BoolArray, name: str) -> list[Band]:
    turns = np.flatnonzero(np.diff(np.r_[False, is_on, False].astype(np.int8)))
    return [Band(float(on), float(off), name) for on, off in zip(turns[::2], turns[1::2], strict=True)]
