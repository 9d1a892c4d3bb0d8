"""What became of each benchmark: its figures, or why it has none. One that breaks down takes none of the others along."""

import importlib
import importlib.util
import signal
import time
import traceback
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol, cast

from benchmarks.costs import occupied
from benchmarks.figures import Figure
from gateway.errors import CalloutError
from simulators.progress import ProgressLine

# Several times what any of them takes on two cores: only one that waits for what never comes is ended by it.
_LONGEST_S: Final = 2700
_LONGEST_QUICK_S: Final = 600


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
    """A benchmark that was not run, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A benchmark that was begun and gave nothing, why, and after how many seconds."""

    reason: str
    seconds: float


Outcome = Measured | LeftOut | Failed
Outcomes = Mapping[str, Outcome]


def outcome_of(name: str, *, is_quick: bool, progress: ProgressLine) -> Outcome:
    """Run a benchmark to its end, whatever that is.

    Parameters
    ----------
    name
        A module of this folder.
    is_quick
        Whether a small run will do.
    progress
        Told how far it is.
    """
    module = f"benchmarks.{name}"
    if importlib.util.find_spec(module) is None:
        return LeftOut("it is not part of this version")
    began_s, before = time.monotonic(), occupied()
    try:
        part = importlib.import_module(module)
        if not hasattr(part, "figures"):
            return LeftOut(f"it gives no figures here; run it by itself: python -m {module}")
        with _ended_after(_LONGEST_QUICK_S if is_quick else _LONGEST_S):
            figures = cast("Benchmark", part).figures(is_quick, progress)
    except (CalloutError, OSError) as error:
        return Failed(str(error), time.monotonic() - began_s)
    except Exception as error:  # noqa: BLE001  # hours of the others must not be lost with it; its trace is told at once
        progress.say(traceback.format_exc().rstrip())
        return Failed(f"{type(error).__name__}: {error}".rstrip(": "), time.monotonic() - began_s)
    seconds, after = time.monotonic() - began_s, occupied()
    return Measured(figures, seconds, after.others_since(before) if before and after else None)


@contextmanager
def _ended_after(seconds: int) -> Generator[None]:
    """End what takes longer, by an error in the middle of it, so that it still ends what it has started."""

    def end(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"it had not ended after {seconds:,} s; its last line of progress says how far it was")

    former = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def figures_of(outcomes: Outcomes) -> list[tuple[str, Figure]]:
    """Return all figures with the names of their benchmarks."""
    return [
        (name, figure) for name, of_one in outcomes.items() if isinstance(of_one, Measured) for figure in of_one.figures
    ]
