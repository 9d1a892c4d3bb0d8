"""AI4I 2020: failures of a milling machine, learned in five folds and scored on machines that the forest has not seen.

Each row is a machine of its own with one reading, taken through production's engine as a product type whose only monitor is
a limit on the forest's probability: what it confirms is automatic. F1, precision and recall are of that; AP and ECE (ten
bins of equal width) are of the probabilities. The rules that the set's documentation gives are reported apart.

The set has no series, so a crop leaves out a random part of the machines and deals the folds anew.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import numpy as np
from sklearn.metrics import average_precision_score  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]
from sklearn.model_selection import StratifiedKFold  # pyright: ignore[reportMissingTypeStubs]

from devices.readings import Columns, FloatArray, IntArray
from diagnostics.conditions import BoolArray
from diagnostics.forest import Forest
from diagnostics.watch import Watch
from gateway.evaluate.crop import generator
from gateway.evaluate.drawing import Line, Panel, draw
from gateway.evaluate.milling import FEATURES, features, product, read, transcribed
from gateway.evaluate.report import EvaluateError, Metric, Options, Plot, Progress, Report, Table
from gateway.learning.forests import train

FOLDS: Final = 5
SEED: Final = 20200801
_BINS: Final = 10
# What both predictors may differ by: the order in which trees are added up.
_ROUNDING: Final = 1e-9


def evaluate(folder: Path, options: Options, progress: Progress) -> Report:
    """Learn and score in five folds.

    Raises
    ------
    EvaluateError
        When the set is not there, has too few failures to learn from, or both predictors disagree.
    """
    if options.labels is not None:
        raise EvaluateError("--labels: the failures of `ai4i` stand in its own file. Leave it out.")
    machines = read(folder)
    measured, is_wrong = machines.measured, machines.is_wrong
    if options.crop_seed is not None:
        chance = generator(options.crop_seed, "ai4i")
        kept = np.sort(chance.permutation(len(is_wrong))[: int(len(is_wrong) * chance.uniform(0.75, 1.0))])
        measured, is_wrong = measured[kept], is_wrong[kept]
    if is_wrong.sum() < FOLDS or (~is_wrong).sum() < FOLDS:
        raise EvaluateError(
            f"{machines.file} has {is_wrong.sum()} failures among {len(is_wrong)} machines; {FOLDS} of each are needed."
        )
    probability, alarmed = _out_of_fold(measured, is_wrong, options.crop_seed or 0, progress)
    rules = transcribed(features(measured))
    return _report(is_wrong, probability, alarmed, rules)


def _out_of_fold(
    measured: FloatArray, is_wrong: BoolArray, seed: int, progress: Progress
) -> tuple[FloatArray, BoolArray]:
    rows = features(measured)
    probability, alarmed = np.full(len(rows), np.nan), np.zeros(len(rows), np.bool_)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED + seed)
    parts = cast("Iterator[tuple[IntArray, IntArray]]", folds.split(rows, is_wrong))  # pyright: ignore[reportUnknownMemberType]
    for number, (learned, held_back) in enumerate(parts):
        progress(f"fold {number + 1} of {FOLDS}", number, FOLDS)
        sound = learned[~np.isnan(rows[learned]).any(axis=1)]
        if is_wrong[sound].all() or not is_wrong[sound].any():
            raise EvaluateError(
                f"only {len(sound)} of {len(learned)} machines to learn from have every reading, and none or all of them "
                f"failed: nothing can be learned. Give the set's own readings."
            )
        forest, differs_by = train(rows[sound], is_wrong[sound], SEED + seed)
        if differs_by > _ROUNDING:
            raise EvaluateError(
                f"the stored form of the forest differs from scikit-learn's own by {differs_by:g}; report this."
            )
        probability[held_back] = forest.probability(rows[held_back])
        alarmed[held_back] = _watched(forest, measured[held_back])
    return probability, alarmed


def _watched(forest: Forest, measured: FloatArray) -> BoolArray:
    """Take one reading of each machine through the engine; return which it confirmed."""
    machine = product(forest)
    ids: IntArray = np.arange(1, len(measured) + 1)
    values = {name: measured[:, place].tolist() for place, name in enumerate(machine.signals)}
    changes = Watch(machine).step(ids, np.full(len(ids), 1_000_000), Columns(values, len(ids)))
    alarmed = np.zeros(len(ids), np.bool_)
    alarmed[[change.row for change in changes if change.phase == "confirmed"]] = True
    return alarmed


def _report(is_wrong: BoolArray, probability: FloatArray, alarmed: BoolArray, rules: BoolArray) -> Report:
    known = ~np.isnan(probability)
    ap = cast("float", average_precision_score(is_wrong[known], probability[known]))
    metrics: dict[str, Metric] = dict(_shares(is_wrong, alarmed))
    metrics |= {"ap": float(ap), "ece": ece(is_wrong[known], probability[known]), "automatic": int(alarmed.sum())}
    for name, said in (("transcribed_rules", rules), ("with_transcribed_rules", rules | alarmed)):
        metrics[name] = _shares(is_wrong, said)
    metrics |= {"machines": len(is_wrong), "failures": int(is_wrong.sum()), "without_an_answer": int((~known).sum())}
    rows = [
        (name, *_shares(is_wrong, said).values(), int((said & ~is_wrong).sum()), int((~said & is_wrong).sum()))
        for name, said in (("learned", alarmed), ("transcribed rules", rules), ("both", rules | alarmed))
    ]
    head = ("by", "f1", "precision", "recall", "false", "missed")
    return Report(
        metrics,
        [Table("Automatic", head, rows), Table("Learned from", ("feature",), [(name,) for name in FEATURES])],
        [_plot(is_wrong[known], probability[known])],
    )


def _shares(is_wrong: BoolArray, said: BoolArray) -> dict[str, float]:
    hits = float((is_wrong & said).sum())
    called, there = float(said.sum()), float(is_wrong.sum())
    return {
        "f1": 2 * hits / (called + there) if called + there else np.nan,
        "precision": hits / called if called else np.nan,
        "recall": hits / there if there else np.nan,
    }


def ece(is_wrong: BoolArray, probability: FloatArray) -> float:
    """Return the expected calibration error over bins of equal width.

    >>> ece(np.array([True, True, False, False]), np.array([0.9, 0.9, 0.2, 0.2]))
    0.15
    """
    place = np.minimum((probability * _BINS).astype(np.int64), _BINS - 1)
    gaps = [abs(float((probability - is_wrong)[place == one].sum())) for one in range(_BINS)]
    return round(sum(gaps) / len(probability), 12) if len(probability) else np.nan


def _plot(is_wrong: BoolArray, probability: FloatArray) -> Plot:
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(is_wrong[order])
    recall, precision = hits / max(1, int(is_wrong.sum())), hits / np.arange(1, len(hits) + 1)
    place = np.minimum((probability * _BINS).astype(np.int64), _BINS - 1)
    used = [one for one in range(_BINS) if (place == one).any()]
    said = np.array([float(probability[place == one].mean()) for one in used])
    came = np.array([float(is_wrong[place == one].mean()) for one in used])
    panels = [
        Panel("Precision over recall", "", [Line("", recall, precision)]),
        Panel(
            "Failures that came over the probability that was said",
            "",
            [Line("came", said, came, is_dots=True), Line("as said", [0.0, 1.0], [0.0, 1.0])],
        ),
    ]
    return draw("ai4i", "AI4I 2020: learned, on machines not seen before", panels, "recall, and probability")
