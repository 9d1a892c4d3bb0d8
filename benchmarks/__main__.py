"""All figures in one table, with the machine that they were measured on: ``callout bench``.

Each benchmark is a module with ``figures(quick, progress)``. One that is not here is said to be left out, and why; a figure
that is missed is printed as missed, and one that breaks down as failed: with either the command ends with 1. Whoever
interrupts it is told what was measured until then.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.desk import server
from benchmarks.figures import table
from benchmarks.machine import described
from benchmarks.outcomes import Failed, LeftOut, Measured, Outcome, Outcomes, figures_of, outcome_of
from benchmarks.report import columns
from gateway.errors import CalloutError
from gateway.whole import write_whole
from simulators.progress import ProgressLine

# In this order, the quickest answers first.
NAMES: Final = ("offers", "promise", "engine", "receive", "ingest", "storage", "recovery", "memory", "scale")
_MOST_OTHERS: Final = 0.05


def main(words: Sequence[str] | None = None) -> None:
    """Measure what is asked for, and tell."""
    asked = _asked(words)
    # Ended like this, too, it ends the servers that it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = ProgressLine()
    outcomes: dict[str, Outcome] = {}
    machine: Mapping[str, str] = {}
    is_whole = False
    try:
        _keep(asked.json, machine, outcomes, is_quick=asked.quick)
    except OSError as error:
        sys.exit(f"bench: --json {asked.json} cannot be written: {error}. Name another file; nothing was measured.")
    try:
        machine = _machine(progress)
        for name in asked.only:
            outcomes[name] = _told(name, asked, progress, len(outcomes) + 1)
            # What was measured is there, whatever happens to what follows.
            _keep(asked.json, machine, outcomes, is_quick=asked.quick)
        is_whole = True
    except KeyboardInterrupt:
        outcomes |= {name: LeftOut("it was interrupted") for name in asked.only if name not in outcomes}
    _tell(machine, outcomes, is_quick=asked.quick)
    if asked.json is not None:
        _keep(asked.json, machine, outcomes, is_quick=asked.quick)
        print(f"\nwritten to {asked.json}")
    if not is_whole:
        sys.exit(130)
    is_failed = any(isinstance(outcome, Failed) for outcome in outcomes.values())
    is_missed = any(figure.verdict == "missed" for _, figure in figures_of(outcomes))
    sys.exit(1 if is_failed or (is_missed and not asked.quick) else 0)


def _asked(given: Sequence[str] | None) -> argparse.Namespace:
    words = argparse.ArgumentParser(prog="callout bench", description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    words.add_argument(
        "--quick", action="store_true", help="small runs, to see that all works: their values mean little"
    )
    words.add_argument("--json", type=Path, metavar="FILE", help="write machine and figures into a file, too")
    asked = words.parse_args(given)
    asked.only = list(dict.fromkeys(asked.only or NAMES))
    return asked


def _machine(progress: ProgressLine) -> Mapping[str, str]:
    progress.say("looking at the machine")
    try:
        with server() as dsn, tempfile.TemporaryDirectory(prefix="callout-benchmark-") as folder:
            return described(dsn, Path(folder))
    except CalloutError as error:
        # What needs no server can be measured all the same.
        return {"unknown": str(error)}


def _told(name: str, asked: argparse.Namespace, progress: ProgressLine, number: int) -> Outcome:
    progress.say(f"{name}: measuring, part {number} of {len(asked.only)}, since {time.strftime('%H:%M:%S')}")
    outcome = outcome_of(name, is_quick=asked.quick, progress=progress)
    match outcome:
        case Measured(_, seconds):
            progress.say(f"{name}: done in {seconds:.0f} s")
        case Failed(reason, seconds):
            progress.say(f"{name}: failed after {seconds:.0f} s: {reason}")
        case LeftOut(reason):
            progress.say(f"{name}: left out: {reason}")
    return outcome


def _tell(machine: Mapping[str, str], outcomes: Outcomes, *, is_quick: bool) -> None:
    print("\nThe machine\n")
    for name, value in machine.items():
        print(f"  {name:<12} {value}")
    figures = [figure for _, figure in figures_of(outcomes)]
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
            case Failed(reason, seconds):
                print(f"  {name} failed after {seconds:.0f} s: {reason}")


def _told_others(share: float | None) -> str:
    """Say when the machine was not alone: then seconds say little, and ratios to what was fast in its turn, less."""
    is_alone = share is not None and share < _MOST_OTHERS
    return "" if share is None or is_alone else f"; other programs had {share:.0%} of the machine meanwhile"


def _keep(file: Path | None, machine: Mapping[str, str], outcomes: Outcomes, *, is_quick: bool) -> None:
    if file is None:
        return
    told = {
        "quick": is_quick,
        "machine": machine,
        "figures": [{"benchmark": name, **figure.as_json()} for name, figure in figures_of(outcomes)],
        "seconds": {name: round(each.seconds, 1) for name, each in outcomes.items() if not isinstance(each, LeftOut)},
        "others_share": {name: each.others_share for name, each in outcomes.items() if isinstance(each, Measured)},
        "left_out": {name: each.reason for name, each in outcomes.items() if isinstance(each, LeftOut)},
        "failed": {name: each.reason for name, each in outcomes.items() if isinstance(each, Failed)},
    }
    write_whole(file, json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
