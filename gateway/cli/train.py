"""The command that trains a model and stores it beside its card."""

import sys
from pathlib import Path
from typing import Annotated

import typer

_MODELS = ("ai4i", "appliances")


def train(
    name: Annotated[str, typer.Argument(metavar="MODEL", help=f"Which model: {', '.join(_MODELS)}.")],
    *,
    data: Annotated[Path, typer.Option(help="Folder of the labelled data, as for `callout evaluate`.")],
    into: Annotated[Path, typer.Option(help="Folder for the model and its card, MODEL.json.")] = Path("models"),
) -> None:
    """Train a model on labelled data: plain arrays without code in a file, and a card with its hash beside it.

    The card's figures are those of machines or brands that the model had not seen; the stored one has learned from all. For
    appliances there is a model for each kind. One whose bytes are not those that its card names is refused wherever it is read.
    """
    from gateway.evaluate import training
    from gateway.evaluate.progress import ProgressLine
    from gateway.learning.models import ModelError, save

    progress = ProgressLine(sys.stderr)
    match name:
        case "ai4i":
            made = [training.ai4i(data, progress)]
        case "appliances":
            made = training.appliances(data, progress)
        case _:
            raise ModelError(f"there is no model {name!r} to train; there are: {', '.join(_MODELS)}")
    progress.clear()
    for content, card in made:
        for file in save(into, content, card):
            typer.echo(f"wrote {file}")


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command(rich_help_panel="Development")(train)
