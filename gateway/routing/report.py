"""What a run on a published instance comes to: cost, gap to the best known one, and whether the limit was kept."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.routing.instance import Best, Instance, read_best
from gateway.routing.solve import Solved
from gateway.routing.vetting import InstanceError
from workflows.unplanned import reasons


@dataclass(frozen=True, slots=True)
class Run:
    """An instance, the plan that was found, what is known to be best, and how long all of it took, reading included."""

    instance: Instance
    solved: Solved
    best: Best | None
    took_s: float

    @property
    def is_whole(self) -> bool:
        """Whether every client is visited, and every rule kept."""
        return self.solved.account.is_kept and not self.solved.account.left_out

    @property
    def cost(self) -> float:
        """The cost in the instance's convention."""
        return self.instance.cost(self.solved.account.length)

    @property
    def gap_percent(self) -> float | None:
        """How much more it costs than the best known plan; None where none is known, or clients are left out."""
        if self.best is None or not self.is_whole or self.best.cost <= 0:
            return None
        return 100 * (self.cost / self.best.cost - 1)

    def as_json(self) -> dict[str, object]:
        """Return all of it for a machine to read."""
        return {
            "instance": self.instance.name,
            "type": self.instance.kind,
            "convention": self.instance.convention,
            "clients": len(self.instance.problem.calls),
            "routes": len([route for route in self.solved.plan.routes if route]),
            "left_out": [self.instance.problem.calls[call].visit_id for call in self.solved.account.left_out],
            "cost": self.cost,
            "cost_exact_ways": self.instance.exact_cost(self.solved.plan),
            "best": None if self.best is None else self.best.cost,
            "gap_percent": self.gap_percent,
            "took_s": round(self.took_s, 3),
            "ended": self.solved.ended,
            "better_plans": self.solved.better,
            "refused_plans": self.solved.refused,
        }


def best_of(given: str | None, file: Path, instance: Instance) -> Best | None:
    """Return the best known cost: a number, a solution file, or the one beside the instance; None where there is none.

    Raises
    ------
    InstanceError
        What was given is neither a number above 0 nor a solution file.
    """
    if given is None:
        beside = file.with_suffix(".sol")
        return read_best(beside, instance) if beside.is_file() else None
    try:
        cost = float(given)
    except ValueError:
        return read_best(Path(given), instance)
    if not 0 < cost < float("inf"):
        raise InstanceError(f"--best {given}: a cost is above 0, in the instance's own unit.")
    return Best(cost, is_computed=False, is_kept=True)


def told(run: Run, until_s: float = math.inf) -> list[str]:
    """Return a run as lines for people.

    Parameters
    ----------
    run : Run
        The run.
    until_s : float
        Instant on the machine's monotonic clock after which no more reasons are looked for: each takes its time.
    """
    places = len(str(run.instance.scale)) - 1
    exact = run.instance.exact_cost(run.solved.plan)
    lines = [f"cost {run.cost:.{places}f} in the {run.instance.convention} convention, {exact:.3f} with exact ways"]
    if run.best is not None:
        source = "computed from its routes" if run.best.is_computed else "as stated"
        gap = "" if run.gap_percent is None else f": {run.gap_percent:+.2f} %"
        lines.append(f"best known {run.best.cost:.{places}f} ({source}){gap}")
        if not run.best.is_kept:
            lines.append("the best known routes break a rule in this convention; their cost is no measure")
    lines.extend(_left_out(run, until_s))
    lines.append(
        f"{run.took_s:.1f} s; the solver ended: {run.solved.ended.replace('_', ' ')} {run.solved.words}".rstrip()
    )
    return lines


def _left_out(run: Run, until_s: float) -> Iterator[str]:
    problem, count = run.instance.problem, len(run.solved.account.left_out)
    for told_of, unplanned in enumerate(reasons(problem, run.solved.plan), start=1):
        yield f"client {problem.calls[unplanned.call].visit_id} is left out: {unplanned.reason.replace('_', ' ')}"
        if time.monotonic() > until_s and told_of < count:
            yield f"{count - told_of} more are left out; there is no time left to look for the reasons"
            return
