"""What the route planner is worth: its gap to the best known costs on published instances, and whether it keeps its limit.

Needs a folder with instances in VRPLIB, Solomon or Cordeau format and their best known solutions beside them (`.sol`); none are
brought along. Each is planned by `callout plan-routes` in a process of its own, so that the seconds are a user's seconds.

    python -m benchmarks.routes FOLDER [--limit-s 15] [--only R101 --only PR02] [--most 100]
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from benchmarks.report import tell
from gateway.routing.instance import read_instance
from gateway.routing.solve import MOST_CALLS, has_solver
from gateway.routing.vetting import InstanceError

# Files in Cordeau's format have no ending.
SUFFIXES = (".vrp", ".txt", "")
# Starting Python and reading the file come before the limit begins, and are counted with it.
ASKED_GAP_PERCENT = {"alike": 1.0, "with skills": 2.0}


def instances(folder: Path, only: list[str], most: int) -> list[Path]:
    """Return a folder's instances that have a best known solution beside them, in order."""
    found = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES and file.with_suffix(".sol").is_file())
    chosen = [file for file in found if not only or file.stem in only]
    return [file for file in chosen if _is_small(file, most)]


def _is_small(file: Path, most: int) -> bool:
    try:
        return len(read_instance(file).problem.calls) <= most
    except InstanceError as error:
        print(f"left out: {error}", file=sys.stderr)
        return False


def measure(file: Path, limit_s: float) -> dict[str, object]:
    """Plan one instance, and return what came of it."""
    with TemporaryDirectory() as folder:
        told, routes = Path(folder) / "told.json", Path(folder) / "routes.sol"
        command = [sys.executable, "-m", "gateway", "plan-routes", str(file), "--limit-s", str(limit_s)]
        began_s = time.monotonic()
        subprocess.run([*command, "--json", str(told), "--out", str(routes)], check=False, stderr=subprocess.DEVNULL)
        took_s = time.monotonic() - began_s
        if not told.is_file():
            return {"instance": file.stem, "gap_percent": float("nan"), "took_s": took_s, "ended": "failed"}
        figures = json.loads(told.read_text("utf-8"))
    instance = read_instance(file)
    return {
        "instance": file.stem,
        "clients": figures["clients"],
        "kind": "with skills" if instance.has_kinds else "alike",
        "cost": figures["cost"],
        "best": figures["best"],
        "gap_percent": float("nan") if figures["gap_percent"] is None else figures["gap_percent"],
        "left_out": len(figures["left_out"]),
        "took_s": took_s,
        "ended": figures["ended"],
        "refused": figures["refused_plans"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.routes", description=__doc__.partition("\n")[0] if __doc__ else ""
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit-s", type=float, default=15.0)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--most", type=int, default=MOST_CALLS, help="clients of an instance at most")
    words = parser.parse_args()
    if not has_solver():
        print("skipped: PyVRP is not installed (the extra `routes`)")
        return
    chosen = instances(words.folder, words.only, words.most) if words.folder.is_dir() else []
    if not chosen:
        print(f"skipped: there are no instances with a .sol beside them in {words.folder}")
        return
    rows: list[dict[str, object]] = []
    for file in chosen:
        rows.append(measure(file, words.limit_s))
        print(
            f"{file.stem}: {rows[-1]['gap_percent']:.2f} % in {rows[-1]['took_s']:.1f} s", file=sys.stderr, flush=True
        )
    told: dict[str, object] = {"benchmark": "routes", "limit_s": words.limit_s}
    for kind, asked in ASKED_GAP_PERCENT.items():
        gaps = [float(str(row["gap_percent"])) for row in rows if row.get("kind") == kind]
        if gaps:
            told[f"mean_gap_percent_{kind.replace(' ', '_')}"] = mean(gaps)
            told[f"worst_gap_percent_{kind.replace(' ', '_')}"] = max(gaps)
            told[f"asked_gap_percent_{kind.replace(' ', '_')}"] = asked
    told["slowest_s"] = max(float(str(row["took_s"])) for row in rows)
    tell(f"Routes within {words.limit_s:g} s", rows, told)


if __name__ == "__main__":
    main()
