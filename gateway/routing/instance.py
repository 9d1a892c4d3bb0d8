"""Published instances: files in VRPLIB, Solomon or Cordeau format as problems, and routes as files that anyone can check.

Costs are lengths. Published best known costs follow conventions of rounding, which change what the best plan is, so the
convention is part of the problem: `dimacs` truncates every way and time to one decimal (Solomon's instances since the
DIMACS challenge), `exact` rounds to three decimals (the site dependent ones, and all in Cordeau's format), `round` to whole numbers (TSPLIB's EUC_2D,
without windows). Inside all values are whole multiples of that decimal. Beside it stands the cost of the same routes with
ways as long as they are, in double precision.

Where a file says which vehicle may visit whom (SDVRPTW), vehicles that may visit the same clients are of one kind; each
kind that may not visit some client makes a skill that all other kinds have and that those clients need.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from gateway.routing.cordeau import is_cordeau, read_cordeau
from gateway.routing.vetting import InstanceError, is_solomon, text_of, vet_solomon, vet_vrplib
from workflows.routing import NO_LIMIT, Call, Plan, Problem, Shift, Travel

Convention = Literal["dimacs", "exact", "round"]
_SCALES: Final[dict[Convention, int]] = {"dimacs": 10, "exact": 1000, "round": 1}


@dataclass(frozen=True, slots=True)
class Instance:
    """A published instance as a problem; node n+1 of the file, its client n, is visit n.

    `scale` is how many units of the problem one unit of the file is; `ways` are the ways as long as they are.
    """

    name: str
    kind: str
    convention: Convention
    scale: int
    problem: Problem
    ways: NDArray[np.float64]
    has_kinds: bool

    def cost(self, length: int) -> float:
        """Return a length of the problem in the file's own unit."""
        return length / self.scale

    def exact_cost(self, plan: Plan) -> float:
        """Return what a plan costs with ways as long as they are."""
        total = 0.0
        for route in plan.routes:
            points = [0, *(self.problem.calls[call].point for call in route), 0]
            total += sum(float(self.ways[here, there]) for here, there in pairwise(points))
        return total

    def clients(self, plan: Plan) -> list[list[int]]:
        """Return a plan's routes as files have them; those of vehicles that are all alike without the empty ones."""
        routes = [[self.problem.calls[call].visit_id for call in route] for route in plan.routes]
        return routes if self.has_kinds else [route for route in routes if route]


def read_instance(path: Path, convention: Convention | None = None) -> Instance:
    """Read a file in VRPLIB, Solomon or Cordeau format; which of them it is, its content says.

    Parameters
    ----------
    path : Path
        Of the file.
    convention : Convention or None
        Of its costs; None: the one that is usual for its type.

    Raises
    ------
    InstanceError
        The file is not whole; the message names line and value.
    """
    import vrplib

    text = text_of(path)
    if is_cordeau(text):
        kind, values = read_cordeau(path, text)
    elif is_solomon(text):
        vet_solomon(path, text)
        kind = "VRPTW"
        values = vrplib.read_instance(path, instance_format="solomon")  # pyright: ignore[reportUnknownMemberType]
    else:
        kind = vet_vrplib(path, text).type_name
        values = vrplib.read_instance(path)  # pyright: ignore[reportUnknownMemberType]  # its type of a path is open
    used = convention or ("exact" if is_cordeau(text) else _usual(values))
    return _instance(path, kind, values, used)


def _usual(values: dict[str, Any]) -> Convention:
    if "vehicles_allowed_clients" in values:
        return "exact"
    return "dimacs" if "time_window" in values else "round"


def _instance(path: Path, kind: str, values: dict[str, Any], convention: Convention) -> Instance:
    scale = _SCALES[convention]
    whole = _rounding(convention)
    ways = np.asarray(values["edge_weight"], dtype=np.float64)
    count = len(ways)
    windows = values.get("time_window")
    windows = np.tile([0.0, NO_LIMIT / scale / 4], (count, 1)) if windows is None else np.asarray(windows, dtype=float)
    times = values.get("service_time", 0.0)
    lasts = np.asarray(times, dtype=float) if np.ndim(times) else np.r_[0.0, np.full(count - 1, float(times))]
    opens, closes = (int(value) for value in whole(windows[0]))
    needs, shifts = _fleet(values, whole, count, opens, closes)
    calls = [
        Call(node, node, int(first), int(last), int(long), needs[node], int(load))
        for node, ((first, last), long, load) in enumerate(
            zip(whole(windows), whole(lasts), np.asarray(values["demand"], dtype=float), strict=True)
        )
        if node
    ]
    lengths = whole(ways)
    name = str(values.get("name", path.stem))
    return Instance(
        name, kind, convention, scale, Problem(calls, shifts, Travel(lengths, lengths)), ways, _differ(shifts)
    )


def _differ(shifts: Sequence[Shift]) -> bool:
    """Whether it matters which vehicle goes where."""
    return len({(shift.skills, shift.capacity, shift.longest) for shift in shifts}) > 1


def _rounding(convention: Convention) -> Callable[[NDArray[np.float64]], NDArray[np.int64]]:
    scale = _SCALES[convention]
    if convention == "dimacs":
        return lambda values: np.floor(np.asarray(values) * scale + 1e-9).astype(np.int64)
    return lambda values: np.rint(np.asarray(values) * scale).astype(np.int64)


def _fleet(
    values: dict[str, Any],
    whole: Callable[[NDArray[np.float64]], NDArray[np.int64]],
    count: int,
    opens: int,
    closes: int,
) -> tuple[list[frozenset[str]], list[Shift]]:
    """Return the skills that each node needs, and the vehicles; without a number of vehicles there is one a client."""
    allowed = cast("Sequence[Sequence[int]] | None", values.get("vehicles_allowed_clients"))
    vehicles = int(values.get("vehicles", count - 1))
    if allowed is None and np.ndim(values["capacity"]) == 0:
        # Of vehicles that are all alike, more than there are clients have nothing to do.
        vehicles = min(vehicles, count - 1)
    everybody = frozenset(range(1, count))
    reach = [everybody] * vehicles if allowed is None else [frozenset(int(n) - 1 for n in row) for row in allowed]
    kinds = sorted(set(reach), key=sorted)
    skills = {kind: f"not for kind {number}" for number, kind in enumerate(kinds, start=1)}
    needs = [
        frozenset(skills[kind] for kind in kinds if node in everybody and node not in kind) for node in range(count)
    ]
    capacities = np.broadcast_to(np.asarray(values["capacity"]), (vehicles,))
    longest = values.get("vehicles_max_duration")
    limits = [NO_LIMIT] * vehicles if longest is None else np.broadcast_to(whole(np.asarray(longest)), (vehicles,))
    return needs, [
        Shift(
            number,
            0,
            opens,
            closes,
            frozenset(skill for kind, skill in skills.items() if kind != reach[number - 1]),
            int(capacities[number - 1]),
            int(limits[number - 1]),
            returns=True,
        )
        for number in range(1, vehicles + 1)
    ]


@dataclass(frozen=True, slots=True)
class Best:
    """A best known cost, in the file's unit, and whether it was computed from its routes or only stated."""

    cost: float
    is_computed: bool
    is_kept: bool


def read_best(path: Path, instance: Instance) -> Best:
    """Read a solution file; its routes are timed and measured here, and its stated cost is believed only without them.

    Raises
    ------
    InstanceError
        It is no solution file, or names clients that do not exist.
    """
    import vrplib

    from workflows.routing import check

    text_of(path)
    try:
        values = vrplib.read_solution(path)  # pyright: ignore[reportUnknownMemberType]
    except (ValueError, IndexError) as error:
        raise InstanceError(
            f"{path} is no solution: {error}. It has lines 'Route #1: 3 1 2' and 'Cost 123'."
        ) from error
    routes = cast("list[list[int]]", values.get("routes", []))
    if not any(routes):
        if not isinstance(cost := values.get("cost"), int | float):
            raise InstanceError(f"{path}: there is neither a route nor a cost in it.")
        return Best(float(cost), is_computed=False, is_kept=True)
    missing = len(instance.problem.shifts) - len(routes)
    if missing < 0:
        raise InstanceError(f"{path}: {len(routes)} routes, and {instance.name} has {-missing} vehicles fewer.")
    plan = Plan(tuple(tuple(client - 1 for client in route) for route in [*routes, *[[]] * missing]))
    account = check(instance.problem, plan)
    return Best(instance.cost(account.length), is_computed=True, is_kept=account.is_kept and not account.left_out)


def solution_text(instance: Instance, plan: Plan, cost: float) -> str:
    """Return routes in VRPLIB's solution format; where vehicles differ, route k is vehicle k's."""
    lines = [
        f"Route #{number}: {' '.join(map(str, route))}".rstrip()
        for number, route in enumerate(instance.clients(plan), start=1)
    ]
    return "\n".join([*lines, f"Cost {cost:.{len(str(instance.scale)) - 1}f}", ""])
