"""The machine's clock against one that only goes forward: whether it has jumped, and by how much.

Whoever sets a clock wrongly mostly sets it right again within minutes, and what is decided by it meanwhile (an offer that
ends, a case that is overdue) cannot be taken back. Pure: it is told what both clocks show.
"""

from datetime import datetime
from typing import Final

# Looks are seconds apart: what drifts or is put right slowly stays far below.
_LEAST_S: Final = 5.0


class Jumps:
    """Remembers the greatest jump of the machine's clock for a while.

    Parameters
    ----------
    remembered_s : float
        For how long.

    Examples
    --------
    Two seconds apart, the clock is set back by an hour:

    >>> from datetime import UTC, timedelta
    >>> jumps, noon = Jumps(300.0), datetime(2026, 11, 22, 12, tzinfo=UTC)
    >>> jumps.look(noon, 100.0), jumps.look(noon + timedelta(seconds=2), 102.0)
    (0.0, 0.0)
    >>> jumps.look(noon - timedelta(seconds=3596), 104.0), jumps.look(noon - timedelta(seconds=3594), 106.0)
    (3600.0, 3600.0)
    >>> jumps.look(noon - timedelta(seconds=3295), 405.0)
    0.0
    """

    def __init__(self, remembered_s: float) -> None:
        self._remembered_s = remembered_s
        self._before: tuple[float, float] | None = None
        self._greatest_s = 0.0
        self._until_s = float("-inf")

    def look(self, now: datetime, steady_s: float) -> float:
        """Take both clocks in; return the greatest jump that is remembered, forward or backward, in seconds.

        Parameters
        ----------
        now : datetime
            The machine's clock.
        steady_s : float
            The one that only goes forward.
        """
        now_s = now.timestamp()
        if self._before is not None:
            jump_s = abs((now_s - self._before[0]) - (steady_s - self._before[1]))
            if jump_s >= _LEAST_S:
                self._greatest_s = max(jump_s, self._greatest_s)
                self._until_s = steady_s + self._remembered_s
        self._before = now_s, steady_s
        if steady_s >= self._until_s:
            self._greatest_s = 0.0
        return self._greatest_s
