"""A plan within a limit: the solver runs in a process of its own, and its word is checked line by line.

The plan that was there before, or what insertion alone can do, is the first one; whatever the solver says is taken only
when the checker finds nothing wrong with it and it is better. Before the limit is over the process is killed, and the best
plan so far is the answer. So there is always an answer, and never a late one: not from a solver that hangs, lies, breaks or
ends without a word, and not on a machine that is busy, where ending begins earlier.
"""

import contextlib
import importlib.util
import logging
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final, Literal

import msgspec

from gateway.errors import CalloutError
from gateway.routing.stretch import Stretch
from gateway.routing.task import BETTER, ENCODER, task_of
from workflows.routing import Account, Plan, Problem, can_be_kept, check
from workflows.unplanned import complete

_log = logging.getLogger(__name__)

# More visits than this are not searched together: they are split before.
MOST_CALLS: Final = 150
# The solver is asked to be done so much earlier than it is killed.
_GRACE_S: Final = 0.2
SHORTEST_S: Final = 1.0
# A process that has been killed ends as soon as the machine gives it a moment; more than this is not waited for it.
_DYING_S: Final = 0.1
# What ending takes on any machine, and what reading a last plan, killing and returning take of processor time.
_ENDING_S: Final = 0.15
_ENDING_CPU_S: Final = 0.05
# So often it is looked how busy the machine is.
_LOOK_S: Final = 0.25
_BYTES: Final = 1 << 16
_MOST_BYTES: Final = 1 << 24

# no_time: so little was left that no solver was started.
Ended = Literal["by_itself", "killed", "broken", "no_time"]


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
    afterwards_cpu_s: float = 0.0,
    stretch: Stretch | None = None,
) -> Solved:
    """Return the best plan that is found within a limit and proved.

    Parameters
    ----------
    problem : Problem
        At most `MOST_CALLS` visits.
    start : Plan
        Where to begin; a plan that cannot be kept is kept out, what it lacks is inserted where there is room.
    limit_s : float
        From now until this has returned, at least 1; the process is killed before.
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
    afterwards_cpu_s : float
        Processor time that the caller needs within the limit once this has returned.
    stretch : Stretch or None
        What is known of how busy the machine is; None: nothing yet.

    Raises
    ------
    NoSolverError
        PyVRP is wanted and not installed.
    ValueError
        There are too many visits, or the limit is too short.
    """
    if len(problem.calls) > MOST_CALLS:
        raise ValueError(f"{len(problem.calls)} visits are more than {MOST_CALLS}: split the problem first")
    if limit_s < SHORTEST_S:
        raise ValueError(f"a limit of {limit_s} s is too short: the solver needs {SHORTEST_S} s to begin")
    if command is None:
        require_solver()
    began_s = time.monotonic()
    time_left = _TimeLeft(began_s, limit_s, _ENDING_CPU_S + afterwards_cpu_s, stretch or Stretch())
    search = _Search(problem, complete(problem, sound(problem, start)), began_s, on_better)
    time_left.look()
    until_s = time.monotonic() + time_left.left_s - _GRACE_S
    # What insertion alone has found leads a search astray; it begins better with a plan of its own.
    begin = sound(problem, start)
    tasks = [
        ENCODER.encode(task_of(problem, begin, until_s=until_s, seed=seed + number, patience=patience))
        for number in range(searches)
    ]
    ended, words = _run(command or [sys.executable, "-m", "gateway.routing.child"], tasks, search, time_left)
    took_s = time.monotonic() - began_s
    return Solved(search.plan, search.account, took_s, ended, search.better, search.refused, words)


@dataclass(frozen=True, slots=True)
class _TimeLeft:
    """What is left of a limit, without what ending takes: the more of it the busier the machine is just now."""

    began_s: float
    limit_s: float
    ending_cpu_s: float
    stretch: Stretch

    @property
    def left_s(self) -> float:
        """Seconds until ending has to begin, below 0 when it should have begun."""
        ending_s = self.stretch.ending_s(self.limit_s, idle_s=_ENDING_S, processor_s=self.ending_cpu_s)
        return self.began_s + self.limit_s - ending_s - time.monotonic()

    def look(self) -> None:
        """See how busy the machine is."""
        self.stretch.look()


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


def _run(command: Sequence[str], tasks: Sequence[bytes], search: _Search, time_left: _TimeLeft) -> tuple[Ended, str]:
    """Run a solver for each task until all have ended or the time is over, and say which of the two it was."""
    with contextlib.ExitStack() as stack:
        complaints = [stack.enter_context(TemporaryFile()) for _ in tasks]
        processes: list[subprocess.Popen[bytes]] = []
        stack.callback(_end, processes)
        for task, words in zip(tasks, complaints, strict=True):
            processes.append(_start(command, task, words))
        if not _listen(processes, search, time_left):
            return "killed", ""
        for process, words in zip(processes, complaints, strict=True):
            if process.returncode != 0:
                return "broken", _last_words(words)
    return "by_itself", ""


def _start(command: Sequence[str], task: bytes, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    with TemporaryFile() as given:
        given.write(task)
        given.seek(0)
        # In a session of its own, so that what it starts ends with it.
        return subprocess.Popen(
            command, stdin=given, stdout=subprocess.PIPE, stderr=complaints, env=environment, start_new_session=True
        )


def _listen(processes: Sequence[subprocess.Popen[bytes]], search: _Search, time_left: _TimeLeft) -> bool:
    """Read what the solvers say; return whether all of them ended before their time was over."""
    with selectors.DefaultSelector() as selector:
        for process in processes:
            if process.stdout is not None:
                selector.register(process.stdout, selectors.EVENT_READ, search.reader())
        while selector.get_map() and (left_s := time_left.left_s) > 0:
            for key, _ in selector.select(min(left_s, _LOOK_S)):
                if data := os.read(key.fd, _BYTES):
                    key.data(data)
                else:
                    selector.unregister(key.fileobj)
            time_left.look()
    try:
        for process in processes:
            process.wait(max(0.0, time_left.left_s))
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the solvers and all that they started; nothing can refuse this signal, and nobody is waited for without end."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    until_s = time.monotonic() + _DYING_S
    for process in processes:
        try:
            process.wait(max(0.0, until_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            # It ends, but not in our time; its entry is taken off the system's table by somebody who may wait.
            threading.Thread(target=process.wait, daemon=True).start()
        if process.stdout is not None:
            process.stdout.close()


def _last_words(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
