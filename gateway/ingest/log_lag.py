"""How far a worker is behind a log: how many messages wait there, and for how long they have waited.

What a record says of its own time is its writer's clock, and may be years old when a recording is played. So ages are
counted here, from when the end of a partition was seen to when the worker has taken all up to there. It knows offsets and
a clock that only goes forward, and no log.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """How things stand in one partition: the offset that the worker takes next, and the one that is written next."""

    partition: int
    taken: int
    end: int


@dataclass(frozen=True, slots=True)
class Behind:
    """How many messages wait in the log, and for how many seconds the oldest has waited, as far as we have seen."""

    messages: int
    waited_s: float


@dataclass(frozen=True, slots=True)
class _Mark:
    """An end of a partition that was seen, whether something waited before it, and how long the mark before had waited."""

    end: int
    seen_s: float
    is_waiting: bool
    waited_s: float


class LogLag:
    """What waits in the partitions of one range.

    Parameters
    ----------
    clock : callable
        Seconds of a clock that only goes forward.

    Examples
    --------
    >>> seconds = iter([0.0, 30.0, 90.0, 91.0, 91.0])
    >>> lag = LogLag(lambda: next(seconds))
    >>> for taken, end in ((0, 500), (200, 900), (600, 1000)):
    ...     lag.look([Place(7, taken, end)])
    >>> lag.look([Place(7, 700, 1000)]); lag.behind()
    Behind(messages=300, waited_s=90.0)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: dict[int, _Mark] = {}
        self._messages = 0

    def look(self, places: Iterable[Place]) -> None:
        """Take in how things stand now."""
        now_s = self._clock()
        messages = 0
        marks: dict[int, _Mark] = {}
        for place in places:
            messages += max(0, place.end - place.taken)
            marks[place.partition] = _next(self._marks.get(place.partition), place, now_s)
        # One assignment each: another thread asks.
        self._messages, self._marks = messages, marks

    def behind(self) -> Behind | None:
        """Return how far the worker is behind; None before anything was seen."""
        marks = self._marks
        if not marks:
            return None
        now_s = self._clock()
        waited_s = max(max(each.waited_s, now_s - each.seen_s) if each.is_waiting else 0.0 for each in marks.values())
        return Behind(self._messages, waited_s)


def _next(mark: _Mark | None, place: Place, now_s: float) -> _Mark:
    """Return the mark as it is until the worker has come to it, and then a new one at the present end."""
    if mark is not None and mark.is_waiting and place.taken < mark.end:
        return mark
    is_waiting = place.taken < place.end
    # A worker that is behind by a minute comes to each mark after a minute: between two of them it is no less behind.
    waited_s = now_s - mark.seen_s if mark is not None and mark.is_waiting and is_waiting else 0.0
    return _Mark(place.end, now_s, is_waiting, waited_s)
