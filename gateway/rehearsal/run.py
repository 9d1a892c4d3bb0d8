"""Running seeds: on one scratch server, in some processes, told as they go, and summed up in one line of JSON."""

import json
import logging
import multiprocessing
import multiprocessing.util
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString, cast

from gateway.rehearsal.checker import Violation
from gateway.rehearsal.play import Played, Stage, stage
from gateway.rehearsal.scratch import scratch_database, server
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be rehearsed: which seeds, for how many days, and what is broken on purpose before, in SQL.

    Stories are kept of the seeds that fail, and with `keeps_stories` of all.
    """

    seeds: Sequence[int]
    days: int
    plant: str = ""
    keeps_stories: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed in which an invariant did not hold, with its story up to there."""

    seed: int
    violations: Sequence[Violation]
    story: str


@dataclass(slots=True)
class Summary:
    """What all seeds came to."""

    days: int
    seeds: int = 0
    events: int = 0
    requests: int = 0
    appointments: int = 0
    failures: list[Failure] = field(default_factory=list[Failure])
    stories: list[str] = field(default_factory=list[str])

    def add(self, played: Played, *, keeps_story: bool) -> None:
        """Add a seed."""
        if keeps_story:
            self.stories.append(str(played.story))
        self.seeds += 1
        self.events += played.events
        self.requests += played.requests
        self.appointments += played.confirmed
        if played.violations:
            self.failures.append(Failure(played.seed, played.violations, str(played.story)))

    def as_json(self, took_s: float) -> str:
        """Return one line of JSON."""
        return json.dumps(
            {
                "seeds": self.seeds,
                "days": self.days,
                "events": self.events,
                "requests": self.requests,
                "appointments": self.appointments,
                "violations": sum(len(failure.violations) for failure in self.failures),
                "violated": sorted({each.invariant for failure in self.failures for each in failure.violations}),
                "failed_seeds": sorted(failure.seed for failure in self.failures),
                "seconds": round(took_s, 1),
                "events_per_second": round(self.events / took_s) if took_s > 0 else 0,
            }
        )


def run(settings: Settings, plan: Plan, workers: int, tell: Callable[[Summary, float], None]) -> Summary:
    """Play all seeds of a plan.

    Parameters
    ----------
    settings : Settings
        With the server on which scratch databases are made; without one an embedded server is brought along.
    plan : Plan
        What to play.
    workers : int
        How many processes play at a time; with one, this one does.
    tell : callable
        Is told after each seed how far it is, and how many seconds have passed.
    """
    began_s = time.monotonic()
    summary = Summary(plan.days)
    with server(settings.database_url) as server_url:
        for played in _played(server_url, settings, plan, workers):
            summary.add(played, keeps_story=plan.keeps_stories)
            tell(summary, time.monotonic() - began_s)
    summary.failures.sort(key=lambda failure: failure.seed)
    return summary


def _played(server_url: str, settings: Settings, plan: Plan, workers: int) -> Iterator[Played]:
    if workers == 1:
        with ExitStack() as stack:
            own = _stage(stack, server_url, settings, plan.plant)
            for seed in plan.seeds:
                yield own.play(seed, plan.days)
        return
    # Started afresh: a copy of this process would share its connections.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _open, (server_url, settings, plan.plant)) as pool:
        for each in as_completed([pool.submit(_play, seed, plan.days) for seed in plan.seeds]):
            yield each.result()


def _stage(stack: ExitStack, server_url: str, settings: Settings, plant: str) -> Stage:
    # What providers and suppliers are made to do wrong is warned of a thousand times, and is the world's, not the run's.
    desk = logging.getLogger("gateway")
    stack.callback(desk.setLevel, desk.level)
    desk.setLevel(logging.ERROR)
    # Whoever names a file of SQL may run it: it is his scratch database.
    url = stack.enter_context(scratch_database(server_url, cast("LiteralString", plant)))
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="callout-world-"))
    return stack.enter_context(stage(url, settings, Path(folder)))


class _Process:
    """What a process of the pool keeps from one seed to the next; it ends with it."""

    stack = ExitStack()
    stage: Stage | None = None


def _open(server_url: str, settings: Settings, plant: str) -> None:
    multiprocessing.util.Finalize(None, _Process.stack.close, exitpriority=10)
    _Process.stage = _stage(_Process.stack, server_url, settings, plant)


def _play(seed: int, days: int) -> Played:
    if _Process.stage is None:
        raise RuntimeError(f"seed {seed}: this process has no scratch database, for it was not opened")
    return _Process.stage.play(seed, days)
