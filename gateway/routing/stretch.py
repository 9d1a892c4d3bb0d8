"""How much longer than its processor time work takes on this machine at present, and so how early ending has to begin.

Nobody can promise to be done at an instant and work until then: ending takes some processor time, and where many want the
processor that time is stretched. What is stretched by how much is measured again and again, for a machine that was idle
when a search began may be busy when it ends. It does not know what is ended.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

# Long enough that who waits for the processor lets others go first within it, and short beside the time between two.
_PROBE_S: Final = 0.01
_EVERY_S: Final = 0.5
_REMEMBERED: Final = 4
# However busy a machine is, so much of a limit is for the work itself.
_MOST_OF_A_LIMIT: Final = 0.6


@dataclass(slots=True)
class Stretch:
    """Seconds that pass for each second of processor time that this thread is given; the worst of the last few looks.

    Parameters
    ----------
    first : float
        What is known of it already, 1 where nothing is: it holds until enough was measured.
    clock, processor : callable
        Seconds that pass, and seconds of processor time of this thread.
    """

    first: float = 1.0
    clock: Callable[[], float] = time.monotonic
    processor: Callable[[], float] = time.thread_time
    _seen: deque[float] = field(init=False)
    _next_at_s: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin with what is known."""
        self._seen = deque([max(1.0, self.first)], maxlen=_REMEMBERED)
        self._next_at_s = self.clock()

    @property
    def worst(self) -> float:
        """The worst of the last few looks, at least 1.

        >>> Stretch(first=3.5).worst
        3.5
        """
        return max(self._seen)

    def look(self) -> None:
        """Measure again, when the last time is half a second ago."""
        began_s, ran_s = self.clock(), self.processor()
        if began_s < self._next_at_s:
            return
        while (spent_s := self.processor() - ran_s) < _PROBE_S:
            pass
        ended_s = self.clock()
        self._seen.append(max(1.0, (ended_s - began_s) / spent_s))
        self._next_at_s = ended_s + _EVERY_S

    def ending_s(self, limit_s: float, *, idle_s: float, processor_s: float) -> float:
        """Return how much earlier than a limit ending begins.

        Parameters
        ----------
        limit_s : float
            The whole limit; more than a part of it is not kept back.
        idle_s, processor_s : float
            What ending takes on any machine, and what it takes of processor time.

        >>> Stretch(first=2.0).ending_s(15.0, idle_s=0.25, processor_s=0.5)
        1.25
        """
        return min(idle_s + processor_s * self.worst, _MOST_OF_A_LIMIT * limit_s)
