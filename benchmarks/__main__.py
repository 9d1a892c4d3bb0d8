"""All figures in one table, with the machine that they were measured on: ``callout bench``.

Each benchmark is a module with ``figures(quick, progress)``. One that is not here, or that this machine cannot run, is
said to be left out, and why; a figure that is missed is printed as missed, and the command ends with 1.
"""

import argparse
import importlib
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

from benchmarks.desk import server
from benchmarks.figures import Figure, table
from benchmarks.machine import described
from benchmarks.report import columns
from gateway.errors import CalloutError
from simulators.progress import ProgressLine

# In this order, the quickest answers first.
NAMES: Final = ("receive", "ingest", "storage", "recovery", "memory", "scale")


class Benchmark(Protocol):
    """A module of this folder that gives figures."""

    def figures(self, quick: bool, progress: ProgressLine, /) -> Sequence[Figure]:
        """Measure; `quick` asks for a run that shows that it works, and whose values mean little."""
        ...


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A benchmark that gave nothing, and why."""

    name: str
    reason: str


def main() -> None:
    """Measure what is asked for, and tell."""
    words = argparse.ArgumentParser(prog="callout bench", description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    words.add_argument(
        "--quick", action="store_true", help="small runs, to see that all works: their values mean little"
    )
    words.add_argument("--json", type=Path, metavar="FILE", help="write machine and figures into a file, too")
    asked = words.parse_args()
    progress = ProgressLine()
    machine = _machine(progress)
    found: dict[str, Sequence[Figure]] = {}
    left_out: list[LeftOut] = []
    for name in asked.only or NAMES:
        outcome = _run(name, asked.quick, progress)
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
        else:
            found[name] = outcome
    _tell(machine, found, left_out, is_quick=asked.quick)
    if asked.json is not None:
        asked.json.write_text(_as_json(machine, found, left_out, is_quick=asked.quick), encoding="utf-8")
        print(f"\nwritten to {asked.json}")
    is_missed = any(figure.verdict == "missed" for figures in found.values() for figure in figures)
    sys.exit(1 if is_missed and not asked.quick else 0)


def _machine(progress: ProgressLine) -> dict[str, str]:
    progress.say("looking at the machine")
    with server() as dsn, tempfile.TemporaryDirectory(prefix="callout-benchmark-") as folder:
        return described(dsn, Path(folder))


def _run(name: str, quick: bool, progress: ProgressLine) -> Sequence[Figure] | LeftOut:
    module = f"benchmarks.{name}"
    if importlib.util.find_spec(module) is None:
        return LeftOut(name, "it is not part of this version")
    progress.say(f"{name}: measuring")
    began_s = time.monotonic()
    try:
        figures = cast("Benchmark", importlib.import_module(module)).figures(quick, progress)
    except (CalloutError, OSError, RuntimeError) as error:
        return LeftOut(name, str(error))
    progress.say(f"{name}: done in {time.monotonic() - began_s:.0f} s")
    return figures


def _tell(
    machine: Mapping[str, str], found: Mapping[str, Sequence[Figure]], left_out: Sequence[LeftOut], *, is_quick: bool
) -> None:
    print("\nThe machine\n")
    for name, value in machine.items():
        print(f"  {name:<12} {value}")
    figures = [figure for of_one in found.values() for figure in of_one]
    if figures:
        print("\nFigures" + (" of small runs, which mean little" if is_quick else "") + "\n")
        print("\n".join(columns(table(figures))))
        print()
        for number, figure in enumerate(figures, 1):
            if figure.note:
                print(f"  {number}. {figure.name}: {figure.note}")
    for each in left_out:
        print(f"\nleft out: {each.name}: {each.reason}")


def _as_json(
    machine: Mapping[str, str], found: Mapping[str, Sequence[Figure]], left_out: Sequence[LeftOut], *, is_quick: bool
) -> str:
    told = {
        "quick": is_quick,
        "machine": machine,
        "figures": [{"benchmark": name, **figure.as_json()} for name, of_one in found.items() for figure in of_one],
        "left_out": {each.name: each.reason for each in left_out},
    }
    return json.dumps(told, indent=1) + "\n"


if __name__ == "__main__":
    main()
