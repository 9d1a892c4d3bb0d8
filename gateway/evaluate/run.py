"""Run a set by its name, and put its report on the terminal, into a file and into a folder of plots."""

import inspect
import json
import math
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Final, cast

from gateway.evaluate.report import Cell, Evaluate, EvaluateError, Metric, Options, Progress, Report, Table
from gateway.whole import write_whole

_PACKAGE: Final = "gateway.evaluate"
# What makes a module a set. It is told by its text, so that help need not load what only a run needs.
_SIGN: Final = "\ndef evaluate("


def set_names() -> list[str]:
    """Return the names of all sets that are there."""
    folder = files(_PACKAGE)
    names = [module.name for module in pkgutil.iter_modules(import_module(_PACKAGE).__path__) if not module.ispkg]
    return sorted(name for name in names if _SIGN in folder.joinpath(f"{name}.py").read_text("utf-8"))


def run(name: str, folder: Path, options: Options, progress: Progress) -> Report:
    """Run one set.

    Raises
    ------
    EvaluateError
        When there is no such set, or its data cannot be evaluated.
    """
    if name not in set_names():
        raise EvaluateError(f"there is no set {name!r}; there are: {', '.join(set_names())}")
    module = import_module(f"{_PACKAGE}.{name}")
    evaluate = cast("Evaluate", inspect.getattr_static(module, "evaluate"))
    return evaluate(folder, options, progress)


def lines(report: Report) -> Iterator[str]:
    """Yield a report as lines of a terminal: its metrics, then its tables."""
    flat = [(name, cell) for metric in report.metrics for name, cell in _flat(metric, report.metrics[metric])]
    for table in (Table("Metrics", ("metric", "value"), flat), *report.tables):
        yield ""
        yield table.title
        yield from _ruled(table)


def _flat(name: str, metric: Metric) -> Iterator[tuple[str, Cell]]:
    """Yield a metric, or those within it by their dotted names."""
    if isinstance(metric, Mapping):
        for inner, value in metric.items():
            yield from _flat(f"{name}.{inner}", value)
    elif isinstance(metric, str | float | int) or metric is None:
        yield name, metric
    else:
        yield name, " ".join(metric) or None


def _ruled(table: Table) -> Iterator[str]:
    cells = [list(table.head), *([_shown(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(table.head))]
    is_number = [_is_numeric(table.rows, place) for place in range(len(table.head))]
    for index, row in enumerate(cells):
        texts = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, is_number, strict=True)
        ]
        yield "  ".join(texts).rstrip()
        if index == 0:
            yield "  ".join("-" * width for width in widths)


def _is_numeric(rows: Sequence[Sequence[Cell]], place: int) -> bool:
    return all(row[place] is None or isinstance(row[place], int | float) for row in rows)


def _shown(cell: Cell) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "-"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def as_json(name: str, options: Options, seconds_s: float, report: Report) -> str:
    """Return a report as JSON: metrics at the top level by their names; what cannot be computed is null."""
    about: dict[str, object] = {
        "set": name,
        "crop_seed": options.crop_seed,
        "labels": None if options.labels is None else options.labels.name,
        "seconds_s": round(seconds_s, 1),
    }
    tables = {table.title: [dict(zip(table.head, row, strict=True)) for row in table.rows] for table in report.tables}
    return json.dumps(_finite(about | dict(report.metrics) | {"tables": tables}), indent=2, ensure_ascii=False) + "\n"


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in cast("Sequence[object]", value)]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def write_plots(folder: Path, report: Report) -> list[Path]:
    """Write each plot into a folder, which is made where it is missing, and return the files.

    Raises
    ------
    EvaluateError
        When they cannot be written there.
    """
    written = [folder / f"{plot.name}.svg" for plot in report.plots]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, plot in zip(written, report.plots, strict=True):
            write_whole(file, plot.svg)
    except OSError as error:
        raise EvaluateError(f"--plots {folder} cannot be written to: {error}. Name another folder.") from error
    return written
