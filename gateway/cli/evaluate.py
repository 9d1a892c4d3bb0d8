"""The command that measures diagnosis on public data."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.evaluate.run import set_names


def evaluate(
    name: Annotated[str, typer.Argument(metavar="SET", help=f"The set: {', '.join(set_names())}.")],
    *,
    data: Annotated[
        Path,
        typer.Option(help="Folder of the set, in the layout of its source, or the one above it; products needs none."),
    ] = Path(),
    json: Annotated[Path | None, typer.Option(help="Write the metrics into this file, too.")] = None,
    crop: Annotated[
        int | None,
        typer.Option(min=0, help="Seed: cut each series at both ends at random, or give it more of its beginning."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV (device, fault, onset, end) of what is already injected in the data.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Only with products: put the tables into the products' READMEs.")
    ] = False,
    plots: Annotated[Path | None, typer.Option(help="Folder for drawings of what was found (SVG).")] = None,
) -> None:
    """Measure diagnosis on a public set: the engine that production runs, scored as the set's authors score it.

    Metrics and tables go to the terminal, and with --json as JSON into a file, metrics at its top level.
    """
    from gateway.evaluate.progress import ProgressLine
    from gateway.evaluate.report import EvaluateError, Options
    from gateway.evaluate.run import as_json, lines, run, write_plots
    from gateway.whole import write_whole

    if write and name != "products":
        raise EvaluateError(f"--write: {name} is not stated in a document by the command; leave it out.")
    began_s, progress, options = time.monotonic(), ProgressLine(sys.stderr), Options(crop, labels, write)
    report = run(name, data, options, progress)
    progress.clear()
    took_s = time.monotonic() - began_s
    for line in lines(report):
        typer.echo(line)
    typer.echo(f"\n{name}: {took_s:.0f} s")
    for file in write_plots(plots, report) if plots is not None else ():
        typer.echo(f"wrote {file}")
    if json is not None:
        try:
            write_whole(json, as_json(name, options, took_s, report))
        except OSError as error:
            raise EvaluateError(f"--json {json} cannot be written: {error}. Name another file.") from error
        typer.echo(f"wrote {json}")


def add_to(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command(rich_help_panel="Development")(evaluate)
