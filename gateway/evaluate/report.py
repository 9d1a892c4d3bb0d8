"""What every set's evaluation takes and gives: options in, figures, tables and plots out.

A set is one module of this package with the function

    def evaluate(folder: Path, options: Options, progress: Progress) -> Report

It presents its data to `diagnostics.watch.Watch` as a product type, as production does, and knows how its set is scored.
It is found by its module's name; a set whose module is not there is not offered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.errors import CalloutError

Metric = float | int | str | None | Sequence[str] | Mapping[str, "Metric"]
Cell = str | float | int | None


class EvaluateError(CalloutError):
    """Data that cannot be evaluated: which file or folder, what is wrong with it, and what to do next."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a set is to be run.

    Parameters
    ----------
    crop_seed : int or None
        With a seed each series loses a random part of its start or is given more of it, and loses a part of its end.
    labels : Path or None
        A CSV file (device, fault, onset, end) that says what is already injected in the data.
    is_written : bool
        Put the tables into the documents that state them; see `products`.
    """

    crop_seed: int | None = None
    labels: Path | None = None
    is_written: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people: floats are shown with three digits, None as a dash."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing as SVG; `name` is its file name without ending."""

    name: str
    svg: str


@dataclass(frozen=True, slots=True)
class Report:
    """Metrics by their snake_case names (NaN: could not be computed), tables and plots, in the order they are shown."""

    metrics: Mapping[str, Metric]
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()


class Progress(Protocol):
    """Somebody who is told how far the work is."""

    def __call__(self, what: str, done: float, of: float) -> None:
        """Say what is being done, and how much of how much of it is done."""
        ...


class Evaluate(Protocol):
    """The function by which a module is a set."""

    def __call__(self, folder: Path, options: Options, progress: Progress) -> Report:
        """Run the set that lies in a folder."""
        ...
