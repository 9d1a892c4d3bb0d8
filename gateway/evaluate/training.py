"""Models of the public sets, trained on all that is there, with figures of what was not seen: bytes and card, nothing stored."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np

from diagnostics.conformal import calibrate
from diagnostics.forest import Forest
from diagnostics.labeller import Labeller
from diagnostics.state import unpack
from gateway.evaluate import milling
from gateway.evaluate.ai4i import SEED
from gateway.evaluate.ai4i import evaluate as evaluate_ai4i
from gateway.evaluate.appliance_kinds import COVERAGE, teach
from gateway.evaluate.appliances import figures, tell
from gateway.evaluate.brands import lessons, strangeness
from gateway.evaluate.loads import NORMAL, files_of, read
from gateway.evaluate.prolongations import FEATURE, said_by
from gateway.evaluate.report import EvaluateError, Options, Progress
from gateway.learning import forests
from gateway.learning.models import Card, content_of


def ai4i(folder: Path, progress: Progress) -> tuple[bytes, Card]:
    """Train the forest of AI4I.

    Raises
    ------
    EvaluateError
        When the set cannot be learned from.
    """
    metrics = evaluate_ai4i(folder, Options(), progress).metrics
    machines = milling.read(folder)
    forest, _ = forests.train(milling.features(machines.measured), machines.is_wrong, SEED)
    content, its_hash = content_of(forest)
    Forest.of(unpack(content))
    return content, Card(
        name="ai4i",
        sha256=its_hash,
        features=milling.FEATURES,
        threshold=milling.THRESHOLD,
        rows=len(machines.is_wrong),
        wrong_rows=int(machines.is_wrong.sum()),
        data="AI4I 2020 Predictive Maintenance Dataset, UCI 601",
        data_sha256=_hash([machines.file]),
        licence="CC BY 4.0",
        method=f"random forest of {forests.TREES} trees over measured and physical features; out-of-fold probabilities as they are",
        library=_library(),
        seed=SEED,
        figures={key: value for key, value in metrics.items() if isinstance(value, float)},
        meant_for="Telling failures of the machine of this set from its readings; an example of a learned monitor.",
        not_meant_for="Any real machine: the set is synthetic, and wear that fails by chance cannot be foretold.",
    )


def appliances(folder: Path, progress: Progress) -> list[tuple[bytes, Card]]:
    """Train a labeller for each kind of appliance; its sets are calibrated on all brands that their models had not seen.

    Raises
    ------
    EvaluateError
        When the set is not there, or teaches no kind two labels.
    """
    days = read(folder)
    said = said_by(days)
    told = tell(days, said, progress)
    plan = lessons(days)
    unseen = [lesson for lesson in plan if lesson.is_unseen] or plan
    conformal = calibrate(np.concatenate([strangeness(lesson, days, said) for lesson in unseen]))
    data_sha256, made = _hash(files_of(folder)), list[tuple[bytes, Card]]()
    for kind in sorted({day.kind for day in days}):
        its_days = [place for place, day in enumerate(days) if day.kind == kind]
        faults = [days[place].fault for place in its_days]
        taught = teach(said.taught[its_days], faults, conformal)
        if taught.labeller is None:
            continue
        found = figures([one for one in told if one.day.kind == kind])
        wrong = sum(fault != NORMAL for fault in faults)
        made.append(_of_kind(kind, taught.labeller, taught.labels, found, (len(its_days), wrong), data_sha256))
    if not made:
        raise EvaluateError(f"--data {folder}: no kind of appliance has days of two labels. Nothing can be learned.")
    return made


def _of_kind(
    kind: str,
    labeller: Labeller,
    labels: Sequence[str],
    found: Mapping[str, float],
    rows: tuple[int, int],
    data_sha256: str,
) -> tuple[bytes, Card]:
    content, its_hash = content_of(labeller)
    Labeller.of(unpack(content))
    return content, Card(
        name=f"appliances_{kind}",
        sha256=its_hash,
        features=(FEATURE,),
        labels=labels,
        coverage=COVERAGE,
        rows=rows[0],
        wrong_rows=rows[1],
        data="Power Consumption Anomaly Dataset (Energies 17, 2024, 4529)",
        data_sha256=data_sha256,
        licence="MIT",
        method="a belief over how much longer phases are for each label, by smoothed EM; sets calibrated on brands not seen",
        library=f"numpy {version('numpy')}",
        figures={name: value for name, value in found.items() if np.isfinite(value)},
        meant_for="Naming what may be behind longer phases of this kind of appliance, and handing most of it to a human.",
        not_meant_for="Opening requests for faults that this set does not have, or without healthy days of the device.",
    )


def _library() -> str:
    return f"scikit-learn {version('scikit-learn')}"


def _hash(files: Sequence[Path]) -> str:
    digest = sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
