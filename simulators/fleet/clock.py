"""The fleet's clock: it runs fast through the past until it has caught up with the present, then goes with it."""

from collections.abc import Callable
from datetime import datetime, timedelta


class Clock:
    """Simulated time.

    Parameters
    ----------
    starts_at
        Where simulated time begins, aware; in the past or now.
    catch_up_s
        Real seconds until simulated time is the present.
    wall, monotonic_s
        The real clock and the real stopwatch.
    """

    def __init__(
        self, starts_at: datetime, catch_up_s: float, wall: Callable[[], datetime], monotonic_s: Callable[[], float]
    ) -> None:
        self._starts_at = starts_at
        self._catch_up_s = catch_up_s
        self._wall = wall
        self._monotonic_s = monotonic_s
        self._began_s = monotonic_s()
        # Aim at the present as it will be at the end of the catching up, so that time never jumps.
        self._way = wall() + timedelta(seconds=catch_up_s) - starts_at

    @property
    def share(self) -> float:
        """How much of the way to the present is done, 0 to 1."""
        if self._catch_up_s <= 0:
            return 1.0
        return min(1.0, (self._monotonic_s() - self._began_s) / self._catch_up_s)

    def now(self) -> datetime:
        """Give the simulated instant."""
        share = self.share
        return self._wall() if share >= 1 else self._starts_at + self._way * share
