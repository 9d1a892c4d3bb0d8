"""The command that trains a model and stores it beside its card."""

import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

_MODELS = ("ai4i",)


def train(
    name: Annotated[str, typer.Argument(metavar="MODEL", help=f"Which model: {', '.join(_MODELS)}.")],
    *,
    data: Annotated[Path, typer.Option(help="Folder of the labelled data, as for `callout evaluate`.")],
    into: Annotated[Path, typer.Option(help="Folder for MODEL.model and its card MODEL.json.")] = Path("models"),
) -> None:
    """Train a model on labelled data: plain arrays without code in a file, and a card with its hash beside it.

    The card's figures are those of five folds that the forest had not seen; the stored forest has learned from all. A model
    whose bytes are not those that its card names is refused wherever it is read.
    """
    from gateway.evaluate.ai4i import SEED, evaluate
    from gateway.evaluate.milling import FEATURES, THRESHOLD, features, read
    from gateway.evaluate.progress import ProgressLine
    from gateway.evaluate.report import Options
    from gateway.learning import forests
    from gateway.learning.models import Card, ModelError, content_of, load, save

    if name not in _MODELS:
        raise ModelError(f"there is no model {name!r} to train; there are: {', '.join(_MODELS)}")
    progress = ProgressLine(sys.stderr)
    metrics = evaluate(data, Options(), progress).metrics
    progress.clear()
    machines = read(data)
    forest, _ = forests.train(features(machines.measured), machines.is_wrong, SEED)
    content, its_hash = content_of(forest)
    card = Card(
        name=name,
        sha256=its_hash,
        features=FEATURES,
        threshold=THRESHOLD,
        rows=len(machines.is_wrong),
        wrong_rows=int(machines.is_wrong.sum()),
        data="AI4I 2020 Predictive Maintenance Dataset, UCI 601",
        data_sha256=sha256(machines.file.read_bytes()).hexdigest(),
        licence="CC BY 4.0",
        method=f"random forest of {forests.TREES} trees over measured and physical features; out-of-fold probabilities as they are",
        library=f"scikit-learn {version('scikit-learn')}",
        seed=SEED,
        figures={key: value for key, value in metrics.items() if isinstance(value, float)},
        meant_for="Telling failures of the machine of this set from its readings; an example of a learned monitor.",
        not_meant_for="Any real machine: the set is synthetic, and wear that fails by chance cannot be foretold.",
    )
    for file in save(into, content, card):
        typer.echo(f"wrote {file}")
    load(into, name)


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command(rich_help_panel="Development")(train)
