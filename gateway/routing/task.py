"""A task as it is handed to the solver's process, and what comes back: one line for each plan that is better."""

from typing import Final

import msgspec
import numpy as np

from workflows.routing import Call, Plan, Problem, Shift, Travel


class Task(msgspec.Struct, frozen=True):
    """What the solver's process reads from its input, whole, before it begins.

    `until_s` is the instant on the machine's monotonic clock at which it has to be done; `patience` the number of rounds
    without a better plan after which it may end earlier, None: never.
    """

    calls: list[Call]
    shifts: list[Shift]
    lengths: list[list[int]]
    durations: list[list[int]]
    not_before: int
    until_s: float
    seed: int
    patience: int | None
    start: list[list[int]]


class Better(msgspec.Struct, frozen=True):
    """One line of the solver's output: a plan, technician by technician. It is a claim, and is checked."""

    routes: list[list[int]]


ENCODER: Final = msgspec.json.Encoder()
TASK: Final = msgspec.json.Decoder(Task)
BETTER: Final = msgspec.json.Decoder(Better)


def task_of(problem: Problem, start: Plan, *, until_s: float, seed: int, patience: int | None) -> Task:
    """Return a problem as a task."""
    return Task(
        list(problem.calls),
        list(problem.shifts),
        problem.travel.lengths.tolist(),
        problem.travel.durations.tolist(),
        problem.not_before,
        until_s,
        seed,
        patience,
        [list(route) for route in start.routes],
    )


def problem_of(task: Task) -> Problem:
    """Return a task as the problem that it was."""
    travel = Travel(np.array(task.lengths, dtype=np.int64), np.array(task.durations, dtype=np.int64))
    return Problem(task.calls, task.shifts, travel, task.not_before)
