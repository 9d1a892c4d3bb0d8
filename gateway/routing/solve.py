"""A plan within a limit: the solver runs in a process of its own, and its word is checked line by line.

The plan that was there before, or what insertion alone can do, is the first one; whatever the solver says is taken only
when the checker finds nothing wrong with it and it is better. At the limit the process is killed, and the best plan so
far is the answer. So there is always an answer, and never a late one: not from a solver that hangs, lies, breaks or ends
without a word.
"""

import contextlib
import importlib.util
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final, Literal

import msgspec

from gateway.errors import CalloutError
from gateway.routing.task import BETTER, ENCODER, task_of
from workflows.routing import Account, Plan, Problem, can_be_kept, check
from workflows.unplanned import complete

_log = logging.getLogger(__name__)

# More visits than this are not searched together: they are split before.
MOST_CALLS: Final = 150
# The solver is asked to be done so much earlier than it is killed.
_GRACE_S: Final = 0.3
_SHORTEST_S: Final = 1.0
_BYTES: Final = 1 << 16
_MOST_BYTES: Final = 1 << 24

Ended = Literal["by_itself", "killed", "broken"]


class NoSolverError(CalloutError):
    """PyVRP is not installed."""


@dataclass(frozen=True, slots=True)
class Solved:
    """The best plan that could be proved, what it comes to, and how the search went.

    `better` counts the plans that were taken, `refused` those that the checker found wrong; `words` are the solver's last
    ones when it broke.
    """

    plan: Plan
    account: Account
    took_s: float
    ended: Ended
    better: int
    refused: int
    words: str = ""


def has_solver() -> bool:
    """Whether the extra that plans routes is installed."""
    return importlib.util.find_spec("pyvrp") is not None


def require_solver() -> None:
    """See that routes can be planned.

    Raises
    ------
    NoSolverError
        The extra is not installed.
    """
    if not has_solver():
        raise NoSolverError(
            "PyVRP, which plans routes, is not installed: it is an extra. Install it (pip install 'callout[routes]', or "
            "pyvrp into this environment). Without it dates are offered and kept as before, by insertion."
        )


def solve(
    problem: Problem,
    start: Plan,
    *,
    limit_s: float,
    seed: int = 0,
    patience: int | None = None,
    command: Sequence[str] | None = None,
    on_better: Callable[[float, Account], None] | None = None,
    searches: int = 1,
) -> Solved:
    """Return the best plan that is found within a limit and proved.

    Parameters
    ----------
    problem : Problem
        At most `MOST_CALLS` visits.
    start : Plan
        Where to begin; a plan that cannot be kept is kept out, what it lacks is inserted where there is room.
    limit_s : float
        From now until this returns, at least 1; the process is killed then.
    seed : int
        Of the search.
    patience : int or None
        Rounds without a better plan after which the search may end; None: it uses its time.
    command : sequence of str or None
        Another solver, for tests; None: PyVRP.
    on_better : callable or None
        Told the seconds so far and the account of each better plan.
    searches : int
        So many search at once, each with chance of its own; more than there are processors take each other's time.

    Raises
    ------
    NoSolverError
        PyVRP is wanted and not installed.
    ValueError
        There are too many visits, or the limit is too short.
    """
    if len(problem.calls) > MOST_CALLS:
        raise ValueError(f"{len(problem.calls)} visits are more than {MOST_CALLS}: split the problem first")
    if limit_s < _SHORTEST_S:
        raise ValueError(f"a limit of {limit_s} s is too short: the solver needs {_SHORTEST_S} s to begin")
    if command is None:
        require_solver()
    began_s = time.monotonic()
    search = _Search(problem, complete(problem, sound(problem, start)), began_s, on_better)
    until_s = began_s + limit_s
    # What insertion alone has found leads a search astray; it begins better with a plan of its own.
    begin = sound(problem, start)
    tasks = [
        ENCODER.encode(task_of(problem, begin, until_s=until_s - _GRACE_S, seed=seed + number, patience=patience))
        for number in range(searches)
    ]
    ended, words = _run(command or [sys.executable, "-m", "gateway.routing.child"], tasks, search, until_s)
    took_s = time.monotonic() - began_s
    return Solved(search.plan, search.account, took_s, ended, search.better, search.refused, words)


class _Search:
    """The best plan so far, and the lines that come in; only what is proved replaces it."""

    def __init__(
        self, problem: Problem, plan: Plan, began_s: float, on_better: Callable[[float, Account], None] | None
    ) -> None:
        self._problem, self._began_s, self._on_better = problem, began_s, on_better
        self.plan, self.account = plan, check(problem, plan)
        self.better = self.refused = 0

    def reader(self) -> Callable[[bytes], None]:
        """Return what takes one solver's output: of several whole lines the newest one that is proved and better."""
        rest = b""

        def read(data: bytes) -> None:
            nonlocal rest
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > _MOST_BYTES:
                rest, self.refused = b"", self.refused + 1
            for line in reversed(lines):
                if self._take(line):
                    return

        return read

    def _take(self, line: bytes) -> bool:
        try:
            plan = Plan(tuple(tuple(route) for route in BETTER.decode(line).routes))
        except msgspec.MsgspecError:
            self.refused += 1
            return False
        account = check(self._problem, plan)
        # A promise that it has no room for makes a plan worse, not wrong.
        if wrong := [breach for breach in account.breaches if breach.kind != "left_out"]:
            self.refused += 1
            _log.warning("the solver's plan is refused: %s", wrong[0].words)
            return False
        if not is_better(account, self.account):
            return False
        self.plan, self.account, self.better = plan, account, self.better + 1
        if self._on_better is not None:
            self._on_better(time.monotonic() - self._began_s, account)
        return True


def sound(problem: Problem, plan: Plan) -> Plan:
    """Return a plan without the days that cannot be kept, and without a visit's second time."""
    seen = set[int]()
    routes: list[tuple[int, ...]] = []
    for shift, route in zip(problem.shifts, plan.routes, strict=True):
        once = tuple(call for call in dict.fromkeys(route) if call not in seen)
        routes.append(once if can_be_kept(problem, shift, once) else ())
        seen.update(routes[-1])
    return Plan(tuple(routes))


def is_better(new: Account, old: Account) -> bool:
    """Whether a plan is to be preferred: it can be kept, makes more visits, goes less far, in this order."""
    return (not new.is_kept, len(new.left_out), new.length) < (not old.is_kept, len(old.left_out), old.length)


def _run(command: Sequence[str], tasks: Sequence[bytes], search: _Search, until_s: float) -> tuple[Ended, str]:
    """Run a solver for each task until all have ended or the time is over, and say which of the two it was."""
    with contextlib.ExitStack() as stack:
        complaints = [stack.enter_context(TemporaryFile()) for _ in tasks]
        processes: list[subprocess.Popen[bytes]] = []
        for task, words in zip(tasks, complaints, strict=True):
            processes.append(_start(command, task, words))
            stack.callback(_end, processes[-1])
        if not _listen(processes, search, until_s):
            return "killed", ""
        for process, words in zip(processes, complaints, strict=True):
            if process.returncode != 0:
                return "broken", _last_words(words)
    return "by_itself", ""


def _start(command: Sequence[str], task: bytes, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    with TemporaryFile() as given:
        given.write(task)
        given.seek(0)
        # In a session of its own, so that what it starts ends with it.
        return subprocess.Popen(
            command, stdin=given, stdout=subprocess.PIPE, stderr=complaints, env=environment, start_new_session=True
        )


def _listen(processes: Sequence[subprocess.Popen[bytes]], search: _Search, until_s: float) -> bool:
    """Read what the solvers say; return whether all of them ended before their time was over."""
    with selectors.DefaultSelector() as selector:
        for process in processes:
            if process.stdout is not None:
                selector.register(process.stdout, selectors.EVENT_READ, search.reader())
        while selector.get_map() and (left_s := until_s - time.monotonic()) > 0:
            for key, _ in selector.select(left_s):
                if data := os.read(key.fd, _BYTES):
                    key.data(data)
                else:
                    selector.unregister(key.fileobj)
    try:
        for process in processes:
            process.wait(max(0.0, until_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the solver and all that it started; nothing can refuse this signal."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _last_words(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
