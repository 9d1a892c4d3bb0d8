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

from benchmarks.costs import occupied
from benchmarks.desk import server
from benchmarks.figures import Figure, table
from benchmarks.machine import described
from benchmarks.report import columns
from gateway.errors import CalloutError
from simulators.progress import ProgressLine

# In this order, the quickest answers first.
NAMES: Final = ("offers", "promise", "engine", "receive", "ingest", "storage", "recovery", "memory", "scale")
_MOST_OTHERS: Final = 0.05


class Benchmark(Protocol):
    """A module of this folder that gives figures."""

    def figures(self, quick: bool, progress: ProgressLine, /) -> Sequence[Figure]:
        """Measure; `quick` asks for a run that shows that it works, and whose values mean little."""
        ...


@dataclass(frozen=True, slots=True)
class Measured:
    """What a benchmark gave, the seconds it took, and the share of the machine that other programs had meanwhile."""

    figures: Sequence[Figure]
    seconds: float
    others_share: float | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A benchmark that gave nothing, and why."""

    reason: str


Outcomes = Mapping[str, Measured | LeftOut]


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
    outcomes = {name: _run(name, asked.quick, progress) for name in asked.only or NAMES}
    _tell(machine, outcomes, is_quick=asked.quick)
    if asked.json is not None:
        asked.json.write_text(_as_json(machine, outcomes, is_quick=asked.quick), encoding="utf-8")
        print(f"\nwritten to {asked.json}")
    is_missed = any(figure.verdict == "missed" for _, figure in _figures(outcomes))
    sys.exit(1 if is_missed and not asked.quick else 0)


def _machine(progress: ProgressLine) -> dict[str, str]:
    progress.say("looking at the machine")
    with server() as dsn, tempfile.TemporaryDirectory(prefix="callout-benchmark-") as folder:
        return described(dsn, Path(folder))


def _run(name: str, quick: bool, progress: ProgressLine) -> Measured | LeftOut:
    module = f"benchmarks.{name}"
    if importlib.util.find_spec(module) is None:
        return LeftOut("it is not part of this version")
    part = importlib.import_module(module)
    if not hasattr(part, "figures"):
        return LeftOut(f"it gives no figures here; run it by itself: python -m {module}")
    progress.say(f"{name}: measuring")
    began_s, before = time.monotonic(), occupied()
    try:
        figures = cast("Benchmark", part).figures(quick, progress)
    except (CalloutError, OSError, RuntimeError) as error:
        return LeftOut(str(error))
    seconds, after = time.monotonic() - began_s, occupied()
    progress.say(f"{name}: done in {seconds:.0f} s")
    return Measured(figures, seconds, after.others_since(before) if before and after else None)


def _figures(outcomes: Outcomes) -> list[tuple[str, Figure]]:
    return [
        (name, figure) for name, of_one in outcomes.items() if isinstance(of_one, Measured) for figure in of_one.figures
    ]


def _tell(machine: Mapping[str, str], outcomes: Outcomes, *, is_quick: bool) -> None:
    print("\nThe machine\n")
    for name, value in machine.items():
        print(f"  {name:<12} {value}")
    figures = [figure for _, figure in _figures(outcomes)]
    if figures:
        print("\nFigures" + (" of small runs, which mean little" if is_quick else "") + "\n")
        print("\n".join(columns(table(figures))))
        print()
    for figure in figures:
        if figure.note:
            print(f"  {figure.name}: {figure.note}")
    print()
    for name, outcome in outcomes.items():
        match outcome:
            case Measured(_, seconds, others_share):
                print(f"  {name} took {seconds:.0f} s{_told_others(others_share)}")
            case LeftOut(reason):
                print(f"  {name} is left out: {reason}")


def _told_others(share: float | None) -> str:
    """Say when the machine was not alone: then seconds say little, and ratios to what was fast in its turn, less."""
    is_alone = share is not None and share < _MOST_OTHERS
    return "" if share is None or is_alone else f"; other programs had {share:.0%} of the machine meanwhile"


def _as_json(machine: Mapping[str, str], outcomes: Outcomes, *, is_quick: bool) -> str:
    told = {
        "quick": is_quick,
        "machine": machine,
        "figures": [{"benchmark": name, **figure.as_json()} for name, figure in _figures(outcomes)],
        "others_share": {name: each.others_share for name, each in outcomes.items() if isinstance(each, Measured)},
        "left_out": {name: each.reason for name, each in outcomes.items() if isinstance(each, LeftOut)},
    }
    return json.dumps(told, indent=1) + "\n"


if __name__ == "__main__":
    main()
