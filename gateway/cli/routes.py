"""The command that plans the routes of a published instance, so that anyone can check what the planner is worth."""

import json as json_module
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Final, NoReturn, get_args

import typer

_CONVENTIONS: Final = "dimacs, exact or round"
# What is left for writing the routes and ending: seconds of processor time, and some that pass on any machine.
_ENDING_CPU_S: Final = 0.2
_ENDING_S: Final = 0.3
_MOST_STARTING_S: Final = 20.0
_MOST_SEARCHES: Final = 2


def plan_routes(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Instance in VRPLIB, Solomon or Cordeau format.")],
    *,
    limit_s: Annotated[
        float, typer.Option(min=2, max=3600, help="Seconds that it may take, from its start to its end.")
    ] = 15.0,
    out: Annotated[Path | None, typer.Option(help="Write the routes into this file, not to the terminal.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write costs, gap and times into this file, too.")] = None,
    best: Annotated[
        str | None, typer.Option(help="Best known cost, or its solution file; a .sol beside the instance is found.")
    ] = None,
    convention: Annotated[
        str | None, typer.Option(help=f"How ways are rounded: {_CONVENTIONS}. Unset: as is usual for the file's type.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 0,
) -> None:
    """Plan the routes of a published instance, and write them in VRPLIB's solution format.

    The cost is computed from the routes, not taken from the solver: in the instance's convention, and with ways as long
    as they are. Progress and figures go to the error output, routes to the output. Exits with 1 when clients are left
    out. Needs the extra `routes` (PyVRP).
    """
    from gateway.routing.instance import Convention, read_instance, solution_text
    from gateway.routing.report import Run, best_of, told
    from gateway.routing.solve import SHORTEST_S, require_solver
    from gateway.routing.split import solve_all
    from gateway.routing.stretch import Stretch
    from gateway.routing.vetting import InstanceError
    from workflows.routing import empty_plan

    require_solver()
    if convention is not None and convention not in get_args(Convention):
        raise InstanceError(f"--convention {convention}: it is {_CONVENTIONS}.")
    # Called by another name it runs inside another program, which has been running for reasons of its own.
    is_own_process = context.find_root().info_name == "callout"
    began_s = time.monotonic() - (_running_s() if is_own_process else 0.0)
    instance = read_instance(file, convention)  # pyright: ignore[reportArgumentType]  # looked at above
    known = best_of(best, file, instance)
    problem = instance.problem
    _say(
        f"{instance.name}: {len(problem.calls)} clients, {len(problem.shifts)} vehicles, {instance.convention} convention"
    )
    over_s = began_s + limit_s
    # What starting took beside its processor time says how busy the machine is, until it is known better.
    stretch = Stretch((time.monotonic() - began_s) / max(time.process_time(), 0.05) if is_own_process else 1.0)
    left_s = max(0.0, over_s - _ENDING_S - time.monotonic())
    if left_s < SHORTEST_S:
        _say(f"starting has taken {limit_s - left_s:.1f} s of {limit_s:g} s on this busy machine: nothing is searched")
    solved = solve_all(
        problem,
        empty_plan(problem),
        limit_s=left_s,
        searches=min(_MOST_SEARCHES, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1),
        seed=seed,
        afterwards_cpu_s=_ENDING_CPU_S,
        stretch=stretch,
        on_better=lambda at_s, account: _say(
            f"{at_s:6.1f} s  cost {instance.cost(account.length):.3f}, {len(account.left_out)} left out"
        ),
    )
    run = Run(instance, solved, known, time.monotonic() - began_s)
    text = solution_text(instance, solved.plan, instance.cost(solved.account.length))
    if out is None:
        typer.echo(text, nl=False)
    else:
        _write(out, text, "--out")
    for line in told(run, (time.monotonic() + over_s) / 2):
        _say(line)
    if json is not None:
        _write(json, json_module.dumps(run.as_json(), indent=2) + "\n", "--json")
    if is_own_process:
        _end_at_once(0 if run.is_whole else 1)
    if not run.is_whole:
        raise typer.Exit(1)


def _end_at_once(code: int) -> NoReturn:
    """End this process without tidying up its memory, which takes time on a busy machine and is of no use to anybody."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _running_s() -> float:
    """Return for how long this process has been running: starting Python is part of the time that was given.

    The very first call makes the environment in the same process; those minutes are no part of it.
    """
    try:
        ticks = int(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19])
        up_s = float(Path("/proc/uptime").read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        # Only Linux tells; elsewhere the time begins here.
        return 0.0
    running_s = max(0.0, up_s - ticks / os.sysconf("SC_CLK_TCK"))
    return running_s if running_s < _MOST_STARTING_S else 0.0


def _say(line: str) -> None:
    typer.echo(line, err=True)
    sys.stderr.flush()


def _write(path: Path, text: str, option: str) -> None:
    from gateway.routing.vetting import InstanceError
    from gateway.whole import write_whole

    try:
        write_whole(path, text)
    except OSError as error:
        raise InstanceError(f"{option} {path} cannot be written: {error}. Name another file.") from error
    _say(f"wrote {path}")


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(rich_help_panel="Development")(plan_routes)
